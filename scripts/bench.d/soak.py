"""Holds calls for half an hour while everything goes wrong that can, or more and more calls until the machine bears no more.
Started by scripts/bench soak and scripts/bench sizing; the program itself is crates/server/tests/soak."""

import argparse
import json
import os
import subprocess
import sys

from programs import ROOT, VOCE

CARGO = ["cargo", "test", "--release", "--workspace", "--test", "soak"]


def built():
    """The program, which cargo builds if it has to; with --no-build it only says where it is."""
    done = subprocess.run([*CARGO, "--no-run", "--message-format", "json"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("scripts/bench: the program did not build")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "soak" and message.get("executable"):
            return message["executable"]
    sys.exit("scripts/bench: cargo built no program named soak")


def newest():
    """The program that was built last."""
    folder = ROOT / "target/release/deps"
    programs = [path for path in folder.glob("soak-*") if path.suffix == "" and os.access(path, os.X_OK)]
    if not programs:
        sys.exit(f"scripts/bench: no program soak-* in {folder}; run without --no-build")
    return str(max(programs, key=lambda path: path.stat().st_mtime))


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench soak")
    parser.add_argument("what", choices=["soak", "sizing"])
    parser.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds-per-turn", type=float, default=3)
    arguments = parser.parse_args()
    if arguments.minutes <= 0 or arguments.calls < 1 or arguments.seconds_per_turn <= 0:
        sys.exit("scripts/bench: minutes, calls and seconds have to be above 0")
    program = built() if arguments.build else newest()
    subprocess.run([VOCE, "models", "pull", "--profile", "embedded"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    environment = {
        **os.environ,
        "VOCE_SOAK_MINUTES": str(arguments.minutes),
        "VOCE_SOAK_CALLS": str(arguments.calls),
        "VOCE_SOAK_SECONDS_PER_TURN": str(arguments.seconds_per_turn),
    }
    # Tests look for their files from the crate's folder.
    name = {"soak": "soak", "sizing": "sizing::sizing"}[arguments.what]
    command = [program, name, "--exact", "--ignored", "--nocapture"]
    done = subprocess.run(command, cwd=ROOT / "crates/server", env=environment)
    sys.exit(1 if done.returncode else 0)


if __name__ == "__main__":
    main()
