# SPDX-License-Identifier: Apache-2.0
"""slipway import mlflow and export mlflow against recorded stores of MLflow 3.11.1 (make-fixtures made them), against
databases of old schemas, damaged and hostile ones, and, when a Python with mlflow is there ($MLFLOW_PYTHON), against
MLflow itself reading the export."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from scenario_conftest import SANITIZED, until

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
API = "/api/2.0/mlflow"


def source_of(kind):
    return f"sqlite:///{FIXTURES}/mlflow.db" if kind == "sqlite" else str(FIXTURES / "mlruns")


def expected(kind):
    return json.loads((FIXTURES / f"expected-{kind}.json").read_text())


def by_key(items):
    return {i["key"]: i.get("value", "") for i in items or []}


def value(v):
    return v if isinstance(v, str) else float(v)


def read_back(server):
    """What MLflow's client would read, in the form of expected-*.json."""
    def get(path, **query):
        r = server.get(f"{API}{path}?{urllib.parse.urlencode(query)}")
        assert r.status == 200, r
        return r.json

    def post(path, body):
        r = server.request("POST", API + path, json.dumps(body), {"Content-Type": "application/json"})
        assert r.status == 200, r
        return r.json

    out = {"experiments": [], "runs": [], "models": [], "logged_models": []}
    for e in post("/experiments/search", {"max_results": 1000, "view_type": "ALL"})["experiments"]:
        out["experiments"].append({"id": e["experiment_id"], "name": e["name"], "stage": e["lifecycle_stage"],
                                   "artifact_location": e["artifact_location"], "tags": by_key(e.get("tags")),
                                   "creation_time": e["creation_time"]})
        ask = {"experiment_ids": [e["experiment_id"]], "run_view_type": "ALL", "max_results": 1000}
        for r in post("/runs/search", ask).get("runs", []):
            info, data = r["info"], r["data"]
            history = {m["key"]: get("/metrics/get-history", run_id=info["run_id"], metric_key=m["key"])["metrics"]
                       for m in data.get("metrics", [])}
            out["runs"].append({
                "id": info["run_id"], "experiment": e["name"], "name": info["run_name"], "status": info["status"],
                "stage": info["lifecycle_stage"], "start": info["start_time"], "end": info.get("end_time"),
                "artifact_uri": info["artifact_uri"], "params": by_key(data.get("params")), "tags": by_key(data.get("tags")),
                "metrics": {k: [[m["timestamp"], m["step"], value(m["value"])] for m in h] for k, h in history.items()},
                "inputs": [[i["dataset"]["name"], i["dataset"]["digest"], by_key(i["tags"])]
                           for i in r.get("inputs", {}).get("dataset_inputs", [])]})
        for m in post("/logged-models/search", {"experiment_ids": [e["experiment_id"]]}).get("models", []):
            out["logged_models"].append({"id": m["info"]["model_id"], "name": m["info"]["name"], "status": m["info"]["status"],
                                         "params": by_key(m["data"].get("params")), "tags": by_key(m["info"].get("tags"))})
    for m in get("/registered-models/search", max_results=100)["registered_models"]:
        versions = get("/model-versions/search", filter=f"name='{m['name']}'").get("model_versions", [])
        out["models"].append({"name": m["name"], "description": m.get("description"), "tags": by_key(m.get("tags")),
                              "aliases": {a["alias"]: a["version"] for a in m.get("aliases", [])},
                              "versions": [{"version": v["version"], "stage": v["current_stage"], "source": v["source"],
                                            "tags": by_key(v.get("tags")), "description": v.get("description")}
                                           for v in versions]})
    return out


def normal(dump, here):
    """Order, ids of experiments that were taken already, and the default experiment's own times do not count."""
    out = json.loads(json.dumps(dump))
    for e in out["experiments"]:
        if e["name"] == "Default":
            e.update(creation_time=0, artifact_location="")
    for m in out["models"]:
        m["description"] = m["description"] or None
        for v in m["versions"]:
            v["description"] = v["description"] or None
    for m in out["logged_models"]:
        m["status"] = m["status"].replace("LoggedModelStatus.", "").replace("LOGGED_MODEL_", "")
    for r in out["runs"]:
        for points in r["metrics"].values():
            points[:] = sorted(({tuple(map(str, (t, s, float(v)))) for t, s, v in points}))
        if here:
            r["name"] = r["name"] or ""
    for key in out:
        out[key].sort(key=lambda x: (x.get("name") or "", str(x.get("id", ""))))
    return out


