"""The assistant on Modal: GPU containers with warm models, and a door that leads each caller to one with a place.

    modal secret create voce-bot VOCE_API_KEYS=shop=... VOCE_TOKEN_SECRET=... MLFLOW_TRACKING_URI=https://... \\
        VOCE_LLM__ENGINE=openai VOCE_LLM__BASE_URL=https://.../v1 VOCE_LLM__MODEL=... OPENAI_API_KEY=... \\
        VOCE_TRANSPORT__TURN__URLS='["turn:turn.example.org:3478"]' VOCE_TURN_SECRET=... VOCE_TRANSPORT__RELAY=only
    modal run deploy/modal/bot_app.py::fetch_models
    modal deploy deploy/modal/bot_app.py

A call belongs to one container, and Modal's own addresses spread requests over all of them. So each container opens a
tunnel of its own (modal.forward) and says in a Dict how many places it has; the door sends the browser there, and page,
signalling and feedback stay with the container that holds the call.

No UDP reaches a container. With a TURN server (relay) every caller gets through; without one, STUN (discover) makes a
way for callers whose network's address translation allows it.

Memory snapshots are not used: they would clone the server with its keys and random numbers. A warm container does the same
for the first caller (min_containers).
"""

import os
import subprocess
import time
import urllib.request

import modal

MINUTE, HOUR = 60, 3600
BINARY = os.environ.get("VOCE_BIN", "target/release/voce")
GPU = os.environ.get("VOCE_MODAL_GPU", "L4")
MODELS = "/models"
PAGE, OPERATIONS = 8080, 9090
# A container that has said nothing for so long is gone.
SILENT_SECONDS = 15
# Without a call for so long it makes room, if another one is there.
IDLE_SECONDS = 10 * MINUTE
# Modal ends an input after 24 hours; no new calls come in the last one.
SHIFT_SECONDS = 22 * HOUR

app = modal.App("voce-bot")
secret = modal.Secret.from_name("voce-bot")
models = modal.Volume.from_name("voce-models", create_if_missing=True)
bots = modal.Dict.from_name("voce-bots", create_if_missing=True)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install("ca-certificates", "libstdc++6")
    .add_local_file(BINARY, "/usr/local/bin/voce", copy=True)
    .add_local_dir("config/knowledge", "/documents", copy=True)
    .env(
        {
            "VOCE_MODELS": MODELS,
            "VOCE_SERVER__LISTEN": f"0.0.0.0:{PAGE}",
            "VOCE_SERVER__OPERATIONS_LISTEN": f"127.0.0.1:{OPERATIONS}",
            # Modal gives an exit 30 seconds; shifts end before, with nobody in a call.
            "VOCE_SERVER__DRAIN_SECONDS": "20",
            "VOCE_RUNTIME__DEVICE": "cuda",
            "VOCE_STT__ENGINE": "parakeet",
            "VOCE_TRANSPORT__DISCOVER": '["stun.l.google.com:19302"]',
            "VOCE_KNOWLEDGE__PATH": "/tmp/knowledge",
            "VOCE_TELEMETRY__SPOOL__DIR": "/tmp/spool",
            "VOCE_TELEMETRY__LOG__FORMAT": "json",
        }
    )
)


def figures(text):
    """Calls, and whether one more would be let in, from the text of /metrics."""
    values = {}
    for line in text.splitlines():
        if line.startswith(("voce_calls_active", "voce_admission_open")):
            name, _, value = line.rpartition(" ")
            values[name.partition("{")[0]] = float(value)
    return int(values.get("voce_calls_active", 0)), bool(values.get("voce_admission_open", 1))


def choose(known, now):
    """The container that a caller is sent to: the fullest that has a place, so that others become idle and end."""
    alive = [bot for bot in known if now - bot["at"] < SILENT_SECONDS and bot["open"]]
    return max(alive, key=lambda bot: bot["calls"], default=None)


