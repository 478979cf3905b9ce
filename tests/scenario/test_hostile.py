# SPDX-License-Identifier: Apache-2.0
"""Hostile clients: requests made at random, text that a terminal would obey, everything at once.
Whatever they send, nothing is a 5xx, nobody else's answer fails and the server goes on."""
import json
import os
import random
import re
import signal
import socket
import threading
import time
import urllib.parse

import pytest

from conftest import PATIENCE, SANITIZED

NAMES = ["diabetes", "1", "latest", "@champion", "", ".", "..", "../..", "a/b", "a%b", "\"", "'; drop table runs;--", "é", "\u202e", "x" * 251, " ",
         "-1", "99999999999999999999", "a:predict", "\x01", "\n", "%s%n", "ffff", "0" * 32, "@", "MLmodel"]
VALUES = [None, True, 0, -1, 1.5, 1e308, 2 ** 63, "", "diabetes", "1", "../x", "x" * 70000, [], [1], {}, {"a": 1}, [[[]]], "\0", "é", "${env.HOME}"]
KEYS = ["model", "version", "reason", "value", "name", "description", "params", "config", "dry_run", "seed", "instances", "tags"]
TEXTS = ["", "{", "[", "null", '{"a":1,"a":2}', '{"model":"diabetes","version":1e999}', '{"version":NaN}', "\ufeff{}", "[" * 10000, "\0", '{"reason":"\x01"}']
FILTERS = ["metrics.rmse <", "params.alpha = '1' OR 1=1", "tags.`a b` = 'x'", "name LIKE '%'", "name = 'a''b'", "name = 'x'; drop table runs", "(" * 500,
           "1+" * 2000 + "1", "not " * 200 + "true", "nope.x = 1", "metrics.rmse > 1e999", "name = 'x", "`", "--", "name in ()", "1 = 1 AND " * 300 + "1=1"]
QUERY = {"limit": ["0", "-1", "1001", "x", "99999999999999999999"], "page_token": ["x", "MQ==", "a" * 2000], "filter": FILTERS,
         "order_by": ["nope", "metrics.rmse desc", "; drop", ","], "after": ["-1", "x", "9223372036854775807"], "ids": ["", "1,1", "," * 50],
         "versions": ["1,1", "x,y", "1," * 200], "offset": ["-1", "1e3"], "name": NAMES, "digest": NAMES}


@pytest.fixture
def serving(trained, server):
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes")
    s.example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    s.cli = trained.cli
    return s


def body_of(rng):
    if rng.random() < 0.2:
        return rng.choice(TEXTS).encode()
    return json.dumps({rng.choice(KEYS): rng.choice(VALUES) for _ in range(rng.randint(0, 5))}).encode()


@pytest.mark.sanitize
@pytest.mark.parametrize("seed", [1, 2])
def test_requests_at_random(serving, seed):
    rng = random.Random(seed)
    routes = [(p, m.upper()) for p, ms in serving.get("/openapi.json").json["paths"].items() for m in ms if "events" not in p and "progress" not in p]
    for _ in range(150 if SANITIZED else 500):
        path, method = rng.choice(routes)
        url = re.sub(r"\{[^}]*\}", lambda _: urllib.parse.quote(rng.choice(NAMES), safe=rng.choice(["", "/@:"])), path)
        if rng.random() < 0.5:
            k = rng.choice(list(QUERY))
            url += f"?{k}={urllib.parse.quote(rng.choice(QUERY[k]), safe='')}"
        if method == "DELETE" and "diabetes" in url:
            continue
        try:
            r = serving.request(method, url, None if method == "GET" else body_of(rng), headers={"Content-Type": "application/json"}, timeout=PATIENCE)
        except (BrokenPipeError, ConnectionResetError):
            continue  # refused before all was read
        # 501 is what MLflow's clients expect of a server without multipart uploads.
        assert r.status < 500 or r.status == 501, (method, url[:300], r)
        if r.status >= 400 and path.startswith("/api/v1"):
            assert 0 < len(r.json["message"]) < 1500, (method, url[:300], r)
    assert serving.post("/v1/models/diabetes:predict", {"instances": [serving.example]}).status == 200


