"""What the objects of an overlay are to each other: names that lead somewhere, and enough time to end."""

import re
import tempfile
from pathlib import Path

from .common import DEPLOY, accepted, seconds_needed, settings_in
from .pods import containers_of, pod_of

# What the operator makes: secret.example.env, a certificate, the documents.
GIVEN = {("secret", "voce"), ("secret", "voce-tls"), ("configMap", "documents")}
VOCE_TOML = DEPLOY / "kubernetes/base/voce.toml"


def labels_of(document):
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    return spec["template"]["metadata"].get("labels", {})


def whole_problems(documents):
    named = {(document["kind"], document["metadata"]["name"]): document for document in documents}
    pods = [(document, pod_of(document)) for document in documents if pod_of(document)]
    found = reference_problems(named, pods)
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        found += [f"{name}: {problem}" for problem in target_problems(document, named, pods)]
    return found + voce_problems(named[("Deployment", "voce")])


def reference_problems(named, pods):
    """Volumes and variables that come from elsewhere."""
    found = []
    for document, pod in pods:
        name = f"{document['kind']} {document['metadata']['name']}"
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
        running, ending = containers_of(pod)
        for container in running + ending:
            mounts = {mount["name"] for mount in container.get("volumeMounts", [])}
            found += [f"{name}: {container['name']}: there is no volume {mount}" for mount in mounts - volumes]
        needed = set()
        for volume in pod.get("volumes", []):
            if "configMap" in volume:
                needed.add(("configMap", volume["configMap"]["name"]))
            if "secret" in volume:
                needed.add(("secret", volume["secret"]["secretName"]))
            if "persistentVolumeClaim" in volume:
                needed.add(("persistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
        for container in running + ending:
            needed |= {("secret", source["secretRef"]["name"]) for source in container.get("envFrom", [])}
            for entry in container.get("env", []):
                if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                    needed.add(("secret", reference["name"]))
        kinds = {"configMap": "ConfigMap", "secret": "Secret", "persistentVolumeClaim": "PersistentVolumeClaim"}
        for kind, wanted in needed - GIVEN:
            if (kinds[kind], wanted) not in named:
                found.append(f"{name}: there is no {kind} {wanted}")
    return found


def target_problems(document, named, pods):
    """Selectors that select nothing, ports that nobody has, scalers of nothing."""
    kind, spec = document["kind"], document.get("spec", {})
    selector = {
        "Service": spec.get("selector"),
        "PodDisruptionBudget": spec.get("selector", {}).get("matchLabels") if kind == "PodDisruptionBudget" else None,
        "NetworkPolicy": spec.get("podSelector", {}).get("matchLabels"),
        "PodMonitor": spec.get("selector", {}).get("matchLabels") if kind == "PodMonitor" else None,
    }.get(kind)
    selected = [pod for owner, pod in pods if selector and selector.items() <= labels_of(owner).items()]
    # Monitors of components that this overlay does not have.
    if selector and not selected and kind != "PodMonitor":
        yield f"selects no pod ({selector})"
    ports = {port["name"] for pod in selected for container in containers_of(pod)[0] for port in container.get("ports", [])}
    if kind == "Service":
        wanted = {port["targetPort"] for port in spec["ports"]}
        yield from (f"no pod has the port {port}" for port in wanted - ports)
    if kind == "PodMonitor" and selected:
        wanted = {endpoint["port"] for endpoint in spec["podMetricsEndpoints"]}
        yield from (f"no pod has the port {port}" for port in wanted - ports)
    if kind in ("ScaledObject", "HorizontalPodAutoscaler"):
        target = spec["scaleTargetRef"]
        scaled = named.get((target["kind"], target["name"]))
        if scaled is None:
            yield f"there is no {target['kind']} {target['name']}"
        elif "replicas" in scaled["spec"]:
            yield f"{target['kind']} {target['name']} has a number of replicas too: each apply would undo the scaler's"
        yield from metric_problems(str(spec))


def metric_problems(text):
    """Metrics of ours that no document names."""
    known = Path("README.md").read_text()
    for name in set(re.findall(r"\bvoce_[a-z0-9_]+", text)):
        plain = re.sub(r"_(bucket|sum|count)$", "", name)
        if f"`{plain}`" not in known:
            yield f"README.md knows no metric {plain}"


def voce_problems(deployment):
    """The settings are ones, the program takes them, and it is not killed while it drains."""
    pod = pod_of(deployment)
    container = next(c for c in pod["containers"] if c["name"] == "voce")
    variables = {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
    found = settings_in(VOCE_TOML)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "voce.toml"
        copy.write_text(VOCE_TOML.read_text())
        found += accepted(copy, variables, "Deployment voce")
    waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed = seconds_needed(VOCE_TOML) + waits
    if pod["terminationGracePeriodSeconds"] <= needed:
        found.append(f"Deployment voce: is killed before it has drained ({needed:.0f} s)")
    for probe, path in (("livenessProbe", "/health"), ("readinessProbe", "/ready")):
        if container[probe]["httpGet"]["path"] != path:
            found.append(f"Deployment voce: {probe} does not ask {path}")
    return found
