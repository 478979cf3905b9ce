# SPDX-License-Identifier: Apache-2.0
"""Bringing a version in step by step under traffic: promoted without a failed request, sent back by
itself, by hand, and after the server was killed in the middle."""
import threading
import time

import pytest

from conftest import PATIENCE, until

QUICK = ["--shadow", "60", "--canary", "20,60", "--every", "1s"]


class Traffic(threading.Thread):
    """Posts one row after the other; every tenth has no bmi."""

    def __init__(self, server, row):
        super().__init__(daemon=True)
        self.server, self.row, self.statuses, self.stop = server, row, [], threading.Event()

    def run(self):
        i = 0
        while not self.stop.is_set():
            row = dict(self.row, age=20 + i % 50, bmi=None if i % 10 == 0 else 18 + i % 20)
            try:
                self.statuses.append(self.server.post("/v1/models/diabetes:predict", {"instances": [row]}).status)
            except OSError:
                self.statuses.append(0)
            i += 1
            time.sleep(0.002)

    def end(self):
        self.stop.set()
        self.join(PATIENCE)
        return self.statuses


@pytest.fixture
def two_versions(trained, server):
    trained.cli.ok("deploy", "diabetes")
    trained.run("-p", "alpha=0.5")
    s = server(trained.data, cli=trained.cli)
    until("the endpoint", lambda: s.get("/v1/models/diabetes").status == 200)
    s.project = trained
    s.row = s.get("/api/v1/endpoints/diabetes").json["input_example"]
    return s


def rollout(s):
    return s.get("/api/v1/endpoints/diabetes/rollout").json


def ended(s):
    r = rollout(s)
    return r if r["rollout"]["ended_ms"] else None


@pytest.mark.sanitize
def test_a_good_version_is_promoted_and_no_request_fails(two_versions):
    s = two_versions
    load = Traffic(s, s.row)
    load.start()
    begun = s.project.cli.ok("deploy", "diabetes", *QUICK, "--json").json
    assert (begun["state"], begun["champion"], begun["candidate"]) == ("running", "1", "2")
    r = until("the promotion", lambda: ended(s), 2 * PATIENCE)
    statuses = load.end()
    assert r["rollout"]["state"] == "promoted", r
    assert {k["step"] for k in r["checks"]} == {0, 1, 2, 3}
    assert set(statuses) == {200}
    e = s.get("/api/v1/endpoints/diabetes").json
    assert (e["version"], e["serving_version"], e["rollout"]) == ("2", "2", None)
    assert {t["version"] for t in e["traffic"]} == {"1", "2"}
    shown = s.project.cli.ok("endpoint", "rollout", "diabetes").out
    assert "promoted" in shown and "requests" in shown
    kinds = {i["kind"] for i in s.get("/api/v1/audit?limit=100").json["items"]}
    assert {"rollout.started", "rollout.step", "rollout.promoted", "endpoint.promoted"} <= kinds


def test_a_version_that_fails_under_traffic_is_sent_back(two_versions):
    s = two_versions
    s.project.edit("      - impute: { bmi: median, bp: median }\n", "")
    s.project.run()
    load = Traffic(s, s.row)
    load.start()
    s.project.cli.ok("deploy", "diabetes:3", *QUICK)
    r = until("the way back", lambda: ended(s), 2 * PATIENCE)
    statuses = load.end()
    assert r["rollout"]["state"] == "rolled_back"
    assert "error_rate_low" in r["rollout"]["reason"], r["rollout"]
    assert set(statuses) == {200}  # it never left the shadow: nobody saw its failures
    e = s.get("/api/v1/endpoints/diabetes").json
    assert (e["version"], e["serving_version"]) == ("1", "1")


def test_a_killed_server_goes_on_where_it_was(two_versions, server):
    s = two_versions
    load = Traffic(s, s.row)
    load.start()
    s.project.cli.ok("deploy", "diabetes", *QUICK)
    until("the first share", lambda: rollout(s)["rollout"]["step"] >= 1)
    s.kill()
    load.end()
    step = rollout(again := server(s.project.data, cli=s.project.cli))["rollout"]["step"]
    assert step >= 1
    load = Traffic(again, s.row)
    until("the endpoint", lambda: again.get("/v1/models/diabetes").status == 200)
    load.start()
    r = until("the promotion", lambda: ended(again), 2 * PATIENCE)
    assert r["rollout"]["state"] == "promoted"
    assert set(load.end()) == {200}


def test_people_hold_it_and_send_it_back(two_versions):
    s, cli = two_versions, two_versions.project.cli
    cli.ok("deploy", "diabetes", "--shadow", "0", "--canary", "50", "--every", "1h")
    r = cli.fails(5, "deploy", "diabetes", "--canary", "50")
    assert "being brought in" in r.err
    cli.ok("endpoint", "pause", "diabetes", "--reason", "lunch")
    assert "lunch" in cli.ok("endpoint", "rollout", "diabetes").out
    cli.fails(5, "endpoint", "pause", "diabetes")
    cli.ok("endpoint", "resume", "diabetes")
    cli.ok("rollback", "diabetes", "--reason", "not today")
    r = rollout(s)["rollout"]
    assert (r["state"], r["reason"]) == ("rolled_back", "not today")
    cli.fails(2, "deploy", "diabetes", "--canary", "50,20")
    cli.fails(2, "deploy", "diabetes", "--canary", "x")
    r = cli.fails(2, "deploy", "diabetes", "--abort", "eror_rate > 0.1")
    assert "did you mean 'error_rate'" in r.err
    cli.ok("deploy", "diabetes", "--canary", "50")
    cli.ok("promote", "diabetes")
    assert rollout(s)["rollout"]["state"] == "promoted"
    assert s.get("/api/v1/endpoints/diabetes").json["version"] == "2"
