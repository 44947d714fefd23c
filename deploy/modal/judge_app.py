"""`voce judge` on Modal: every few minutes it scores the turns that wait in MLflow.

    modal secret create voce-judge MLFLOW_TRACKING_URI=https://... MLFLOW_TRACKING_USERNAME=voce MLFLOW_TRACKING_PASSWORD=... \\
        VOCE_JUDGE__BASE_URL=https://api.openai.com/v1 VOCE_JUDGE__MODEL=gpt-4.1-mini VOCE_JUDGE_API_KEY=...
    modal deploy deploy/modal/judge_app.py
    modal run deploy/modal/judge_app.py::status

Any number of judges may work on one MLflow: each turn is scored once. The assistant's own is then superfluous
(VOCE_JUDGE__ENABLED=false in the secret of bot_app.py).
"""

import os
import subprocess

import modal

MINUTE = 60
BINARY = os.environ.get("VOCE_BIN", "target/release/voce")

app = modal.App("voce-judge")
secret = modal.Secret.from_name("voce-judge")
image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install("ca-certificates", "libstdc++6")
    .add_local_file(BINARY, "/usr/local/bin/voce", copy=True)
    .add_local_dir("config/judges", "/etc/voce/judges", copy=True)
    .env({"VOCE_JUDGE__FOLDER": "/etc/voce/judges", "VOCE_TELEMETRY__LOG__FORMAT": "json"})
)


# Longer than the pause, so a round that takes long ends, and the next one finds its claims and leaves them.
@app.function(
    image=image,
    secrets=[secret],
    schedule=modal.Period(minutes=2),
    timeout=30 * MINUTE,
    cpu=0.5,
    memory=512,
    max_containers=2,
    retries=0,
)
def judge():
    # Also fails if a turn had to be put aside, which `status` lists: that is to be seen.
    subprocess.run(["voce", "judge", "--once"], check=True)


@app.function(image=image, secrets=[secret], timeout=5 * MINUTE, cpu=0.5, memory=512)
def status():
    """What waits, what was scored, what it cost."""
    subprocess.run(["voce", "judge", "--status"], check=True)
