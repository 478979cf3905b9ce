# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: each gets a message that names the thing and the way out, 4xx for a
client's mistake, and leaves the server serving and everything acknowledged in place."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, PATIENCE, Project, until

DATA = "/v1/models/diabetes:predict"
SCORING = "/endpoints/diabetes/invocations"


@pytest.fixture
def serving(trained, server):
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes")
    s.example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    yield s
    good = s.post(DATA, {"instances": [s.example]})
    assert good.status == 200 and len(good.json["predictions"]) == 1


def text_of(r):
    """The message, in whatever form the protocol gives it (a refusal before routing is plain text)."""
    if "json" not in r.headers.get("content-type", ""):
        return r.text
    body = r.json
    return body.get("error") or body.get("message") or str(body)


def refused(s, path, body, *words, status=range(400, 500)):
    r = s.post(path, body, headers={"Content-Type": "application/json"})
    assert r.status in status, r
    for w in words:
        assert w in text_of(r), (w, r)
    return r


# ---- predictions ----

def change(example, **kw):
    return {"instances": [{**example, **kw}]}


@pytest.mark.parametrize("value", ["tall", [1, 2], {"a": 1}, True])
@pytest.mark.sanitize
def test_wrong_types(serving, value):
    refused(serving, DATA, change(serving.example, bmi=value), "bmi")
    refused(serving, SCORING, {"dataframe_records": [{**serving.example, "bmi": value}]}, "bmi")


def test_missing_columns(serving):
    row = {k: v for k, v in serving.example.items() if k != "bmi"}
    refused(serving, DATA, {"instances": [row]}, "bmi")
    refused(serving, DATA, {"instances": [{}]})
    refused(serving, DATA, {"instances": [serving.example, row]}, "bmi", "1")


def test_extra_columns(serving):
    refused(serving, DATA, change(serving.example, bmii=1), "bmii")


@pytest.mark.parametrize("body", [b'{"instances": [{"bmi": NaN}]}', b'{"instances": [{"bmi": Infinity}]}',
                                  b'{"instances": [{"bmi": 1e999}]}', b'{"instances": [{"bmi": -1e999}]}'])
def test_nan_and_infinity(serving, body):
    row = json.dumps({"instances": [serving.example]}).encode()
    number = body.split(b'"bmi": ')[1].rstrip(b"}]")
    whole = row.replace(b'"bmi": ' + json.dumps(serving.example["bmi"]).encode(), b'"bmi": ' + number)
    assert number in whole
    r = serving.post(DATA, whole, headers={"Content-Type": "application/json"})
    assert r.status == 200 or (400 <= r.status < 500 and "bmi" in text_of(r)), r


def test_numbers_whose_prediction_is_infinite(serving):
    """Finite values may overflow inside the model: predictions say so, an explanation is refused."""
    row = {"instances": [{**serving.example, "bmi": 1e308}]}
    r = serving.post(DATA, row)
    assert r.status == 200 and "Infinity" in r.text
    refused(serving, "/api/v1/models/diabetes/versions/1:explain", row, "instances[0]", "infinite")


@pytest.mark.parametrize("body", [b"", b" ", b"null", b"[]", b"{}", b"7", b'"x"', b'{"instances": null}', b'{"instances": 7}',
                                  b'{"instances": []}', b'{"instances": [7]}', b'{"instances": [[1]]}', b'{"instances": {"age": 1}}',
                                  b'{"instances": [{', b'{"instances": [{"age": 1}', b'{"instances": [{"age": tru}]}', b"\xff\xfe",
                                  b'{"instances": [{"age": "\\ud800"}]}', b'{"instances": [{"age": 1}]} x', b'{"predict": [1]}'])
@pytest.mark.sanitize
def test_bodies_that_make_no_sense(serving, body):
    for path in (DATA, SCORING, "/api/v1/endpoints/diabetes:predict"):
        r = serving.post(path, body, headers={"Content-Type": "application/json"})
        assert 400 <= r.status < 500 or (r.status == 200 and body == b'{"instances": []}'), (path, body, r)
        assert text_of(r)


