# SPDX-License-Identifier: Apache-2.0
"""One data folder, many processes: who holds the lock, who waits, who asks the server."""
import fcntl
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, until


@pytest.fixture
def held(trained):
    """Holds the folder's lock as another command line would."""
    path = trained.data / "lock"
    f = open(path, "a+")
    fcntl.flock(f, fcntl.LOCK_EX)
    f.truncate(0)
    f.write(json.dumps({"pid": os.getpid(), "role": "cli", "url": None}))
    f.flush()
    yield f
    f.close()


@pytest.mark.sanitize
def test_reads_need_no_lock(trained, held):
    assert trained.cli.ok("model", "ls", "--json").json[0]["name"] == "diabetes"
    assert trained.cli.ok("model", "show", "diabetes:1", "--json").json["version"] == "1"
    assert trained.cli.ok("status", "--json").json["models"]
    assert trained.cli.ok("audit", "log", "--json").json


def test_a_writer_waits_and_names_the_holder(trained, held):
    p = trained.cli.popen("deploy", "diabetes", stderr=subprocess.PIPE)
    line = p.stderr.readline().decode()
    assert "waiting" in line and str(os.getpid()) in line and "Ctrl-C" in line
    assert p.poll() is None
    fcntl.flock(held, fcntl.LOCK_UN)
    out, _ = p.communicate(timeout=PATIENCE)
    assert p.returncode == 0 and b"diabetes:1" in out


def test_waiting_can_be_interrupted(trained, held):
    p = trained.cli.popen("run", stderr=subprocess.PIPE)
    assert b"waiting" in p.stderr.readline()
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == 130 and b"Ctrl-C again to force" in err


def test_a_dead_holder_is_ignored(trained):
    (trained.data / "lock").write_text('{"pid": 1, "role": "server", "url": "http://127.0.0.1:1"}')
    assert "endpoint/diabetes" in trained.cli.ok("deploy", "diabetes").out


@pytest.mark.sanitize
def test_the_cli_talks_to_the_server_that_holds_the_folder(trained, server):
    s = server(trained.data)
    r = trained.cli.ok("deploy", "diabetes", "-v", "--json")
    assert f"talking to the server at {s.url}" in r.err
    assert r.json["state"] == "ready" and r.json["serving_version"] == "1"
    s.stop()
    r = trained.cli.ok("status", "endpoint/diabetes", "-v", "--json")
    assert "working in this process" in r.err
    assert r.json["version"] == "1" and r.json["state"] == "not_served"


def test_a_server_that_starts_while_a_command_waits_is_asked(trained, server, held):
    p = trained.cli.popen("deploy", "diabetes", "--json", stderr=subprocess.PIPE)
    assert b"waiting" in p.stderr.readline()
    fcntl.flock(held, fcntl.LOCK_UN)
    held.close()
    s = server(trained.data)
    out, err = p.communicate(timeout=PATIENCE)
    assert p.returncode == 0, err
    until("the endpoint", lambda: s.get("/api/v1/endpoints/diabetes").json["state"] == "ready")


@pytest.mark.sanitize
def test_many_writers_lose_nothing(trained):
    before = len(trained.cli.ok("audit", "log", "--json").json)
    crowd = [trained.cli.popen("deploy", "diabetes", "--to", f"e{i}", "--json") for i in range(12)]
    for p in crowd:
        out, err = p.communicate(timeout=PATIENCE)
        assert p.returncode == 0, err
    names = {e["name"] for e in trained.cli.ok("status", "--json").json["endpoints"]}
    assert names == {f"e{i}" for i in range(12)}
    after = trained.cli.ok("audit", "log", "--json").json
    assert len([e for e in after if e["kind"].startswith("endpoint.")]) >= 12 and len(after) > before
    assert [e["seq"] for e in after] == sorted((e["seq"] for e in after), reverse=True)


def test_concurrent_runs_get_different_versions(trained):
    crowd = [trained.cli.popen("run", "-p", f"alpha={a}", "--json") for a in (0.2, 0.3, 0.4)]
    versions = []
    for p in crowd:
        out, err = p.communicate(timeout=PATIENCE * 3)
        assert p.returncode == 0, err
        versions += [v["version"] for v in json.loads(out)["model_versions"]]
    assert sorted(versions) == ["2", "3", "4"]


READS = [("model", "ls"), ("model", "show", "diabetes"), ("model", "show", "diabetes:1"), ("model", "compare", "diabetes", "1", "2"),
         ("data", "ls"), ("data", "show", "patients"), ("exp", "ls"), ("exp", "ls", "--experiments"), ("exp", "show", "latest"),
         ("audit", "log"), ("status", "endpoint/diabetes")]


def strip_live(v):
    """What only a server knows: whether the endpoint is loaded, and its traffic."""
    if isinstance(v, dict):
        return {k: strip_live(x) for k, x in v.items() if k not in ("state", "state_reason", "serving_version", "traffic", "series", "url")}
    return [strip_live(x) for x in v] if isinstance(v, list) else v


@pytest.mark.sanitize
def test_same_answers_with_and_without_a_server(trained, server):
    trained.run("-p", "alpha=0.5")
    trained.cli.ok("deploy", "diabetes:1")
    alone = {args: trained.cli.ok(*args, "--json").json for args in READS}
    rows = json.dumps([trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]])
    predicted = {ref: trained.cli.ok("predict", ref, rows).out for ref in ("diabetes", "diabetes:1", "diabetes:2", "endpoint/diabetes")}
    server(trained.data)
    for args in READS:
        assert strip_live(trained.cli.ok(*args, "--json").json) == strip_live(alone[args]), args
    for ref, out in predicted.items():
        assert trained.cli.ok("predict", ref, rows).out == out, ref
    for args in (("model", "show", "nope"), ("exp", "show", "ffff"), ("data", "show", "nope"), ("status", "endpoint/nope")):
        r = trained.cli.fails(3, *args, "--json")
        assert "nope" in r.error["message"] or "ffff" in r.error["message"]
