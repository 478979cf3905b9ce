# SPDX-License-Identifier: Apache-2.0
"""Hostile clients of MLflow's routes, by the front door: sources that point elsewhere, paths in every encoding, bodies
and headers that are too large, too deep, ambiguous, cut or slow. Every answer is a 4xx in MLflow's form, nothing of this
machine leaks, and the server goes on."""
import gzip
import json
import os
import pathlib
import socket
import threading
import time
import urllib.parse

import pytest

from conftest import PATIENCE, Cli, Server

API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}
SECRET = "the content of a file that is nobody's business"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def server(home):
    s = Server(Cli(home), home / "data")
    yield s
    s.stop()


@pytest.fixture(scope="module")
def secret(home):
    path = home / "secret.txt"
    path.write_text(SECRET)
    return path


def call(server, method, path, body=None):
    return server.request(method, path, json.dumps(body) if body is not None else None, JSON, timeout=PATIENCE)


def refused(r, status=400, code="INVALID_PARAMETER_VALUE"):
    assert r.status == status, r
    assert r.json["error_code"] == code and 0 < len(r.json["message"]) < 5000, r
    return r.json["message"]


def no_leak(*replies):
    for r in replies:
        assert SECRET.encode() not in r.body and b"root:x:" not in r.body, r
        assert r.status < 500 or r.status == 501, r


@pytest.fixture(scope="module")
def model(server):
    assert call(server, "POST", f"{API}/registered-models/create", {"name": "m"}).status == 200
    run = call(server, "POST", f"{API}/runs/create", {"experiment_id": "0"}).json["run"]["info"]
    return run


def local_sources(secret):
    s = str(secret)
    return [s, f"file://{s}", f"file:{s}", f"file://localhost{s}", f"FILE://{s}", f"file:///{s}", "/etc/passwd", "file:///etc/passwd", "file:///",
            "/", "etc/passwd", "../../../etc/passwd", "./x", "~/x", "file:etc/passwd", "file://./etc", "file:///a/../../etc/passwd",
            "file:///%2e%2e/%2e%2e/etc", f"{s}?x", f"{s}#x", f"file://{s}#?x", "\\etc\\passwd", "C:\\x", "file:///C:/x", "",
            " ", f" {s}", f"\t{s}"]


REMOTE_TRICKS = [
    "http://h/../../etc/passwd", "https://h/a/%2e%2e/b", "http://h/a/%252e%252e/b", "http://h/a/..%2fb", "http://h/a/..\\b", "http://h/a/.%2e/b",
    "mlflow-artifacts:/../x", "mlflow-artifacts:/a/%2e%2e/%2e%2e/x", "mlflow-artifacts://h/../x", "mlflow-artifacts:../x", "s3://b/../x",
    "s3://b/%2e%2e/x", "dbfs:/../x", "ftp://h/../x", "http://h", "http:///..", "models:/../../x/1", "runs:/../x", "gs://b/a/./../c",
    "http://h/?a=../../x", "http://h/#/../../x", "s3://b/x;/../..", "mlflow-artifacts:/a/..;/b", "http://h/a/..%c0%af", "http://h/\u2025/\uff0e\uff0e/x",
]


@pytest.mark.sanitize
def test_local_sources_of_versions_are_refused(server, model, secret):
    for source in local_sources(secret):
        for more in ({}, {"run_id": model["run_id"]}, {"run_id": "0" * 32}, {"model_id": "m-" + "0" * 32}):
            r = call(server, "POST", f"{API}/model-versions/create", {"name": "m", "source": source, **more})
            no_leak(r)
            assert r.status in (400, 404), (source, more, r)
    versions = call(server, "GET", f"{API}/model-versions/search?filter=name='m'").json.get("model_versions", [])
    assert versions == []


@pytest.mark.sanitize
def test_remote_sources_never_make_this_server_read_or_call(server, model, secret):
    """A source may name a place of the client's world; this server neither opens nor calls it."""
    called = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    over = threading.Event()

    def listen():
        while not over.is_set():
            try:
                called.append(listener.accept())
            except TimeoutError:
                pass

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        for source in REMOTE_TRICKS + [f"http://127.0.0.1:{listener.getsockname()[1]}/x"]:
            r = call(server, "POST", f"{API}/model-versions/create", {"name": "m", "source": source})
            no_leak(r)
            assert r.status in (200, 400, 404), (source, r)
            if r.status != 200:
                continue
            v = r.json["model_version"]["version"]
            assert ".." not in urllib.parse.unquote(urllib.parse.unquote(source)).split("?")[0].split("#")[0].split("/"), source
            no_leak(call(server, "GET", f"{API}/model-versions/get-download-uri?name=m&version={v}"))
            for prefix in ("/model-versions/get-artifact", "/ajax-api/2.0/mlflow/model-versions/get-artifact"):
                for path in ("x", "../../../../etc/passwd", str(secret), "%2e%2e/secret.txt"):
                    no_leak(server.get(f"{prefix}?name=m&version={v}&path={urllib.parse.quote(path, safe='')}"))
    finally:
        over.set()
        thread.join(PATIENCE)
        listener.close()
    assert not called


