"""Our rules for one object as it is applied: versions, secrets, probes, limits, rights."""

from .common import SECRET_NAME, image_problem, setting_problems

RUNS_ON = ("Deployment", "StatefulSet", "DaemonSet")


def pod_of(document):
    """The pod that an object makes, if it makes one."""
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    elif document["kind"] not in (*RUNS_ON, "Job"):
        return None
    return spec["template"]["spec"]


def containers_of(pod):
    """Those that run on, and those that end before."""
    first = pod.get("initContainers", [])
    running = [c for c in first if c.get("restartPolicy") == "Always"]
    return pod["containers"] + running, [c for c in first if c not in running]


def object_problems(document):
    name = f"{document['kind']} {document['metadata']['name']}"
    if document["kind"] == "Secret":
        return [f"{name}: secrets do not come from this repository"]
    pod = pod_of(document)
    if pod is None:
        return []
    running, ending = containers_of(pod)
    found = pod_problems(pod)
    for container in running + ending:
        found += [f"{container['name']}: {problem}" for problem in container_problems(container)]
    if document["kind"] in RUNS_ON:
        for container in running:
            for probe in ("livenessProbe", "readinessProbe"):
                if probe not in container:
                    found.append(f"{container['name']}: has no {probe}")
        if "terminationGracePeriodSeconds" not in pod:
            found.append("does not say how long it may take to end")
    return [f"{name}: {problem}" for problem in found]


def pod_problems(pod):
    found = []
    security = pod.get("securityContext", {})
    if not security.get("runAsNonRoot") or not security.get("runAsUser"):
        found.append("may run as root")
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        found.append("has no seccomp profile")
    if pod.get("automountServiceAccountToken") is not False:
        found.append("has a token of the cluster")
    if pod.get("enableServiceLinks") is not False:
        found.append("gets variables of every Service")
    for volume in pod.get("volumes", []):
        if "hostPath" in volume:
            found.append(f"volume {volume['name']} is a folder of the node")
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
            found.append(f"volume {volume['name']} may fill the node")
    return found


def container_problems(container):
    found = []
    if problem := image_problem(container["image"]):
        found.append(problem)
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}):
        found.append("has no limit of memory")
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        found.append("does not say what it needs")
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
        found.append("may gain privileges")
    if not security.get("readOnlyRootFilesystem"):
        found.append("may write into its image")
    capabilities = security.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        found.append("keeps capabilities")
    variables = {}
    for entry in container.get("env", []):
        variables[entry["name"]] = entry.get("value", "")
        if SECRET_NAME.search(entry["name"]) and "valueFrom" not in entry:
            found.append(f"{entry['name']} is in clear")
    found += setting_problems(variables, "env")
    mounted = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    found += [f"{path} is mounted twice" for path in mounted if mounted.count(path) > 1]
    return found
