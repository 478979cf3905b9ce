# SPDX-License-Identifier: Apache-2.0
"""What MLflow's own tests found in this server and recordings cannot show: times, long and odd URLs,
settings by environment, what a webhook carries."""

import http.client
import http.server
import json
import threading
import time
import urllib.parse

import pytest

import mlflow_servers as servers

API = "/api/2.0/mlflow"


def ask(server, method, path, body=None):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request(method, path, body=json.dumps(body) if body is not None else None,
              headers={"Content-Type": "application/json"})
    r = c.getresponse()
    text = r.read()
    c.close()
    try:
        return r.status, json.loads(text)
    except ValueError:
        return r.status, text


def good(server, method, path, body=None):
    status, answer = ask(server, method, API + path, body)
    assert status == 200, answer
    return answer


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    with servers.slipway(tmp_path_factory.mktemp("slipway"), "--webhook-private") as s:
        yield s


def test_which_changes_of_a_version_change_its_model(home):
    def changed(method, path, body):
        time.sleep(0.003)
        before = good(home, "GET", "/registered-models/get?name=times")["registered_model"]
        good(home, method, path, {"name": "times", **body})
        after = good(home, "GET", "/registered-models/get?name=times")["registered_model"]
        return after["last_updated_timestamp"] > before["last_updated_timestamp"]

    good(home, "POST", "/registered-models/create", {"name": "times"})
    assert changed("POST", "/model-versions/create", {"source": "s3://a/b"})
    assert changed("POST", "/model-versions/create", {"source": "s3://a/c"})
    assert changed("POST", "/model-versions/transition-stage", {"version": "1", "stage": "Staging"})
    assert not changed("PATCH", "/model-versions/update", {"version": "1", "description": "d"})
    assert not changed("POST", "/registered-models/set-tag", {"key": "a", "value": "b"})
    assert not changed("DELETE", "/registered-models/delete-tag", {"key": "a"})
    assert not changed("POST", "/registered-models/alias", {"alias": "a", "version": "1"})
    assert changed("PATCH", "/registered-models/update", {"description": "d"})
    assert changed("DELETE", "/model-versions/delete", {"version": "1"})


def test_a_rename_changes_the_versions(home):
    good(home, "POST", "/registered-models/create", {"name": "old"})
    v = good(home, "POST", "/model-versions/create", {"name": "old", "source": "s3://a/b"})["model_version"]
    time.sleep(0.003)
    good(home, "POST", "/registered-models/rename", {"name": "old", "new_name": "new"})
    now = good(home, "GET", "/model-versions/get?name=new&version=1")["model_version"]
    assert now["last_updated_timestamp"] > v["last_updated_timestamp"]


def test_a_thousand_runs_fit_in_a_url_and_are_refused_by_number(home):
    query = urllib.parse.urlencode([("run_ids", "id_%d" % i) for i in range(1000)] + [("metric_key", "k")])
    status, answer = ask(home, "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?" + query)
    assert status == 400 and "at most 100 run_ids" in answer["message"]
    status, answer = ask(home, "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk?" +
                         query.replace("run_ids", "run_id"))
    assert status == 400 and "cannot specify more than" in answer["message"]


def test_many_slashes_are_one(home):
    status, answer = ask(home, "GET", "//model-versions/get-artifact?name=m&version=1&path=..%2Fp")
    assert (status, answer["message"]) == (400, "Invalid path")
    assert ask(home, "GET", "//api/2.0//mlflow/experiments/get?experiment_id=0")[0] == 200