@pytest.mark.sanitize
def test_locations_of_experiments(server, home, secret):
    """Clients may name a file: root, which they write themselves; only artifacts of runs in it are listed, none are served
    from outside, and tricks with fragments and parameters are refused."""
    n = 0
    for location in ["http://h/#/../../etc", "http://h/x?a=/../..", "mlflow-artifacts:/#/../..", "file:///x#/../..", "s3://b?../..", "/x?../..",
                     "file:///../..%23", "mlflow-artifacts:/../../etc", "mlflow-artifacts:/%2e%2e/%2e%2e/etc", f"file://{home}/root/../..",
                     f"{home}/root", "/etc", "file:///etc", "file:///proc/self"]:
        n += 1
        r = call(server, "POST", f"{API}/experiments/create", {"name": f"e{n}", "artifact_location": location})
        no_leak(r)
        if "#" in location or "?" in location:
            refused(r)
        if r.status != 200:
            continue
        run = call(server, "POST", f"{API}/runs/create", {"experiment_id": r.json["experiment_id"]}).json["run"]["info"]["run_id"]
        for path in ("", "..", "../../..", "../../../secret.txt", "/etc/passwd", "%2e%2e/%2e%2e", str(secret)):
            q = urllib.parse.quote(path, safe="")
            no_leak(server.get(f"{API}/artifacts/list?run_id={run}&path={q}"), server.get(f"/get-artifact?run_id={run}&path={q}"),
                    server.get(f"/get-artifact?run_uuid={run}&path={q}"))


ESCAPES = ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt", "..%5csecret.txt",
           "a/../../secret.txt", "a%2f..%2f..%2fsecret.txt", "%2fetc%2fpasswd", "/etc/passwd", "//etc/passwd", "....//secret.txt",
           "%c0%ae%c0%ae/secret.txt", "..%00/secret.txt", "..%u002fsecret.txt", ".%2e/secret.txt", "..;/secret.txt", "..%3b/secret.txt",
           "%ef%bc%8e%ef%bc%8e/secret.txt", "~root/x", "file:%2f%2f%2fetc%2fpasswd", "..%09/secret.txt", "%2e%2e%2f" * 20 + "etc/passwd"]


