# SPDX-License-Identifier: Apache-2.0
"""Artifacts through the front door when things go wrong: paths that leave, links that lead out, a full disk, peers that
vanish, and folders that clients write themselves (file:)."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.parse

import pytest

import mlflow_servers as servers
from test_artifact_tree import blobs, listing, start_run
from test_artifacts import HEAD, ROOT, ask, home  # noqa: F401

JSON = {"Content-Type": "application/json"}
# What the other file does not try: parameters of a path, dots that are none in ASCII, halves of escapes, deep ones.
ESCAPES = ["..;/secret.txt", "a/..;/..;/secret.txt", ";/../secret.txt", "%2e%2e;/secret.txt", "a/..%3b/secret.txt", "..%00/secret.txt",
           "%ef%bc%8e%ef%bc%8e/secret.txt", "%e2%80%a5/secret.txt", "%e0%80%ae%e0%80%ae/secret.txt", "%u002e%u002e/secret.txt",
           "%%32%65%%32%65/secret.txt", "%252525252e%252525252e/secret.txt", "....//....//secret.txt", "..%c0%af..%c0%afsecret.txt",
           "..%5c..%5csecret.txt", "%5c%5chost%5cshare", "~/secret.txt", "/%2e%2e/%2e%2e/secret.txt", "%2f%2e%2e%2fsecret.txt",
           "a/" * 40 + "../" * 44 + "secret.txt", "file%3a%2f%2f%2fetc/passwd", "%09../secret.txt", "..%0d%0a/secret.txt"]


def raw(server, method, target, body=b""):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
        s.sendall(("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (method, target, len(body))).encode() + body)
        answer = b""
        while chunk := s.recv(65536):
            answer += chunk
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_leaves_the_tree(home, path):  # noqa: F811
    run = start_run(home)["run_id"]
    query = path.replace("&", "%26").replace(";", "%3b")
    for target in (ROOT + "/" + path, ROOT + "/0/" + run + "/artifacts/" + path, ROOT + "?path=" + query, "/get-artifact?run_id=%s&path=%s" % (run, query),
                   "/api/2.0/mlflow/artifacts/list?run_id=%s&path=%s" % (run, query)):
        status, body = raw(home, "GET", target)
        assert status in (200, 400, 404), (target, status)
        assert b"secret\n" not in body and b"root:" not in body and (status != 200 or b'"files"' not in body), target
    assert raw(home, "PUT", ROOT + "/" + path, b"overwritten")[0] in (200, 400, 404)
    assert raw(home, "DELETE", ROOT + "/" + path)[0] in (200, 400, 404)
    assert (home.folder / "secret.txt").read_text() == "secret"
    assert sorted(p.name for p in home.folder.iterdir()) == ["data", "secret.txt", "server.log"]


def torn(server, name, head, body, wait=0.0):
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(head.encode() + body)
        time.sleep(wait)
    for _ in range(100):
        if ask(server, "GET", ROOT + "/" + name)[0] == 404:
            break
        time.sleep(0.05)
    assert ask(server, "GET", ROOT + "/" + name)[0] == 404 and listing(server, "torn") == {}


def test_uploads_that_end_early_leave_nothing(home):  # noqa: F811
    chunked = "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    torn(home, "torn/a", HEAD % (ROOT + "/torn/a"), b"x" * 999)
    torn(home, "torn/b", chunked % (ROOT + "/torn/b"), b"1000\r\n" + b"x" * 4096 + b"\r\n")
    torn(home, "torn/c", chunked % (ROOT + "/torn/c"), b"ffffffffffffffffff\r\nx")
    big = "PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n\r\n"
    torn(home, "torn/d", big % (ROOT + "/torn/d"), b"x" * 3000000, 0.2)
    assert not list((home.folder / "data/blobs/tmp").iterdir())


def test_a_slow_upload_is_cut_and_costs_nobody_else(home):  # noqa: F811
    with socket.create_connection(("127.0.0.1", home.port)) as s:
        s.sendall((HEAD % (ROOT + "/slow/file")).encode() + b"x" * 10)
        start, ended = time.monotonic(), False
        s.settimeout(1)
        while time.monotonic() - start < 30 and not ended:
            assert ask(home, "GET", "/health")[0] == 200
            try:
                s.sendall(b"x")
                ended = s.recv(1000) == b""
            except socket.timeout:
                continue
            except OSError:
                ended = True
        assert ended
    assert ask(home, "GET", ROOT + "/slow/file")[0] == 404


def test_a_kill_in_mid_upload_leaves_no_temporary_file(tmp_path):
    with servers.slipway(tmp_path) as s:
        with socket.create_connection(("127.0.0.1", s.port)) as c:
            c.sendall(("PUT %s/torn HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n" % ROOT).encode() + b"x" * 5000000)
            s.process.kill()
            s.process.wait()
    with servers.slipway(tmp_path) as s:
        assert ask(s, "GET", ROOT + "/torn")[0] == 404 and listing(s, "") == {}
    assert not list((tmp_path / "data/blobs/tmp").iterdir()) and not blobs(tmp_path / "data/blobs")


def small_disk(tmp_path, megabytes):
    """A server on a disk of its own, in a namespace of its own; None where that is not allowed."""
    binary = os.environ.get("SLIPWAY_BIN", str(servers.ROOT / "build" / "slipway"))
    port = servers.free_port()
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=%dm none "$1" && exec "$2" server --data "$1/data" --listen 127.0.0.1:%d --serve off' % (megabytes, port)
    argv = ["unshare", "-rm", "sh", "-c", script, "sh", str(disk), binary]
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "none", str(disk)], capture_output=True).returncode:
        return None
    return servers.Server(argv, port, tmp_path, 30)


def test_a_full_disk_is_507_and_nothing_is_visible(tmp_path):
    server = small_disk(tmp_path, 24)
    if not server:
        pytest.skip("no namespaces here")
    with server as s:
        start_run(s)
        assert ask(s, "PUT", ROOT + "/before", b"b" * 1000)[0] == 200
        for i in range(3):  # the space comes back each time
            status, _, body = ask(s, "PUT", ROOT + "/huge", bytes([i]) * (40 << 20))
            assert status == 507 and json.loads(body)["error_code"], body
            assert ask(s, "GET", ROOT + "/huge")[0] == 404
        assert listing(s, "") == {"before": 1000}
        assert ask(s, "PUT", ROOT + "/after", b"a" * (4 << 20))[0] == 200
        up = ask(s, "POST", "/api/2.0/mlflow-artifacts/mpu/create/x", json.dumps({"path": "parts", "num_parts": 2}), JSON)
        up = json.loads(up[2])
        parts = []
        for c in up["credentials"]:  # the parts fit, the whole does not
            u = urllib.parse.urlsplit(c["url"])
            status, headers, body = ask(s, "PUT", u.path + "?" + u.query, os.urandom(4 << 20))
            assert status == 200, body
            parts.append({"part_number": c["part_number"], "etag": headers["etag"]})
        assert ask(s, "PUT", ROOT + "/fill", os.urandom(6 << 20))[0] == 200
        done = json.dumps({"path": "parts", "upload_id": up["upload_id"], "parts": parts})
        status, _, body = ask(s, "POST", "/api/2.0/mlflow-artifacts/mpu/complete/x", done, JSON)
        assert status == 507, body
        assert ask(s, "GET", ROOT + "/x/parts")[0] == 404
        assert ask(s, "GET", ROOT + "/after")[2] == b"a" * (4 << 20)


# ---- folders that clients write themselves ----


def post(server, path, body, status=200):
    got, _, text = ask(server, "POST", "/api/2.0/mlflow/" + path, json.dumps(body), JSON)
    assert got == status, text
    return json.loads(text)


def get(server, target, **query):
    return ask(server, "GET", target + "?" + urllib.parse.urlencode(query))


@pytest.fixture
def own(tmp_path):
    """A run whose client writes below a folder that the server may read."""
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    allowed.mkdir()
    other.mkdir()
    (other / "secret").write_text("secret")
    with servers.slipway(tmp_path, "--file-root", str(allowed)) as s:
        s.folder = tmp_path
        s.experiment = post(s, "experiments/create", {"name": "own", "artifact_location": "file://%s/exp" % allowed})["experiment_id"]
        s.run = post(s, "runs/create", {"experiment_id": s.experiment})["run"]["info"]
        s.place = allowed / "exp" / s.run["run_id"] / "artifacts"
        (s.place / "plots").mkdir(parents=True)
        (s.place / "a b.txt").write_text("hello")
        (s.place / "plots/p.html").write_text("<script>1</script>")
        yield s


def test_files_of_clients_are_listed_and_shown_in_place(own):
    run = own.run["run_id"]
    status, _, body = get(own, "/api/2.0/mlflow/artifacts/list", run_id=run)
    assert status == 200 and json.loads(body) == {"root_uri": own.run["artifact_uri"], "files": [
        {"path": "a b.txt", "is_dir": False, "file_size": 5}, {"path": "plots", "is_dir": True}]}
    assert json.loads(get(own, "/api/2.0/mlflow/artifacts/list", run_id=run, path="plots")[2])["files"][0]["path"] == "plots/p.html"
    status, headers, body = get(own, "/get-artifact", run_id=run, path="a b.txt")
    assert (status, body) == (200, b"hello") and headers["content-disposition"] == 'attachment; filename="a b.txt"'
    status, headers, _ = get(own, "/get-artifact", run_id=run, path="plots/p.html", inline=1)
    assert status == 200 and "sandbox" in headers["content-security-policy"]
    status, headers, body = ask(own, "GET", "/get-artifact?run_id=%s&path=a%%20b.txt" % run, headers={"Range": "bytes=1-2"})
    assert (status, body) == (206, b"el")
    upload = "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=%s&path=" % run
    status, _, body = ask(own, "POST", upload + "plots/x", b"x")
    assert status == 403 and b"--file-root-writable" in body and not (own.place / "plots/x").exists()


def test_links_do_not_lead_out_of_the_root(own):
    run, other = own.run["run_id"], own.folder / "other"
    (own.place / "link").symlink_to(other / "secret")
    (own.place / "up").symlink_to("../../../../other")
    (own.place / "proc").symlink_to("/proc/self/root/etc")
    (own.place / "loop").symlink_to("loop")
    (own.place / "inside").symlink_to("a b.txt")
    os.mkfifo(own.place / "pipe")
    found = [f["path"] for f in json.loads(get(own, "/api/2.0/mlflow/artifacts/list", run_id=run)[2])["files"]]
    assert found == ["a b.txt", "inside", "plots"]
    for path in ("link", "up/secret", "proc/passwd", "loop", "pipe", "../../../../other/secret", "up"):
        assert get(own, "/get-artifact", run_id=run, path=path)[0] in (400, 404), path
    assert get(own, "/get-artifact", run_id=run, path="inside")[2] == b"hello"
    assert get(own, "/api/2.0/mlflow/artifacts/list", run_id=run, path="up")[0] in (200, 403, 404)
    assert b"secret" not in get(own, "/api/2.0/mlflow/artifacts/list", run_id=run, path="up")[2].replace(b"/secret", b"")


@pytest.mark.parametrize("place", ["file:///etc", "file:///", "/etc", "file://localhost/etc", "%(other)s", "file:%(allowed)s/../other",
                                   "file://%(allowed)s%%2f..%%2fother", "%(allowed)s-beside", "file://%(allowed)s/out"])
def test_folders_that_nobody_allowed_are_not_read(own, place):
    allowed, other = own.folder / "allowed", own.folder / "other"
    (allowed / "out").symlink_to(other)
    (own.folder / "allowed-beside").mkdir()
    (own.folder / "allowed-beside/secret").write_text("secret")
    location = place % {"allowed": allowed, "other": other}
    status, _, text = ask(own, "POST", "/api/2.0/mlflow/experiments/create", json.dumps({"name": "x", "artifact_location": location}), JSON)
    if status == 400:
        return
    run = post(own, "runs/create", {"experiment_id": json.loads(text)["experiment_id"]})["run"]["info"]
    real = other / run["run_id"] / "artifacts"
    real.mkdir(parents=True)
    (real / "secret").write_text("secret")
    for path in ("passwd", "secret", "../../secret"):
        status, _, body = get(own, "/get-artifact", run_id=run["run_id"], path=path)
        assert status in (400, 403, 404) and b"root:" not in body and body != b"secret", path
    status, _, body = get(own, "/api/2.0/mlflow/artifacts/list", run_id=run["run_id"])
    assert status in (200, 403) and b'"files"' not in body


def test_a_version_keeps_what_was_registered(own):
    """Hashed and copied: what the client does to its folder afterwards changes no version."""
    model = own.place / "model"
    (model / "data").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}")
    (model / "data/weights.bin").write_bytes(b"w" * 300000)
    post(own, "registered-models/create", {"name": "m"})
    body = {"name": "m", "source": own.run["artifact_uri"] + "/model", "run_id": own.run["run_id"]}
    version = post(own, "model-versions/create", body)["model_version"]
    assert version["source"] == body["source"]
    (model / "data/weights.bin").write_bytes(b"other")
    uri = json.loads(get(own, "/api/2.0/mlflow/model-versions/get-download-uri", name="m", version=1)[2])["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/versions/")
    folder = uri.partition(":/")[2]
    assert listing(own, folder) == {"MLmodel": 11, "data": None}
    assert ask(own, "GET", ROOT + "/" + folder + "/data/weights.bin")[2] == b"w" * 300000
    assert get(own, "/model-versions/get-artifact", name="m", version=1, path="data/weights.bin")[2] == b"w" * 300000
    (model / "out").symlink_to(own.folder / "other/secret")
    assert "leads out" in post(own, "model-versions/create", body, 403)["message"]
    post(own, "model-versions/create", dict(body, source="file:///etc"), 400)
    assert get(own, "/api/2.0/mlflow/model-versions/get", name="m", version=2)[0] == 404  # nothing half made
    status, _, text = ask(own, "DELETE", "/api/2.0/mlflow/registered-models/delete", json.dumps({"name": "m"}), JSON)
    assert status == 200, text
    assert ask(own, "GET", ROOT + "/" + folder + "/MLmodel")[0] == 200  # the trash gives it back whole
    status, _, text = ask(own, "POST", "/api/v1/models/m:purge", json.dumps({"confirm": "m"}), JSON)
    assert status == 200, text
    assert ask(own, "GET", ROOT + "/" + folder + "/MLmodel")[0] == 404
