"""The checks have to find something: each of these is wrong in one way, and has to be told apart from what is right."""

import copy

from . import compose, kubernetes
from .common import clear_secrets, image_problem, read_yaml, setting_problems
from .pods import object_problems
from .wiring import whole_problems

SERVICE = """
image: postgres:17.11
restart: unless-stopped
mem_limit: 1g
security_opt: ["no-new-privileges:true"]
healthcheck: { test: ["CMD", "true"] }
environment: { POSTGRES_PASSWORD: "${POSTGRES_PASSWORD:?words}" }
ports: ["127.0.0.1:5432:5432"]
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: { name: voce }
spec:
  selector: { matchLabels: { app: voce } }
  template:
    metadata: { labels: { app: voce } }
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 330
      securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: voce
          image: voce:0.1.0
          env: [{ name: VOCE_TRANSPORT__PORT, value: "8080" }]
          envFrom: [{ secretRef: { name: voce } }]
          ports: [{ name: http, containerPort: 8080 }]
          livenessProbe: { httpGet: { path: /health, port: http } }
          readinessProbe: { httpGet: { path: /ready, port: http } }
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
          resources: { requests: { cpu: 1, memory: 1Gi }, limits: { memory: 1Gi } }
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
"""


def changed(text, path, value):
    """The document with one thing in another way; None takes it out."""
    document = copy.deepcopy(read_yaml(text)[0])
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return document


def services():
    """Ways to spoil a service of Compose."""
    for path, value, words in [
        (["image"], "postgres", "has no version"),
        (["image"], "postgres:latest", "is no version"),
        (["mem_limit"], None, "mem_limit"),
        (["restart"], None, "restarted"),
        (["security_opt"], [], "privileges"),
        (["healthcheck"], None, "health check"),
        (["environment", "POSTGRES_PASSWORD"], "hunter2", "in clear"),
        (["ports"], ["5432:5432"], "beyond this machine"),
    ]:
        yield words, compose.service_problems("postgres", changed(SERVICE, path, value))


def deployments():
    """Ways to spoil a Deployment."""
    pod = ["spec", "template", "spec"]
    first = [*pod, "containers", 0]
    for path, value, words in [
        ([*first, "image"], "voce", "has no version"),
        ([*first, "resources", "limits"], None, "limit of memory"),
        ([*first, "resources", "requests"], None, "what it needs"),
        ([*first, "livenessProbe"], None, "no livenessProbe"),
        ([*first, "readinessProbe"], None, "no readinessProbe"),
        ([*first, "securityContext", "readOnlyRootFilesystem"], False, "write into its image"),
        ([*first, "securityContext", "allowPrivilegeEscalation"], None, "gain privileges"),
        ([*first, "securityContext", "capabilities"], None, "keeps capabilities"),
        ([*first, "securityContext", "capabilities", "add"], ["SYS_ADMIN"], "keeps capabilities"),
        ([*first, "env", 0], {"name": "QDRANT_API_KEY", "value": "hunter2"}, "in clear"),
        ([*first, "env", 0], {"name": "VOCE_TRANSPORT__PROT", "value": "1"}, "names no setting"),
        ([*pod, "securityContext", "runAsNonRoot"], None, "as root"),
        ([*pod, "securityContext", "seccompProfile"], None, "seccomp"),
        ([*pod, "automountServiceAccountToken"], None, "token"),
        ([*pod, "terminationGracePeriodSeconds"], None, "to end"),
    ]:
        yield words, object_problems(changed(DEPLOYMENT, path, value))
    for path, value, words in [
        ([*pod, "terminationGracePeriodSeconds"], 300, "before it has drained"),
        ([*first, "envFrom", 0, "secretRef", "name"], "other", "no secret other"),
        ([*first, "readinessProbe", "httpGet", "path"], "/health", "does not ask /ready"),
    ]:
        yield words, whole_problems([changed(DEPLOYMENT, path, value)])
    yield "replcas", kubernetes.schema_problems(changed(DEPLOYMENT, ["spec", "replcas"], 2))
    yield "no such kind", kubernetes.schema_problems(changed(DEPLOYMENT, ["kind"], "Deploymnet"))
    ports = [{"targetPort": "http"}]
    service = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"selector": {"app": "voice"}, "ports": ports}}
    yield "selects no pod", whole_problems([read_yaml(DEPLOYMENT)[0], service])
    metadata = {"serverAddress": "a", "query": "voce_cals", "threshold": 3}
    scaler = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "s"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "other"},
            "minReplicaCount": 1,
            "triggers": [{"type": "prometheus", "metricType": "Value", "metadata": metadata}],
        },
    }
    yield "in quotes", kubernetes.schema_problems(scaler)
    yield "no Deployment other", whole_problems([read_yaml(DEPLOYMENT)[0], scaler])
    yield "no metric voce_cals", whole_problems([read_yaml(DEPLOYMENT)[0], scaler])


def texts():
    yield "an OpenAI key", clear_secrets("key: sk-" + "a1" * 20)
    yield "password in an address", clear_secrets("postgresql://mlflow:hunter2@postgres/mlflow")
    yield "private key", clear_secrets("-----BEGIN EC " + "PRIVATE KEY-----")
    yield "names no setting", setting_problems(["VOCE_SERVER__LISTENS"], "here")
    yield "restrat", compose.schema_problems({"services": {"a": {"image": "a:1", "restrat": "always"}}})
    service = {"volumes": ["data:/data", "./nowhere:/x"], "depends_on": {"b": {}}}
    wiring = {"services": {"a": service}, "volumes": {"other": {}}}
    for words in ("data is not defined", "other is used by nobody", "./nowhere is not there", "depends on b"):
        yield words, compose.wiring_problems(wiring)


def problems():
    found = []
    for words, said in [*services(), *deployments(), *texts()]:
        if not any(words in problem for problem in said):
            found.append(f"did not find {words!r}, said {said}")
    address = "postgresql+psycopg2://mlflow:${POSTGRES_PASSWORD}@postgres http://a:80/b@c"
    clean = {
        "the service": compose.service_problems("postgres", read_yaml(SERVICE)[0]),
        "the deployment": object_problems(read_yaml(DEPLOYMENT)[0]) + whole_problems([read_yaml(DEPLOYMENT)[0]]),
        "the schema": kubernetes.schema_problems(read_yaml(DEPLOYMENT)[0]),
        "an address without a password": clear_secrets(address),
        "a digest": [image_problem("a@sha256:0")] if image_problem("a@sha256:0") else [],
        "interpolation": [] if compose.interpolate("${A:-x${B:-y}}$$ ${C:?w}", {"C": "c"}) == "xy$ c" else ["wrong"],
    }
    return found + [f"{what} is right, but: {said}" for what, said in clean.items() if said]
