# SPDX-License-Identifier: Apache-2.0
"""Predictions through the front door: every form, versions that change under load, events as they
happen, and what raw sockets may send."""
import gzip
import http.client
import json
import re
import socket
import threading
import urllib.parse

import pytest

from conftest import PATIENCE, until

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


@pytest.fixture
def serving(trained, server):
    """A server with both listeners on the trained project; endpoint "diabetes" answers."""
    trained.cli.ok("deploy", "diabetes")
    s = server(trained.data, serve="127.0.0.1:0", cli=trained.cli)
    until("the endpoint", lambda: s.get("/v1/models/diabetes").status == 200)
    s.project = trained
    s.row = s.get("/api/v1/endpoints/diabetes").json["input_example"]
    return s


def predict(s, path, body, **kw):
    r = s.post(path, body, **kw)
    assert r.status == 200, r
    assert UUID7.match(r.headers["prediction_id"]), r.headers
    return r.json


@pytest.mark.sanitize
def test_all_forms_agree_on_both_listeners(serving):
    s, row = serving, serving.row
    values = [row[c["name"]] for c in s.get("/api/v1/endpoints/diabetes").json["signature"]["inputs"]]
    split = {"columns": list(row), "data": [list(row.values())]}
    want = predict(s, "/v1/models/diabetes:predict", {"instances": [row]})["predictions"]
    assert len(want) == 1 and 0 < want[0] < 400
    for url in (s.url, s.predict_url):
        for path, body in [
            ("/v1/models/diabetes:predict", {"instances": [values]}),
            ("/v1/models/diabetes/versions/1:predict", {"instances": [row], "signature_name": "serving_default"}),
            ("/endpoints/diabetes/invocations", {"dataframe_split": split}),
            ("/endpoints/diabetes/invocations", {"dataframe_records": [dict(row, extra="dropped")]}),
            ("/endpoints/diabetes/invocations", {"instances": [row]}),
            ("/endpoints/diabetes/invocations", {"inputs": {k: [v] for k, v in row.items()}}),
            ("/invocations", {"instances": [row]}),
        ]:
            assert predict(s, path, body, url=url)["predictions"] == want, path
        columns = predict(s, "/v1/models/diabetes:predict", {"inputs": {k: [v, v] for k, v in row.items()}}, url=url)
        assert columns == {"outputs": want * 2}
    assert predict(s, "/api/v1/endpoints/diabetes:predict", {"instances": [row]})["predictions"] == want
    assert predict_nothing(s)


def predict_nothing(s):
    r = s.post("/v1/models/diabetes:predict", {})
    return r.status == 400 and r.json == {"error": "Missing 'inputs' or 'instances' key"}


def test_compressed_and_chunked_bodies(serving):
    s, body = serving, json.dumps({"instances": [serving.row]}).encode()
    want = predict(s, "/v1/models/diabetes:predict", body)
    packed = gzip.compress(body)
    assert predict(s, "/v1/models/diabetes:predict", packed, headers={"Content-Encoding": "gzip"}) == want
    u = urllib.parse.urlsplit(s.predict_url)
    c = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE)
    c.request("POST", "/v1/models/diabetes:predict", iter([body[:10], body[10:]]), encode_chunked=True,
              headers={"Transfer-Encoding": "chunked"})
    assert json.loads(c.getresponse().read()) == want
    bomb = gzip.compress(b" " * (80 << 20))
    assert s.post("/v1/models/diabetes:predict", bomb, headers={"Content-Encoding": "gzip"}).status == 413
    assert s.post("/v1/models/diabetes:predict", body, headers={"Content-Encoding": "br"}).status == 415


def test_scoring_content_types(serving):
    body = json.dumps({"instances": [serving.row]}).encode()
    for kind, status in [("application/json", 200), ("application/json; charset=utf-8", 200), ("application/json; charset=latin1", 415),
                         ("text/csv", 415), ("application/json; x=y", 415)]:
        r = serving.post("/endpoints/diabetes/invocations", body, headers={"Content-Type": kind})
        assert r.status == status, (kind, r)
    assert serving.get("/ping").body == b"\n"


