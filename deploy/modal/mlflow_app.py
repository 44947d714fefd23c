"""MLflow on Modal, with PostgreSQL; what it keeps lies on a volume.

    modal secret create voce-mlflow MLFLOW_TRACKING_USERNAME=voce MLFLOW_TRACKING_PASSWORD=... MLFLOW_FLASK_SERVER_SECRET_KEY=...
    modal deploy deploy/modal/mlflow_app.py

A volume is no disk for a running database: its files are saved at different moments. So PostgreSQL runs on the container's
own disk, and a whole dump goes to the volume every five minutes and at the end; a container that dies loses at most that.
For more than a trial put DATABASE_URL=postgresql+psycopg2://... of a PostgreSQL elsewhere into the secret.
"""

import os
import subprocess
import threading
import time
from pathlib import Path

import modal

VERSION = "3.17.2"
STATE = Path("/state")
DUMP = STATE / "mlflow.dump"
DATA = Path("/var/lib/postgresql/data")
BIN = Path("/usr/lib/postgresql/15/bin")
LOCAL = "postgresql+psycopg2://postgres@127.0.0.1:5432/mlflow"
DUMP_SECONDS = 300
MINUTE = 60

app = modal.App("voce-mlflow")
volume = modal.Volume.from_name("voce-mlflow", create_if_missing=True)
image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install("postgresql-15")
    .pip_install(f"mlflow[auth]=={VERSION}", "psycopg2-binary==2.9.13")
    .env({"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})
)


def as_postgres(*command):
    """PostgreSQL refuses to be root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *map(str, command)]


def run(*command):
    subprocess.run(as_postgres(*command), check=True)


def start_postgres():
    """A new cluster, filled from the last dump if there is one."""
    subprocess.run(["install", "-d", "-o", "postgres", "-g", "postgres", "-m", "700", DATA], check=True)
    # trust: it listens on this container's loopback alone.
    run(BIN / "initdb", "--pgdata", DATA, "--auth=trust", "--encoding=UTF8", "--data-checksums")
    run(BIN / "pg_ctl", "--pgdata", DATA, "--wait", "--log", "/tmp/postgres.log", "-o", "-c listen_addresses=127.0.0.1", "start")
    run(BIN / "createdb", "--host=127.0.0.1", "mlflow")
    if DUMP.exists():
        with DUMP.open("rb") as dump:
            subprocess.run(
                as_postgres(BIN / "pg_restore", "--host=127.0.0.1", "--dbname=mlflow", "--no-owner", "--exit-on-error"),
                stdin=dump,
                check=True,
            )


def save():
    """The dump that is there stays whole until the new one is."""
    unfinished = DUMP.with_suffix(".unfinished")
    with unfinished.open("wb") as dump:
        command = as_postgres(BIN / "pg_dump", "--host=127.0.0.1", "--format=custom", "mlflow")
        subprocess.run(command, stdout=dump, check=True)
    unfinished.replace(DUMP)
    volume.commit()


def auth_file(database):
    """Who may use it: the user of the secret, who is made at the first start. A new password is set in MLflow from then on."""
    file = Path("/tmp/basic_auth.ini")
    file.touch(mode=0o600)
    file.write_text(
        "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"
        f"database_uri = {database}\n"
        f"admin_username = {os.environ['MLFLOW_TRACKING_USERNAME']}\n"
        # Else each request costs a slow hash of the password.
        "auth_cache_ttl_seconds = 60\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    return file


@app.cls(
    image=image,
    volumes={str(STATE): volume},
    secrets=[modal.Secret.from_name("voce-mlflow")],
    cpu=2.0,
    memory=4096,
    # One: two would write two databases.
    min_containers=1,
    max_containers=1,
    timeout=10 * MINUTE,
)
@modal.concurrent(max_inputs=200)
class Server:
    @modal.enter()
    def start(self):
        database = os.environ.get("DATABASE_URL") or LOCAL
        self.is_own = database == LOCAL
        if self.is_own:
            start_postgres()
        self.ended = threading.Event()
        self.saving = threading.Lock()
        command = ["mlflow", "server", "--host=0.0.0.0", "--port=5000", "--workers=2", "--app-name=basic-auth"]
        command += [f"--artifacts-destination={STATE}/artifacts"]
        # Names by which it may be called; without them every request through Modal's address gets 403.
        command += ["--allowed-hosts=*.modal.run,localhost,localhost:*,127.0.0.1,127.0.0.1:*"]
        # In the environment, since arguments are seen by every process.
        variables = {
            "MLFLOW_BACKEND_STORE_URI": database,
            "MLFLOW_AUTH_CONFIG_PATH": str(auth_file(database)),
            "MLFLOW_AUTH_ADMIN_PASSWORD": os.environ["MLFLOW_TRACKING_PASSWORD"],
        }
        self.server = subprocess.Popen(command, env=os.environ | variables)
        threading.Thread(target=self.save_now_and_then, daemon=True).start()

    def save_now_and_then(self):
        while not self.ended.wait(DUMP_SECONDS):
            self.save()

    def save(self):
        if not self.is_own:
            volume.commit()
            return
        with self.saving:
            began = time.monotonic()
            save()
            print(f"saved {DUMP.stat().st_size >> 20} MiB in {time.monotonic() - began:.1f} s")

    @modal.web_server(5000, startup_timeout=5 * MINUTE)
    def web(self):
        pass

    @modal.exit()
    def stop(self):
        self.ended.set()
        self.server.terminate()
        self.server.wait(timeout=15)
        self.save()
