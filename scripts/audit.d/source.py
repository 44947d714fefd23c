"""What can be told from the files of this repository: versions are pinned, `unsafe` code has a reason."""
import json
import pathlib
import re
import subprocess
import sys

# An `unsafe` is looked after by the nearest reason this many lines above it.
REASON_WITHIN = 20
# What others wrote or a compiler made.
SKIPPED = {"node_modules", "target", ".voce"}


def tracked(*patterns):
    """Files of the repository, also those that are not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, capture_output=True, text=True)
    if listed.returncode == 0:
        return [path for path in map(pathlib.Path, listed.stdout.splitlines()) if path.is_file()]
    # An archive of the sources, without git.
    found = (path for pattern in patterns for path in pathlib.Path(".").rglob(pattern.rpartition("/")[2]))
    return [path for path in found if path.is_file() and not SKIPPED.intersection(path.parts)]


def unpinned():
    """Every way in which a version could change without a commit."""
    for folder in (pathlib.Path("."), pathlib.Path("fuzz")):
        if not tracked(str(folder / "Cargo.lock")):
            yield f"{folder / 'Cargo.lock'} is not in the repository"
    for manifest in tracked("*/package.json"):
        lock = manifest.with_name("package-lock.json")
        if not lock.is_file():
            yield f"{lock} is missing; run npm install in {manifest.parent}"
            continue
        for name, package in json.loads(lock.read_text())["packages"].items():
            if name and not package.get("link") and "integrity" not in package:
                yield f"{lock}: {name} has no checksum"
    for file in tracked("*requirements*.txt"):
        lines = file.read_text().replace("\\\n", " ").splitlines()
        for line in filter(None, (line.partition("#")[0].strip() for line in lines)):
            if not re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+( |$)", line):
                yield f"{file}: {line} is not pinned; write NAME==VERSION"


def without_reason():
    """`unsafe` code without `#[expect(unsafe_code, reason = "...")]`; the compiler holds everything but examples and tests to it."""
    for file in tracked("crates/*.rs", "fuzz/*.rs"):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            code = line.split("//")[0]
            if re.search(r"\bunsafe\s*(\{|fn\b|impl\b|extern\b)", re.sub(r'"[^"]*"', '""', code)):
                above = "\n".join(lines[max(0, number - REASON_WITHIN) : number + 1])
                if not re.search(r'expect\(\s*unsafe_code,\s*reason = "', above):
                    yield f"{file}:{number + 1}: unsafe without #[expect(unsafe_code, reason = \"...\")]"
            if re.search(r"allow\(.*unsafe_code", code):
                yield f"{file}:{number + 1}: allow(unsafe_code); use expect with a reason"


if __name__ == "__main__":
    found = [*unpinned(), *without_reason()]
    print("\n".join(found) or "every version is pinned, every unsafe has its reason")
    sys.exit(1 if found else 0)
