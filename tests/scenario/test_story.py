# SPDX-License-Identifier: Apache-2.0
"""What a newcomer does, from an empty folder to a rollback under load."""
import http.client
import json
import re
import shutil
import signal
import subprocess
import threading

import pytest

from conftest import PATIENCE


class Loop(threading.Thread):
    """A client that asks an endpoint over one kept connection until told to stop."""

    def __init__(self, server, example):
        super().__init__(daemon=True)
        self.address = server.url[len("http://"):]
        self.body = json.dumps({"instances": [example]})
        self.answers, self.bad, self.values, self.over = 0, [], set(), threading.Event()
        self.start()

    def run(self):
        c = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        while not self.over.is_set():
            c.request("POST", "/v1/models/diabetes:predict", self.body, {"Content-Type": "application/json"})
            r = c.getresponse()
            text = r.read()
            self.answers += 1
            if r.status != 200 or not r.getheader("prediction_id"):
                self.bad.append((r.status, text))
            else:
                self.values.add(json.loads(text)["predictions"][0])
        c.close()

    def until(self, n):
        wanted = self.answers + n
        while self.answers < wanted and self.is_alive():
            threading.Event().wait(0.01)

    def end(self):
        self.over.set()
        self.join(PATIENCE)
        assert not self.is_alive() and not self.bad, self.bad[:3]


def test_init_writes_a_whole_project(project):
    names = {p.name for p in project.path.iterdir()}
    assert {"slipway.yaml", "README.md"} <= names
    csv = next(project.path.rglob("*.csv"))
    assert len(csv.read_text().splitlines()) == 443
    texts = " ".join(p.read_text() for p in project.path.rglob("*") if p.is_file() and p.suffix in (".md", ".txt", ""))
    assert "scikit-learn" in texts and re.search("licen[cs]e", texts, re.I)
    r = project.cli.at(project.path.parent).fails(5, "init", "diabetes", "--template", "regression")
    assert "slipway.yaml" in r.err or "diabetes" in r.err


def test_init_names_what_there_is(cli):
    r = cli.fails(3, "init", "x", "--template", "regresion")
    assert "did you mean 'regression'?" in r.err


def test_run_reports_what_it_did(project):
    r = project.cli.ok("run")
    assert "Metrics on the test part" in r.out and "baseline" in r.out and "Gates" in r.out and "✓" in r.out
    assert "registered diabetes:1" in r.out
    assert "→ slipway deploy diabetes" in r.err
    assert "first run" in r.err
    again = project.cli.ok("run")
    assert "skipped" in again.err


def test_run_json_is_the_run(project):
    run = project.run()
    assert run["status"] == "FINISHED" and run["model_versions"] == [{"name": "diabetes", "version": "1"}]
    assert run["result"]["metrics"]["test"]["rmse"]["low"] < run["metrics"]["rmse"] < run["result"]["metrics"]["test"]["rmse"]["high"]
    assert run["code"]["command"].startswith("slipway run")


def test_why_each_stage_ran(project):
    project.run()
    r = project.cli.ok("run", "-p", "alpha=0.7")
    assert re.search(r"params\.alpha .* → 0\.7", r.err), r.err
    plan = project.cli.ok("run", "--dry-run", "--json").json
    assert {s["will"] for s in plan["stages"]} <= {"run", "skip"}
    assert project.cli("run", "--dry-run", "--exit-code").rc in (0, 10)
    assert project.cli.fails(10, "run", "--dry-run", "--force", "--exit-code").rc == 10


def test_same_inputs_same_model(project):
    a = project.run("--force")
    b = project.run("--force")
    assert a["result"]["model"]["digest"] == b["result"]["model"]["digest"]