@pytest.mark.parametrize("depth", [100, 100000])
@pytest.mark.sanitize
def test_deep_nesting(serving, depth):
    refused(serving, DATA, b'{"instances": ' + b"[" * depth + b"]" * depth + b"}")
    refused(serving, DATA, b'{"instances": [' + b'{"a":' * depth + b"1" + b"}" * depth + b"]}")
    refused(serving, "/api/v1/runs", b'{"params": ' + b"[" * depth + b"]" * depth + b"}")


def test_body_of_100_mb(serving):
    big = b'{"instances": [' + b" " * (100 << 20) + b"]}"
    for path in (DATA, SCORING, "/api/v1/runs"):
        try:
            r = serving.post(path, big, headers={"Content-Type": "application/json"})
        except (BrokenPipeError, ConnectionResetError):
            continue  # refused before all was read
        assert r.status == 413 and "bytes" in text_of(r), r
    # A header alone that promises too much is refused as well.
    host, port = serving.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as c:
        c.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n" % DATA.encode())
        assert b"413" in c.recv(4096).split(b"\r\n")[0]


def test_truncated_request(serving):
    host, port = serving.url[len("http://"):].split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as c:
        c.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{\"inst" % DATA.encode())
    assert serving.is_up()


def test_unknown_model(serving):
    r = refused(serving, "/v1/models/diabetis:predict", {"instances": [serving.example]}, "diabetis", status=[404])
    assert "diabetes" in text_of(r)
    refused(serving, "/v1/models/diabetes/versions/99:predict", {"instances": [serving.example]}, "99", status=[404])
    refused(serving, "/v1/models/diabetes/versions/x:predict", {"instances": [serving.example]}, "x")
    refused(serving, "/endpoints/nope/invocations", {"inputs": [1]}, "nope", status=[404])
    assert serving.get("/v1/models/nope").status == 404


def test_wrong_method_and_path(serving):
    assert serving.get(DATA).status in (404, 405)
    r = serving.request("DELETE", "/api/v1/models")
    assert r.status == 405 and "GET" in r.headers["allow"]
    assert serving.get("/api/v1/nothing").status == 404
    assert serving.get("/api/v1/runs/zz").status in (400, 404)
    assert serving.get("/api/v1/models/%00").status == 400
    assert serving.get("/api/v1/models/..%2f..%2fetc").status == 404
    assert serving.get("/api/v1/models?limit=banana").status == 400
    assert serving.get("/api/v1/models?limit=100000").status == 400
    assert serving.get("/api/v1/models?page_token=banana").status == 400
    assert serving.get("/api/v1/runs?filter=metrics.rmse%20%3C").status == 400
    assert serving.get("/x" * 13000).status in (400, 414, 431)


@pytest.mark.parametrize("body", [{}, {"model": 7}, {"model": "nope"}, {"model": "diabetes", "version": "99"}, {"model": "diabetes", "version": {}},
                                  [], "x"])
@pytest.mark.sanitize
def test_bad_deploys(serving, body):
    r = serving.request("PUT", "/api/v1/endpoints/e", json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert 400 <= r.status < 500 and r.json["message"], r
    assert serving.get("/api/v1/endpoints/e").status == 404


# ---- the project file ----

BAD_YAML = [
    ("stages:\n  train:\n    modle: ridge\n", ["modle"]),
    ("name: [\n", []),
    ("name: x\nname: y\n", ["name"]),
    ("\tname: x\n", ["tab"]),
    ("data: { d: { csv: absent.csv, target: y } }\nstages:\n  train: { model: linear_regression }\n", ["absent.csv"]),
    ("", []),
    ("just text\n", []),
    ("name: x\n" + "a: &a [1]\n" + "b: [" + ", ".join(["*a"] * 200) + "]\n", []),
    ("x: " + "[" * 100 + "]" * 100 + "\n", []),
    ("name: " + "x" * (2 << 20) + "\n", ["bytes"]),
]


@pytest.mark.parametrize("text, words", BAD_YAML)
@pytest.mark.sanitize
def test_bad_yaml(project, text, words):
    project.yaml.write_text(text)
    r = project.cli("run")
    assert r.rc in (1, 2, 3, 6), r
    assert r.err.strip() and r.out == ""
    for w in words:
        assert w in r.err, r
    assert not project.cli.ok("model", "ls", "--json").json


def test_all_mistakes_at_once_with_places(project):
    project.edit("stages:", "stagse: 1\nstages:")
    project.edit("gates:", "gaets:")
    r = project.cli.fails(2, "run")
    assert "stagse" in r.err and "gaets" in r.err and "-->" in r.err and "^" in r.err and "did you mean" in r.err
    e = project.cli.fails(2, "run", "--json").error
    assert e["code"] == "INVALID" and "slipway.yaml:" in e["message"]


def test_bad_parameters(project):
    assert "NAME=VALUE" in project.cli.fails(2, "run", "-p", "alpha").err
    assert "did you mean" in project.cli.fails(2, "run", "-p", "alhpa=1").err
    assert "alpha" in project.cli.fails(2, "run", "-p", "alpha=banana").err
    assert project.cli.fails(2, "run", "--seed", "-1").err
    assert "absent.yaml" in project.cli.fails(3, "run", "-f", "absent.yaml").err


# ---- the data file ----

def csv_of(project):
    return next(project.path.rglob("*.csv"))


@pytest.mark.parametrize("content, words", [
    (b"", []), (b"\n\n\n", []), (b"age,bmi\n", []), (b"\x00\x01\x02" * 1000, []), (os.urandom(20000), []),
    (b"a;b\n1;2\n", ["progression"]), (b"PAR1" + b"\x00" * 100, []),
])
@pytest.mark.sanitize
def test_data_that_is_no_table(project, content, words):
    csv_of(project).write_bytes(content)
    r = project.cli("run")
    assert r.rc in (1, 2), r
    assert csv_of(project).name in r.err or "column" in r.err, r
    assert project.cli.ok("exp", "ls", "--json").json[0]["status"] == "FAILED"


def test_absent_data(project):
    csv_of(project).unlink()
    r = project.cli("run")
    assert r.rc in (1, 2, 3) and ".csv" in r.err, r


def test_a_folder_as_data(project):
    path = csv_of(project)
    path.unlink()
    path.mkdir()
    r = project.cli("run")
    assert r.rc in (1, 2, 3, 4) and path.name in r.err, r


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_data(project):
    csv_of(project).chmod(0)
    r = project.cli("run")
    assert r.rc in (1, 4) and csv_of(project).name in r.err


def test_a_target_without_numbers(project):
    path = csv_of(project)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0]] + [l.rsplit(",", 1)[0] + ",x" for l in lines[1:]]) + "\n")
    r = project.cli("run")
    assert r.rc in (1, 2) and "progression" in r.err, r


def big_data(project, rows):
    path = csv_of(project)
    lines = path.read_text().splitlines()
    body = lines[1:]
    with open(path, "w") as f:
        f.write(lines[0] + "\n")
        for i in range(rows):
            f.write(body[i % len(body)] + "\n")
    return path


def test_data_that_changes_while_it_is_read(project):
    path = big_data(project, 60000)
    p = project.cli.popen("run", "--json")
    over = threading.Event()

    def change_it():
        while not over.is_set():
            with open(path, "a") as f:
                f.write(path.read_text().splitlines()[1] + "\n")
            time.sleep(0.01)

    t = threading.Thread(target=change_it, daemon=True)
    t.start()
    out, err = p.communicate(timeout=PATIENCE)
    over.set()
    t.join(PATIENCE)
    assert p.returncode in (0, 1), err
    if p.returncode == 1:
        assert path.name in err.decode() and "chang" in err.decode()
    assert project.cli.ok("exp", "ls", "--json").json[0]["status"] in ("FINISHED", "FAILED")


# ---- disks ----

@pytest.fixture
def disk(tmp_path):
    """disk(size, *options): a small file system of its own; skipped where mounting is not allowed."""
    mounted = []

    def make(size, *options):
        at = tmp_path / f"disk{len(mounted)}"
        at.mkdir()
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "slipway-test", at], stderr=subprocess.PIPE)
        if p.returncode:
            pytest.skip("mounting a small file system is not allowed here")
        mounted.append(at)
        return at

    yield make
    for at in mounted:
        subprocess.run(["umount", "-l", at], check=False)


