"""What a caller feels of the judge: the same calls with a server that judges them and with one that does not. The one
that judges fills in the other's turns, too, so it has twice the work."""

import http.server
import json
import random
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from programs import ENVIRONMENT, ROOT, VOCE, NotMeasured

ROUNDS = 3
CALLS = 4
SCENARIO = ROOT / "config/scenarios/happy-path.yaml"
# A judge model takes about so long; it runs elsewhere, so it costs this machine nothing.
ANSWER_SECONDS = 1.0


class Model(http.server.BaseHTTPRequestHandler):
    """Answers every request of the judge as its schema asks, a second later."""

    requests = 0

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        Model.requests += 1
        metrics = body["response_format"]["json_schema"]["schema"]["properties"]
        scores = {name: {"reason": "It says what the passages say.", "score": 4} for name in metrics}
        time.sleep(ANSWER_SECONDS)
        message = {"role": "assistant", "content": json.dumps(scores)}
        usage = {"prompt_tokens": 2_000, "completion_tokens": 150, "total_tokens": 2_150}
        answer = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


def judge():
    """Rounds of calls, the server without the judge and with it in turn; seconds."""
    model = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    waits = {"off": [], "on": []}
    with tempfile.TemporaryDirectory() as folder:
        mlflow = subprocess.run(
            [ROOT / "scripts/mlflow", "start", "--dir", folder + "/mlflow", "--port", str(free_port())],
            capture_output=True, text=True,
        )
        if mlflow.returncode != 0:
            raise NotMeasured(f"scripts/mlflow start: {mlflow.stderr.strip()}")
        environment = {
            **ENVIRONMENT,
            "VOCE_TELEMETRY__ENABLED": "true",
            "VOCE_KNOWLEDGE__PATH": folder + "/knowledge",
            "VOCE_JUDGE__BASE_URL": f"http://127.0.0.1:{model.server_port}/v1",
            "VOCE_JUDGE__MODEL": "bench",
            "MLFLOW_TRACKING_URI": mlflow.stdout.strip().splitlines()[-1],
            "XDG_STATE_HOME": folder + "/state",
        }
        try:
            run([VOCE, "ingest", str(ROOT / "config/knowledge")], environment)
            for number in range(ROUNDS):
                for mode in ("off", "on") if number % 2 == 0 else ("on", "off"):
                    waits[mode] += calls(mode, number + 1, environment)
        finally:
            subprocess.run([ROOT / "scripts/mlflow", "stop", "--dir", folder + "/mlflow"], capture_output=True)
            model.shutdown()
    return {
        mode: {"turns": len(all), "median_seconds": statistics.median(all), "p95_seconds": percentile(all, 95), "runs": all}
        for mode, all in waits.items()
    } | {"judged": Model.requests, "rounds": ROUNDS}


def calls(mode, seed, environment):
    """The voice-to-voice times of some calls with a server of this mode."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    enabled = {**environment, "VOCE_JUDGE__ENABLED": str(mode == "on").lower()}
    with subprocess.Popen([VOCE, "serve", "--listen", f"127.0.0.1:{port}"], env=enabled, cwd=ROOT,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(url + "/ready")
            command = [VOCE, "simulate", str(SCENARIO), "--url", url, "--calls", str(CALLS), "--seed", str(seed), "--json"]
            scenarios = json.loads(run(command, environment, allowed=(0, 1)))
        finally:
            server.send_signal(signal.SIGINT)
    turns = [turn for scenario in scenarios["scenarios"] for call in scenario["calls"] for turn in call["turns"]]
    return [turn["voice_to_voice_seconds"] for turn in turns if turn.get("voice_to_voice_seconds")]


def run(command, environment, allowed=(0,)):
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=600)
    if done.returncode not in allowed:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        raise NotMeasured(f"voce {command[1]}: {said[-1].strip()}")
    return done.stdout


def wait_for(url):
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise NotMeasured(f"{url} does not answer")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def percentile(values, percent):
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def ratio(on, off, percent):
    """On through off with its 95 % interval, by resampling the turns."""
    chance = random.Random(1)
    again = lambda runs: percentile(chance.choices(runs, k=len(runs)), percent)
    ratios = sorted(again(on) / again(off) for _ in range(2_000))
    return f"{percentile(on, percent) / percentile(off, percent):.2f} ({ratios[50]:.2f} to {ratios[-51]:.2f})"


def print_judge(result):
    off, on = result["off"], result["on"]
    print("\nVoice to voice with the judge and without, a model that answers after "
          f"{ANSWER_SECONDS:.0f} s; {result['rounds']} rounds of each in turn:")
    for mode, row in (("off", off), ("on", on)):
        print(f"  judge {mode:<4} median {row['median_seconds'] * 1e3:>6.0f} ms   p95 {row['p95_seconds'] * 1e3:>6.0f} ms   ({row['turns']} turns)")
    print(f"  ratio with its 95 % interval: median {ratio(on['runs'], off['runs'], 50)}, p95 {ratio(on['runs'], off['runs'], 95)};"
          f" {result['judged']} requests to the judge's model")