def test_the_owner_says_which_sources_versions_may_have(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX", "^mlflow-artifacts:/.*$")
    with servers.slipway(tmp_path) as s:
        good(s, "POST", "/registered-models/create", {"name": "m"})
        status, answer = ask(s, "POST", API + "/model-versions/create", {"name": "m", "source": "s3://a/b"})
        assert (status, answer["message"]) == (400, "Invalid model version source: 's3://a/b'.")
        good(s, "POST", "/model-versions/create", {"name": "m", "source": "mlflow-artifacts:/a/b"})


def test_a_webhook_of_a_prompt_shows_no_inner_tags(home):
    seen = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    hook = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    inner = [{"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "_mlflow_prompt_type", "value": "text"}]
    good(home, "POST", "/webhooks", {"name": "w", "url": "http://127.0.0.1:%d/" % hook.server_port,
                                     "events": [{"entity": "PROMPT_VERSION", "action": "CREATED"}]})
    good(home, "POST", "/registered-models/create", {"name": "p", "tags": inner[:1]})
    good(home, "POST", "/model-versions/create",
         {"name": "p", "source": "dummy", "tags": inner + [{"key": "mlflow.prompt.text", "value": "Hi"},
                                                           {"key": "mine", "value": "1"}]})
    for _ in range(400):
        if seen:
            break
        time.sleep(0.05)
    hook.shutdown()
    assert seen[0]["data"]["template"] == "Hi"
    assert seen[0]["data"]["tags"] == {"mine": "1"}


def test_the_default_experiment_keeps_artifacts_where_the_owner_says(tmp_path):
    root = (tmp_path / "art").as_uri()
    with servers.slipway(tmp_path, "--default-artifact-root", root) as s:
        where = good(s, "GET", "/experiments/get?experiment_id=0")["experiment"]["artifact_location"]
        assert where == root + "/0"
        run = good(s, "POST", "/runs/create", {"experiment_id": "0"})["run"]["info"]
        assert run["artifact_uri"].startswith(root + "/0/")
    with servers.slipway(tmp_path, "--default-artifact-root", "s3://other") as s:
        where = good(s, "GET", "/experiments/get?experiment_id=0")["experiment"]["artifact_location"]
        assert where == root + "/0"


def put(server, path, data):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + path, body=data)
    r = c.getresponse()
    assert r.status == 200, r.read()
    c.close()


def test_artifacts_show_in_the_folder_that_the_owner_named(tmp_path):
    dest = tmp_path / "art"
    with servers.slipway(tmp_path, "--artifacts-destination", str(dest)) as s:
        put(s, "a.txt", b"one")
        put(s, "0/x/b.txt", b"two")
        assert (dest / "a.txt").read_bytes() == b"one"
        assert (dest / "0" / "x" / "b.txt").read_bytes() == b"two"
        put(s, "a.txt", b"three")
        assert (dest / "a.txt").read_bytes() == b"three"
        listed = ask(s, "GET", "/api/2.0/mlflow-artifacts/artifacts?path=0/x")[1]["files"]
        assert listed == [{"path": "b.txt", "is_dir": False, "file_size": 3}]
        assert ask(s, "DELETE", "/api/2.0/mlflow-artifacts/artifacts/0/x/b.txt")[0] == 200
        assert not (dest / "0" / "x" / "b.txt").is_symlink()
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "kept").write_text("kept")
        (dest / "out").symlink_to(tmp_path / "outside")
        put(s, "out/kept", b"new")
        put(s, "out/deeper/new", b"new")
        assert [p.name for p in (tmp_path / "outside").iterdir()] == ["kept"]
        assert (tmp_path / "outside" / "kept").read_text() == "kept"


def test_the_page_uploads_into_a_folder_that_clients_write_directly(tmp_path):
    root, outside = tmp_path / "art", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    with servers.slipway(tmp_path, "--default-artifact-root", root.as_uri(), "--file-root-writable", str(root)) as s:
        run = good(s, "POST", "/runs/create", {"experiment_id": "0"})["run"]["info"]
        where = "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=%s&path=" % run["run_id"]
        assert ask(s, "POST", where + "d/t.txt", "hello")[0] == 200
        assert ask(s, "GET", "/get-artifact?run_uuid=%s&path=d/t.txt" % run["run_id"])[1] == "hello"
        assert (root / "0" / run["run_id"] / "artifacts" / "d" / "t.txt").read_text() == '"hello"'
        (root / "0" / run["run_id"] / "artifacts" / "out").symlink_to(outside)
        assert ask(s, "POST", where + "out/t.txt", "hello")[0] == 400
        assert ask(s, "POST", where + "out/new/t.txt", "hello")[0] == 400
        assert not list(outside.iterdir())


def test_a_token_of_logged_models_belongs_to_its_search(home):
    e = good(home, "POST", "/experiments/create", {"name": "tokens"})["experiment_id"]
    for i in range(3):
        good(home, "POST", "/logged-models", {"experiment_id": e, "name": "m%d" % i})
    search = {"experiment_ids": [e], "filter": "name LIKE 'm%'", "order_by": [{"field_name": "name"}], "max_results": 2}
    first = good(home, "POST", "/logged-models/search", search)
    token = {"page_token": first["next_page_token"]}
    second = good(home, "POST", "/logged-models/search", {**search, **token})
    assert [m["info"]["name"] for m in first["models"] + second["models"]] == ["m0", "m1", "m2"]
    for other, text in (({"experiment_ids": [e, "0"]}, "Experiment IDs in the page token do not match"),
                        ({"filter": "name = 'x'"}, "Filter string in the page token does not match"),
                        ({"order_by": []}, "Order by in the page token does not match")):
        status, answer = ask(home, "POST", API + "/logged-models/search", {**search, **token, **other})
        assert status == 400 and answer["message"].startswith(text)


def test_a_profile_may_be_as_long_as_mlflow_allows(home):
    run = good(home, "POST", "/runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    most = 16777215

    def log(n):
        data = {"name": "d", "digest": str(n), "source_type": "local", "source": "s", "profile": "x" * n}
        return ask(home, "POST", API + "/runs/log-inputs", {"run_id": run, "datasets": [{"dataset": data}]})

    assert log(most)[0] == 200
    status, answer = log(most + 1)
    assert (status, answer["message"]) == (400, "'profile' exceeds the maximum length of 16777215 characters")
