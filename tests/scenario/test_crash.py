# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the command line and of the server in the middle of runs: what was in flight is adopted
or marked failed with its reason, never forgotten, never doubled."""
import json
import random
import signal
import subprocess
import time

import pytest

from conftest import PATIENCE, until
from test_bad_input import big_data, worker_pids

ROUNDS = 12


def settled(project):
    """Every run has ended; whoever asks first applies what was left behind."""
    runs = project.cli.ok("exp", "ls", "--json").json
    return runs if all(r["status"] in ("FINISHED", "FAILED", "KILLED") for r in runs) else None


def check_history(project):
    runs = until("all runs to end", lambda: not worker_pids(project) and settled(project))
    ids = [r["run_id"] for r in runs]
    assert len(ids) == len(set(ids))
    for r in runs:
        assert r["status"] != "FAILED" or r["status_reason"], r
    listed = [v["version"] for r in runs for v in r["model_versions"]]
    assert len(listed) == len(set(listed)), "a result was applied twice"
    models = project.cli.ok("model", "ls", "--json").json
    if models:
        versions = project.cli.ok("model", "show", models[0]["name"], "--json").json["versions"]
        assert sorted(v["version"] for v in versions) == sorted(listed)
    finished = [r for r in runs if r["status"] == "FINISHED"]
    assert all(len(r["model_versions"]) == 1 for r in finished)
    return runs


def test_killing_the_command_line(project):
    big_data(project, 20000)
    rng = random.Random(7)
    for i in range(ROUNDS):
        p = project.cli.popen("run", "-p", f"alpha={0.1 + i / 100}", "--json")
        time.sleep(rng.uniform(0.005, 0.6))
        p.kill()
        p.communicate(timeout=PATIENCE)
    runs = check_history(project)
    assert len(runs) <= ROUNDS
    before = len(runs)
    assert project.run("-p", "alpha=0.9")["status"] == "FINISHED"
    assert len(check_history(project)) == before + 1


def test_killing_the_server(project, server):
    big_data(project, 20000)
    rng = random.Random(8)
    started = 0
    for i in range(ROUNDS // 2):
        s = server(project.data)
        r = s.post("/api/v1/runs", {"project_dir": str(project.path), "params": {"alpha": str(0.1 + i / 100)}})
        assert r.status == 202, r
        started += 1
        time.sleep(rng.uniform(0.0, 0.6))
        s.kill()
    s = server(project.data)
    until("the server to adopt", lambda: settled(project))
    runs = check_history(project)
    assert len(runs) == started, "an acknowledged run was forgotten"
    s.stop()


def test_a_watcher_whose_server_is_killed_names_the_run(project, server):
    big_data(project, 300000)
    s = server(project.data)
    p = project.cli.popen("run", "--json")
    until("the worker", lambda: worker_pids(project) or p.poll() is not None)
    if p.poll() is not None:
        pytest.skip("the run was over before its server could be killed")
    s.kill()
    out, err = p.communicate(timeout=PATIENCE)
    if p.returncode == 0:
        pytest.skip("the run was over before its server could be killed")
    run = check_history(project)[0]
    assert p.returncode == 7 and f"slipway exp show {run['run_id'][:8]}" in err.decode(), err


def test_a_detached_run_is_finished_by_whoever_comes_next(project):
    big_data(project, 20000)
    r = project.cli.ok("run", "--detach", "--json")
    assert r.json["status"] == "RUNNING"
    assert "slipway run --cancel" in r.err and "slipway exp show" in r.err
    runs = check_history(project)
    assert [x["run_id"] for x in runs] == [r.json["run_id"]] and runs[0]["status"] == "FINISHED"


def test_cancel_a_detached_run(project):
    big_data(project, 300000)
    r = project.cli.ok("run", "--detach", "--json")
    done = project.cli("run", "--cancel", r.json["run_id"][:8], "--json")
    if done.rc == 5:
        pytest.skip("the run was over before it could be cancelled")
    assert done.rc == 0, done
    until("the run to be killed", lambda: project.cli.ok("exp", "show", "latest", "--json").json["status"] == "KILLED")


def test_restart_keeps_serving(trained, server):
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes")
    example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    first = s.post("/v1/models/diabetes:predict", {"instances": [example]}).json
    for _ in range(3):
        s.kill()
        s = server(trained.data)
        assert s.post("/v1/models/diabetes:predict", {"instances": [example]}).json == first
