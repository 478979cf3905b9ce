# SPDX-License-Identifier: Apache-2.0
"""Alerts, rollouts and loops told to a receiver: once for each episode, signed, tried again, after kill -9, never when
silenced; a receiver that hangs holds up nobody, and a client of MLflow sees nothing of it."""
import json
import socket
import time

import pytest

from conftest import PATIENCE, Server, until
from test_webhooks import API, Receiver, event, hook, signature_is_of

SECRET = "hush"
HOOKS = "/api/v1/webhooks"


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.httpd.shutdown()


class Watched:
    """A server with endpoint "diabetes" in windows of one second, and one rule that holds as soon as there is traffic."""

    def __init__(self, project, *args):
        self.project, self.data = project, project.data
        project.cli.ok("deploy", "diabetes")
        self.start(*args)
        assert self.put("/api/v1/endpoints/diabetes/monitor", {"window": "1s"}).status == 200
        self.rules("rows >= 0")  # also in a second without a request
        self.row = self.get("/api/v1/endpoints/diabetes").json["input_example"]

    def start(self, *args):
        self.server = Server(self.project.cli, self.data, "--webhook-private", *args)
        self.cli = self.project.cli
        until("the endpoint", lambda: self.get("/v1/models/diabetes").status == 200)

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def get(self, path):
        return self.server.request("GET", path)

    def put(self, path, body):
        return self.server.request("PUT", path, body)

    def post(self, path, body):
        return self.server.request("POST", path, body)

    def rules(self, expr, name="Busy"):
        rule = {"alert": name, "expr": expr, "for": 1, "keep_firing_for": 1, "severity": "critical",
                "labels": {"team": "blue"}, "annotations": {"summary": "there is traffic"}}
        r = self.put("/api/v1/endpoints/diabetes/alerts", {"rules": [rule]})
        assert r.status == 200, r

    def hook(self, url, **more):
        r = self.post(HOOKS, {"url": url, "secret": SECRET, **more})
        assert r.status == 201, r
        return r.json

    def traffic_until(self, what, done):
        def once():
            assert self.post("/v1/models/diabetes:predict", {"instances": [self.row]}).status == 200
            return done()
        return until(what, once)

    def open_alerts(self):
        return self.get("/api/v1/alerts?open=true").json["items"]


@pytest.fixture
def watched(trained):
    w = Watched(trained)
    yield w
    w.server.stop()


@pytest.mark.sanitize
def test_one_delivery_for_each_episode_signed(watched, receiver):
    made = watched.hook(receiver.url, name="pager")
    assert made["name"] == "pager" and made["signed"] is True and "secret" not in made and "alert.firing" in made["events"]
    watched.traffic_until("the alert is told", lambda: receiver.accepted())
    for _ in range(3):  # further windows of the same episode
        time.sleep(1.1)
        watched.post("/v1/models/diabetes:predict", {"instances": [watched.row]})
    assert receiver.events() == ["alert.firing"]
    told = receiver.accepted()[0]["data"]
    assert (told["status"], told["alertname"], told["endsAt"]) == ("firing", "Busy", None)
    assert told["labels"] == {"alertname": "Busy", "endpoint": "diabetes", "severity": "critical", "model": "diabetes", "version": "1",
                              "team": "blue"}
    assert told["annotations"] == {"summary": "there is traffic"} and "rows" in told["message"]
    assert told["startsAt"].endswith("Z") and told["fingerprint"] == watched.open_alerts()[0]["id"]
    watched.rules("rows > 1000000")
    watched.traffic_until("its end is told", lambda: len(receiver.accepted()) == 2)
    over = receiver.accepted()[1]["data"]
    assert over["status"] == "resolved" and over["fingerprint"] == told["fingerprint"] and over["startsAt"] == told["startsAt"] < over["endsAt"]
    assert all(signature_is_of(SECRET, got) for got in receiver.got)
    until("the record of the try", lambda: (watched.get(f"{HOOKS}/pager").json["last"] or {}).get("status") == 200)
    assert watched.get(f"{HOOKS}/pager").json["waiting"] == 0


def test_tried_again_and_sent_after_kill_9(watched, receiver):
    receiver.statuses = [500] * 1000
    watched.hook(receiver.url)
    watched.traffic_until("a first try", lambda: receiver.got)
    until("the record of the try", lambda: (watched.get(HOOKS).json["items"][0]["last"] or {}).get("status") == 500)
    assert watched.get(HOOKS).json["items"][0]["waiting"] == 1
    watched.kill()
    receiver.statuses = []
    watched.start()
    until("the delivery", lambda: receiver.accepted(), 2 * PATIENCE)
    assert receiver.events() == ["alert.firing"] and signature_is_of(SECRET, receiver.got[-1])
    assert len({h["x-mlflow-delivery-id"] for _, h, _ in receiver.got}) == 1  # a receiver can tell a repetition


