# SPDX-License-Identifier: Apache-2.0
"""What goes wrong while an endpoint is kept fit: kill -9 in mid-retraining, a project that is gone or broken, a training that
fails, labels without a log and labels that are no numbers. Each ends in a clear state, and nothing runs twice."""
import json
import shutil
import time

import pytest

from conftest import PATIENCE, until
from test_monitor import Traffic

HELD = "fewer than"


class Fit:
    """A server that retrains the copy of a project in `folder` once 100 new labels came."""

    def __init__(self, trained, server, tmp_path, **policy):
        self.project, self.server_of = trained, server
        self.folder = tmp_path / "copy" / "diabetes"
        shutil.copytree(trained.path, self.folder, ignore=shutil.ignore_patterns(".slipway"))
        trained.cli.ok("deploy", "diabetes")
        self.start()
        self.example = self.get("/api/v1/endpoints/diabetes").json["input_example"]
        self.ok("PUT", "monitor", {"window": "1s"})
        self.policy = {"project_dir": str(self.folder), "triggers": [{"labels": 100, "cooldown": "1h"}], "data": {"min_rows": 100},
                       "strategy": {"shadow": 0, "canary": [50, 100], "every": "1s", "min_requests": 1}, **policy}

    def start(self):
        self.server = self.server_of(self.project.data, cli=self.project.cli)
        self.url, self.get = self.server.url, self.server.get
        until("the endpoint", lambda: self.get("/v1/models/diabetes").status == 200)

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def ok(self, method, path, body=None):
        r = self.server.request(method, f"/api/v1/endpoints/diabetes/{path}", body)
        assert r.status in (200, 201), r
        return r.json

    def care(self):
        self.ok("PUT", "loop", {"policy": self.policy})

    def loop(self):
        return self.ok("GET", "loop")

    def attempt(self, *states):
        found = self.loop()["attempts"]
        return found[0] if found and found[0]["state"] in states else None

    def labelled(self, n=300):
        t = Traffic(self)
        t.send(n)
        self.ok("POST", "labels", {"labels": t.labels()})
        time.sleep(1.1)
        t.send(5)  # a window that closes: the loop looks at once, not within a minute
        return t

    def retrainings(self):
        runs = self.get("/api/v1/runs?limit=100").json["items"]
        return [r for r in runs if "retraining" in json.dumps(self.get(f"/api/v1/runs/{r['run_id']}").json.get("code") or {})]


@pytest.fixture
def fit(trained, server, tmp_path):
    return Fit(trained, server, tmp_path)


ENDED = ("promoted", "rolled_back", "refused", "failed", "unchanged")


@pytest.mark.sanitize
@pytest.mark.parametrize("when", ["starting", "training"])
def test_kill_in_mid_retraining(fit, when):
    fit.care()
    fit.labelled()
    until("the retraining", lambda: fit.attempt(*(("starting",) if when == "starting" else ()), "training", "rollout", *ENDED))
    fit.kill()
    fit.start()
    until("its end by rule", lambda: fit.attempt("rollout", *ENDED) if len(fit.retrainings()) == 1 else None, 2 * PATIENCE)
    ended = fit.loop()["attempts"]
    if len(ended) == 2:  # it was killed before the run began: that one is told, and begun anew
        assert (ended[1]["state"], ended[1]["run_id"]) == ("failed", None) and "before the run began" in ended[1]["reason"]
    assert len(ended) <= 2 and len(fit.retrainings()) == 1, ended
    assert ended[0]["run_id"] == fit.retrainings()[0]["run_id"] and (ended[0]["state"] != "failed" or "ended first" in ended[0]["reason"]), ended
    versions = [v["version"] for v in fit.get("/api/v1/models/diabetes").json["versions"]]
    assert versions in (["1"], ["2", "1"], ["1", "2"]), versions


def test_a_project_that_is_gone(fit):
    fit.care()
    shutil.rmtree(fit.folder)
    fit.labelled()
    ended = until("a failed attempt", lambda: fit.attempt("failed"))
    assert str(fit.folder) in ended["reason"] and ended["run_id"] is None, ended
    until("why it is not tried at once", lambda: any("cools down" in h["reason"] for h in fit.loop()["held"]))
    assert len(fit.loop()["attempts"]) == 1 and not fit.retrainings()