def do_import(cli, data, source, *args, rc=0):
    r = cli("--data", data, "import", "mlflow", source, *args, "--json", timeout=600)
    assert r.rc == rc, r
    return r.json if r.out else r


def counts(report):
    return {c["name"]: (c["source"], c["here"]) for c in report["counts"]}


@pytest.mark.sanitize
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_everything_comes_over_and_twice_is_once(cli, server, tmp_path, kind):
    data = tmp_path / "data"
    report = do_import(cli, data, source_of(kind))
    assert report["complete"] and report["runs_added"] == 6 and report["kind"] == kind
    assert all(there == here for there, here in counts(report).values())
    assert counts(report)["points"] == (283, 283) and counts(report)["logged models"] == (1, 1)
    events = cli.ok("--data", data, "audit", "log", "-n", "0", "--json").json
    again = do_import(cli, data, source_of(kind))
    assert again["complete"] and again["runs_added"] == 0 and again["runs_unchanged"] == 6
    assert cli.ok("--data", data, "audit", "log", "-n", "0", "--json").json == events  # nothing happened
    s = server(data)
    assert normal(read_back(s), True) == normal(expected(kind), False)
    # a server does the same for this machine
    assert do_import(cli, data, source_of(kind))["runs_unchanged"] == 6


def test_names_and_ids_that_are_taken(cli, server, tmp_path):
    data = tmp_path / "data"
    s = server(data)
    post = lambda path, body: s.request("POST", API + path, json.dumps(body), {"Content-Type": "application/json"}).json  # noqa: E731
    mine = post("/experiments/create", {"name": "mine"})["experiment_id"]  # takes an id
    post("/experiments/create", {"name": "old idea"})  # active here, deleted there
    post("/registered-models/create", {"name": "house"})
    report = do_import(cli, data, source_of("sqlite"), rc=1)
    text = "\n".join(report["differences"])
    assert "old idea (imported)" in text and "Registered Model (name=house) already exists." in text
    names = {e["name"]: e["experiment_id"] for e in s.request(
        "POST", API + "/experiments/search", json.dumps({"max_results": 100, "view_type": "ALL"}),
        {"Content-Type": "application/json"}).json["experiments"]}
    assert names["mine"] == mine and set(names) == {"Default", "mine", "old idea", "prices", "old idea (imported)"}
    assert counts(report)["runs"] == (6, 6)
    moved = shutil.copy(FIXTURES / "mlflow.db", tmp_path / "moved.db")  # the same runs out of another place
    again = do_import(cli, data, f"sqlite:///{moved}", rc=1)
    assert again["runs_added"] == 0 and "there is a run" in "\n".join(again["differences"])


def big_database(path, runs=150, keys=20, points=40):
    shutil.copy(FIXTURES / "mlflow.db", path)
    rng = random.Random(1)
    with sqlite3.connect(path) as db:
        for r in range(runs):
            rid = f"{r:032x}"
            db.execute("INSERT INTO runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)"
                       " VALUES (?, ?, 'u', 'FINISHED', 1, 'active', 'x', 0)", (rid, f"big {r}"))
            db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)",
                           ((f"m{k}", rng.random(), s, rid, s) for s in range(points) for k in range(keys)))
            db.executemany("INSERT INTO latest_metrics VALUES (?, 1, 1, 1, 0, ?)", ((f"m{k}", rid) for k in range(keys)))


