# SPDX-License-Identifier: Apache-2.0
"""Uploads in parts: the unmodified client's own way, and by plain HTTP everything that can go wrong with it."""

import concurrent.futures
import hashlib
import json
import os
import sys
import subprocess
import urllib.parse

import pytest

import mlflow_servers as servers
from test_artifact_tree import OLD, blobs, collect, start_run
from test_artifacts import ROOT, ask

MPU = "/api/2.0/mlflow-artifacts/mpu/"
JSON = {"Content-Type": "application/json"}


def call(server, step, folder, body, status=200, headers=None):
    got, _, text = ask(server, "POST", MPU + step + "/" + folder, json.dumps(body), dict(JSON, **(headers or {})))
    assert got == status, text
    return json.loads(text)


def begin(server, parts, name="big.bin", headers=None):
    return call(server, "create", "0/folder", {"path": "/home/me/" + name, "num_parts": parts}, headers=headers)


def path_of(credential):
    u = urllib.parse.urlsplit(credential["url"])
    return u.path + "?" + u.query


def put(server, credential, data):
    status, headers, body = ask(server, "PUT", path_of(credential), data)
    assert status == 200, body
    return {"part_number": credential["part_number"], "etag": headers["etag"], "url": credential["url"]}


def complete(server, upload, parts, status=200, name="big.bin"):
    return call(server, "complete", "0/folder", {"path": "/home/me/" + name, "upload_id": upload["upload_id"], "parts": parts}, status)


@pytest.fixture
def home(tmp_path):
    with servers.slipway(tmp_path) as s:
        s.folder = tmp_path
        start_run(s)
        yield s


def test_parts_in_any_order_and_again_make_the_file(home):
    pieces = [os.urandom(1 << 20) for _ in range(4)] + [b"the end"]
    up = begin(home, 5)
    assert [c["part_number"] for c in up["credentials"]] == [1, 2, 3, 4, 5]
    assert all(c["url"].startswith(home.url + MPU + "part/") and c["headers"] == {} for c in up["credentials"])
    put(home, up["credentials"][2], b"a first try that was cut short")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        parts = list(pool.map(lambda i: put(home, up["credentials"][i], pieces[i]), [4, 2, 0, 3, 1]))
    assert ask(home, "GET", ROOT + "/0/folder/big.bin")[0] == 404  # not before it is whole
    assert complete(home, up, parts) == {}
    whole = b"".join(pieces)
    status, headers, body = ask(home, "GET", ROOT + "/0/folder/big.bin")
    assert (status, body, headers["etag"]) == (200, whole, '"%s"' % hashlib.sha256(whole).hexdigest())
    assert complete(home, up, parts) == {}  # the answer was lost: asked again
    for p in blobs(home.folder / "data/blobs").values():
        os.utime(p, (OLD, OLD))
    assert collect(home)["blobs"] == 6  # the parts, and the first try
    assert ask(home, "GET", ROOT + "/0/folder/big.bin")[2] == whole