def test_a_project_file_that_is_broken_since(fit):
    fit.care()
    (fit.folder / "slipway.yaml").write_text("model: [unclosed\n")
    fit.labelled()
    ended = until("a failed attempt", lambda: fit.attempt("failed"))
    assert f"{fit.folder}/slipway.yaml:1" in ended["reason"] and not fit.retrainings(), ended


@pytest.mark.parametrize("how", ["failed", "refused"])
def test_a_retraining_that_does_not_succeed(fit, how):
    text = (fit.folder / "slipway.yaml").read_text()
    assert "age: [0, 120]" in text and "- rmse < baseline.rmse" in text
    (fit.folder / "slipway.yaml").write_text(text.replace("age: [0, 120]", "age: [0, 20]") if how == "failed" else
                                             text.replace("- rmse < baseline.rmse", "- rmse < 1"))
    fit.care()
    fit.labelled()
    ended = until("the end of the attempt", lambda: fit.attempt(*ENDED))
    assert ended["state"] == how and ("age" if how == "failed" else "rmse") in ended["reason"] and ended["run_id"], ended
    assert fit.get("/api/v1/endpoints/diabetes").json["version"] == "1"


def test_without_a_log_nothing_is_trained(fit):
    fit.ok("PUT", "monitor", {"window": "1s", "log": {"sample": 0}})
    fit.care()
    t = Traffic(fit)
    t.send(200)
    r = fit.server.request("POST", "/api/v1/endpoints/diabetes/labels", {"labels": t.labels()})
    assert r.status == 200, r
    until("why nothing is trained", lambda: any("monitor.log" in h["reason"] for h in fit.loop()["held"]))
    assert not fit.loop()["attempts"]


def test_labels_that_are_no_numbers(fit, tmp_path):
    fit.care()
    t = Traffic(fit)
    t.send(200)
    r = fit.server.request("POST", "/api/v1/endpoints/diabetes/labels", {"labels": [{"prediction_id": i, "label": None} for i, _, _ in t.sent]})
    assert r.status == 400 and "must be a number" in r.text, r
    file = tmp_path / "labels.csv"
    file.write_text("prediction_id,label\n" + "".join(f"{i},nan\n" for i, _, _ in t.sent))
    r = fit.project.cli("monitor", "labels", "diabetes", file)
    assert r.rc == 2 and "must be a number" in r.err, r
    until("why nothing is trained", lambda: any(HELD in h["reason"] for h in fit.loop()["held"]))
    assert not fit.loop()["attempts"]


def test_gates_against_the_champion_on_the_same_rows(trained, server):
    trained.edit("- rmse <= (champion.rmse ?? inf) * 1.02", "- (gain_low ?? 0) > 1000\n      - slices.worst_rmse < 1000")
    trained.cli.ok("deploy", "diabetes")
    r = trained.cli("run", "-p", "alpha=0.5")
    assert r.rc == 1 and "gain_low" in r.out + r.err, r
    trained.edit("(gain_low ?? 0) > 1000", "(gain_high ?? 0) > -1000")
    trained.cli.ok("run", "-p", "alpha=0.5")


def test_exit_code_of_open_alerts(fit):
    cli = fit.project.cli
    assert cli("monitor", "alerts", "--exit-code").rc == 0 and "no alert is open" in cli("monitor", "alerts").err
    fit.ok("PUT", "alerts", {"rules": [{"alert": "Busy", "expr": "rows > 0", "for": 1}]})
    t = Traffic(fit)
    until("an alert", lambda: t.send(3) or fit.get("/api/v1/alerts?open=true").json["items"])
    assert cli("monitor", "alerts", "--exit-code").rc == 10 and cli("monitor", "alerts").rc == 0
    story = cli.ok("monitor", "explain", "diabetes").out
    assert "alert Busy fires" in story and "times are UTC" in story and "no trigger is set" in story
