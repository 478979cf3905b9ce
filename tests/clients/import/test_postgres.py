# SPDX-License-Identifier: Apache-2.0
"""slipway import mlflow postgresql://…: a recorded store of MLflow 3.11.1 (make-fixtures --postgres made postgres.sql)
in a real PostgreSQL 15, damaged and foreign ones, and, when a Python with mlflow and psycopg2 is there
($MLFLOW_PYTHON), one that MLflow fills."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.parse

import postgres
import pytest
from scenario_conftest import SANITIZED
from test_import import FIXTURES, HERE, counts, do_import, expected, normal, read_back

SECRET = urllib.parse.quote(postgres.PASSWORD, safe="")


@pytest.fixture(scope="module")
def cluster():
    with postgres.running() as p:
        yield p


@pytest.fixture
def store(cluster):
    """A database of its own with the recorded store in it."""
    name = f"m{time.monotonic_ns()}"
    cluster.sql(f"CREATE DATABASE {name}")
    cluster.sql((FIXTURES / "postgres.sql").read_text(), name)

    class Store:
        identity = f"postgresql://127.0.0.1:{cluster.port}/{name}"
        url = identity.replace("://", f"://{postgres.USER}:{SECRET}@")

        def sql(self, text):
            return cluster.sql(text, name)

    s = Store()
    s.name = name
    return s


def refused(cli, tmp_path, url, *says):
    r = cli("--data", tmp_path / "data", "import", "mlflow", url)
    assert r.rc not in (0, -11, 70), r
    for text in says:
        assert text in r.err, r
    for secret in (postgres.PASSWORD, SECRET, "hunter"):
        assert secret not in r.err + r.out, r
    return r


@pytest.mark.sanitize
def test_everything_comes_over_and_twice_is_once(cli, server, tmp_path, store):
    data = tmp_path / "data"
    report = do_import(cli, data, store.url)
    assert report["complete"] and report["runs_added"] == 6 and report["kind"] == "postgresql", report
    assert report["source"] == store.identity
    assert all(there == here for there, here in counts(report).values())
    assert counts(report)["points"] == (283, 283) and counts(report)["logged models"] == (1, 1)
    again = do_import(cli, data, store.url.replace("postgresql://", "postgresql+psycopg2://"))
    assert again["complete"] and again["runs_added"] == 0 and again["runs_unchanged"] == 6
    s = server(data)
    assert normal(read_back(s), True) == normal(expected("postgres"), False)
    assert do_import(cli, data, store.url)["runs_unchanged"] == 6  # a server does the same
    s.stop()
    everything = b"".join(p.read_bytes() for p in data.rglob("*") if p.is_file())
    assert postgres.PASSWORD.encode() not in everything and SECRET.encode() not in everything


def test_other_ways_to_write_the_url(cli, tmp_path, store, cluster):
    query = f"postgresql:///{store.name}?host={cluster.socket}&port={cluster.port}&user={postgres.USER}"
    assert do_import(cli, tmp_path / "a", query)["runs_added"] == 6
    env = {"PGPASSWORD": postgres.PASSWORD}
    r = cli("--data", tmp_path / "b", "import", "mlflow", store.url.replace(f":{SECRET}@", "@"), "--json", env=env)
    assert r.rc == 0 and r.json["runs_added"] == 6, r
    store.sql("CREATE SCHEMA other; ALTER TABLE runs SET SCHEMA other")
    assert do_import(cli, tmp_path / "c", store.url + "?options=-csearch_path%3Dother,public")["runs_added"] == 6


def test_what_is_refused_and_how(cli, tmp_path, store, cluster):
    bad = store.url.replace(SECRET, "hunter22")
    refused(cli, tmp_path, bad, "the login was refused", "password authentication failed", store.identity)
    refused(cli, tmp_path, store.url.replace(f":{SECRET}@", "@"), "the login was refused")
    refused(cli, tmp_path, store.url + "x", "does not exist")
    refused(cli, tmp_path, f"postgresql://u:hunter22@127.0.0.1:{postgres.free_port()}/x", "cannot be reached")
    refused(cli, tmp_path, "postgresql://u:hunter/22@h/x", "the port in the URL", "%2F")
    refused(cli, tmp_path, "postgresql://u:hunter%2@h/x", "not percent-encoded")
    refused(cli, tmp_path, "postgresql://u:hunter@h/x?passfile=/etc/shadow", "'passfile'")
    refused(cli, tmp_path, "mysql+pymysql://u:hunter@h/x", "mlflow server --backend-store-uri", "http://")
    refused(cli, tmp_path, "oracle://u:hunter@h/x", "cannot import from a 'oracle://' URL", "postgresql://")
    cluster.sql("CREATE DATABASE empty")
    refused(cli, tmp_path, store.url.replace(store.name, "empty"), "not one of MLflow")


@pytest.mark.parametrize("statement, says", [
    ("ALTER TABLE runs RENAME run_uuid TO id", "has no table 'runs' with a column 'run_uuid'"),
    ("DROP TABLE experiments CASCADE", "not one of MLflow"),
    ("ALTER TABLE metrics RENAME value TO reading; UPDATE alembic_version SET version_num = 'feedbeef'",
     "table 'metrics' has no column 'value': its schema, version 'feedbeef', is not one that this release reads"),
])
def test_schemas_that_are_not_known(cli, tmp_path, store, statement, says):
    store.sql(statement)
    refused(cli, tmp_path, store.url, says)


def test_a_reader_who_may_not_read(cli, tmp_path, store):
    store.sql("CREATE ROLE guest LOGIN PASSWORD 'hunter22'; GRANT USAGE ON SCHEMA public TO guest; GRANT SELECT ON experiments TO guest")
    try:
        refused(cli, tmp_path, store.url.replace(f"{postgres.USER}:{SECRET}", "guest:hunter22"), "permission denied for table")
    finally:
        store.sql("DROP OWNED BY guest; DROP ROLE guest")


@pytest.mark.sanitize
@pytest.mark.parametrize("statement, says", [
    ("ALTER TABLE metrics ALTER value TYPE text; UPDATE metrics SET value = 'abc' WHERE key = 'rmse'",
     "column 'value' is a text instead of a number"),
    ("ALTER TABLE params ALTER value TYPE bytea USING '\\x00ff'", "column 'value' is a blob instead of a text"),
    ("ALTER TABLE tags ALTER value TYPE text; UPDATE tags SET value = repeat('x', 20 << 20) WHERE key = 'n'", "is longer than 16 MiB"),
    ("DELETE FROM datasets", "its data set is not there"),
    ("UPDATE registered_model_aliases SET version = 99", "alias 'champion' stands for version 99"),
])
def test_bad_rows_are_named_and_the_rest_comes(cli, tmp_path, store, statement, says):
    store.sql("SET session_replication_role = replica; " + statement)
    report = do_import(cli, tmp_path / "data", store.url, rc=1)
    assert not report["complete"] and says in "\n".join(report["differences"]), report["differences"][:5]
    assert report["runs_added"] == 6


def test_kill_9_in_the_middle_and_again(cli, tmp_path, store):
    store.sql("INSERT INTO runs (run_uuid, name, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)"
              " SELECT lpad(to_hex(r), 32, '0'), 'big ' || r, 'u', 'FINISHED', 1, 'active', 'x', 0 FROM generate_series(1, 700) r;"
              "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
              " SELECT 'm' || k, random(), s, lpad(to_hex(r), 32, '0'), s, false"
              " FROM generate_series(1, 700) r, generate_series(1, 20) k, generate_series(1, 20) s;"
              "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
              " SELECT 'm' || k, 1, 1, 1, false, lpad(to_hex(r), 32, '0') FROM generate_series(1, 700) r, generate_series(1, 20) k")
    data, seen = tmp_path / "data", set()
    for delay in (0.05, 0.1, 0.2, 0.3, 0.4):
        p = cli.popen("--data", data, "import", "mlflow", store.url)
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
            assert runs == known
            seen.add(runs)
    report = do_import(cli, data, store.url)
    assert report["complete"] and report["runs_added"] + report["runs_unchanged"] == 706
    assert counts(report)["points"] == (283 + 700 * 400,) * 2
    print("runs there after the kills:", sorted(seen))


@pytest.mark.skipif(not os.environ.get("MLFLOW_PYTHON"), reason="set MLFLOW_PYTHON to a Python that has mlflow and psycopg2")
def test_a_store_that_mlflow_fills(cli, server, tmp_path, cluster):
    python = os.environ["MLFLOW_PYTHON"]
    if subprocess.run([python, "-c", "import psycopg2"], capture_output=True).returncode:
        pytest.skip("MLFLOW_PYTHON has no psycopg2 (pip install psycopg2-binary)")
    cluster.sql("CREATE DATABASE live")
    uri = f"postgresql+psycopg2://{postgres.USER}@/live?host={cluster.socket}&port={cluster.port}"
    (tmp_path / "out").mkdir()
    subprocess.run([python, "-W", "ignore", HERE / "make-fixtures", "--postgres", uri, tmp_path / "out"], check=True, cwd=tmp_path,
                   capture_output=True, timeout=300)
    report = do_import(cli, tmp_path / "data", uri)
    assert report["complete"] and report["runs_added"] == 6, report
    got = normal(read_back(server(tmp_path / "data")), True)
    text = (tmp_path / "out" / "expected-postgres.json").read_text().replace("/srv/mlruns", f"{tmp_path}/mlruns")
    assert got == normal(json.loads(text), False)