@app.function(image=image, volumes={MODELS: models}, timeout=HOUR, cpu=2.0, memory=2048)
def fetch_models():
    """Once, and after each update of the models."""
    subprocess.run(["voce", "models", "pull", "--profile", "gpu"], check=True)
    # The image has the driver alone.
    subprocess.run(["voce", "models", "pull", "cuda-13-libraries"], check=True)
    models.commit()


@app.cls(
    image=image,
    gpu=GPU,
    volumes={MODELS: models.read_only()},
    secrets=[secret],
    cpu=4.0,
    memory=8192,
    min_containers=1,
    max_containers=10,
    scaledown_window=2 * MINUTE,
    timeout=24 * HOUR,
    startup_timeout=10 * MINUTE,
    region=os.environ.get("VOCE_MODAL_REGION"),
)
class Bot:
    @modal.enter()
    def start(self):
        """Models on the GPU, documents read: the container counts as started when a caller could be answered."""
        subprocess.run(["voce", "ingest", "/documents"], check=True)
        self.server = subprocess.Popen(["voce", "serve"])
        deadline = time.monotonic() + 8 * MINUTE
        while subprocess.run(["voce", "health"], capture_output=True).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("voce serve is not ready; its last lines stand above")
            time.sleep(1)

    @modal.method()
    def shift(self):
        """Takes calls at an address of its own until there is nothing to do."""
        began = quiet_since = time.monotonic()
        with modal.forward(PAGE) as tunnel:
            while True:
                if self.server.poll() is not None:
                    bots.pop(tunnel.url, None)
                    raise RuntimeError(f"voce serve ended with {self.server.returncode}")
                with urllib.request.urlopen(f"http://127.0.0.1:{OPERATIONS}/metrics", timeout=5) as answer:
                    calls, is_open = figures(answer.read().decode())
                now = time.monotonic()
                if calls:
                    quiet_since = now
                is_late = now - began > SHIFT_SECONDS
                bots[tunnel.url] = {"url": tunnel.url, "calls": calls, "open": is_open and not is_late, "at": time.time()}
                others = [bot for bot in bots.values() if bot["url"] != tunnel.url]
                is_idle = now - quiet_since > IDLE_SECONDS and choose(others, time.time())
                if (is_idle or is_late) and not calls:
                    break
                time.sleep(2)
            bots.pop(tunnel.url, None)

    @modal.exit()
    def stop(self):
        self.server.terminate()
        self.server.wait(timeout=28)


@app.function(image=modal.Image.debian_slim(python_version="3.11"), schedule=modal.Period(minutes=1), timeout=MINUTE)
def keep():
    """There is always somebody on shift, and the book of them holds nobody who is gone."""
    now = time.time()
    for url, bot in list(bots.items()):
        if now - bot["at"] > 4 * SILENT_SECONDS:
            bots.pop(url, None)
    if choose(list(bots.values()), now) is None:
        Bot().shift.spawn()


@app.function(image=modal.Image.debian_slim(python_version="3.11"), min_containers=1)
@modal.concurrent(max_inputs=100)
@modal.asgi_app()
def door():
    """Sends a browser to a container with a place; the rest of the call is between the two."""
    asked = 0.0

    async def answer(scope, receive, send):
        nonlocal asked
        if scope["type"] != "http":
            return
        known = [bot async for bot in bots.values.aio()]
        bot = choose(known, time.time())
        if bot:
            query = scope["query_string"].decode()
            location = bot["url"] + scope["path"] + (f"?{query}" if query else "")
            headers, status, body = [(b"location", location.encode())], 307, b""
        else:
            # One more, and not one for each who waits meanwhile.
            if time.monotonic() - asked > MINUTE:
                asked = time.monotonic()
                await Bot().shift.spawn.aio()
            headers, status = [(b"retry-after", b"10"), (b"refresh", b"10")], 503
            body = b"All lines are busy; another one is being opened. This page tries again in ten seconds."
        headers += [(b"cache-control", b"no-store"), (b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer
