# SPDX-License-Identifier: Apache-2.0
"""The artifact proxy by plain HTTP: streaming both ways, ranges, conditions, and paths that try to
leave the folder, in every encoding."""

import hashlib
import http.client
import os
import socket

import pytest

import mlflow_servers as servers

ROOT = "/api/2.0/mlflow-artifacts/artifacts"
HEAD = "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slipway")
    (folder / "secret.txt").write_text("secret")
    with servers.slipway(folder) as s:
        s.folder = folder
        yield s


def ask(server, method, path, body=None, headers=None):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request(method, path, body=body, headers=headers or {})
    r = c.getresponse()
    data = r.read()
    c.close()
    return r.status, dict((k.lower(), v) for k, v in r.getheaders()), data


def rss_mib(server):
    with open("/proc/%d/status" % server.process.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def test_a_large_file_streams_both_ways_in_constant_memory(home):
    size, block = 200 << 20, os.urandom(1 << 20)
    before = rss_mib(home)
    wanted = hashlib.sha256()

    def blocks():
        for _ in range(size >> 20):
            wanted.update(block)
            yield block

    assert ask(home, "PUT", ROOT + "/big.bin", blocks(), {"Content-Length": str(size)})[0] == 200
    c = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    c.request("GET", ROOT + "/big.bin")
    r = c.getresponse()
    assert r.getheader("Content-Length") == str(size)
    got = hashlib.sha256()
    while chunk := r.read(1 << 20):
        got.update(chunk)
    assert got.hexdigest() == wanted.hexdigest()
    if "SLIPWAY_SANITIZED" not in os.environ:
        assert rss_mib(home) - before < 16
    assert ask(home, "DELETE", ROOT + "/big.bin")[0] == 200


def test_ranges_and_conditions(home):
    assert ask(home, "PUT", ROOT + "/r/a.json", b"0123456789")[0] == 200
    status, headers, body = ask(home, "GET", ROOT + "/r/a.json")
    assert (status, body, headers["content-type"]) == (200, b"0123456789", "text/plain")
    assert headers["content-disposition"] == "attachment; filename=a.json"
    assert headers["accept-ranges"] == "bytes" and headers["x-content-type-options"] == "nosniff"
    etag = headers["etag"]
    for spec, want in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-3", b"789"), ("bytes=5-99", b"56789")):
        status, headers, body = ask(home, "GET", ROOT + "/r/a.json", headers={"Range": spec})
        assert (status, body) == (206, want), spec
    assert ask(home, "GET", ROOT + "/r/a.json", headers={"Range": "bytes=10-"})[0] == 416
    assert ask(home, "GET", ROOT + "/r/a.json", headers={"Range": "bytes=2-4", "If-Range": etag})[0] == 206
    assert ask(home, "GET", ROOT + "/r/a.json", headers={"Range": "bytes=2-4", "If-Range": '"other"'})[2] == b"0123456789"
    assert ask(home, "GET", ROOT + "/r/a.json", headers={"If-None-Match": etag})[0] == 304
    status, headers, body = ask(home, "HEAD", ROOT + "/r/a.json")
    assert (status, body, headers["content-length"]) == (200, b"", "10")
    ask(home, "PUT", ROOT + "/r/a.json", b"new content")
    assert ask(home, "GET", ROOT + "/r/a.json")[1]["etag"] != etag


def test_an_empty_upload_may_be_chunked(home):
    c = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
    c.putrequest("PUT", ROOT + "/chunked/empty")
    c.putheader("Transfer-Encoding", "chunked")
    c.endheaders()
    c.send(b"0\r\n\r\n")
    assert c.getresponse().status == 200
    assert ask(home, "GET", ROOT + "/chunked/empty")[2] == b""
    assert ask(home, "GET", ROOT + "?path=chunked")[2].count(b"file_size") == 0


def test_a_half_closed_upload_leaves_nothing(home):
    with socket.create_connection(("127.0.0.1", home.port)) as s:
        s.sendall((HEAD % (ROOT + "/half/file")).encode() + b"x" * 500)
        s.shutdown(socket.SHUT_WR)
        s.settimeout(10)
        try:
            s.recv(1000)
        except OSError:
            pass
    assert ask(home, "GET", ROOT + "/half/file")[0] == 404
    assert ask(home, "GET", ROOT + "?path=half")[2].strip() == b"{}"


ESCAPES = ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "%252e%252e%252fsecret.txt",
           "%25252e%25252e/secret.txt", "a/../../secret.txt", "a/%2e%2e/%2e%2e/secret.txt", "%2fetc/passwd", "/etc/passwd",
           "..%5csecret.txt", "..\\secret.txt", "%c0%ae%c0%ae/secret.txt", "a%00/../../secret.txt", "%2500", "a%23/../..",
           "file:%2f%2f%2fetc/passwd", "C:%5cx", "C:/x", ".slipway-uploads/x", "%2eslipway-uploads/x", "a%0a/../../secret.txt"]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_the_folder(home, path):
    for method, body in (("GET", None), ("PUT", b"overwritten"), ("DELETE", None)):
        with socket.create_connection(("127.0.0.1", home.port), timeout=10) as s:
            length = "Content-Length: %d\r\n" % len(body) if body else ""
            s.sendall(("%s %s/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n%s\r\n" % (method, ROOT, path, length)).encode()
                      + (body or b""))
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        status = int(answer.split()[1])
        assert 400 <= status < 500, (method, path, answer[:300])
        assert b"secret\n" not in answer and b"root:" not in answer
    assert (home.folder / "secret.txt").read_text() == "secret"


def test_listing_a_folder_outside_is_refused(home):
    for path in ("..", "..%2f..", "%252e%252e", "%2fetc"):
        status, _, body = ask(home, "GET", ROOT + "?path=" + path)
        assert status == 400 and b"Invalid path" in body


def test_uploads_are_whole_or_absent_after_a_kill(tmp_path):
    with servers.slipway(tmp_path) as s:
        ask(s, "PUT", ROOT + "/kept", b"kept")
        with socket.create_connection(("127.0.0.1", s.port)) as c:
            c.sendall((HEAD % (ROOT + "/torn")).encode() + b"x" * 999)
            s.process.kill()
            s.process.wait()
    with servers.slipway(tmp_path) as s:
        assert ask(s, "GET", ROOT + "/kept")[2] == b"kept"
        assert ask(s, "GET", ROOT + "/torn")[0] == 404
