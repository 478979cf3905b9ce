# SPDX-License-Identifier: Apache-2.0
"""The tree of names above the blobs, by plain HTTP: equal bytes are stored once, names change in one step, what
nothing names is collected, plain files of an earlier version stay, another disk takes the bytes."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import time

import pytest

import mlflow_servers as servers
from test_artifacts import ROOT, ask

OLD = time.time() - 7200


def blobs(folder):
    return {p.name: p for p in (folder / "sha256").rglob("*") if p.is_file()}


def listing(server, path):
    status, _, body = ask(server, "GET", ROOT + "?path=" + path)
    assert status == 200
    return {f["path"]: f.get("file_size", 0) if not f["is_dir"] else None for f in json.loads(body).get("files", [])}


def collect(server):
    status, _, body = ask(server, "POST", "/api/v1/gc", json.dumps({"remove": True}), {"Content-Type": "application/json"})
    assert status == 200, body
    return json.loads(body)


def start_run(server):
    status, _, body = ask(server, "POST", "/api/2.0/mlflow/runs/create", json.dumps({"experiment_id": "0"}),
                          {"Content-Type": "application/json"})
    assert status == 200
    return json.loads(body)["run"]["info"]


@pytest.fixture
def home(tmp_path):
    with servers.slipway(tmp_path) as s:
        start_run(s)  # a database that knows no run collects nothing
        s.folder = tmp_path
        yield s


def test_equal_bytes_are_stored_once_and_collected_when_nothing_names_them(home):
    data = os.urandom(300000)
    digest = hashlib.sha256(data).hexdigest()
    for name in ("a/one", "a/two", "b/three"):
        assert ask(home, "PUT", "%s/%s" % (ROOT, name), data)[0] == 200
    found = blobs(home.folder / "data/blobs")
    assert list(found) == [digest]
    assert found[digest].read_bytes() == data
    assert ask(home, "GET", ROOT + "/a/one")[1]["etag"] == '"%s"' % digest
    assert listing(home, "") == {"a": None, "b": None} and listing(home, "a") == {"one": 300000, "two": 300000}
    os.utime(found[digest], (OLD, OLD))
    assert ask(home, "DELETE", ROOT + "/a")[0] == 200
    assert listing(home, "") == {"b": None} and collect(home)["blobs"] == 0
    assert ask(home, "DELETE", ROOT + "/b/three")[0] == 200
    os.utime(found[digest], (OLD, OLD))
    assert collect(home)["blobs"] == 1
    assert not blobs(home.folder / "data/blobs")
    assert ask(home, "PUT", ROOT + "/a/one", data)[0] == 200  # and may come again
    assert ask(home, "GET", ROOT + "/a/one")[2] == data


def test_a_damaged_blob_is_healed_by_the_next_upload(home):
    assert ask(home, "PUT", ROOT + "/x", b"sound")[0] == 200
    (path,) = blobs(home.folder / "data/blobs").values()
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert ask(home, "PUT", ROOT + "/y", b"sound")[0] == 200
    assert ask(home, "GET", ROOT + "/x")[2] == b"sound"


def test_a_file_is_no_folder_and_a_folder_no_file(home):
    assert ask(home, "PUT", ROOT + "/d/file", b"1")[0] == 200
    for path in ("d", "d/file/below", "d/file/below/deeper"):
        status, _, body = ask(home, "PUT", "%s/%s" % (ROOT, path), b"2")
        assert status == 400 and b"Invalid path" in body, path
    assert ask(home, "GET", ROOT + "/d")[0] == 404
    assert ask(home, "GET", ROOT + "/d/file")[2] == b"1"


def test_two_uploads_to_one_name_leave_one_of_them_whole(home):
    bodies = [bytes([i]) * 3000000 for i in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert all(r[0] == 200 for r in pool.map(lambda b: ask(home, "PUT", ROOT + "/same", b), bodies))
    assert ask(home, "GET", ROOT + "/same")[2] in bodies


def test_a_download_goes_on_when_its_file_is_deleted_and_collected(home):
    data = os.urandom(1 << 20) * 24
    assert ask(home, "PUT", ROOT + "/long", data)[0] == 200
    c = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)
    c.request("GET", ROOT + "/long")
    r = c.getresponse()
    got = r.read(100000)
    assert ask(home, "DELETE", ROOT + "/long")[0] == 200
    for p in blobs(home.folder / "data/blobs").values():
        os.utime(p, (OLD, OLD))
    assert collect(home)["blobs"] == 1
    assert ask(home, "GET", ROOT + "/long")[0] == 404
    assert got + r.read() == data


def test_ten_thousand_files_are_listed_and_deleted(home):
    def send(first):
        c = http.client.HTTPConnection("127.0.0.1", home.port, timeout=60)
        for i in range(first, 10000, 8):
            c.request("PUT", "%s/many/%05d" % (ROOT, i), b"x")
            assert c.getresponse().read().strip() == b"{}"

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    found = listing(home, "many")
    assert len(found) == 10000 and list(found) == sorted(found)
    assert len(blobs(home.folder / "data/blobs")) == 1
    assert ask(home, "DELETE", ROOT + "/many")[0] == 200 and listing(home, "") == {}


def test_plain_files_of_an_earlier_version_are_served_until_they_are_replaced(tmp_path):
    old = tmp_path / "data/artifacts/0/run/artifacts"
    old.mkdir(parents=True)
    (old / "kept.txt").write_text("old")
    (old / "changed.txt").write_text("old")
    (old / "folder").mkdir()
    (old / "folder/deep.txt").write_text("deep")
    (old / "out").symlink_to("/etc/passwd")
    (old / "outside").symlink_to("/etc")
    at = ROOT + "/0/run/artifacts"
    with servers.slipway(tmp_path) as s:
        assert ask(s, "GET", at + "/kept.txt")[2] == b"old"
        etag = ask(s, "GET", at + "/kept.txt")[1]["etag"]
        assert ask(s, "GET", at + "/kept.txt", headers={"If-None-Match": '"x", ' + etag})[0] == 304
        assert ask(s, "GET", at + "/out")[0] == 404 and ask(s, "GET", at + "/outside/passwd")[0] == 404
        assert ask(s, "PUT", at + "/changed.txt", b"changed")[0] == 200
        assert ask(s, "PUT", at + "/new.txt", b"n")[0] == 200
        assert ask(s, "PUT", at + "/folder", b"n")[0] == 400 and ask(s, "PUT", at + "/kept.txt/x", b"n")[0] == 400
        assert listing(s, "0/run/artifacts") == {"changed.txt": 7, "folder": None, "kept.txt": 3, "new.txt": 1}
        assert ask(s, "GET", at + "/changed.txt")[2] == b"changed"
        for name in ("changed.txt", "folder", "new.txt"):
            assert ask(s, "DELETE", "%s/%s" % (at, name))[0] == 200
        assert listing(s, "0/run/artifacts") == {"kept.txt": 3}


def test_another_disk_takes_the_bytes_and_is_remembered(tmp_path):
    disk = tmp_path / "disk"
    with servers.slipway(tmp_path, "--artifacts-destination", str(disk)) as s:
        start_run(s)
        assert ask(s, "PUT", ROOT + "/a", b"far away")[0] == 200
        assert len(blobs(disk / ".slipway-blobs")) == 1 and not blobs(tmp_path / "data/blobs")
        assert ask(s, "GET", ROOT + "/.slipway-blobs/gc.lock")[0] == 400
        assert (disk / "a").is_symlink() and (disk / "a").read_bytes() == b"far away"
        assert ask(s, "PUT", ROOT + "/b", b"gone")[0] == 200 and ask(s, "DELETE", ROOT + "/b")[0] == 200
        assert not (disk / "b").is_symlink()
        (disk / "c").symlink_to("a")  # a link that a crash left is no artifact
        assert listing(s, "") == {"a": 8} and ask(s, "GET", ROOT + "/c")[0] == 404
        assert ask(s, "PUT", ROOT + "/c", b"new")[0] == 200 and ask(s, "DELETE", ROOT + "/c")[0] == 200
    with servers.slipway(tmp_path) as s:  # started without the flag: found all the same
        assert ask(s, "GET", ROOT + "/a")[2] == b"far away"
        assert ask(s, "DELETE", ROOT + "/a")[0] == 200
        for p in blobs(disk / ".slipway-blobs").values():
            os.utime(p, (OLD, OLD))
        assert collect(s)["blobs"] == 3 and not blobs(disk / ".slipway-blobs")
    (disk / ".slipway-blobs").rename(disk / "unmounted")
    with servers.slipway(tmp_path) as s:
        assert ask(s, "POST", "/api/v1/gc", b'{"remove": true}', {"Content-Type": "application/json"})[0] >= 400


def test_an_export_holds_the_files(tmp_path):
    with servers.slipway(tmp_path) as s:
        info = start_run(s)
        assert ask(s, "PUT", "%s/0/%s/artifacts/model/MLmodel" % (ROOT, info["run_id"]), b"flavors: {}\n")[0] == 200
    binary = os.environ.get("SLIPWAY_BIN", str(servers.ROOT / "build" / "slipway"))
    out = tmp_path / "out"
    subprocess.run([binary, "--data", str(tmp_path / "data"), "export", "mlflow", str(out)], check=True, timeout=60)
    run = out / "0" / info["run_id"]
    assert (run / "artifacts/model/MLmodel").read_text() == "flavors: {}\n"
    uri = next(line for line in (run / "meta.yaml").read_text().splitlines() if line.startswith("artifact_uri:"))
    assert pathlib.Path(uri.split("file://")[1].strip("'\"")) == run / "artifacts"