def test_kill_9_in_the_middle_and_again(cli, tmp_path):
    source, data = tmp_path / "big.db", tmp_path / "data"
    big_database(source)
    seen = set()
    for delay in (0.03, 0.06, 0.1, 0.15, 0.2, 0.3):
        p = cli.popen("--data", data, "import", "mlflow", f"sqlite:///{source}")
        time.sleep(delay * (10 if SANITIZED else 1))
        p.send_signal(signal.SIGKILL)
        p.wait()
        if (data / "slipway.db").exists():
            with sqlite3.connect(data / "slipway.db") as db:
                try:
                    runs = db.execute("SELECT COUNT(*) FROM runs").fetchone()[0]
                    known = db.execute("SELECT COUNT(*) FROM import_journal WHERE kind = 'run'").fetchone()[0]
                except sqlite3.OperationalError:
                    continue
            assert runs == known  # a run and its journal entry: both or neither
            seen.add(runs)
    report = do_import(cli, data, f"sqlite:///{source}")
    assert report["complete"] and report["runs_added"] + report["runs_unchanged"] == 156
    assert counts(report)["points"] == (283 + 150 * 20 * 40,) * 2
    assert do_import(cli, data, f"sqlite:///{source}")["runs_unchanged"] == 156
    print("runs there after the kills:", sorted(seen))


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.db"
    shutil.copy(FIXTURES / "mlflow.db", path)

    def change(*statements):
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA writable_schema=1")
            for s in statements:
                db.execute(*s) if isinstance(s, tuple) else db.execute(s)
        return f"sqlite:///{path}"

    change.path = path
    return change


@pytest.mark.sanitize
@pytest.mark.parametrize("statement, says", [
    ("UPDATE metrics SET value = 'abc' WHERE rowid = 3", "table 'metrics' row 3: column 'value' is a text instead of a number"),
    ("UPDATE metrics SET timestamp = x'00ff' WHERE rowid = 3", "table 'metrics' row 3: column 'timestamp' is a blob"),
    (("UPDATE params SET value = CAST(x'fffe61' AS TEXT) WHERE rowid = 1",), "table 'params' row 1: column 'value' is not UTF-8"),
    (("UPDATE params SET value = 'a' || CAST(x'00' AS TEXT) || 'b' WHERE rowid = 1",), "has a NUL byte"),
    (("UPDATE tags SET value = ? WHERE rowid = 1", ("x" * (20 << 20),)), "table 'tags' row 1: column 'value' is longer than 16 MiB"),
    (("UPDATE tags SET value = ? WHERE rowid = 1", ("x" * (2 << 20),)), "at most 1048576 are kept"),
    ("UPDATE params SET key = '../../etc/passwd' WHERE rowid = 1", "cannot name a parameter"),
    ("UPDATE metrics SET key = '' WHERE rowid = 1", "table 'metrics' row 1"),
    ("UPDATE inputs SET source_id = 'nowhere' WHERE source_type = 'DATASET'", "table 'inputs' row"),
    ("UPDATE registered_model_aliases SET version = 99", "alias 'champion' stands for version 99"),
])
def test_bad_rows_are_named_and_the_rest_comes(cli, tmp_path, hostile, statement, says):
    report = do_import(cli, tmp_path / "data", hostile("PRAGMA ignore_check_constraints=1", statement), rc=1)
    assert not report["complete"] and says in "\n".join(report["differences"])
    assert report["runs_added"] == 6


@pytest.mark.parametrize("statement, says", [
    ("UPDATE runs SET run_uuid = '../x' WHERE rowid = 1", "is no id of a run"),
    ("UPDATE runs SET status = 'ODD' WHERE rowid = 1", "is no status of a run"),
    ("UPDATE runs SET experiment_id = 77 WHERE rowid = 1", "its experiment 77 is not there"),
    ("UPDATE runs SET experiment_id = 'zero' WHERE rowid = 1", "table 'runs' row 1: column 'experiment_id' is a text instead of an integer"),
])
def test_a_bad_run_is_left_out(cli, tmp_path, hostile, statement, says):
    report = do_import(cli, tmp_path / "data", hostile("PRAGMA ignore_check_constraints=1", statement), rc=1)
    assert says in "\n".join(report["differences"]) and report["runs_added"] == 5


@pytest.mark.sanitize
def test_damaged_files(cli, tmp_path):
    good = (FIXTURES / "mlflow.db").read_bytes()
    rng = random.Random(7)
    path = tmp_path / "bad.db"
    outcomes = set()
    for n in range(10 if SANITIZED else 60):
        bad = bytearray(good)
        for _ in range(rng.choice((1, 20, 400))):
            bad[rng.randrange(100, len(bad))] = rng.randrange(256)
        if n % 7 == 0:
            bad = bad[:rng.randrange(len(bad))]
        path.write_bytes(bad)
        r = cli("--data", tmp_path / f"d{n}", "import", "mlflow", f"sqlite:///{path}", "--json")
        assert r.rc in (0, 1, 2, 70), r  # fine, differences, no database of MLflow, damaged: never a crash of ours
        assert "internal" not in r.err.lower() and "signal" not in r.err, r
        assert "Sanitizer" not in r.err, r
        outcomes.add(r.rc)
    assert len(outcomes) > 1


