# SPDX-License-Identifier: Apache-2.0
"""Starts and ends the two servers; each gets an empty folder and a free port."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# Webhooks may call this machine, on both sides: nothing here resolves names.
PEER_ENV = {"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
            "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


class Server:
    """A process group with a port; use as a context manager."""

    def __init__(self, argv, port, folder, wait_s):
        self.port, self.url = port, "http://127.0.0.1:%d" % port
        self.log = open(folder / "server.log", "wb")
        self.process = subprocess.Popen(argv, cwd=folder, stdout=self.log, stderr=self.log,
                                        env=dict(os.environ, **PEER_ENV), start_new_session=True)
        try:
            self._wait(wait_s)
        except BaseException:
            self.stop()
            raise

    def _wait(self, wait_s):
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended with %d" % self.process.returncode)
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                c.request("GET", "/health")
                if c.getresponse().status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the server did not answer in %d s" % wait_s)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def slipway(folder, *more):
    binary = os.environ.get("SLIPWAY_BIN", str(ROOT / "build" / "slipway"))
    port = free_port()
    return Server([binary, "server", "--data", str(folder / "data"), "--listen", "127.0.0.1:%d" % port,
                   "--serve", "off", *more], port, folder, 30)


def mlflow_peer(folder):
    """A real mlflow server on SQLite, one worker."""
    port = free_port()
    return Server([sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
                   "--workers", "1", "--backend-store-uri", "sqlite:///%s" % (folder / "peer.db"),
                   "--artifacts-destination", str(folder / "artifacts")], port, folder, 120)
