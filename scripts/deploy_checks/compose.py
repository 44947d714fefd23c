"""deploy/compose.yaml: its schema (compose-spec), and our rules."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import compose_spec
import yaml

from .common import DEPLOY, SECRET_NAME, accepted, clear_secrets, image_problem, seconds_needed, setting_problems, settings_in

FILE = DEPLOY / "compose.yaml"
EXAMPLE = DEPLOY / "compose.env.example"
TLS = DEPLOY / "compose.tls.yaml"
# What nobody outside of the machine may reach: without a password, or with what callers said in it.
PRIVATE = ("postgres", "mlflow", "qdrant", "prometheus", "grafana", "collector", "vllm")
# Services without a way to ask them from inside: one ends, the other's image holds nothing but the program.
UNASKED = ("models", "collector")


def interpolate(text, values):
    """${NAME}, ${NAME:-default}, ${NAME:?words}, nested as Compose allows; and $$."""

    def at(start):
        """The value of the expression that begins at `start`, and where it ends."""
        name = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").match(text, start + 2)
        position, operator = name.end(), ""
        if text[position] != "}":
            operator, position = text[position : position + 2], position + 2
        parts = []
        while text[position] != "}":
            if text.startswith("${", position):
                inner, position = at(position)
                parts.append(inner)
            else:
                parts.append(text[position])
                position += 1
        value = values.get(name[0], "")
        if not value and operator == ":-":
            value = "".join(parts)
        return value, position + 1

    out, position = [], 0
    while position < len(text):
        if text.startswith("$$", position):
            out.append("$")
            position += 2
        elif text.startswith("${", position):
            value, position = at(position)
            out.append(value)
        else:
            out.append(text[position])
            position += 1
    return "".join(out)


def required(text):
    """Names without which Compose refuses to start."""
    return set(re.findall(r"\$\{([A-Z0-9_]+):\?", text))


def schema_problems(document):
    # Docker's own word for the machine's address, which this reader of the specification does not know.
    text = json.dumps(document).replace(":host-gateway", ":172.17.0.1")
    try:
        compose_spec.PyCompose.from_json(text).validate()
    except Exception as error:  # The binding has no class of its own for it.
        return [f"schema: {error}"]
    return []


def duration(text):
    return sum(int(n) * {"s": 1, "m": 60, "h": 3600}[unit] for n, unit in re.findall(r"(\d+)([smh])", text))


def service_problems(name, service):
    """Our rules for one service."""
    found = []
    if problem := image_problem(service.get("image", "")):
        found.append(problem)
    if "mem_limit" not in service:
        found.append("has no mem_limit")
    if "restart" not in service:
        found.append("does not say when it is restarted")
    if "no-new-privileges:true" not in service.get("security_opt", []):
        found.append("may gain privileges (security_opt)")
    check = service.get("healthcheck", {})
    if name not in UNASKED and not check.get("test"):
        found.append("has no health check")
    if name.startswith("voce"):
        if not service.get("read_only") or service.get("cap_drop") != ["ALL"]:
            found.append("is not read_only, or keeps capabilities")
    for port in service.get("ports", []):
        if name in PRIVATE and not str(port).startswith("127.0.0.1:"):
            found.append(f"publishes {port} beyond this machine")
    for name_, value in environment(service).items():
        # Commands and addresses get their secrets from .env too.
        if SECRET_NAME.search(name_) and value and "${" not in str(value):
            found.append(f"{name_} is in clear")
    return [f"{name}: {problem}" for problem in found]


def environment(service):
    return service.get("environment") or {}


def wiring_problems(document):
    """What is named and not there, or there for nothing."""
    found = []
    services = document["services"]
    for kind in ("volumes", "networks", "configs"):
        defined, used = set(document.get(kind) or {}), set()
        for name, service in services.items():
            for entry in service.get(kind) or []:
                entry = entry["source"] if isinstance(entry, dict) else entry
                source = entry.split(":")[0]
                if kind == "volumes" and source.startswith((".", "/")):
                    if source.startswith(".") and not (DEPLOY / source).exists():
                        found.append(f"{name}: {source} is not there")
                    continue
                used.add(source)
        found += [f"{kind}: {name} is not defined" for name in used - defined]
        found += [f"{kind}: {name} is used by nobody" for name in defined - used]
    for name, service in services.items():
        for needed in service.get("depends_on") or {}:
            if needed not in services:
                found.append(f"{name}: depends on {needed}, which is not there")
        build = service.get("build")
        dockerfile = build and DEPLOY / build["context"] / build["dockerfile"]
        if dockerfile and not dockerfile.exists():
            found.append(f"{name}: {build['dockerfile']} is not there")
    return found


def tls_problems(document):
    """The file that lies over the other one."""
    over = yaml.safe_load(TLS.read_text())
    found = schema_problems(over)
    for name, service in over["services"].items():
        if name not in document["services"]:
            found.append(f"there is no {name}")
        found += setting_problems(service.get("environment", {}), name)
    return found


def collector_problems(file):
    """No registry has a Collector to ask, so this holds what a typing mistake breaks."""
    config, found = yaml.safe_load(file.read_text()), []
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in config["service"]["pipelines"].values() for name in pipeline[kind]}
        if used != set(config[kind]):
            found.append(f"{file}: {kind} in pipelines {sorted(used)}, defined {sorted(config[kind])}")
    if set(config["service"]["extensions"]) != set(config["extensions"]):
        found.append(f"{file}: extensions")
    return found


def prometheus_problems():
    """Asks promtool, with the rules beside the configuration as in the container."""
    import os

    program = shutil.which("promtool", path=os.environ.get("VOCE_PROMETHEUS", "") + os.pathsep + os.environ.get("PATH", ""))
    if program is None:
        print("SKIPPED  prometheus.yaml: promtool is not installed")
        return []
    with tempfile.TemporaryDirectory() as folder:
        for file in ("compose/prometheus.yaml", "observability/alerts.yaml", "observability/recording.yaml"):
            shutil.copy(DEPLOY / file, folder)
        run = subprocess.run([program, "check", "config", f"{folder}/prometheus.yaml"], capture_output=True, text=True)
        return [] if run.returncode == 0 else [f"promtool: {run.stdout}{run.stderr}"]


def problems():
    text = FILE.read_text()
    raw = yaml.safe_load(text)
    names = required(text)
    example = EXAMPLE.read_text()
    there = set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.M))
    found = [f"{EXAMPLE}: {name} is missing" for name in sorted(names - there)]
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", text))
    found += [f"{EXAMPLE}: nobody asks for {name}" for name in sorted(there - asked - {"COMPOSE_PROFILES"})]
    values = {name: "x" * 32 for name in names} | {"VOCE_PUBLIC_ADDRESS": "203.0.113.7"}
    document = yaml.safe_load(interpolate(text, values))
    found += schema_problems(document)
    found += [f"{TLS}: {problem}" for problem in tls_problems(document)]
    for name, service in document["services"].items():
        own = service | {"environment": environment(raw["services"][name])}
        found += [f"{FILE}: {problem}" for problem in service_problems(name, own)]
        variables = {key: str(value) for key, value in environment(service).items()}
        found += setting_problems(variables, f"{FILE}: {name}")
        if name.startswith("voce"):
            found += accepted(DEPLOY / "compose/voce.toml", variables, f"{FILE}: {name}")
            needed = seconds_needed(DEPLOY / "compose/voce.toml")
            if duration(service.get("stop_grace_period", "10s")) <= needed:
                found.append(f"{FILE}: {name}: is killed before it has drained ({needed:.0f} s)")
    found += [f"{FILE}: {problem}" for problem in wiring_problems(document)]
    found += settings_in(DEPLOY / "compose/voce.toml")
    for file in [FILE, EXAMPLE, *Path(DEPLOY / "compose").rglob("*.*")]:
        found += [f"{file}: {problem}" for problem in clear_secrets(file.read_text()) if file.is_file()]
    if filled := re.findall(r"^([A-Z_]*(?:SECRET|PASSWORD|KEYS?|TOKEN))=(\S+)", example, re.M):
        found.append(f"{EXAMPLE}: {filled[0][0]} is in clear")
    found += collector_problems(DEPLOY / "compose/otel-collector.yaml")
    return found + prometheus_problems()