def test_what_is_silenced_is_not_told(watched, receiver):
    watched.hook(receiver.url)
    r = watched.post("/api/v1/endpoints/diabetes/silences", {"for": "1h", "reason": "load test"})
    assert r.status == 201, r
    watched.traffic_until("the alert", lambda: watched.open_alerts())
    assert watched.open_alerts()[0]["silenced"] is True
    watched.rules("rows >= 0", name="Other")  # ends the first one; the second begins silenced too
    watched.traffic_until("the second alert", lambda: [a for a in watched.open_alerts() if a["alert"] == "Other"])
    assert watched.post("/api/v1/endpoints/diabetes/loop:freeze", {"reason": "a person looks"}).status == 200
    until("what is no alert", lambda: receiver.accepted())
    assert receiver.events() == ["loop.frozen"]
    data = receiver.accepted()[0]["data"]
    assert data["endpoint"] == "diabetes" and data["reason"] == "a person looks"


def test_a_receiver_that_hangs_holds_up_nobody(watched, receiver):
    with socket.socket() as deaf:  # takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(50)
        for n in range(3):
            watched.hook(f"http://127.0.0.1:{deaf.getsockname()[1]}/", name=f"deaf{n}")
        watched.hook(receiver.url, name="alive")
        began = time.monotonic()
        watched.traffic_until("the alert is told", lambda: receiver.accepted())
        for reason in ("one", "two"):
            watched.post("/api/v1/endpoints/diabetes/loop:freeze", {"reason": reason})
        until("the rest is told", lambda: receiver.events() == ["alert.firing", "loop.frozen", "loop.frozen"])
        assert time.monotonic() - began < 29, "a try ends after 30 s: nobody waited for it"
        began = time.monotonic()
        watched.server.stop()
        assert time.monotonic() - began < 15, "nor does the end of the server"


@pytest.mark.sanitize
def test_a_client_of_mlflow_sees_only_what_it_knows(watched, receiver):
    ours = watched.hook(receiver.url, name="ours")
    both = watched.hook(receiver.url, name="both", events=["alert.firing", "registered_model.created"])
    theirs = hook(watched.server, receiver, "prompt.created", name="theirs")

    def call(method, path, body=None, status=200):
        r = watched.server.request(method, API + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        assert r.status == status, r
        return r.json

    seen = {w["name"]: w["events"] for w in call("GET", "/webhooks")["webhooks"]}
    assert seen == {"both": [event("registered_model.created")], "theirs": [event("prompt.created")]}
    for method, path, body in (("GET", "", None), ("PATCH", "", {"status": "DISABLED"}), ("DELETE", "", {}), ("POST", "/test", {})):
        call(method, f"/webhooks/{ours['id']}{path}", body, status=404)
    call("PATCH", f"/webhooks/{both['id']}", {"events": [event("prompt.created")]})
    assert watched.get(f"{HOOKS}/both").json["events"] == ["prompt.created", "alert.firing"]  # what it did not know stays
    refused = call("POST", "/webhooks", {"name": "x", "url": receiver.url, "events": [{"entity": "ALERT", "action": "FIRING"}]}, status=400)
    assert refused["error_code"] == "INVALID_PARAMETER_VALUE"
    assert {w["name"] for w in watched.get(HOOKS).json["items"]} == {"ours", "both", "theirs"} and theirs["webhook_id"]


@pytest.mark.parametrize("body, text", [
    ({}, "url"), ({"url": "ftp://h/x"}, "scheme"), ({"events": []}, "events"), ({"events": ["alert.fire"]}, "alert.firing"),
    ({"events": ["nonsense"]}, "loop.frozen"), ({"secret": "x" * 2000}, "secret"), ({"name": "-x-"}, "name")])
def test_refusals(cli, tmp_path, receiver, body, text):
    s = Server(cli, tmp_path / "data", "--webhook-private")
    r = s.request("POST", HOOKS, {"url": receiver.url, **body} if body else {})
    assert r.status == 400 and text in r.text, r
    assert s.request("GET", f"{HOOKS}/nobody").status == 404
    s.stop()


def test_the_command_line(watched, receiver, tmp_path):
    cli, key = watched.cli, tmp_path / "key"
    key.write_text(SECRET + "\n")
    r = cli.ok("monitor", "notify", "add", receiver.url, "--event", "alert.firing", "--event", "alert.resolved", "--secret-file", key)
    assert "alert.resolved" in r.out and receiver.url in r.out and SECRET not in r.out + r.err
    listed = cli.ok("monitor", "notify", "ls", "--json").json
    name = listed[0]["name"] if isinstance(listed, list) else listed["items"][0]["name"]
    assert name.startswith("127.0.0.1") and name in cli.ok("monitor", "notify", "ls").out
    assert "took an example of alert.firing" in cli.ok("monitor", "notify", "test", name).out
    assert signature_is_of(SECRET, receiver.got[0]) and receiver.events() == ["alert.firing"]
    receiver.statuses = [500]
    r = cli("monitor", "notify", "test", name)
    assert r.rc not in (0, 10) and "500" in r.err
    assert "told nothing more" in cli.ok("monitor", "notify", "rm", name).out
    assert cli("monitor", "notify", "rm", name).rc == 3
    for words in (("monitor", "notify", "--help"), ("help", "monitor", "notify")):
        assert "notify add" in cli.ok(*words).out
    assert "did you mean 'slipway monitor notify add'?" in cli("monitor", "notify", "ad").err
