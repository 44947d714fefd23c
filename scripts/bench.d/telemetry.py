"""What telemetry costs a turn: switched off, sent to a receiver, and kept on disk because nobody receives."""

import http.server
import os
import socket
import tempfile
import threading
from pathlib import Path

from programs import ENVIRONMENT, VOCE, last_json

TURNS = 2_000
# Of a receiver that never comes.
KEPT_TURNS = 10_000
MODES = ["off", "sent", "away"]


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes every trace and keeps none."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def telemetry():
    """One run of each mode, the baseline (off) first."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        return {mode: measure(mode, server.server_port) for mode in MODES}
    finally:
        server.shutdown()


def measure(mode, port):
    with tempfile.TemporaryDirectory() as folder:
        if mode == "away":
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        file = Path(folder) / "voce.toml"
        file.write_text(
            f'[[telemetry.sinks]]\nkind = "otlp"\nurl = "http://127.0.0.1:{port}"\n'
            f'[telemetry.spool]\ndir = "{folder}/spool"\n'
        )
        turns = KEPT_TURNS if mode == "away" else TURNS
        command = [VOCE, "--config", str(file), "bench", "telemetry", "--count", str(turns)]
        result = last_json(command, {**ENVIRONMENT, "VOCE_TELEMETRY__ENABLED": str(mode != "off").lower()})
        files = [path for path in Path(folder, "spool").rglob("*") if path.is_file()]
        return {**result, "spool_file_bytes": sum(os.path.getsize(path) for path in files)}


def print_telemetry(result):
    off = result["off"]
    print("\nTelemetry, a turn of", off["spans_per_turn"], "spans:")
    print(f"  {'':<10} {'CPU a turn':>11} {'more than off':>14} {'in the call':>12} {'p99':>9} {'a span':>8} "
          f"{'a 20 ms frame':>14} {'p99':>8} {'memory grew':>12} {'kept on disk':>13}")
    for mode, row in result.items():
        print(f"  {mode:<10} {row['cpu_ms_per_turn']:>8.3f} ms {row['cpu_ms_per_turn'] - off['cpu_ms_per_turn']:>11.3f} ms"
              f" {row['in_call_us_per_turn']:>9.1f} us {row['in_call_us_per_turn_p99']:>6.0f} us"
              f" {row['in_call_ns_per_span']:>5.0f} ns {row['frame_us_median']:>11.1f} us {row['frame_us_p99']:>5.1f} us"
              f" {row['memory_grown_mib']:>8.1f} MiB {row['spool_file_bytes'] / 2**20:>9.1f} MiB"
              f"   ({row['turns']} turns; {row['spans_exported']} spans sent, {row['spans_waiting']} waiting, "
              f"{row['spans_dropped']} dropped)")
    print("  in the call: on the call's own threads; a frame: recording both sides for the page. The budget of a turn is "
          "1 ms of CPU, that of the audio path 50 us.")
