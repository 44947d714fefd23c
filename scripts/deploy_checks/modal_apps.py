"""deploy/modal: the apps load without an account and without a network, and have the functions that README.md names."""

import importlib.util
import re
import warnings
from pathlib import Path

from .common import DEPLOY, clear_secrets, setting_problems

FUNCTIONS = {
    "mlflow_app": {"voce-mlflow": {"Server.*"}},
    "judge_app": {"voce-judge": {"judge", "status"}},
    "bot_app": {"voce-bot": {"Bot.*", "door", "fetch_models", "keep"}},
}


def load(name):
    spec = importlib.util.spec_from_file_location(name, DEPLOY / f"modal/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def problems():
    found = []
    for name, expected in FUNCTIONS.items():
        file = DEPLOY / f"modal/{name}.py"
        text = file.read_text()
        found += [f"{file}: {problem}" for problem in clear_secrets(text)]
        variables = re.findall(r"\bVOCE_[A-Z0-9_]+__[A-Z0-9_]+", text)
        found += setting_problems(variables, str(file))
        for path in re.findall(r'add_local_(?:dir|file)\("([^"]+)"', text):
            if not Path(path).exists():
                found.append(f"{file}: {path} is not there")
        try:
            module = load(name)
        except Exception as error:  # Whatever a module may do when it is loaded.
            found.append(f"{file}: does not load: {error!r}")
            continue
        with warnings.catch_warnings():
            # The pinned version has it, and no other way yet.
            warnings.simplefilter("ignore")
            there = {module.app.name: set(module.app.registered_functions)}
        if there != expected:
            found.append(f"{file}: has {there}, expected {expected}")
        if name == "bot_app":
            found += [f"{file}: {problem}" for problem in door_problems(module)]
    return found


def door_problems(module):
    """Who is sent where."""
    bot = {"url": "a", "calls": 1, "open": True, "at": 100.0}
    cases = [
        ("nobody is there", [], None),
        ("the fullest with a place", [bot, bot | {"url": "b", "calls": 3}], "b"),
        ("none that is full", [bot, bot | {"url": "b", "calls": 9, "open": False}], "a"),
        ("none that is silent", [bot | {"at": 10.0}], None),
    ]
    for words, known, expected in cases:
        chosen = module.choose(known, 101.0)
        if (chosen and chosen["url"]) != expected:
            yield f"{words}: chose {chosen}"
    text = "# HELP voce_calls_active Calls.\nvoce_calls_active 3\nvoce_admission_open 0\nvoce_calls_total 9\n"
    if module.figures(text) != (3, False):
        yield f"reads {module.figures(text)} from /metrics"