@pytest.mark.parametrize("make, says", [
    (lambda p: p.write_text("not a database, far from it " * 100), "not a database"),
    (lambda p: p.write_bytes(b""), "not one of MLflow"),
    (lambda p: sqlite3.connect(p).execute("CREATE TABLE t (a)").connection.commit(), "not one of MLflow"),
    (lambda p: sqlite3.connect(p).executescript(
        "CREATE TABLE experiments (experiment_id, name); CREATE VIEW runs AS WITH RECURSIVE c(run_uuid) AS"
        " (SELECT 1 UNION ALL SELECT run_uuid + 1 FROM c) SELECT run_uuid FROM c"), "not one of MLflow"),
    (lambda p: p.mkdir(), "no mlruns folder"),
    (lambda p: None, "bad"),
])
def test_what_is_no_source(cli, tmp_path, make, says):
    make(tmp_path / "bad")
    r = cli("--data", tmp_path / "data", "import", "mlflow", f"{tmp_path}/bad")
    assert r.rc not in (0, -11) and says in r.err, r
    assert "name an mlruns folder or sqlite:///" in cli("--data", tmp_path / "data", "import", "mlflow", "ftp://h/x").err


def test_old_schema(cli, tmp_path):
    """Tables as MLflow 1.0 made them: no last update, no NaN flag, no data sets, no aliases, the run's name in a tag."""
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.executescript("""
            CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256), artifact_location VARCHAR(256),
                                      lifecycle_stage VARCHAR(32));
            CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), user_id VARCHAR(256), status VARCHAR(20),
                               start_time BIGINT, end_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200),
                               experiment_id INTEGER);
            CREATE TABLE tags (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
            CREATE TABLE params (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
            CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32),
                                  PRIMARY KEY (key, timestamp, run_uuid, value));
            INSERT INTO experiments VALUES (0, 'Default', 'x', 'active'), (7, 'seven', 'y', 'active');
            INSERT INTO runs VALUES ('00000000000000000000000000000abc', '', 'ana', 'FINISHED', 5, 6, 'active', 'y/r', 7);
            INSERT INTO tags VALUES ('mlflow.runName', 'first', '00000000000000000000000000000abc');
            INSERT INTO metrics VALUES ('m', 1.5, 10, '00000000000000000000000000000abc'), ('m', 2, 11, '00000000000000000000000000000abc');
        """)
    report = do_import(cli, tmp_path / "data", f"sqlite:///{path}")
    assert report["complete"] and counts(report)["points"] == (2, 2)
    run = cli.ok("--data", tmp_path / "data", "exp", "show", "00000000000000000000000000000abc", "--json").json
    assert run["name"] == "first" and run["experiment"] == "seven" and run["experiment_id"] == "7" and run["metrics"] == {"m": 2.0}


def test_bad_files_of_a_folder(cli, tmp_path):
    source = tmp_path / "mlruns"
    shutil.copytree(FIXTURES / "mlruns", source)
    alpha = sorted(source.rglob("params/alpha"))
    alpha[0].write_bytes(b"\xff\xfe")
    alpha[1].unlink()
    alpha[1].symlink_to("/etc/passwd")
    loss = sorted(source.rglob("metrics/loss"))[0]
    loss.write_text(loss.read_text() + "1 2 3 4 5 6 7\nnonsense\n9223372036854775808 1 1\n")
    sorted(source.glob("[0-9]*/*/meta.yaml"))[0].write_text("a: [unclosed\n")
    report = do_import(cli, tmp_path / "data", source, rc=1)
    text = "\n".join(report["differences"])
    assert "is not UTF-8" in text and "is no file" in text and "'nonsense' is no point of a metric" in text and "meta.yaml' is left out" in text
    assert "root:" not in text and report["runs_added"] == 5