def test_what_others_wrote_does_not_steer_the_terminal(serving):
    evil = "a\x1b]0;title\x07\x1b[2Jb\x9b31m\x7f"
    assert serving.request("PATCH", "/api/v1/models/diabetes", {"description": evil}).status == 200
    assert serving.request("PUT", "/api/v1/models/diabetes/tags/t", {"value": evil}).status == 200
    for args in (("model", "ls", "-o", "wide"), ("model", "show", "diabetes"), ("model", "show", "diabetes:1"), ("status",), ("audit", "log")):
        out = serving.cli.ok(*args).out
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", out), (args, out)
    assert "a?]0;title??[2Jb?31m?" in serving.cli.ok("model", "show", "diabetes").out


def test_a_server_that_hangs_is_named(serving):
    """A stopped server keeps its port and its lock: commands say whom they wait for, and go on when it does."""
    os.kill(serving.pid, signal.SIGSTOP)
    try:
        p = serving.cli.popen("model", "ls")
        line = p.stderr.readline().decode()
        assert serving.url in line and "Ctrl-C" in line and p.poll() is None, line
    finally:
        os.kill(serving.pid, signal.SIGCONT)
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == 0 and b"diabetes" in out, err


@pytest.mark.sanitize
def test_everybody_at_once(trained, server):
    """Eight clients move endpoints, others read, leave in mid-sentence or never read; no prediction fails."""
    trained.run("-p", "alpha=0.5")
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes:1")
    example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    host, port = s.url[len("http://"):].split(":")
    over, bad, done = threading.Event(), [], [0]

    def loop(what, seed):
        rng = random.Random(seed)
        while not over.is_set():
            try:
                what(rng)
            except Exception as e:
                bad.append(repr(e))

    def predict(rng):
        r = s.post("/v1/models/diabetes:predict", {"instances": [example]})
        done[0] += 1
        if r.status != 200:
            bad.append(r)

    def move(rng):
        v = {"version": rng.choice("12")}
        r = rng.choice([lambda: s.post("/api/v1/endpoints/diabetes:promote", v), lambda: s.post("/api/v1/endpoints/diabetes:rollback", {}),
                        lambda: s.request("PUT", "/api/v1/endpoints/diabetes", {"model": "diabetes", **v}),
                        lambda: s.request("PUT", f"/api/v1/endpoints/e{rng.randrange(3)}", {"model": "diabetes", **v}),
                        lambda: s.request("DELETE", f"/api/v1/endpoints/e{rng.randrange(3)}"),
                        lambda: s.request("PUT", "/api/v1/models/diabetes/aliases/a", v)])()
        if r.status not in (200, 201, 404, 409):
            bad.append(r)

    def read(rng):
        r = s.get(rng.choice(["/api/v1/status", "/api/v1/endpoints/diabetes", "/api/v1/view/home", "/metrics", "/api/v1/audit", "/readyz?verbose"]))
        if r.status != 200:
            bad.append(r)

    def leave(rng):
        with socket.create_connection((host, int(port)), PATIENCE) as c:
            c.sendall(rng.choice([b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                                  b"POST /v1/models/diabetes:predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{", b"garbage\r\n\r\n",
                                  b"GET /api/v1/view/home HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"]))

    deaf = []
    for _ in range(20):
        c = socket.create_connection((host, int(port)), PATIENCE)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        c.sendall(b"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        deaf.append(c)
    crowd = [threading.Thread(target=loop, args=(f, i)) for i, f in enumerate([predict] * 2 + [move] * 8 + [read, leave])]
    for t in crowd:
        t.start()
    time.sleep(3)
    over.set()
    for t in crowd:
        t.join(PATIENCE)
    for c in deaf:
        c.close()
    assert not bad, bad[:3]
    assert done[0] > 10
    e = s.get("/api/v1/endpoints/diabetes").json
    assert e["state"] == "ready" and e["serving_version"] == e["version"]
