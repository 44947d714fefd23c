"""The pages of deploy/ and the units: links lead somewhere, commands exist, a unit is not killed before it has drained."""

import re
import subprocess
from functools import cache
from pathlib import Path

from .common import DEPLOY, binary, clear_secrets, known_settings, seconds_needed, settings_in

SYSTEMD = DEPLOY / "systemd"


def anchor(heading):
    """The name by which a heading is linked."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def link_problems(page):
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text):
        path, _, name = target.partition("#")
        file = page.parent / path
        if not file.exists():
            yield f"{page}: {target} is not there"
        elif name and file.suffix == ".md":
            headings = {anchor(line.lstrip("#")) for line in file.read_text().splitlines() if line.startswith("#")}
            if name not in headings:
                yield f"{page}: {path} has no heading {name}"


def setting_names(page):
    """`[section] key` and `section.key` in backquotes that are no settings, where the section is one of ours."""
    known = known_settings()
    sections = {key.split(".")[0] for key in known}
    for word in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page.read_text()):
        # Names of files look alike, and this one of a span.
        is_other = word.endswith((".rs", ".toml", ".md", ".py")) or word == "llm.first_token"
        if word.split(".")[0] in sections and word not in known and not is_other:
            yield f"{page}: {word} is no setting"


def unit_problems():
    unit = SYSTEMD / "voce.service"
    if not unit.is_file():
        return []
    stop = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.M)
    config = SYSTEMD / "voce.toml" if (SYSTEMD / "voce.toml").is_file() else Path("config/default.toml")
    found = [] if config.name == "default.toml" else settings_in(config)
    if not stop or int(stop[1]) <= seconds_needed(config):
        found.append(f"{unit}: is killed before it has drained ({seconds_needed(config):.0f} s)")
    if Path("scripts/check-units").is_file():
        run = subprocess.run(["scripts/check-units"], capture_output=True, text=True, timeout=60)
        if run.returncode != 0:
            found.append(f"scripts/check-units: {run.stdout}{run.stderr}")
        elif "SKIPPED" in run.stdout:
            print(f"SKIPPED  {run.stdout.strip()}")
    return found


@cache
def commands():
    """What the program can be asked to do; None where it is not built."""
    program = binary()
    if program is None:
        return None
    said = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60).stdout
    return set(re.findall(r"^  ([a-z]+) ", said, re.M))


def command_problems(page):
    """`voce COMMAND` in pages."""
    known = commands()
    if known is None:
        return
    for word in set(re.findall(r"(?:^|`|\$ )voce ([a-z]+)\b", page.read_text(), re.M)) - known:
        yield f"{page}: voce has no command {word}"


def problems():
    found = unit_problems()
    for page in sorted(DEPLOY.rglob("*.md")):
        found += [*link_problems(page), *setting_names(page), *command_problems(page)]
        found += [f"{page}: {problem}" for problem in clear_secrets(page.read_text())]
    return found