@pytest.mark.sanitize
def test_no_answer_fails_while_versions_change(serving):
    s = serving
    s.project.run("-p", "alpha=0.3")
    stop, failures, seen = threading.Event(), [], set()

    def client(url):
        u = urllib.parse.urlsplit(url)
        c = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE)
        body = json.dumps({"instances": [s.row]})
        while not stop.is_set():
            try:
                c.request("POST", "/v1/models/diabetes:predict", body)
                r = c.getresponse()
                text = r.read()
                if r.status != 200:
                    failures.append(text)
                else:
                    seen.add(json.loads(text)["predictions"][0])
            except Exception as e:  # noqa: BLE001: whatever it is, the client saw it
                failures.append(repr(e))
                return

    threads = [threading.Thread(target=client, args=(u,)) for u in (s.url, s.predict_url, s.predict_url)]
    for t in threads:
        t.start()
    try:
        for _ in range(5):
            for move, version in (("promote", "2"), ("rollback", "1")):
                r = s.post(f"/api/v1/endpoints/diabetes:{move}", {})
                assert r.status == 200, r
                until(f"version {version}", lambda: s.get("/api/v1/endpoints/diabetes").json["serving_version"] == version)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not failures, failures[:3]
    assert len(seen) == 2
    traffic = {t["version"]: t for t in s.get("/api/v1/endpoints/diabetes").json["traffic"]}
    assert set(traffic) == {"1", "2"} and all(t["errors"] == 0 and t["requests"] > 0 for t in traffic.values())
    text = s.get("/metrics").text
    assert re.search(r'slipway_endpoint_requests_total\{endpoint="diabetes",model="diabetes",version="2"\} [1-9]', text)


class Events:
    """Reads /api/v1/events in a thread."""

    def __init__(self, s, path="/api/v1/events", headers=None):
        u = urllib.parse.urlsplit(s.url)
        self.c = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE)
        self.c.request("GET", path, headers=headers or {})
        self.r = self.c.getresponse()
        assert self.r.status == 200 and self.r.getheader("content-type") == "text/event-stream"

    def next(self):
        event = {}
        while True:
            line = self.r.readline().decode().rstrip("\n")
            if line == "" and "data" in event:
                return int(event["id"]), event["event"], json.loads(event["data"])
            if ": " in line and not line.startswith(":"):
                key, value = line.split(": ", 1)
                event[key] = value


@pytest.mark.sanitize
def test_events_as_they_happen(serving):
    s = serving
    live, old = Events(s), Events(s, "/api/v1/events?after=0")
    assert old.next()[0] == 1
    s.request("PUT", "/api/v1/endpoints/second", {"model": "diabetes", "reason": "to see it"})
    seq, kind, data = live.next()
    while kind != "endpoint.created":
        seq, kind, data = live.next()
    assert data["subject"] == "endpoint/second" and data["reason"] == "to see it" and data["after"]["version"] == "1"
    again = Events(s, headers={"Last-Event-ID": str(seq - 1)})
    assert again.next()[0] == seq
    assert s.get("/api/v1/events?after=x").status == 400


def talk(s, data):
    u = urllib.parse.urlsplit(s.url)
    with socket.create_connection((u.hostname, u.port), PATIENCE) as c:
        c.sendall(data)
        got = b""
        while True:
            piece = c.recv(65536)
            if not piece:
                return got.decode("latin1")
            got += piece


@pytest.mark.parametrize("head, status", [
    ("POST {p} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    ("POST {p} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "400"),
    ("POST {p} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n", "400"),
    ("GET /%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400"),
    ("GET /" + "x" * 26000 + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "414"),
    ("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + "y" * 33000 + "\r\nConnection: close\r\n\r\n", "431"),
    ("GET / HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"X{i}: 1\r\n" for i in range(120)) + "Connection: close\r\n\r\n", "431"),
    ("POST {p} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\nExpect: 100-continue\r\n\r\n", "413"),
])
def test_raw_requests(serving, head, status):
    answer = talk(serving, head.replace("{p}", "/v1/models/diabetes:predict").encode())
    assert answer.split(" ")[1] == status, answer[:300]
    assert "HTTP/1.1 200" not in answer
    assert serving.is_up()
