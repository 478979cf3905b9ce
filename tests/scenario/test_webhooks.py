# SPDX-License-Identifier: Apache-2.0
"""Webhooks of MLflow's API: signatures, tries, the guard against private addresses, kill -9 of the server."""
import base64
import hashlib
import hmac
import http.server
import json
import sqlite3
import threading
import urllib.parse

import pytest

from conftest import Server, until

API = "/api/2.0/mlflow"
SECRET = "a secret"


class Receiver:
    """Keeps what it gets; answers the statuses it was told, then 200."""

    def __init__(self):
        self.got, self.statuses = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.statuses.pop(0) if outer.statuses else 200
                outer.got.append((status, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *args):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/hook"

    def accepted(self):
        return [json.loads(b) for s, _, b in self.got if s == 200]

    def events(self):
        return [f"{p['entity']}.{p['action']}" for p in self.accepted()]


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.httpd.shutdown()


def call(server, method, path, body=None, status=200):
    r = server.request(method, API + path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    assert r.status == status, r
    return r.json


def event(text):
    entity, action = text.upper().split(".")
    return {"entity": entity, "action": action}


def hook(server, receiver, *events, **more):
    body = {"name": "hook", "url": receiver.url, "events": [event(e) for e in events], "secret": SECRET, **more}
    return call(server, "POST", "/webhooks", body)["webhook"]


@pytest.fixture
def server(cli, tmp_path):
    s = Server(cli, tmp_path / "data", "--webhook-private")
    yield s
    s.stop()


def test_crud_without_the_secret(server, receiver):
    made = hook(server, receiver, "registered_model.created", "model_version_tag.set", description="text")
    assert made["status"] == "ACTIVE" and "secret" not in made and made["description"] == "text"
    assert made["events"] == [event("registered_model.created"), event("model_version_tag.set")]
    path = f"/webhooks/{made['webhook_id']}"
    assert call(server, "GET", path)["webhook"] == made
    changed = call(server, "PATCH", path, {"status": "DISABLED", "events": [event("prompt.created")]})["webhook"]
    assert changed["status"] == "DISABLED" and changed["events"] == [event("prompt.created")] and changed["name"] == "hook"
    for n in range(2):
        hook(server, receiver, "prompt.created", name=f"more{n}")
    page = call(server, "GET", "/webhooks?max_results=2")
    rest = call(server, "GET", "/webhooks?max_results=2&page_token=" + urllib.parse.quote(page["next_page_token"]))
    assert len(page["webhooks"]) == 2 and [w["webhook_id"] for w in rest["webhooks"]] == [made["webhook_id"]]
    assert SECRET not in json.dumps([page, rest]) and SECRET not in server.request("GET", "/api/v1/audit").text
    assert call(server, "DELETE", path, {}) == {}
    gone = call(server, "GET", path, status=404)
    assert gone["error_code"] == "RESOURCE_DOES_NOT_EXIST" and made["webhook_id"] in gone["message"]


@pytest.mark.parametrize("change, text", [
    ({"name": "-bad-"}, "Webhook name"), ({"url": "ftp://h/x"}, "scheme"), ({"url": "http:///x"}, "hostname"),
    ({"events": []}, "events"), ({"events": [{"entity": "REGISTERED_MODEL", "action": "DELETED"}]}, "Invalid action"),
    ({"events": [{"entity": "NOBODY", "action": "SET"}]}, "entity_unspecified"), ({"secret": "x" * 2000}, "secret")])
def test_refusals(server, receiver, change, text):
    body = {"name": "hook", "url": receiver.url, "events": [event("prompt.created")], **change}
    answer = call(server, "POST", "/webhooks", body, status=400)
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE" and text in answer["message"]


@pytest.mark.sanitize
def test_a_receiver_hears_signed_events(server, receiver):
    hook(server, receiver, "registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted",
         "model_version_alias.created", "model_version_alias.deleted")
    call(server, "POST", "/registered-models/create", {"name": "m", "description": "d", "tags": [{"key": "a", "value": "b"}]})
    call(server, "POST", "/model-versions/create", {"name": "m", "source": "s3://b/x", "tags": [{"key": "c", "value": "d"}]})
    call(server, "POST", "/model-versions/set-tag", {"name": "m", "version": "1", "key": "k", "value": "v"})
    call(server, "POST", "/registered-models/alias", {"name": "m", "alias": "champion", "version": "1"})
    call(server, "DELETE", "/registered-models/alias", {"name": "m", "alias": "champion"})
    call(server, "DELETE", "/model-versions/delete-tag", {"name": "m", "version": "1", "key": "k"})
    until("six deliveries", lambda: len(receiver.got) >= 6)
    data = {f"{p['entity']}.{p['action']}": p["data"] for p in receiver.accepted()}
    assert data["registered_model.created"] == {"name": "m", "tags": {"a": "b"}, "description": "d"}
    version = data["model_version.created"]
    assert version["version"] == "1" and version["source"] == "s3://b/x" and version["run_id"] is None
    assert version["tags"].items() >= {"c": "d"}.items()
    assert data["model_version_tag.set"] == {"name": "m", "version": "1", "key": "k", "value": "v"}
    assert data["model_version_tag.deleted"] == {"name": "m", "version": "1", "key": "k"}
    assert data["model_version_alias.created"] == {"name": "m", "alias": "champion", "version": "1"}
    assert data["model_version_alias.deleted"] == {"name": "m", "alias": "champion"}
    assert len(receiver.got) == 6  # tags of a creation are part of it
    for _, headers, body in receiver.got:
        signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
        assert headers["x-mlflow-signature"] == f"v1,{mac}"


def test_prompts_are_told_as_prompts(server, receiver):
    hook(server, receiver, "registered_model.created", "prompt.created", "prompt_version.created", "model_version.created")
    call(server, "POST", "/registered-models/create", {"name": "p", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    call(server, "POST", "/model-versions/create",
         {"name": "p", "source": "dummy", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"},
                                                    {"key": "mlflow.prompt.text", "value": "Hello {{x}}"}]})
    until("two deliveries", lambda: len(receiver.got) >= 2)
    assert receiver.events() == ["prompt.created", "prompt_version.created"]
    assert receiver.accepted()[1]["data"]["template"] == "Hello {{x}}"


def test_tries_again_with_the_same_id_and_gives_up_on_a_refusal(server, receiver):
    receiver.statuses = [503, 429]
    hook(server, receiver, "registered_model.created")
    call(server, "POST", "/registered-models/create", {"name": "m1"})
    until("the third try", lambda: receiver.accepted())
    assert [s for s, _, _ in receiver.got] == [503, 429, 200]
    assert len({h["x-mlflow-delivery-id"] for _, h, _ in receiver.got}) == 1
    receiver.got.clear()
    receiver.statuses = [400]
    call(server, "POST", "/registered-models/create", {"name": "m2"})
    call(server, "POST", "/registered-models/create", {"name": "m3"})
    until("the next one", lambda: receiver.accepted())
    assert [s for s, _, _ in receiver.got] == [400, 200] and receiver.accepted()[0]["data"]["name"] == "m3"


def test_nothing_is_skipped_by_kill_9(cli, tmp_path, receiver):
    server = Server(cli, tmp_path / "data", "--webhook-private")
    hook(server, receiver, "registered_model.created")
    receiver.statuses = [503] * 1000
    for n in range(20):
        call(server, "POST", "/registered-models/create", {"name": f"m{n}"})
    server.process.kill()
    server.process.wait()
    receiver.statuses = []
    server = Server(cli, tmp_path / "data", "--webhook-private")
    names = {f"m{n}" for n in range(20)}
    until("all of them", lambda: {p["data"]["name"] for p in receiver.accepted()} == names)
    server.stop()


def test_the_test_action(server, receiver):
    made = hook(server, receiver, "registered_model.created")
    path = f"/webhooks/{made['webhook_id']}/test"
    assert call(server, "POST", path, {})["result"] == {"success": True, "response_status": 200, "response_body": "ok"}
    receiver.statuses = [500]
    answer = call(server, "POST", path, {"event": event("model_version_tag.set")})["result"]
    assert answer["success"] is False and answer["response_status"] == 500
    assert [json.loads(b)["entity"] for _, _, b in receiver.got] == ["registered_model", "model_version_tag"]
    receiver.httpd.shutdown()
    receiver.httpd.server_close()
    assert "Failed to test webhook" in call(server, "POST", path, {})["result"]["error_message"]


def test_private_addresses_are_never_called(cli, tmp_path, receiver):
    server = Server(cli, tmp_path / "data", "--webhook-private")
    port = receiver.httpd.server_port
    urls = [receiver.url, f"http://localhost:{port}/", f"http://[::ffff:127.0.0.1]:{port}/", f"http://0.0.0.0:{port}/",
            f"http://2130706433:{port}/", f"http://127.1:{port}/",
            f"http://0177.0.0.1:{port}/", f"http://0x7f.1:{port}/", f"http://[::1]:{port}/", f"http://[::ffff:7f00:1]:{port}/",
            f"http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", f"http://[64:ff9b::127.0.0.1]:{port}/", f"http://localhost.:{port}/",
            f"http://u:p@127.0.0.1:{port}/", f"http://%31%32%37.0.0.1:{port}/", f"http://\uff11\uff12\uff17.0.0.1:{port}/"]
    ids = [hook(server, receiver, "registered_model.created", name=f"h{n}", url=u)["webhook_id"] for n, u in enumerate(urls)]
    server.stop()
    server = Server(cli, tmp_path / "data")
    for host in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "localhost", "192.168.1.1", "[fd00::1]", "100.64.0.1"):
        body = {"name": "x", "url": f"https://{host}/", "events": [event("prompt.created")]}
        assert "non-public" in call(server, "POST", "/webhooks", body, status=400)["message"], host
    assert "scheme" in call(server, "POST", "/webhooks", {**body, "url": "http://example.com/"}, status=400)["message"]
    for id in ids:  # what was allowed once is checked again when it is called
        answer = call(server, "POST", f"/webhooks/{id}/test", {})["result"]
        assert answer["success"] is False and "error_message" in answer
    call(server, "POST", "/registered-models/create", {"name": "m"})
    call(server, "POST", "/registered-models/create", {"name": "n"})
    until("a failed try in the log", lambda: "public internet" in server.stderr)
    server.stop()
    assert receiver.got == []


def test_a_dead_receiver_does_not_stop_the_others(server, receiver):
    dead = Receiver()
    dead.statuses = [503] * 1000
    hook(server, dead, "registered_model.created", name="dead")
    hook(server, receiver, "registered_model.created", name="alive")
    for n in range(40):
        call(server, "POST", "/registered-models/create", {"name": f"m{n}"})
    until("all of them", lambda: len(receiver.accepted()) == 40)
    assert [p["data"]["name"] for p in receiver.accepted()] == [f"m{n}" for n in range(40)]  # in their order
    assert {json.loads(b)["data"]["name"] for _, _, b in dead.got} <= {f"m{n}" for n in range(8)}  # not one try for each
    dead.httpd.shutdown()


def stored_secrets(data):
    with sqlite3.connect(data / "slipway.db") as db:
        return [r[0] for r in db.execute("SELECT secret FROM webhooks ORDER BY creation_time_ms")]


def on_disk(data):
    return b"".join(p.read_bytes() for p in data.rglob("*") if p.is_file())


def signature_is_of(secret, got):
    _, headers, body = got
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.".encode() + body
    return headers["x-mlflow-signature"] == "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


@pytest.mark.sanitize
def test_secrets_are_sealed_on_disk(cli, tmp_path, receiver):
    data, long = tmp_path / "data", "hush-" * 100
    server = Server(cli, data, "--webhook-private")
    assert not (data / "webhook.key").exists()
    made = hook(server, receiver, "registered_model.created", secret=long)
    hook(server, receiver, "prompt.created", name="none", secret="")
    key = data / "webhook.key"
    assert key.stat().st_mode & 0o777 == 0o600
    call(server, "POST", "/registered-models/create", {"name": "m1"})
    until("a delivery", lambda: receiver.got)
    assert signature_is_of(long, receiver.got[0])
    server.stop()
    assert b"hush-hush" not in on_disk(data) and b"hush-hush" not in server.stderr.encode()
    assert stored_secrets(data)[0].startswith("fernet:gAAAAA") and stored_secrets(data)[1] is None
    # another one, by an update, and after a restart
    server = Server(cli, data, "--webhook-private")
    call(server, "PATCH", f"/webhooks/{made['webhook_id']}", {"secret": "another-secret"})
    call(server, "POST", "/registered-models/create", {"name": "m2"})
    until("another delivery", lambda: len(receiver.got) == 2)
    assert signature_is_of("another-secret", receiver.got[1])
    server.stop()
    assert b"another-secret" not in on_disk(data)
    # without its key it is never sent unsigned
    kept = key.read_bytes()
    key.unlink()
    server = Server(cli, data, "--webhook-private")
    answer = call(server, "POST", f"/webhooks/{made['webhook_id']}/test", {})["result"]
    assert answer["success"] is False and "set it anew" in answer["error_message"] and len(receiver.got) == 2
    server.stop()
    key.write_bytes(kept)
    key.chmod(0o644)
    r = cli("server", "--listen", "127.0.0.1:0", "--data", data)
    assert r.rc != 0 and "chmod 600" in r.err


def test_the_key_of_mlflow_is_accepted(cli, tmp_path, receiver):
    data, name = tmp_path / "data", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"
    key = base64.urlsafe_b64encode(bytes(range(32))).decode()
    r = cli("server", "--listen", "127.0.0.1:0", "--data", data, env={name: "not-a-key-at-all"})
    assert r.rc != 0 and name in r.err and "not-a-key-at-all" not in r.err
    server = Server(cli, data, "--webhook-private", env={name: key})
    made = hook(server, receiver, "registered_model.created")
    call(server, "POST", "/registered-models/create", {"name": "m"})
    until("a delivery", lambda: receiver.got)
    assert signature_is_of(SECRET, receiver.got[0]) and not (data / "webhook.key").exists()
    server.stop()
    other = base64.urlsafe_b64encode(bytes(32)).decode()
    server = Server(cli, data, "--webhook-private", env={name: other})
    path = f"/webhooks/{made['webhook_id']}"
    assert "not sealed with this key" in call(server, "POST", path + "/test", {})["result"]["error_message"]
    call(server, "PATCH", path, {"secret": "fresh"})
    assert call(server, "POST", path + "/test", {})["result"]["success"] and signature_is_of("fresh", receiver.got[-1])
    server.stop()


def test_secrets_of_an_earlier_release_are_sealed_at_start(cli, tmp_path, receiver):
    data = tmp_path / "data"
    server = Server(cli, data, "--webhook-private")
    hook(server, receiver, "registered_model.created")
    server.stop()
    (data / "webhook.key").unlink()
    with sqlite3.connect(data / "slipway.db") as db:
        db.execute("UPDATE webhooks SET secret = ?", (SECRET,))
    server = Server(cli, data, "--webhook-private")
    assert stored_secrets(data)[0].startswith("fernet:")
    call(server, "POST", "/registered-models/create", {"name": "m"})
    until("a delivery", lambda: receiver.got)
    assert signature_is_of(SECRET, receiver.got[0])
    server.stop()


def test_redirects_are_not_followed(server, receiver):
    other = Receiver()
    class Redirect(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", other.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    made = hook(server, receiver, "prompt.created", url=f"http://127.0.0.1:{httpd.server_port}/")
    answer = call(server, "POST", f"/webhooks/{made['webhook_id']}/test", {})["result"]
    assert answer["response_status"] == 307 and other.got == []
    httpd.shutdown()
    other.httpd.shutdown()
