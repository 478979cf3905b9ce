# SPDX-License-Identifier: Apache-2.0
"""MLflow's REST API: a real `mlflow server` and ours get the same requests from the same load generator (wrk).

MLFLOW_PYTHON names the Python that has mlflow; without it only ours is measured. Both sides start empty, get the same
runs, then the operations in turns, with 1 and with 8 connections. MLflow runs as it does best on two cores: SQLite,
one worker. Both sync before they answer a write: SQLite's defaults there, a synced commit here."""

import argparse
import concurrent.futures
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests/clients/mlflow"))
import mlflow_servers as servers  # noqa: E402

API, FILES = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"
RUNS, WRITTEN, POINTS, BIG = 1000, 100, 20000, 200 << 20
# name, target with 1 client, target with 8 (None: not measured, 0: no target)
OPERATIONS = [("log-metric", 15, 60), ("log-batch", 30, 60), ("create-run", 20, 60), ("runs/get", 80, 150),
              ("search, filter and order, 100", 150, 200), ("search, 1,000 full runs", 100, 150),
              ("history of 20,000 points", 100, 150), ("artifact up, 1 MiB", None, 10), ("artifact down, 1 MiB", None, 10)]


class Side:
    def __init__(self, name, server, folder):
        self.name, self.server, self.folder, self.number = name, server, folder, 1000000
        self.local = {}

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
        c.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        c.close()
        if r.status != 200:
            raise RuntimeError("%s: %s %s: %d %s" % (self.name, method, path, r.status, text[:300]))
        return json.loads(text or b"{}")

    def create(self, experiment, i):
        return self.call("POST", API + "runs/create", {"experiment_id": experiment, "start_time": 1700000000000 + i,
                                                       "run_name": "run-%d" % i})["run"]["info"]["run_id"]

    def full_run(self, i):
        run = self.create(self.searched, i)
        self.call("POST", API + "runs/log-batch", dict(batch(i, i), run_id=run))
        return run

    def seed(self):
        self.searched, self.written = (self.call("POST", API + "experiments/create", {"name": n})["experiment_id"]
                                       for n in ("searched", "written"))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.runs = list(pool.map(self.full_run, range(RUNS)))
            self.targets = list(pool.map(lambda i: self.create(self.written, i), range(WRITTEN)))
        self.long = self.create(self.written, WRITTEN)
        for at in range(0, POINTS, 1000):
            self.call("POST", API + "runs/log-batch", {"run_id": self.long, "metrics": [
                {"key": "loss", "value": 1 / (i + 1), "timestamp": 1700000000000 + i, "step": i}
                for i in range(at, at + 1000)]})

    def requests(self, operation):
        def post(path, body):
            return "POST", API + path, json.dumps(body).replace('"@N@"', "@N@")
        if operation == "log-metric":
            return [post("runs/log-metric", {"run_id": r, "key": "loss", "value": 0.25, "timestamp": "@N@",
                                             "step": "@N@"}) for r in self.targets]
        if operation == "log-batch":
            return [post("runs/log-batch", dict(batch(0, "@N@"), run_id=r)) for r in self.targets]
        if operation == "create-run":
            return [post("runs/create", {"experiment_id": self.written, "start_time": 1700000000000,
                                         "run_name": "made"})]
        if operation == "runs/get":
            return [("GET", API + "runs/get?run_id=" + r, "") for r in self.runs]
        if operation.startswith("search, filter"):
            return [post("runs/search", {"experiment_ids": [self.searched], "max_results": 100, "filter":
                                         "metrics.metric_3 > %d and params.param_2 = 'value_%d'" % (i, i % 2),
                                         "order_by": ["metrics.metric_5 DESC"]}) for i in range(100, 110)]
        if operation.startswith("search, 1,000"):
            return [post("runs/search", {"experiment_ids": [self.searched], "max_results": RUNS})]
        if operation.startswith("history"):
            return [("GET", API + "metrics/get-history?max_results=%d&metric_key=loss&run_id=%s" % (POINTS, self.long), "")]
        if operation.startswith("artifact up"):
            return [("PUT", FILES + "bench/%d.bin" % i, "@FILE@%s" % (self.folder / "mib.bin")) for i in range(16)]
        return [("GET", FILES + "bench/%d.bin" % i, "") for i in range(16)]

    def load(self, operation, clients, seconds):
        """Requests a second and the 50th and 99th percentile in ms."""
        name = self.folder / "requests.txt"
        name.write_text("".join("%s\t%s\t%s\n" % r for r in self.requests(operation)))
        self.number += 10000000
        p = subprocess.run(["wrk", "-t1", "-c%d" % clients, "-d%ds" % seconds, "--timeout", "120s", "-s",
                            HERE / "replay.lua", self.server.url, "--", name, str(self.number)],
                           capture_output=True, text=True, check=True)
        n, us, errors, p50, p99 = map(int, p.stdout.split("RESULT ")[1].split())
        if errors or not n:
            raise RuntimeError("%s: %s: %d of %d requests failed" % (self.name, operation, errors, n))
        return n * 1e6 / us, p50 / 1e3, p99 / 1e3

    def big(self):
        """MB/s up and down of one file of 200 MB."""
        block, rates = os.urandom(1 << 20), []
        for method in ("PUT", "GET"):
            c = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=120)
            start = time.monotonic()
            c.putrequest(method, FILES + "bench/big.bin")
            if method == "PUT":
                c.putheader("Content-Length", str(BIG))
            c.endheaders()
            for _ in range(BIG >> 20 if method == "PUT" else 0):
                c.send(block)
            r = c.getresponse()
            got, into = 0, bytearray(1 << 20)
            while n := r.readinto(into):
                got += n
            if r.status != 200 or (method == "GET" and got != BIG):
                raise RuntimeError("%s: %s of 200 MB: %d, %d bytes" % (self.name, method, r.status, got))
            rates.append(BIG / 1e6 / (time.monotonic() - start))
            c.close()
        return rates

    def memory(self):
        """MB resident of the whole process group, shared pages counted in each."""
        total = 0
        for p in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(p.name)) == self.server.process.pid:
                    total += int((p / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except OSError:
                pass
        return total / 1e6


def batch(i, step):
    return {"metrics": [{"key": "metric_%d" % k, "value": i + k / 100, "timestamp": step if step == "@N@" else
                         1700000000000 + step, "step": step} for k in range(20)],
            "params": [{"key": "param_%d" % k, "value": "value_%d" % (i % 2)} for k in range(10)],
            "tags": [{"key": "tag_%d" % k, "value": "text %d" % k} for k in range(5)]}


def sync_rate(folder):
    """4 KiB appended and fdatasync'd, a second."""
    with open(folder / "sync", "wb") as f:
        n, start = 0, time.monotonic()
        while time.monotonic() - start < 2:
            f.write(b"x" * 4096)
            f.flush()
            os.fdatasync(f.fileno())
            n += 1
    return n / (time.monotonic() - start)


def start(name, folder, python):
    folder.mkdir()
    (folder / "mib.bin").write_bytes(os.urandom(1 << 20))
    at = time.monotonic()
    if name == "slipway":
        server = servers.slipway(folder)
    else:
        port = servers.free_port()
        server = servers.Server([python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
                                 "--workers", "1", "--backend-store-uri", "sqlite:///%s" % (folder / "mlflow.db"),
                                 "--artifacts-destination", str(folder / "artifacts")], port, folder, 120)
    side = Side(name, server, folder)
    print("%-8s started in %.2f s, %.0f MB resident" % (name, time.monotonic() - at, side.memory()), flush=True)
    return side


def report(sides, seconds, only):
    print("\n| operation | clients | slipway /s | p50 / p99 ms | mlflow /s | p50 / p99 ms | ratio | target |")
    print("|---|---|---|---|---|---|---|---|")
    for operation, *targets in OPERATIONS:
        if only not in operation:
            continue
        for clients, target in zip((1, 8), targets):
            if target is None:
                continue
            cells, rates = [], []
            for side in sides:
                slow = side.name != "slipway" and operation.startswith(("search", "history"))
                rate, p50, p99 = side.load(operation, clients, seconds * 4 if slow else seconds)
                rates.append(rate)
                cells.append("%.*f | %.2f / %.2f" % (0 if rate >= 100 else 1, rate, p50, p99))
            cells += ["– | –"] * (2 - len(sides))
            ratio = "%.0f×" % (rates[0] / rates[1]) if len(rates) > 1 else "–"
            print("| %s | %d | %s | %s | %d× |" % (operation, clients, " | ".join(cells), ratio, target), flush=True)
    if only:
        return
    both = [s.big() for s in sides]
    for i, what in enumerate(("up", "down")):
        theirs = "%.0f MB/s | – | %.1f×" % (both[1][i], both[0][i] / both[1][i]) if len(both) > 1 else "– | – | –"
        print("| artifact %s, 200 MB | 1 | %.0f MB/s | – | %s | 3× |" % (what, both[0][i], theirs))
    print()
    for s in sides:
        print("%-8s %.0f MB resident after the load" % (s.name, s.memory()))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--seconds", type=int, default=3, help="for each figure; four times that for the peer's searches")
    p.add_argument("--only", default="", help="operations whose name has this text")
    args = p.parse_args()
    python = os.environ.get("MLFLOW_PYTHON") and os.path.abspath(os.environ["MLFLOW_PYTHON"])
    if not python:
        print("MLFLOW_PYTHON is not set: only slipway is measured")
    sides = []
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        print("disk     %.0f fdatasync /s (4 KiB appended)" % sync_rate(d))
        try:
            for name in ["slipway"] + (["mlflow"] if python else []):
                sides.append(start(name, d / name, python))
                at = time.monotonic()
                sides[-1].seed()
                print("%-8s 1,000 runs and 20,000 points written in %.1f s" % (name, time.monotonic() - at), flush=True)
            report(sides, args.seconds, args.only)
        finally:
            for s in sides:
                s.server.stop()


if __name__ == "__main__":
    main()