def test_what_is_missing_or_other_is_told(home):
    up = begin(home, 3)
    parts = [put(home, up["credentials"][i], bytes([i]) * 10) for i in (0, 2)]
    assert "Part 2 of 3 was not uploaded" in complete(home, up, parts, 400)["message"]
    parts.insert(1, put(home, up["credentials"][1], b"x"))
    assert "are named" in complete(home, up, parts[:2], 400)["message"]
    assert "ETag of part 2" in complete(home, up, [parts[0], dict(parts[1], etag='"0"'), parts[2]], 400)["message"]
    assert "Part 9 is none" in complete(home, up, [dict(parts[0], part_number=9), parts[1], parts[2]], 400)["message"]
    assert "is for" in complete(home, up, parts, 400, name="other")["message"]
    assert "Missing value for required parameter 'parts'" in call(home, "complete", "0/folder", {"path": "big.bin", "upload_id": up["upload_id"]}, 400)["message"]
    assert complete(home, dict(up, upload_id="0" * 32), parts, 404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert complete(home, up, parts) == {}
    status, _, body = ask(home, "PUT", path_of(up["credentials"][0]), b"late")
    assert status == 409 and b"put together already" in body


@pytest.mark.parametrize("parts", [0, -1, 10001, 10**15])
def test_the_number_of_parts_has_limits(home, parts):
    assert "1 to 10000" in call(home, "create", "0/folder", {"path": "x", "num_parts": parts}, 400)["message"]


@pytest.mark.parametrize("folder,name", [("..", "x"), ("%252e%252e", "x"), ("0/folder", ".."), ("0/folder", "a/%2e%2e"), ("0/folder", ""),
                                         ("0/folder", "a\\.."), ("0/folder", "a\0b"), (".slipway-uploads", "x")])
def test_names_stay_inside(home, folder, name):
    assert call(home, "create", folder, {"path": name, "num_parts": 1}, 400)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_names_of_another_machine_are_cut(home):
    up = call(home, "create", "0/folder", {"path": "C:\\Users\\me\\big.bin", "num_parts": 1})
    parts = [put(home, up["credentials"][0], b"")]
    call(home, "complete", "0/folder", {"path": "C:\\Users\\me\\big.bin", "upload_id": up["upload_id"], "parts": parts})
    assert ask(home, "GET", ROOT + "/0/folder/big.bin")[:3:2] == (200, b"")


def test_an_abort_frees_the_parts(home):
    up = begin(home, 2)
    parts = [put(home, c, os.urandom(1000)) for c in up["credentials"]]
    for p in blobs(home.folder / "data/blobs").values():
        os.utime(p, (OLD, OLD))
    assert collect(home)["blobs"] == 0
    assert call(home, "abort", "0/folder", {"path": "big.bin", "upload_id": up["upload_id"]}) == {}
    assert collect(home)["blobs"] == 2 and not blobs(home.folder / "data/blobs")
    complete(home, up, parts, 404)
    call(home, "abort", "0/folder", {"path": "big.bin", "upload_id": up["upload_id"]}, 404)
    assert ask(home, "PUT", path_of(up["credentials"][0]), b"late")[0] == 404


def test_an_upload_survives_a_kill(tmp_path):
    with servers.slipway(tmp_path) as s:
        up = begin(s, 3)
        parts = [put(s, c, bytes([c["part_number"]]) * 100000) for c in up["credentials"][:2]]
        s.process.kill()
        s.process.wait()
    with servers.slipway(tmp_path) as s:
        parts.append(put(s, up["credentials"][2], b"3"))
        complete(s, up, parts)
        assert ask(s, "GET", ROOT + "/0/folder/big.bin")[2] == b"\1" * 100000 + b"\2" * 100000 + b"3"


def test_urls_of_parts_need_no_token_and_cannot_be_changed(tmp_path):
    (tmp_path / "tokens").write_text("editor-secret-0123456789 editor ci\n")
    token = {"Authorization": "Bearer editor-secret-0123456789"}
    with servers.slipway(tmp_path, "--token-file", str(tmp_path / "tokens")) as s:
        for step in ("create", "complete", "abort"):
            call(s, step, "0/folder", {"path": "x", "upload_id": "x", "parts": []}, 401)
        up = begin(s, 2, headers=token)
        part = put(s, up["credentials"][0], b"1")
        good = path_of(up["credentials"][1])
        for bad in (good.replace("/2?", "/1?"), good[:-1] + ("0" if good[-1] != "0" else "1"), good.split("?")[0],
                    good.replace("expires=", "expires=9"), good.replace("signature=", "signature=&x=")):
            status, _, body = ask(s, "PUT", bad, b"2")
            assert status == 403 and json.loads(body)["error_code"] == "PERMISSION_DENIED", bad
        assert ask(s, "GET", good)[0] in (404, 405)
        part2 = put(s, up["credentials"][1], b"2")
        status, _, body = ask(s, "POST", MPU + "complete/0/folder",
                              json.dumps({"path": "big.bin", "upload_id": up["upload_id"], "parts": [part, part2]}), dict(JSON, **token))
        assert status == 200, body
        assert ask(s, "GET", ROOT + "/0/folder/big.bin", headers=token)[2] == b"12"


def test_urls_are_those_by_which_the_client_came(home):
    up = begin(home, 1, headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "ml.example.com", "X-Forwarded-Prefix": "/slip"})
    assert up["credentials"][0]["url"].startswith("https://ml.example.com/slip" + MPU + "part/")
    up = call(home, "create", "0/folder", {"path": "x", "num_parts": 1}, 400, {"X-Forwarded-Host": "evil.example/@"})
    assert "Host" in up["message"]


CLIENT = """
import os, sys, hashlib
import mlflow
from mlflow.tracking import MlflowClient
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
run = client.create_run("0")
data = os.urandom(1 << 20) * 30 + b"tail"
path = os.path.join(sys.argv[2], "big file.bin")
with open(path, "wb") as f:
    f.write(data)
client.log_artifact(run.info.run_id, path, "some/folder")
assert [f.path for f in client.list_artifacts(run.info.run_id, "some/folder")] == ["some/folder/big file.bin"]
back = client.download_artifacts(run.info.run_id, "some/folder/big file.bin", sys.argv[2] + "/back")
assert open(back, "rb").read() == data
print("same")
"""


def test_the_real_client_uploads_in_parts(home, tmp_path):
    (tmp_path / "back").mkdir()
    env = dict(os.environ, MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD="true", MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE=str(5 << 20),
               MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE=str(5 << 20), MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
    p = subprocess.run([os.environ.get("MLFLOW_PYTHON", sys.executable), "-c", CLIENT, home.url, str(tmp_path)], env=env,
                       capture_output=True, text=True, timeout=120)
    assert "same" in p.stdout, p.stderr[-2000:]
    # Seven parts and the whole lie in the blobs: it did not fall back to one PUT.
    assert len(blobs(home.folder / "data/blobs")) >= 3
    assert max(f.stat().st_size for f in blobs(home.folder / "data/blobs").values()) == (30 << 20) + 4
    assert sum(f.stat().st_size == 5 << 20 for f in blobs(home.folder / "data/blobs").values()) >= 1