@pytest.mark.sanitize
def test_the_whole_story(trained, server):
    cli = trained.cli
    s = server(trained.data, serve="127.0.0.1:0")
    r = cli.ok("deploy", "diabetes")
    assert "endpoint/diabetes" in r.out and "diabetes:1" in r.out
    curl = next(l for l in r.err.splitlines() if "curl " in l)
    if shutil.which("curl"):
        p = subprocess.run(["bash", "-c", curl[curl.index("curl "):]], stdout=subprocess.PIPE, text=True)
        assert p.returncode == 0 and len(json.loads(p.stdout)["predictions"]) == 1
    endpoint = cli.ok("status", "endpoint/diabetes", "--json").json
    assert endpoint["serving_version"] == "1" and endpoint["state"] == "ready"
    loop = Loop(s, endpoint["input_example"])

    two = trained.run("-p", "alpha=0.5")
    assert two["model_versions"] == [{"name": "diabetes", "version": "2"}]
    compared = cli.ok("model", "compare", "diabetes", "1", "2", "--json").json
    rows = {(sec["name"], row["key"]): row for sec in compared["sections"] for row in sec["rows"]}
    assert rows["params", "alpha"]["differs"] and rows["params", "alpha"]["values"][1] == "0.5"
    text = cli.ok("model", "compare", "diabetes:1", "diabetes:2").out
    assert "alpha" in text and "diabetes" in text
    assert cli("model", "compare", "diabetes", "1", "2", "--exit-code").rc == 10

    bad = cli.fails(1, "run", "-p", "alpha=1000000")
    assert "✗" in bad.out and "registered" not in bad.out
    assert cli.ok("model", "show", "diabetes", "--json").json["latest_version"] == "2"
    failed = cli.ok("exp", "show", "latest", "--json").json
    assert failed["status"] == "FAILED" and failed["result"]["state"] == "refused"
    assert any(g["passed"] is False for g in failed["result"]["gates"])

    loop.until(50)
    r = cli.ok("promote", "diabetes", "--reason", "better")
    assert "(was :1)" in r.out and "diabetes:2" in r.out
    loop.until(50)
    assert "already" in cli.fails(5, "promote", "diabetes").err
    r = cli.ok("rollback", "diabetes", "--reason", "practice")
    assert "(was :2)" in r.out and "diabetes:1" in r.out
    loop.until(50)
    loop.end()
    assert len(loop.values) == 2
    log = cli.ok("audit", "log", "endpoint/diabetes", "--json").json
    assert [e["reason"] for e in log][:2] == ["practice", "better"]
    assert {e["kind"] for e in log} >= {"endpoint.promoted"}


@pytest.mark.sanitize
def test_everything_works_without_a_server(trained):
    cli = trained.cli
    r = cli.ok("deploy", "diabetes")
    assert "no server runs" in r.out and "slipway server" in r.err
    value = float(cli.ok("predict", "diabetes").out)
    assert 25 < value < 346
    assert float(cli.ok("predict", "diabetes:1").out) == value
    assert float(cli.ok("predict", "models:/diabetes@champion").out) == value
    trained.run("-p", "alpha=0.5")
    assert "(was :1)" in cli.ok("promote", "endpoint/diabetes").out
    assert "(was :2)" in cli.ok("rollback", "diabetes").out
    assert cli.fails(5, "rollback", "diabetes").err


def test_desired_state_is_served_by_the_next_server(trained, server):
    trained.cli.ok("deploy", "diabetes")
    s = server(trained.data)
    example = trained.cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    assert len(s.post("/v1/models/diabetes:predict", {"instances": [example]}).json["predictions"]) == 1
    assert len(s.post("/endpoints/diabetes/invocations", {"dataframe_records": [example]}).json["predictions"]) == 1


@pytest.mark.sanitize
def test_predict_takes_every_form(trained, tmp_path):
    cli = trained.cli
    example = cli.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    one = cli.ok("predict", "diabetes:1", json.dumps(example)).out
    assert cli.ok("predict", "diabetes:1", json.dumps([example, example])).out == one * 2
    assert cli.ok("predict", "diabetes:1", "-", input=json.dumps({"instances": [example]})).out == one
    names = list(example)
    csv = ",".join(names) + "\n" + ",".join(str(example[n]) for n in names) + "\n"
    (tmp_path / "rows.csv").write_text(csv)
    assert cli.ok("predict", "diabetes:1", tmp_path / "rows.csv").out == one
    assert cli.ok("predict", "diabetes:1", "-", input=csv).out == one
    assert cli.ok("predict", "diabetes:1", tmp_path / "rows.csv", "-o", "csv").out == "prediction\n" + one
    assert cli.ok("predict", "diabetes:1", "--json").json["predictions"] == [float(one)]
    # A whole number prints as one, an absent file says so.
    assert "neither JSON nor a file" in cli.fails(3, "predict", "diabetes:1", "absent.csv").err


@pytest.mark.sanitize
def test_show_commands_tell_all(trained):
    text = trained.cli.ok("model", "show", "diabetes:1").out
    for part in ("Signature", "Metrics", "Gates", "Coefficients", "Fit", "Files", "model.onnx", "Compiled predictor"):
        assert part in text, part
    run = trained.cli.ok("exp", "show", "latest").out
    for part in ("Stages", "Metrics on the test part", "Gates", "Parameters"):
        assert part in run, part
    data = trained.cli.ok("data", "show", "patients").out
    assert "442 rows" in data and "Columns" in data and "bmi" in data


