"""Runs voce and the baselines; what cannot run says why."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VOCE = str(ROOT / "target/release/voce")
# Nobody looks at these calls, and a row of engines must not pay for a collector that is not there.
ENVIRONMENT = {
    **os.environ,
    "VOCE_TELEMETRY__ENABLED": "false",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class NotMeasured(Exception):
    """Why a row has no figure."""


def last_json(command, environment=ENVIRONMENT, timeout=300):
    """The JSON that a program printed, alone or as its last line."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise NotMeasured(f"{Path(command[1]).name if 'python' in command[0] else 'voce'}: {said[-1].strip()}")
    try:
        return json.loads(done.stdout)
    except ValueError:
        return json.loads(done.stdout.strip().splitlines()[-1])


def voce(what, threads, repeat, *inputs):
    return last_json([VOCE, "bench", what, "--threads", str(threads), "--repeat", str(repeat), *inputs])


def baseline(cache, name, threads, repeat, *inputs, venv="bench"):
    folder = Path(cache) / "python" / venv
    if not (folder / "installed").exists():
        how = "run scripts/bench --llama once" if venv == "llama" else f"its packages are missing, see {folder}.log"
        raise NotMeasured(how)
    script = str(ROOT / "scripts/baselines" / f"{name}.py")
    command = [str(folder / "bin/python"), script, "--threads", str(threads), "--repeat", str(repeat)]
    return last_json([*command, *inputs])