@pytest.mark.parametrize("mode", ["copy", "link"])
def test_artifacts_are_copied(cli, server, tmp_path, mode):
    data, path, root = tmp_path / "data", tmp_path / "m" / "mlflow.db", tmp_path / "m" / "art"
    path.parent.mkdir()
    shutil.copy(FIXTURES / "mlflow.db", path)
    with sqlite3.connect(path) as db:
        ids = [r[0] for r in db.execute("SELECT run_uuid FROM runs ORDER BY rowid")]
        for rid in ids:
            db.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (f"file://{root}/{rid}%20x", rid))
        db.execute("UPDATE runs SET artifact_uri = '/etc' WHERE run_uuid = ?", (ids[1],))
        db.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (f"{root}/../../outside", ids[0]))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    folder = root / f"{ids[3]} x" / "model"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 1000)
    (folder / "passwd").symlink_to("/etc/passwd")
    report = do_import(cli, data, f"sqlite:///{path}", "--artifacts", mode, rc=1)
    assert report["files"] == 1 and report["bytes"] == 256000
    text = "\n".join(report["differences"])
    assert "artifact 'passwd' is no file or folder" in text and text.count("are left there: outside of") == 2
    s = server(data)
    uri = s.get(f"{API}/runs/get?run_id={ids[3]}").json["run"]["info"]["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/")
    got = s.get("/api/2.0/mlflow-artifacts/artifacts/" + uri.removeprefix("mlflow-artifacts:/") + "/model/weights.bin")
    assert got.status == 200 and got.body == bytes(range(256)) * 1000
    assert not list(data.rglob("secret")) and not list(data.rglob("passwd"))
    s.stop()
    assert do_import(cli, data, f"sqlite:///{path}", "--artifacts", mode, rc=0)["files"] == 0


def test_only_this_machine_may_ask(cli, server, tmp_path):
    s = server(tmp_path / "data")
    assert s.post("/api/v1/import", {"source": source_of("files")}).status == 200  # loopback
    assert s.post("/api/v1/import", {}).status == 400
    assert s.post("/api/v1/import", {"source": "file:///etc/passwd"}).status == 400  # neither folder nor database
    assert s.post("/api/v1/import", {"source": source_of("files"), "artifacts": "burn"}).status == 400
    assert s.post("/api/v1/export", {"dir": "relative"}).status == 400


def test_export_and_import_again(cli, server, tmp_path):
    do_import(cli, tmp_path / "one", source_of("sqlite"))
    out = tmp_path / "out"
    cli.ok("--data", tmp_path / "one", "export", "mlflow", out)
    assert cli("--data", tmp_path / "one", "export", "mlflow", out).rc != 0  # exists
    report = do_import(cli, tmp_path / "two", out)
    assert report["complete"] and report["runs_added"] == 6
    a, b = (normal(read_back(server(tmp_path / d)), True) for d in ("one", "two"))
    for dump in (a, b):
        for m in dump["models"]:
            for v in m["versions"]:
                v.pop("source")
    assert a == b


@pytest.mark.skipif(not os.environ.get("MLFLOW_PYTHON"), reason="set MLFLOW_PYTHON to a Python that has mlflow")
def test_mlflow_reads_the_export(cli, tmp_path):
    do_import(cli, tmp_path / "data", source_of("files"))
    cli.ok("--data", tmp_path / "data", "export", "mlflow", tmp_path / "out")
    dump = subprocess.run([os.environ["MLFLOW_PYTHON"], "-W", "ignore", HERE / "make-fixtures", "--dump", tmp_path / "out"],
                          check=True, stdout=subprocess.PIPE).stdout
    got, want = normal(json.loads(dump), True), normal(expected("files"), False)
    for e in got["experiments"] + want["experiments"]:
        e.pop("id")  # the file store's numbers come from its folders
    assert got == want