def fill(folder):
    """Writes until nothing more fits."""
    path = folder / "filler"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY)
    size = 1 << 16
    while size:
        try:
            os.write(fd, b"x" * size)
        except OSError:
            size //= 2
    os.close(fd)
    return path


def test_full_disk(project, disk):
    at = disk("6m")
    data = at / "d"
    project.cli.ok("run", "--data", data)
    before = project.cli.ok("model", "ls", "--data", data, "--json").json
    filler = fill(at)
    r = project.cli("run", "--data", data, "-p", "alpha=0.9")
    assert r.rc in (1, 6), r
    assert "space" in r.err.lower() or "full" in r.err.lower(), r
    assert project.cli.ok("model", "show", "diabetes", "--data", data, "--json").json["latest_version"] == before[0]["latest_version"]
    filler.unlink()
    run = project.run("--data", data, "-p", "alpha=0.9")
    assert run["model_versions"] == [{"name": "diabetes", "version": "2"}]


def test_full_disk_under_a_server(project, disk, server):
    at = disk("8m")
    data = at / "d"
    project.cli.ok("run", "--data", data)
    s = server(data)
    project.cli.ok("deploy", "diabetes", "--data", data)
    example = project.cli.ok("model", "show", "diabetes:1", "--data", data, "--json").json["input_example"]
    filler = fill(at)
    r = s.request("PUT", "/api/v1/endpoints/other", {"model": "diabetes"})
    assert r.status in (200, 201, 507), r
    assert s.post(DATA, {"instances": [example]}).status == 200
    filler.unlink()
    until("writing again", lambda: s.request("PUT", "/api/v1/endpoints/other", {"model": "diabetes"}).status in (200, 201))


def test_read_only_folder(trained, disk, tmp_path):
    at = disk("16m")
    subprocess.run(["cp", "-a", f"{trained.data}/.", at / "d"], check=True)
    subprocess.run(["mount", "-o", "remount,ro", at], check=True)
    r = trained.cli("deploy", "diabetes", "--data", at / "d")
    assert r.rc == 4 and str(at / "d") in r.err, r
    assert trained.cli("server", "--data", at / "d", "--listen", "127.0.0.1:0", "--serve", "off").rc == 4
    assert trained.cli.ok("model", "ls", "--data", at / "d", "--json").json[0]["name"] == "diabetes"
    doctor = {x["name"]: x for x in json.loads(trained.cli("doctor", "--data", at / "d", "--json").out)}
    assert doctor["data folder"]["state"] == "error" and doctor["data folder"]["fix"]


# ---- damage ----

def damage(path, at=None, n=2000):
    raw = bytearray(path.read_bytes())
    start = len(raw) // 3 if at is None else at
    for i in range(start, min(len(raw), start + n)):
        raw[i] ^= 0x5A
    os.chmod(path, 0o644)
    path.write_bytes(raw)


@pytest.mark.parametrize("at", [0, None])
def test_corrupt_database(trained, at):
    damage(trained.data / "slipway.db", at, 4000)
    for extra in ("slipway.db-wal", "slipway.db-shm"):
        (trained.data / extra).unlink(missing_ok=True)
    r = trained.cli("doctor", "--json")
    doctor = {x["name"]: x for x in r.json}
    assert r.rc == 1 and doctor["database"]["state"] == "error" and "slipway.db" in doctor["database"]["fix"]
    if at == 0:
        r = trained.cli.fails(70, "model", "ls")
        assert "slipway.db" in r.err
        r = trained.cli.fails(70, "server", "--listen", "127.0.0.1:0", "--serve", "off")
        assert "slipway.db" in r.err


