"""The snapshot of RustSec's advisories in this repository: `refresh FOLDER CLONE` and `age FOLDER`.

It holds the advisories of all packages of our lock files as they stand in the database, and the names of those packages:
one that has been added since is not covered, and is named.
"""
import datetime
import pathlib
import re
import shutil
import subprocess
import sys

LOCKS = ("Cargo.lock", "fuzz/Cargo.lock")
OLD_DAYS = 90


def packages():
    """Names of all packages of our lock files that come from a registry."""
    names = set()
    for lock in LOCKS:
        for block in pathlib.Path(lock).read_text().split("[[package]]")[1:]:
            if "\nsource = " in block:
                names.add(re.search(r'^name = "(.+)"$', block, re.M).group(1))
    return names


def refresh(folder, clone):
    """Writes the snapshot anew."""
    git = ["git", "-C", str(clone), "show", "-s", "--format=%H %cI", "HEAD"]
    commit, date = subprocess.run(git, check=True, capture_output=True, text=True).stdout.split()
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for name in sorted(packages()):
        source = clone / "crates" / name
        if source.is_dir():
            shutil.copytree(source, folder / "crates" / name)
            count += len(list(source.iterdir()))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(clone / "support.toml", folder)
    (folder / "SNAPSHOT").write_text(
        "Advisories of https://github.com/RustSec/advisory-db for the packages below; CC0-1.0, those that came from GitHub's\n"
        "own database CC-BY-4.0, as each says. Written by `scripts/audit refresh`.\n"
        f"commit: {commit}\ndate: {date}\npackages:\n" + "".join(f"{name}\n" for name in sorted(packages()))
    )
    print(f"{count} advisories of {len(packages())} packages, as of {date}")


def age(folder):
    """Says how old the snapshot is, and which packages it knows nothing of."""
    head, _, names = (folder / "SNAPSHOT").read_text().partition("packages:\n")
    date = datetime.datetime.fromisoformat(re.search(r"^date: (.+)$", head, re.M).group(1))
    days = (datetime.datetime.now(datetime.timezone.utc) - date).days
    if days > OLD_DAYS:
        print(f"WARNING: it is {days} days old, newer holes are not in it; run scripts/audit refresh where GitHub can be reached")
    if new := sorted(packages() - set(names.split())):
        print(f"WARNING: it was taken before these packages were added: {', '.join(new)}")


if __name__ == "__main__":
    what, folder, *rest = sys.argv[1:]
    if what == "refresh":
        refresh(pathlib.Path(folder), pathlib.Path(rest[0]))
    else:
        age(pathlib.Path(folder))
