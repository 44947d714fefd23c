"""What both kinds of manifests are held to."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import yaml

DEPLOY = Path("deploy")
# Ten times as fast, where libyaml is.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SECRET_NAME = re.compile(r"(SECRET|PASSWORD|TOKEN|API_KEY|API_KEYS|_KEK)$|PASSPHRASE")
# Shapes of real credentials, wherever they stand.
CREDENTIALS = [
    ("an OpenAI key", re.compile(r"\bsk-[A-Za-z0-9_-]{20,}")),
    ("an AWS key", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("a GitHub token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a key of voce", re.compile(r"\bvoce_[A-Za-z0-9]{30,}")),
    ("a password in an address", re.compile(r"://[^/\s:@$]+:(?!\$|PASSWORD@)[^/\s:@]+@")),
]


def read_yaml(text):
    """Every document of a text."""
    return [document for document in yaml.load_all(text, Loader=LOADER) if document]


def image_problem(image):
    """An image has a version, which is not one that moves."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if digest:
        return None
    if not tag:
        return f"image {image} has no version"
    if tag in ("latest", "main", "master", "edge", "stable"):
        return f"image {image}: {tag} is no version"
    return None


def clear_secrets(text):
    """Credentials in the text of a file."""
    return [f"holds {what}" for what, pattern in CREDENTIALS if pattern.search(text)]


def known_settings():
    """Every key of config/default.toml, also those that are commented out, as dotted paths."""
    section, keys = "", set()
    for line in Path("config/default.toml").read_text().splitlines():
        if match := re.match(r"\[\[?([a-z_.]+)\]\]?$", line):
            section = match[1]
            keys.add(section)
        elif match := re.match(r"(?:# )?([a-z_]+) = ", line):
            keys.add(f"{section}.{match[1]}")
    return keys


def setting_problems(variables, where):
    """Variables VOCE_X__Y that name no setting."""
    known = known_settings()
    wrong = [n for n in variables if n.startswith("VOCE_") and "__" in n and n[5:].lower().replace("__", ".") not in known]
    return [f"{where}: {name} names no setting of config/default.toml" for name in wrong]


def settings_in(file):
    """Keys of a voce.toml that are no settings."""
    known = known_settings()
    # Tables whose keys are the operator's.
    free = ("access.keys.", "variants.", "knowledge.tags.", "llm.extra_body.", "judge.extra_body.")

    def walk(table, path):
        for key, value in table.items():
            at = f"{path}.{key}" if path else key
            if at not in known and not at.startswith(free):
                yield f"{file}: {at} is no setting"
            elif isinstance(value, dict):
                yield from walk(value, at)
            elif isinstance(value, list):
                for item in (item for item in value if isinstance(item, dict)):
                    yield from walk(item, at)

    return list(walk(tomllib.loads(Path(file).read_text()), ""))


def binary():
    """The program, if it is built."""
    path = Path(os.environ.get("VOCE_BIN", "target/release/voce"))
    return path.resolve() if path.is_file() else None


def accepted(file, variables, where):
    """Whether the program itself takes these settings together."""
    program = binary()
    if program is None:
        return []
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VOCE_", "OTEL_", "MLFLOW_"))}
    environment |= {k: v for k, v in variables.items() if k.startswith("VOCE_") and "__" in k}
    command = [program, "config", "--config", str(file)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return [] if run.returncode == 0 else [f"{where}: voce config: {run.stderr.strip()}"]


def seconds_needed(file):
    """How long a server with this voce.toml may take to end: drain, farewells, last spans."""
    chosen, default = tomllib.loads(Path(file).read_text()), tomllib.loads(Path("config/default.toml").read_text())
    server = default["server"] | chosen.get("server", {})
    flush_ms = (default["telemetry"] | chosen.get("telemetry", {}))["flush_ms"]
    return server["drain_seconds"] + server["close_seconds"] + flush_ms / 1000
