# SPDX-License-Identifier: Apache-2.0
"""Logging through MLflow's routes when it is hard: many clients on one run, kill -9 in the midst of batches, a disk that
fills. A batch is there whole or not at all, what was acknowledged is there, and nothing is there twice."""
import http.client
import json
import random
import threading
import time
import urllib.parse

import pytest

from conftest import PATIENCE, until
from test_bad_input import disk, fill  # noqa: F401 (disk is a fixture)

API = "/api/2.0/mlflow/"
CLIENTS = 8


class Client:
    """One connection of its own, kept."""

    def __init__(self, server):
        u = urllib.parse.urlsplit(server.url)
        self.c = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE)

    def __call__(self, method, path, body=None):
        self.c.request(method, API + path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
        r = self.c.getresponse()
        return r.status, json.loads(r.read())

    def post(self, path, **body):
        return self("POST", path, body)

    def ok(self, path, **body):
        status, answer = self.post(path, **body)
        assert status == 200, (path, status, answer)
        return answer

    def run(self, run_id):
        status, answer = self("GET", f"runs/get?run_id={run_id}")
        assert status == 200, answer
        data = answer["run"]["data"]
        return {k: {p["key"]: p["value"] for p in data.get(k, [])} for k in ("metrics", "params", "tags")}

    def history(self, run_id, key):
        status, answer = self("GET", f"metrics/get-history?run_id={run_id}&metric_key={key}&max_results=25000")
        return [(m["step"], m["timestamp"], m["value"]) for m in answer.get("metrics", [])] if status == 200 else []


def new_run(client):
    return client.ok("runs/create", experiment_id="0", start_time=1)["run"]["info"]["run_id"]


def together(fn, n=CLIENTS):
    """fn(i) in n threads that begin at once; what they raise is raised."""
    gate, failures = threading.Barrier(n), []

    def body(i):
        try:
            gate.wait(PATIENCE)
            fn(i)
        except Exception as e:  # noqa: BLE001
            failures.append(e)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        raise failures[0]


@pytest.mark.sanitize
def test_many_clients_on_one_run(server):
    rounds, per_batch = 30, 10
    s = server()
    run = new_run(Client(s))
    refusals, lock = {"one": [], "batch": []}, threading.Lock()

    def trainer(i):
        c = Client(s)
        for how, path, body in (("one", "runs/log-parameter", {"key": "one", "value": f"of {i}"}),
                                ("batch", "runs/log-batch", {"params": [{"key": "batch", "value": f"of {i}"}],
                                                             "metrics": [{"key": "won", "value": i, "timestamp": 1, "step": i}]})):
            status, answer = c.post(path, run_id=run, **body)
            if status != 200:
                with lock:
                    refusals[how].append((i, status, answer))
        for r in range(rounds):
            steps = range((r * CLIENTS + i) * per_batch, (r * CLIENTS + i + 1) * per_batch)
            body = {"metrics": [{"key": "loss", "value": 1 / (k + 1), "timestamp": 1000 + k, "step": k} for k in steps]
                    + [{"key": f"own.{i}", "value": r, "timestamp": r, "step": r}],
                    "params": [{"key": f"p {i} {r}", "value": str(r)}],
                    "tags": [{"key": "last", "value": f"{i}"}, {"key": f"t {i}", "value": str(r)}]}
            c.ok("runs/log-batch", run_id=run, **body)
            if r % 5 == 0:
                c.ok("runs/log-batch", run_id=run, **body)  # as after an answer that was lost
            c.ok("runs/log-metric", run_id=run, key="single", value=i, timestamp=r, step=i)

    together(trainer)
    c = Client(s)
    data = c.run(run)
    for how, path in (("one", "Param with key='one' was already logged with value='{}' for run ID='{}'. Attempted logging new value '{}'."),
                      ("batch", "Params were already logged='[{{'key': 'batch', 'old_value': '{}', 'new_value': '{}'}}]' for run ID='{}'.")):
        winner = data["params"][how]
        assert len(refusals[how]) == CLIENTS - 1
        for i, status, answer in refusals[how]:
            mine = f"of {i}"
            text = path.format(winner, run, mine) if how == "one" else path.format(winner, mine, run)
            assert (status, answer) == (400, {"error_code": "INVALID_PARAMETER_VALUE",
                                              "message": "Changing param values is not allowed. " + text})
    assert [h[2] for h in c.history(run, "won")] == [int(data["params"]["batch"][3:])], "a refused batch left something behind"
    assert sorted(c.history(run, "loss")) == [(k, 1000 + k, pytest.approx(1 / (k + 1))) for k in range(rounds * CLIENTS * per_batch)]
    assert len(c.history(run, "single")) == rounds * CLIENTS
    for i in range(CLIENTS):
        assert c.history(run, f"own.{i}") == [(r, r, r) for r in range(rounds)]
        assert data["tags"][f"t {i}"] == str(rounds - 1)
    assert len(data["params"]) == 2 + CLIENTS * rounds
    assert data["tags"]["last"] in map(str, range(CLIENTS))


def test_killed_in_the_midst_of_batches(server):
    keys = [f"m{k}" for k in range(6)]
    rng = random.Random(11)
    s = server()
    runs = [new_run(Client(s)) for _ in range(4)]
    sent, acknowledged, lock = {r: set() for r in runs}, {r: set() for r in runs}, threading.Lock()
    s.stop()
    for kill in range(8):
        s = server()

        def trainer(i, s=s, kill=kill):
            run, c = runs[i], Client(s)
            for n in range(100000):
                token = kill * 100000 + n
                with lock:
                    sent[run].add(token)
                try:
                    c.ok("runs/log-batch", run_id=run, metrics=[{"key": k, "value": token, "timestamp": token, "step": token} for k in keys],
                         params=[{"key": f"p{token}", "value": str(token)}], tags=[{"key": f"t{token}", "value": str(token)}])
                except (OSError, http.client.HTTPException):
                    return
                with lock:
                    acknowledged[run].add(token)

        threads = [threading.Thread(target=trainer, args=(i,)) for i in range(len(runs))]
        for t in threads:
            t.start()
        time.sleep(rng.uniform(0.02, 0.4))
        s.kill()
        for t in threads:
            t.join()
    c = Client(server())
    for run in runs:
        data = c.run(run)
        there = {int(k[1:]) for k in data["params"]}
        assert acknowledged[run] <= there <= sent[run]
        assert {int(k[1:]) for k in data["tags"] if k[0] == "t" and k[1:].isdigit()} == there
        for k in keys:
            points = c.history(run, k)
            assert sorted(p[0] for p in points) == sorted(there), "a batch is there in part or twice"
            assert all(step == time_ms == value for step, time_ms, value in points)
    assert sum(map(len, acknowledged.values())) > 20


def test_disk_full_in_the_midst_of_batches(server, disk):  # noqa: F811
    at = disk("12m")
    s = server(at / "data")
    c = Client(s)
    run, n, big = new_run(c), 0, "x" * 7000

    def batch(k):
        return c.post("runs/log-batch", run_id=run, metrics=[{"key": f"m{i}", "value": k, "timestamp": k, "step": k} for i in range(5)],
                      params=[{"key": f"p{k}", "value": str(k)}], tags=[{"key": f"t{k}.{i}", "value": big} for i in range(10)])

    def whole(k):
        data = c.run(run)
        found = [f"p{k}" in data["params"]] + [f"t{k}.{i}" in data["tags"] for i in range(10)]
        found += [any(p[0] == k for p in c.history(run, f"m{i}")) for i in range(5)]
        assert len(set(found)) == 1, f"batch {k} is there in part: {found}"
        return found[0]

    for n in range(3):
        assert batch(n)[0] == 200
    filler = fill(at)
    refused = None
    while refused is None and n < 2000:
        n += 1
        status, answer = batch(n)
        refused = answer if status != 200 else None
        if refused:
            assert status in (503, 507), (status, answer)
    assert refused and refused["error_code"] in ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE")
    assert "disk is full" in refused["message"] and "free some space" in refused["message"], refused
    assert not whole(n) and all(whole(k) for k in (0, 1, 2, n - 1))
    for path, body in (("runs/log-metric", {"run_id": run, "key": "k" * 200, "value": 1, "timestamp": 1}),
                       ("runs/set-tag", {"run_id": run, "key": "big", "value": big}), ("runs/create", {"experiment_id": "0"})):
        status, answer = c.post(path, **body)
        assert status in (200, 503, 507), (path, status, answer)
    assert s.is_up()
    filler.unlink()
    until("writing again", lambda: batch(n)[0] == 200)
    assert whole(n)
    assert new_run(c)
