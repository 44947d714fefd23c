"""deploy/kubernetes: every file against Kubernetes' schemas, every overlay as kubectl puts it together, and our rules."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import jsonschema
from kubernetes_validate import utils
from referencing import Registry, Resource

from . import custom
from .common import DEPLOY, clear_secrets, read_yaml
from .pods import object_problems
from .wiring import whole_problems

FOLDER = DEPLOY / "kubernetes"
# The newest that the package knows, and the oldest that README.md promises.
NEWEST, OLDEST = "1.37.0", "1.30.0"
RULES = FOLDER / "components/monitoring/rules.yaml"


@cache
def schema(kind, api_version, of):
    """The validator of one kind, which takes no unknown key; None for kinds of others."""
    group, _, version = api_version.rpartition("/")
    name = f"{kind.lower()}-{group.split('.')[0] + '-' if group else ''}{version}"
    folder = f"kubernetes-json-schema/v{of}-local-strict"
    try:
        contents = utils.schema_contents(f"{folder}/{name}.json", of)
    except FileNotFoundError:
        return None
    registry = Resource.from_contents(contents) @ Registry()
    registry = definitions(folder) @ registry
    return jsonschema.Draft202012Validator(contents, registry=registry)


@cache
def definitions(folder):
    return Resource.from_contents(utils.schema_contents(f"{folder}/_definitions.json", NEWEST))


def schema_problems(document, is_patch=False, of=NEWEST):
    """A patch lacks what it does not change, and may hold kustomize's $patch."""
    kind = document.get("kind", "?")
    name = f"{kind} {document.get('metadata', {}).get('name', '?')}"
    validator = schema(kind, document.get("apiVersion", "?"), of)
    if validator is None:
        return custom.problems(document)
    found = []
    for error in validator.iter_errors(document):
        if is_patch and (error.validator == "required" or "$patch" in error.message):
            continue
        path = ".".join(str(part) for part in error.absolute_path)
        found.append(f"{name}: {path}: {error.message[:200]}")
    return found


def kustomization_problems(folder):
    """What it lists is there, and what is there it lists."""
    found = []
    kustomization = read_yaml((folder / "kustomization.yaml").read_text())[0]
    listed = [Path(entry) for entry in kustomization.get("resources", []) + kustomization.get("components", [])]
    listed += [Path(patch["path"]) for patch in kustomization.get("patches", []) if "path" in patch]
    for generator in kustomization.get("configMapGenerator", []):
        listed += [Path(entry.split("=")[-1]) for entry in generator.get("files", [])]
    for entry in listed:
        target = folder / entry
        if not (target.is_file() or (target / "kustomization.yaml").is_file()):
            found.append(f"{folder}/kustomization.yaml: {entry} is not there")
    for file in folder.iterdir():
        if file.is_file() and file.name != "kustomization.yaml" and Path(file.name) not in listed:
            found.append(f"{folder}/kustomization.yaml does not list {file.name}")
    if "secretGenerator" in kustomization:
        found.append(f"{folder}/kustomization.yaml: secrets do not come from this repository")
    return found


def source_problems(folder):
    found = kustomization_problems(folder)
    kustomization = read_yaml((folder / "kustomization.yaml").read_text())[0]
    patches = {patch.get("path") for patch in kustomization.get("patches", [])}
    for name in [*kustomization.get("resources", []), *(patch for patch in patches if patch)]:
        file = folder / name
        if not file.is_file():
            continue
        text = file.read_text()
        found += [f"{file}: {problem}" for problem in clear_secrets(text)]
        for document in read_yaml(text):
            found += [f"{file}: {problem}" for problem in schema_problems(document, name in patches)]
    return found


def rendered(folder):
    """The overlay as it would be applied, or why it cannot be."""
    run = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        return [], [f"{folder}: kubectl kustomize: {run.stderr.strip()}"]
    return read_yaml(run.stdout), []


def problems():
    folders = sorted(file.parent for file in FOLDER.rglob("kustomization.yaml"))
    found = [problem for folder in folders for problem in source_problems(folder)]
    if RULES.read_text() != rules():
        found.append(f"{RULES} is not what deploy/observability says; run scripts/check-deploy --refresh")
    used = "".join((folder / "kustomization.yaml").read_text() for folder in (FOLDER / "overlays").iterdir())
    optional = "".join(Path(file).read_text() for file in [FOLDER / "README.md"] if file.is_file())
    for component in (FOLDER / "components").iterdir():
        if f"components/{component.name}\n" not in used and f"`{component.name}`" not in optional:
            found.append(f"{component} is in no overlay and not in README.md")
    if shutil.which("kubectl") is None:
        print("SKIPPED  overlays: kubectl is not installed; only their parts are checked")
        return found
    for overlay in sorted((FOLDER / "overlays").iterdir()):
        whole, failed = rendered(overlay)
        found += failed
        for document in whole:
            found += [f"{overlay.name}: {p}" for of in (OLDEST, NEWEST) for p in schema_problems(document, of=of)]
            found += [f"{overlay.name}: {p}" for p in object_problems(document)]
        found += [f"{overlay.name}: {p}" for p in whole_problems(whole)]
    return found


def rules():
    """deploy/observability's rules in the form of the Prometheus operator."""
    text = [
        "# Made from deploy/observability/alerts.yaml and recording.yaml by `scripts/check-deploy --refresh`.",
        "apiVersion: monitoring.coreos.com/v1",
        "kind: PrometheusRule",
        "metadata:",
        "  name: voce",
        "spec:",
        "  groups:",
    ]
    for name in ("alerts", "recording"):
        lines = (DEPLOY / f"observability/{name}.yaml").read_text().rstrip().split("\n")
        text += [f"    {line}".rstrip() for line in lines[lines.index("groups:") + 1 :]]
    return "\n".join(text) + "\n"


def write_rules():
    RULES.write_text(rules())
    print(f"{RULES} is written")
