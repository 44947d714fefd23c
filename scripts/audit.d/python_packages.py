"""Known holes of the Python packages that tests and benchmarks name, as the package index lists them. None is shipped."""
import concurrent.futures
import json
import pathlib
import re
import sys
import urllib.error
import urllib.request

INDEX = "https://pypi.org/pypi"
# Each with its reason.
ACCEPTED = {}


def holes(pinned):
    """What the index knows of one version."""
    name, version = pinned
    with urllib.request.urlopen(f"{INDEX}/{name}/{version}/json", timeout=10) as answer:
        known = json.load(answer)["vulnerabilities"]
    return [(name, version, hole["id"], hole.get("fixed_in")) for hole in known if not hole.get("withdrawn") and hole["id"] not in ACCEPTED]


def main(files):
    """0: nothing found, or the index cannot say."""
    pinned = {match for file in files for match in re.findall(r"^([\w.-]+)(?:\[.*\])?==([\w.]+)", pathlib.Path(file).read_text(), re.M)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        try:
            found = [hole for known in pool.map(holes, sorted(pinned)) for hole in known]
        except (urllib.error.URLError, TimeoutError, KeyError, ValueError) as error:
            print(f"\033[1;33maudit: SKIPPED: holes of Python packages: {INDEX} does not say ({error})\033[0m")
            return 0
    for name, version, hole, fixed in found:
        print(f"{name} {version}: {hole}, fixed in {', '.join(fixed or []) or 'no version yet'}")
    print(f"{len(pinned)} packages, {len(found)} holes")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