def test_newer_database_than_the_binary(trained):
    import sqlite3
    db = sqlite3.connect(trained.data / "slipway.db")
    table = next(r[0] for r in db.execute("select name from sqlite_master where name like '%migration%'"))
    columns = [r[1] for r in db.execute(f"pragma table_info({table})")]
    row = dict(zip(columns, db.execute(f"select * from {table} limit 1").fetchone()))
    row[columns[0]] = 999999
    db.execute(f"insert into {table} ({','.join(columns)}) values ({','.join('?' * len(columns))})", list(row.values()))
    db.commit()
    db.close()
    r = trained.cli("model", "ls")
    assert r.rc != 0 and "newer" in r.err, r


def model_blob(project, version="1"):
    files = project.cli.ok("model", "show", f"diabetes:{version}", "--json").json["files"]
    digest = next(f["sha256"] for f in files if f["path"].endswith("model.onnx"))
    return next(p for p in project.data.rglob(digest))


@pytest.mark.sanitize
def test_corrupt_model_file(trained, server):
    trained.run("-p", "alpha=0.5")
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes:1")
    example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    damage(model_blob(trained, "2"), n=50)
    r = trained.cli("promote", "diabetes")
    assert r.rc in (1, 70) and "diabetes" in r.err, r
    assert s.post(DATA, {"instances": [example]}).status == 200
    e = s.get("/api/v1/endpoints/diabetes").json
    assert e["serving_version"] == "1"
    trained.cli.ok("rollback", "diabetes")
    assert s.get("/api/v1/endpoints/diabetes").json["state"] == "ready"
    s.stop()
    damage(model_blob(trained, "1"), n=50)
    s = server(trained.data)  # starts all the same and says what is wrong
    e = s.get("/api/v1/endpoints/diabetes").json
    assert e["state"] == "failed" and e["state_reason"]
    r = s.post(DATA, {"instances": [example]})
    assert r.status in (404, 503), r


# ---- stages that misbehave ----

def step(tmp_path, *command, timeout=None):
    d = tmp_path / "attempt"
    d.mkdir(exist_ok=True)
    args = [BINARY, "_step", "--dir", d] + (["--timeout-s", str(timeout)] if timeout else []) + ["--", *command]
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE)
    return p, json.loads((d / "step.json").read_text()), (d / "log.txt").read_bytes()


def test_a_stage_that_crashes(tmp_path):
    _, end, _ = step(tmp_path, "sh", "-c", "echo before; kill -SEGV $$")
    assert end["signal"] == signal.SIGSEGV and end["exit"] is None and end["reason"] == "signal"


def test_a_stage_that_hangs(tmp_path):
    p, end, _ = step(tmp_path, "sh", "-c", "trap '' TERM; while :; do sleep 1; done", timeout=1)
    assert p.returncode == 124 and end["reason"] == "timeout"


def test_a_stage_that_floods(tmp_path):
    _, end, log = step(tmp_path, "sh", "-c", "yes flood | head -c 60000000; echo last >&2")
    assert end["exit"] == 0
    assert len(log) < 20 << 20 and b"cut" in log[-400:]


def worker_pids(project):
    out = []
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit():
            continue
        try:
            words = (p / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"_work" in words[:3] and any(str(project.data).encode() in w for w in words):
            out.append(int(p.name))
    return out


def test_a_worker_that_is_killed(project):
    big_data(project, 200000)
    p = project.cli.popen("run", "--json")
    pid = until("the worker", lambda: worker_pids(project) or p.poll() is not None and [0])[0]
    if not pid:
        pytest.skip("the run was over before its worker could be killed")
    os.kill(pid, signal.SIGKILL)
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == 1 and b"signal" in err.lower() or b"kill" in err.lower(), err
    run = project.cli.ok("exp", "show", "latest", "--json").json
    assert run["status"] == "FAILED" and run["status_reason"]


def test_interrupting_a_run(project):
    big_data(project, 200000)
    p = project.cli.popen("run")
    until("the worker", lambda: worker_pids(project) or p.poll() is not None)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=PATIENCE)
    if p.returncode == 0:
        pytest.skip("the run was over before it could be interrupted")
    assert p.returncode == 130 and b"Ctrl-C again to force" in err, (p.returncode, err)
    assert project.cli.ok("exp", "show", "latest", "--json").json["status"] == "KILLED"
    until("the worker's end", lambda: not worker_pids(project))