def test_from_a_running_server(cli, server, tmp_path):
    """Ours speaks the API, so it is a source too."""
    do_import(cli, tmp_path / "one", source_of("files"))
    source = server(tmp_path / "one")
    for reply in (source.request("POST", API + "/registered-models/create", json.dumps(
                      {"name": "p'rompt", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]}),
                      {"Content-Type": "application/json"}),):
        assert reply.status == 200, reply
    url = source.url.replace("http://", "http://user:hunter22@") + "/"
    report = do_import(cli, tmp_path / "two", url)
    assert report["complete"] and report["runs_added"] == 6 and report["kind"] == "server" and report["source"] == f"server:{source.url}"
    assert counts(report)["models"] == (3, 3) and counts(report)["points"] == (283, 283)
    assert do_import(cli, tmp_path / "two", url)["runs_unchanged"] == 6
    assert normal(read_back(server(tmp_path / "two")), True) == normal(read_back(source), True)
    source.stop()
    assert "no server answers" in cli("--data", tmp_path / "two", "import", "mlflow", source.url).err
    assert "hunter22" not in (tmp_path / "two" / "slipway.db").read_bytes().decode("latin-1")


@pytest.mark.skipif(not os.environ.get("MLFLOW_PYTHON"), reason="set MLFLOW_PYTHON to a Python that has mlflow")
def test_from_mlflow_itself(cli, server, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    shutil.copy(FIXTURES / "mlflow.db", tmp_path / "mlflow.db")
    log = open(tmp_path / "mlflow.log", "wb")
    p = subprocess.Popen([os.environ["MLFLOW_PYTHON"], "-m", "mlflow", "server", "--port", str(port), "--workers", "1",
                          "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"], cwd=tmp_path, stdout=log, stderr=log,
                         start_new_session=True)
    try:
        def up():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/health").status == 200
            except OSError:
                return False
        until("MLflow's server", up, 120)
        report = do_import(cli, tmp_path / "data", f"http://127.0.0.1:{port}")
    finally:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    assert report["complete"] and report["runs_added"] == 6, report
    assert normal(read_back(server(tmp_path / "data")), True) == normal(expected("sqlite"), False)

def test_progress_and_stopping_through_a_server(cli, server, tmp_path):
    """A running server does the import: its progress can be asked for, Ctrl-C stops it, the next one goes on."""
    source, data = tmp_path / "big.db", tmp_path / "data"
    big_database(source, runs=500)
    s = server(data)
    assert s.get("/api/v1/import").json["running"] is False
    seen = set()
    for sig in (signal.SIGINT, signal.SIGKILL, signal.SIGINT):
        p = cli.popen("--data", data, "import", "mlflow", f"sqlite:///{source}")
        until("some runs", lambda: s.get("/api/v1/import").json["runs"] > max([0, *seen]) or p.poll() is not None)
        second = s.post("/api/v1/import", {"source": str(FIXTURES / "mlruns")})
        assert second.status == (409 if p.poll() is None else 200) or not s.get("/api/v1/import").json["running"], second
        p.send_signal(sig)
        out, err = p.communicate(timeout=120)
        if sig == signal.SIGKILL:
            s.request("DELETE", "/api/v1/import")
        elif p.returncode:
            assert p.returncode == 130 and b"the same import goes on from there" in err, (p.returncode, err)
        until("the end", lambda: not s.get("/api/v1/import").json["running"])
        seen.add(s.get("/api/v1/import").json["runs"])
    p = cli.popen("--data", data, "import", "mlflow", f"sqlite:///{source}", "--json")
    polled = []
    while p.poll() is None:
        v = s.get("/api/v1/import").json
        if v["running"]:
            polled.append(v["runs"])
        time.sleep(0.02)
    report = json.loads(p.stdout.read())
    assert report["complete"] and report["runs_added"] + report["runs_unchanged"] == report["runs_verified"] == 506
    assert polled == sorted(polled) and polled[-1] > polled[0]
    assert counts(report)["points"] == (283 + 500 * 20 * 40,) * 2
    assert s.request("DELETE", "/api/v1/import").json == {"stopping": False}
    s.stop()


def test_a_server_that_stops_ends_its_import(cli, server, tmp_path):
    source, data = tmp_path / "big.db", tmp_path / "data"
    big_database(source, runs=500)
    s = server(data)
    p = cli.popen("--data", data, "import", "mlflow", f"sqlite:///{source}")
    until("some runs", lambda: s.get("/api/v1/import").json["runs"] > 0)
    s.stop()
    p.communicate(timeout=120)
    assert p.returncode != 0
    report = do_import(cli, data, f"sqlite:///{source}")
    assert report["complete"] and report["runs_verified"] == 506