@pytest.mark.sanitize
@pytest.mark.parametrize("escape", ESCAPES, ids=range(len(ESCAPES)))
def test_no_path_of_the_proxy_leaves_its_folder(server, home, secret, model, escape):
    art = "/api/2.0/mlflow-artifacts/artifacts"
    (home / "data" / "secret.txt").write_text(SECRET)
    before = {p for p in home.rglob("*") if "slipway.db" not in p.name and "server-" not in p.name and "/data/artifacts/" not in str(p) and "/data/blobs" not in str(p)}
    replies = [server.get(f"{art}/{escape}"), server.get(f"{art}?path={escape}"), server.request("DELETE", f"{art}/{escape}"),
               server.request("PUT", f"{art}/{escape}", b"mine"),
               server.request("PUT", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{escape}", b"mine")]
    for verb in ("create", "complete", "abort"):
        replies.append(call(server, "POST", f"/api/2.0/mlflow-artifacts/mpu/{verb}/{escape}",
                            {"path": urllib.parse.unquote(escape), "num_parts": 1, "upload_id": urllib.parse.unquote(escape), "parts": []}))
    replies += [server.get(f"/api/2.0/mlflow-artifacts/presigned/{escape}"),
                server.request("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={model['run_id']}&path={escape}", b"mine"),
                server.get(f"{API}/artifacts/list?run_id={model['run_id']}&path={escape}"),
                server.get(f"/get-artifact?run_id={model['run_id']}&path={escape}")]
    no_leak(*replies)
    assert secret.read_text() == SECRET and (home / "data" / "secret.txt").read_text() == SECRET
    after = {p for p in home.rglob("*") if "slipway.db" not in p.name and "server-" not in p.name and "/data/artifacts/" not in str(p) and "/data/blobs" not in str(p)}
    assert {p for p in after - before if p.name not in ("artifacts", "tmp") and "monitor" not in p.parts} == set()


DEEP = 10000
BODIES = [
    (b"[" * DEEP, "deep"), (b'{"name":' + b"[" * DEEP + b"]" * DEEP + b"}", "deep"), (b'{"a":' * DEEP + b"1" + b"}" * DEEP, "deep"),
    (b'{"name": "\xff\xfe"}', "utf-8"), (b'{"name": "\xc0\xaf"}', "utf-8"), (b'{"name": "\xed\xa0\x80"}', "utf-8"), (b"\xff" * 100, "utf-8"),
    (b'{"name": "a\x00b"}', "nul"), (b'{"name": "a\\u0000b"}', "nul"), (b'{"name": "\\ud800"}', "surrogate"),
    (b'{"name": "dup1", "name": "dup2"}', "twice"), (b'{"name": "x", "tags": [{"key": "a", "key": "b", "value": "c"}]}', "twice"),
    (b'{"name": 1e999}', "number"), (b'{"name": ' + b"9" * 100000 + b"}", "number"), (b"", "empty"), (b"null", "null"), (b'"{}"', "string"),
    (b'{"name": "x"', "cut"), (b"{\xef\xbb\xbf}", "bom"), (b"\xef\xbb\xbf{}", "bom"), (b"{}" * 10, "more"), (b"{'name': 'x'}", "quotes"),
]


@pytest.mark.sanitize
@pytest.mark.parametrize("route", ["experiments/create", "runs/create", "runs/log-batch", "runs/search", "runs/log-metric", "registered-models/create",
                                   "model-versions/create", "logged-models", "logged-models/search", "webhooks", "runs/log-inputs"])
def test_bodies_that_are_no_message(server, route):
    for body, kind in BODIES:
        r = server.request("POST", f"{API}/{route}", body, JSON)
        assert r.status in (200, 400, 404), (kind, body[:60], r)  # 200: a message without what may be absent
        if r.status != 200:
            assert r.json["error_code"] and len(r.json["message"]) < 5000, (kind, r)
        r = server.request("POST", f"{API}/{route}", b"{}", {"Content-Type": "text/plain"})
        assert refused(r).startswith("Bad Request. Content-Type"), r


@pytest.mark.sanitize
def test_what_is_kept_of_a_doubled_key_is_one_of_both(server):
    """Never half of each: what a check saw is what is stored."""
    r = server.request("POST", f"{API}/registered-models/create", b'{"name": "first-of-two", "name": "second-of-two"}', JSON)
    if r.status == 200:
        name = r.json["registered_model"]["name"]
        assert name in ("first-of-two", "second-of-two")
        assert call(server, "GET", f"{API}/registered-models/get?name={name}").json["registered_model"]["name"] == name


def raw(server, data, timeout=PATIENCE):
    """Sends bytes, reads to the end."""
    host, port = server.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), timeout) as c:
        try:
            c.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        out = b""
        try:
            while block := c.recv(65536):
                out += block
        except ConnectionResetError:
            pass
        return out


def head(server, path, *more, method="POST"):
    host = server.url[len("http://"):]
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *more, "", ""]).encode()


def answer(data):
    top, _, body = data.partition(b"\r\n\r\n")
    return int(top.split()[1]), top.lower(), body


