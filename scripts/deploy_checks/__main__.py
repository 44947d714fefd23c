"""Runs all checks, then checks that the checks find something."""

import sys
import time

from . import broken, compose, kubernetes, modal_apps, pages


def main():
    if "--refresh" in sys.argv[1:]:
        kubernetes.write_rules()
        return 0
    began = time.monotonic()
    found = 0
    for name, check in [
        ("compose", compose.problems),
        ("kubernetes", kubernetes.problems),
        ("modal", modal_apps.problems),
        ("pages and units", pages.problems),
        ("the checks themselves", broken.problems),
    ]:
        problems = check()
        found += len(problems)
        print(f"{'PROBLEM' if problems else 'ok':<8} {name}")
        for problem in problems:
            print(f"         {problem}")
    print(f"{time.monotonic() - began:.1f} s")
    return 1 if found else 0


sys.exit(main())