def test_references(trained):
    cli = trained.cli
    run = cli.ok("exp", "ls", "--json").json[0]
    for ref in (run["run_id"], f"run/{run['run_id'][:6]}", "latest", "run/latest", "run/best:rmse", f"runs:/{run['run_id']}"):
        assert cli.ok("exp", "show", ref, "--json").json["run_id"] == run["run_id"], ref
    for ref in ("diabetes:1", "model/diabetes:1", "models:/diabetes/1"):
        assert cli.ok("model", "show", ref, "--json").json["version"] == "1", ref
    digest = cli.ok("data", "ls", "--json").json[0]["digest"]
    assert cli.ok("data", "show", f"data/patients@{digest[:8]}", "--json").json["digest"] == digest
    assert "four hex digits" in cli.fails(2, "exp", "show", "4f").err
    assert "did you mean" in cli.fails(3, "model", "show", "diabetis").err


@pytest.mark.sanitize
def test_lists(trained):
    for i in range(3):
        trained.run("-p", f"alpha={0.2 + i}")
    rows = trained.cli.ok("exp", "ls", "--json").json
    assert len(rows) == 4 and [r["start_time_ms"] for r in rows] == sorted((r["start_time_ms"] for r in rows), reverse=True)
    r = trained.cli.ok("exp", "ls", "-n", "2")
    assert len(r.out.splitlines()) == 3 and "more, -n 0 for all" in r.err
    best = trained.cli.ok("exp", "ls", "--order-by", "metrics.rmse ASC", "-n", "1", "--json").json[0]
    assert best["metrics"]["rmse"] == min(x["metrics"]["rmse"] for x in rows)
    assert trained.cli.ok("exp", "ls", "--filter", "metrics.rmse < 0", "--json").json == []
    assert trained.cli.fails(2, "exp", "ls", "--filter", "metrics.rmse <").err
    assert len(trained.cli.ok("exp", "ls", "-o", "jsonl").out.splitlines()) == 4
    assert trained.cli.ok("exp", "ls", "-o", "name").out.splitlines()[0] == f"run/{rows[0]['run_id']}"
    assert trained.cli.ok("exp", "ls", "-o", "csv").out.splitlines()[0].startswith("run_id,status,experiment,metrics.rmse")
    assert trained.cli.ok("exp", "ls", "--field", "metrics.rmse").out.splitlines()[0] == repr(rows[0]["metrics"]["rmse"])


def test_server_and_cli_runs_share_one_history(trained, server):
    s = server(trained.data)
    run = trained.run("-p", "alpha=0.3")
    assert s.get(f"/api/v1/runs/{run['run_id']}").json["status"] == "FINISHED"
    assert run["model_versions"][0]["version"] == "2"


VIEWS = ["home", "runs", "models", "endpoints", "datasets", "audit", "model?name=diabetes", "version?name=diabetes&version=1", "run?id=latest",
         "endpoint?name=diabetes", "dataset?name=patients", "compare?model=diabetes&versions=1,2"]


@pytest.mark.sanitize
def test_views_are_one_request(trained, server):
    trained.run("-p", "alpha=0.5")
    s = server(trained.data)
    trained.cli.ok("deploy", "diabetes")
    for view in VIEWS:
        r = s.get(f"/api/v1/view/{view}")
        key = view.split("?")[0].replace("home", "status")
        assert r.status == 200 and key in r.json, (view, r)
    assert s.get("/api/v1/view/model?name=nope").status == 404
    assert s.get("/api/v1/view/model").status == 400
    assert "did you mean 'models'" in s.get("/api/v1/view/modls").json["message"]


@pytest.mark.parametrize("with_server", [False, True])
def test_following_the_audit_log(trained, server, with_server):
    if with_server:
        server(trained.data)
    p = trained.cli.popen("audit", "log", "--follow", "--json")
    try:
        threading.Event().wait(1.0)  # it starts behind what is there
        trained.cli.ok("deploy", "diabetes", "--reason", "watched")
        kinds = []
        while "endpoint.created" not in kinds:
            event = json.loads(p.stdout.readline())
            kinds.append(event["kind"])
            assert event["kind"] != "run.created", "an old event"
    finally:
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=PATIENCE)
    assert p.returncode == 130


def test_dry_runs_change_nothing(trained):
    cli = trained.cli
    plan = cli.ok("deploy", "diabetes", "--dry-run", "--json").json
    assert plan["version"] == "1" and plan["previous_version"] is None
    assert "dry run" in cli.ok("deploy", "diabetes", "--dry-run").out
    assert cli.fails(3, "status", "endpoint/diabetes").out == ""
    cli.ok("deploy", "diabetes")
    trained.run("-p", "alpha=0.5")
    events = len(cli.ok("audit", "log", "--json").json)
    assert cli.ok("promote", "diabetes", "--dry-run", "--json").json["version"] == "2"
    assert cli.fails(5, "promote", "diabetes", "--to", "1", "--dry-run").err
    assert cli.fails(5, "rollback", "diabetes", "--dry-run").err
    cli.ok("run", "--dry-run")
    assert len(cli.ok("audit", "log", "--json").json) == events
    assert cli.ok("status", "endpoint/diabetes", "--json").json["version"] == "1"