@pytest.mark.sanitize
def test_bodies_that_are_too_large(server):
    route = f"{API}/runs/log-batch"
    for more in (["Content-Length: 99999999999"], ["Content-Length: 99999999999", "Expect: 100-continue"]):
        status, top, body = answer(raw(server, head(server, route, *more)))
        assert status == 413 and json.loads(body)["error_code"], (status, body)
    status, top, body = answer(raw(server, head(server, route, "Content-Length: 99999999999999999999999")))
    assert status in (400, 413) and json.loads(body), body
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    status, top, body = answer(raw(server, head(server, route, "Transfer-Encoding: chunked", "Connection: close") + chunk * 20 + b"0\r\n\r\n"))
    assert status == 413 and json.loads(body)["error_code"], body
    bomb = gzip.compress(b" " * (64 << 20))
    status, top, body = answer(raw(server, head(server, route, f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", "Connection: close") + bomb))
    assert status == 413 and json.loads(body)["error_code"], body
    assert call(server, "POST", route, {}).status == 400


@pytest.mark.sanitize
def test_headers_that_are_too_large(server):
    path = f"{API}/experiments/search"
    for lines, want in ((["X-Long: " + "y" * 40000], 431), (["X-Long: " + "y" * 400000], 431), ([f"X-{n}: y" for n in range(150)], 431),
                        (["Cookie: " + "a=b; " * 20000], 431), (["x" * 50000 + ": y"], 431)):
        status, top, body = answer(raw(server, head(server, path, *lines, "Content-Length: 0", "Connection: close")))
        assert status == want and b"application/json" in top and json.loads(body), (lines[0][:20], status, body[:200])
    for target, want in ((path + "?filter=" + "y" * 33000, (414, 431)), (path + "?filter=" + "y" * 90000, (414, 431)), ("/" + "a/" * 40000, (414, 431)),
                         (path + "?" + "a=b&" * 1500, (400, 414))):
        status, top, body = answer(raw(server, head(server, target, "Content-Length: 0", "Connection: close")))
        assert status in (want if isinstance(want, tuple) else (want,)) and b"<html" not in body, (target[:50], status, body[:200])
    assert server.is_up()


CHUNKS = [
    (b"3;" + b"e" * 100000 + b"\r\n{ }\r\n0\r\n\r\n", 400), (b"zz\r\n{}\r\n0\r\n\r\n", 400), (b"2\r\n{}{}\r\n0\r\n\r\n", 400), (b"-2\r\n{}\r\n0\r\n\r\n", 400),
    (b"0x2\r\n{}\r\n0\r\n\r\n", 400), (b"ffffffffffffffffffff\r\n{}", 413), (b" 2\r\n{}\r\n0\r\n\r\n", 400), (b"\r\n\r\n", 400),
    (b"2;a=b\r\n{}\r\n0;x\r\n\r\n", 200), (b"00000002\r\n{}\r\n0\r\n\r\n", 200), (b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200),
    (b"2\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n", 200), (b"2\n{}\n0\n\n", (200, 400)), (b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 20000 + b"\r\n", (200, 400, 431)),
]


@pytest.mark.sanitize
@pytest.mark.parametrize("chunks, want", CHUNKS, ids=range(len(CHUNKS)))
def test_odd_chunks(server, chunks, want):
    path = f"{API}/runs/search"
    status, top, body = answer(raw(server, head(server, path, "Transfer-Encoding: chunked", "Connection: close") + chunks))
    assert status in (want if isinstance(want, tuple) else (want,)), (status, body[:300])
    assert b"application/json" in top and (status == 200 or json.loads(body)), body[:300]
    assert server.is_up()


@pytest.mark.parametrize("request_bytes", [
    b"GET / HTTP/1.1\r\n\r\n", b"GET /health\r\n\r\n", b"\r\n\r\n\r\n", b"GET  /health  HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    b"GET http://evil/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /health HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n", b"G\x00T / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n folded: x\r\n\r\n", b"GET /health HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nno colon here\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], ids=range(13))
def test_requests_that_are_none(server, request_bytes):
    host, port = server.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as c:
        c.sendall(request_bytes)
        c.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while block := c.recv(65536):
                out += block
        except ConnectionResetError:
            pass
    if out:
        status, top, body = answer(out)
        assert status < 500 or status in (501, 505), out[:300]
        assert b"<html" not in out, out[:300]
    assert server.is_up()


@pytest.mark.sanitize
def test_slow_clients_are_cut_off_and_nobody_waits_for_them(server):
    """Headers and bodies have deadlines of seconds; who misses them loses the connection, and others are served meanwhile."""
    host, port = server.url[len("http://"):].split(":")
    slow = []
    for start in (b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: 127", head(server, f"{API}/runs/create", "Content-Length: 1000") + b"{",
                  head(server, f"{API}/runs/create", "Transfer-Encoding: chunked") + b"5\r\n{",
                  head(server, "/api/2.0/mlflow-artifacts/artifacts/slow.bin", "Content-Length: 100000", method="PUT") + b"x" * 10):
        for _ in range(12):
            c = socket.create_connection((host, int(port)), PATIENCE)
            c.sendall(start)
            slow.append(c)
    for n in range(20):
        assert call(server, "POST", f"{API}/experiments/search", {"max_results": 10}).status == 200
    for c in slow:
        c.settimeout(PATIENCE)
        try:
            while c.recv(65536):
                pass
        except ConnectionResetError:
            pass
        c.close()
    assert server.get("/api/2.0/mlflow-artifacts/artifacts/slow.bin").status == 404  # what was not whole is not there
    assert server.is_up()


def test_half_closed_requests_change_nothing(server):
    host, port = server.url[len("http://"):].split(":")
    body = json.dumps({"name": "half"}).encode()
    for cut in range(0, len(body), 3):
        with socket.create_connection((host, int(port)), PATIENCE) as c:
            c.sendall(head(server, f"{API}/registered-models/create", f"Content-Length: {len(body)}") + body[:cut])
            c.shutdown(socket.SHUT_WR)
            try:
                while c.recv(65536):
                    pass
            except ConnectionResetError:
                pass
    assert call(server, "GET", f"{API}/registered-models/get?name=half").status == 404


def test_descriptors_do_not_leak(server):
    def count():
        return len(os.listdir(f"/proc/{server.pid}/fd"))
    assert pathlib.Path(f"/proc/{server.pid}").exists()
    deadline = time.monotonic() + PATIENCE
    while count() > 100 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert count() <= 100
