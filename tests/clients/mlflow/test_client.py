# SPDX-License-Identifier: Apache-2.0
"""The unmodified Python client of MLflow against our server: scripts as users write them.

Skipped where the package `mlflow` is not installed; `make test-peers` installs it."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

mlflow = pytest.importorskip("mlflow", reason="needs the mlflow package: make test-peers installs it")
pytest.importorskip("sklearn", reason="needs scikit-learn and the whole mlflow: make test-peers installs them")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from mlflow.entities import Metric, Param, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException, RestException  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

import mlflow_servers as servers  # noqa: E402


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with servers.slipway(tmp_path_factory.mktemp("slipway")) as s:
        mlflow.set_tracking_uri(s.url)
        mlflow.set_registry_uri(s.url)
        yield s.url


@pytest.fixture
def client(url):
    return MlflowClient(url)


@pytest.fixture(autouse=True)
def clean(url):
    yield
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    x = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a", "b", "c"])
    return x, 2 * x.a - x.b + 0.5


# ---- the fluent API ------------------------------------------------------------------------------


def test_fluent_run(client):
    e = mlflow.set_experiment("fluent")
    with mlflow.start_run(run_name="one", tags={"team": "red"}, description="what it is") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "text": "ünï ☃", "empty": ""})
        for i in range(5):
            mlflow.log_metric("loss", 1.0 / (i + 1), step=i)
        mlflow.log_metrics({"acc": 0.9, "nan": float("nan"), "inf": float("inf")}, step=2)
        mlflow.set_tag("k", "v")
        mlflow.set_tags({"x": 1, "y": "2"})
    got = client.get_run(run.info.run_id)
    assert got.info.status == "FINISHED" and got.info.run_name == "one"
    assert got.info.experiment_id == e.experiment_id and got.info.end_time >= got.info.start_time
    assert got.data.params == {"lr": "0.1", "depth": "3", "text": "ünï ☃", "empty": ""}
    assert got.data.metrics["loss"] == 0.2 and np.isnan(got.data.metrics["nan"])
    assert got.data.tags["team"] == "red" and got.data.tags["x"] == "1"
    assert got.data.tags["mlflow.note.content"] == "what it is"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(i, 1.0 / (i + 1)) for i in range(5)]


def test_nested_runs(client):
    mlflow.set_experiment("nested")
    with mlflow.start_run() as parent:
        for i in range(3):
            with mlflow.start_run(nested=True, run_name="child %d" % i):
                mlflow.log_metric("m", i)
    children = mlflow.search_runs(filter_string="tags.mlflow.parentRunId = '%s'" % parent.info.run_id,
                                  experiment_names=["nested"], output_format="list")
    assert len(children) == 3


def test_failed_run_is_marked(client):
    mlflow.set_experiment("failing")
    with pytest.raises(ZeroDivisionError):
        with mlflow.start_run() as run:
            1 / 0
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_resumed_run(client):
    mlflow.set_experiment("resume")
    with mlflow.start_run() as run:
        mlflow.log_param("a", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_param("b", 2)
        with pytest.raises(MlflowException, match="Changing param values is not allowed"):
            mlflow.log_param("a", 3)
    assert client.get_run(run.info.run_id).data.params == {"a": "1", "b": "2"}


def test_search_runs_with_filter_order_and_pages(client):
    e = client.create_experiment("searched")
    for i in range(25):
        r = client.create_run(e, run_name="r%02d" % i, start_time=1000 + i)
        client.log_batch(r.info.run_id, metrics=[Metric("m", i, 1, 0)], params=[Param("p", str(i % 5))],
                         tags=[RunTag("even", str(i % 2 == 0))])
    runs = mlflow.search_runs([e], "metrics.m >= 10 and tags.even = 'True' and params.p != '0'", order_by=["metrics.m DESC"])
    assert list(runs["metrics.m"]) == [24, 22, 18, 16, 14, 12]
    page, seen = None, []
    while True:
        page = client.search_runs([e], "", ViewType.ACTIVE_ONLY, 10, ["start_time ASC"], page.token if page else None)
        seen += [r.info.run_name for r in page]
        if not page.token:
            break
    assert seen == ["r%02d" % i for i in range(25)]


def test_artifacts_up_and_down(client, tmp_path):
    mlflow.set_experiment("artifacts")
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    (tmp_path / "dir" / "a.txt").write_text("a")
    (tmp_path / "dir" / "sub" / "b ü.bin").write_bytes(bytes(range(256)) * 5000)
    (tmp_path / "dir" / "empty").write_bytes(b"")
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(tmp_path / "dir" / "a.txt"))
        mlflow.log_artifacts(str(tmp_path / "dir"), "folder")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "notes/d.json")
        mlflow.log_table({"x": [1, 2]}, "table.json")
    rid = run.info.run_id
    assert sorted(f.path for f in client.list_artifacts(rid)) == ["a.txt", "folder", "notes", "table.json"]
    assert sorted(f.path for f in client.list_artifacts(rid, "folder")) == ["folder/a.txt", "folder/empty", "folder/sub"]
    local = pathlib.Path(mlflow.artifacts.download_artifacts(run_id=rid, dst_path=str(tmp_path / "down")))
    assert (local / "folder" / "sub" / "b ü.bin").read_bytes() == bytes(range(256)) * 5000
    assert (local / "folder" / "empty").read_bytes() == b""
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes/hello.txt") == "hello"
    assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/notes/d.json") == {"a": [1, 2]}


def test_dataset_inputs(client, data):
    mlflow.set_experiment("datasets")
    x, y = data
    ds = mlflow.data.from_pandas(x.assign(y=y), source="/tmp/x.csv", name="toy", targets="y")
    with mlflow.start_run() as run:
        mlflow.log_input(ds, context="training", tags={"k": "v"})
    got = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert [(d.dataset.name, d.dataset.digest) for d in got] == [("toy", ds.digest)]
    assert {t.key: t.value for t in got[0].tags} == {"mlflow.data.context": "training", "k": "v"}
    found = mlflow.search_runs(experiment_names=["datasets"], filter_string="dataset.name = 'toy'", output_format="list")
    assert [r.info.run_id for r in found] == [run.info.run_id]


# ---- models ---------------------------------------------------------------------------------------


def test_autolog_of_scikit_learn(client, data):
    from sklearn.linear_model import Ridge
    mlflow.set_experiment("autolog")
    mlflow.sklearn.autolog()
    try:
        with mlflow.start_run() as run:
            Ridge(alpha=0.5).fit(*data)
    finally:
        mlflow.sklearn.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["alpha"] == "0.5" and "training_r2_score" in got.data.metrics
    assert got.outputs.model_outputs
    model = mlflow.sklearn.load_model("models:/" + got.outputs.model_outputs[0].model_id)
    assert model.alpha == 0.5


def test_log_register_load(client, data):
    from sklearn.linear_model import LinearRegression
    mlflow.set_experiment("models")
    model = LinearRegression().fit(*data)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="lin", registered_model_name="linear", input_example=data[0][:2],
                                        params={"a": 1})
    assert int(info.registered_model_version) == 1
    for uri in (info.model_uri, "models:/linear/1", "models:/linear/latest", "runs:/%s/lin" % run.info.run_id):
        loaded = mlflow.pyfunc.load_model(uri)
        assert np.allclose(loaded.predict(data[0]), model.predict(data[0])), uri
    v = mlflow.register_model(info.model_uri, "linear", tags={"k": "v"})
    assert int(v.version) == 2
    client.set_registered_model_alias("linear", "champion", 2)
    assert client.get_model_version_by_alias("linear", "champion").version in ("2", 2)
    assert np.allclose(mlflow.pyfunc.load_model("models:/linear@champion").predict(data[0]), model.predict(data[0]))
    found = mlflow.search_logged_models(experiment_ids=[run.info.experiment_id], filter_string="name = 'lin'", output_format="list")
    assert [m.model_id for m in found] == [info.model_id] and str(found[0].status) == "READY"


def test_logged_models(client, data):
    e = mlflow.set_experiment("logged models")
    m = mlflow.initialize_logged_model(name="ext", params={"p": "1"}, tags={"t": "v"}, model_type="agent")
    with mlflow.start_run():
        mlflow.log_metric("acc", 0.7, model_id=m.model_id)
    mlflow.finalize_logged_model(m.model_id, "READY")
    client.set_logged_model_tags(m.model_id, {"u": "w"})
    client.delete_logged_model_tag(m.model_id, "t")
    client.log_model_params(m.model_id, {"q": "2"})
    got = client.get_logged_model(m.model_id)
    assert got.tags["u"] == "w" and "t" not in got.tags and got.params == {"p": "1", "q": "2"}
    assert [x.value for x in got.metrics] == [0.7]
    best = client.search_logged_models([e.experiment_id], order_by=[{"field_name": "metrics.acc", "ascending": False}])
    assert [x.model_id for x in best] == [m.model_id]
    client.delete_logged_model(m.model_id)
    assert not client.search_logged_models([e.experiment_id])


# ---- MlflowClient: tracking -----------------------------------------------------------------------


def test_experiments(client):
    e = client.create_experiment("ex", tags={"a": "b"})
    with pytest.raises(RestException, match="already exists") as error:
        client.create_experiment("ex")
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert client.get_experiment_by_name("ex").experiment_id == e
    assert client.get_experiment_by_name("no such") is None
    client.rename_experiment(e, "ex2")
    client.set_experiment_tag(e, "c", "d")
    client.delete_experiment_tag(e, "a")
    assert client.get_experiment(e).tags == {"c": "d"}
    assert [x.experiment_id for x in client.search_experiments(filter_string="name = 'ex2' and tags.c = 'd'")] == [e]
    client.delete_experiment(e)
    assert client.get_experiment(e).lifecycle_stage == "deleted"
    assert e in [x.experiment_id for x in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
    client.restore_experiment(e)
    assert client.get_experiment(e).lifecycle_stage == "active"
    with pytest.raises(RestException, match="No Experiment with id=99999 exists"):
        client.get_experiment("99999")


def test_runs_by_client(client):
    e = client.create_experiment("by client")
    r = client.create_run(e, tags={"t": "1"}, run_name="n").info.run_id
    client.log_param(r, "p", 1)
    client.log_metric(r, "m", 1.5, timestamp=5, step=2)
    client.set_tag(r, "k", "v")
    client.delete_tag(r, "t")
    client.update_run(r, status="SCHEDULED", name="n2")
    got = client.get_run(r)
    assert (got.info.status, got.info.run_name, got.data.metrics["m"]) == ("SCHEDULED", "n2", 1.5)
    assert "t" not in got.data.tags and got.data.tags["k"] == "v"
    client.set_terminated(r, "KILLED", end_time=77)
    assert client.get_run(r).info.end_time == 77
    client.delete_run(r)
    assert client.get_run(r).info.lifecycle_stage == "deleted"
    assert not client.search_runs([e]) and len(client.search_runs([e], run_view_type=ViewType.ALL)) == 1
    client.restore_run(r)
    with pytest.raises(RestException, match="not found"):
        client.get_run("0" * 32)
    assert client.get_parent_run(r) is None


def test_large_batches_and_async(client):
    e = mlflow.set_experiment("batches").experiment_id
    r = client.create_run(e).info.run_id
    client.log_batch(r, [Metric("m", i, i, i) for i in range(1000)], [Param("p%d" % i, "v") for i in range(100)])
    assert len(client.get_metric_history(r, "m")) == 1000
    client.log_batch(r, [Metric("a", 1, 1, 0)], synchronous=False).wait()
    with mlflow.start_run(run_id=r):
        mlflow.log_metrics({"b": 2.0}, synchronous=False).wait()
    assert client.get_run(r).data.metrics["a"] == 1 and client.get_run(r).data.metrics["b"] == 2


# ---- MlflowClient: registry -----------------------------------------------------------------------


def test_registry(client):
    client.create_registered_model("reg", tags={"a": "b"}, description="d")
    with pytest.raises(RestException, match=r"Registered Model \(name=reg\) already exists"):
        client.create_registered_model("reg")
    v1 = client.create_model_version("reg", "s3://bucket/one", tags={"t": "1"}, description="first")
    v2 = client.create_model_version("reg", "s3://bucket/two")
    assert (int(v1.version), int(v2.version), v1.status) == (1, 2, "READY")
    client.update_model_version("reg", "1", "changed")
    client.update_registered_model("reg", "new text")
    client.set_registered_model_tag("reg", "k", "v")
    client.delete_registered_model_tag("reg", "a")
    client.set_model_version_tag("reg", "1", "x", "y")
    client.delete_model_version_tag("reg", "1", "t")
    got = client.get_registered_model("reg")
    assert got.description == "new text" and got.tags == {"k": "v"}
    mv = client.get_model_version("reg", "1")
    assert mv.description == "changed" and mv.tags == {"x": "y"}
    assert client.get_model_version_download_uri("reg", "2") == "s3://bucket/two"
    client.transition_model_version_stage("reg", "1", "Staging")
    client.transition_model_version_stage("reg", "2", "Staging", archive_existing_versions=True)
    assert client.get_model_version("reg", "1").current_stage == "Archived"
    assert [int(v.version) for v in client.get_latest_versions("reg", ["Staging"])] == [2]
    client.set_registered_model_alias("reg", "best", "2")
    assert client.get_registered_model("reg").aliases == {"best": "2"}
    client.delete_registered_model_alias("reg", "best")
    assert {int(v.version) for v in client.search_model_versions("name = 'reg'")} == {1, 2}
    assert [m.name for m in client.search_registered_models("name LIKE 're%'")] == ["reg"]
    client.delete_model_version("reg", "2")
    with pytest.raises(RestException, match="not found"):
        client.get_model_version("reg", "2")
    client.rename_registered_model("reg", "reg2")
    assert client.get_registered_model("reg2").name == "reg2"
    client.delete_registered_model("reg2")
    with pytest.raises(RestException, match="Registered Model with name=reg2 not found"):
        client.get_registered_model("reg2")


def test_copy_model_version(client):
    client.create_registered_model("src")
    client.create_model_version("src", "s3://bucket/x")
    copied = client.copy_model_version("models:/src/1", "dst")
    assert copied.name == "dst" and client.get_model_version_download_uri("dst", copied.version) == "s3://bucket/x"


def test_prompts(client):
    p = mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}", commit_message="first", tags={"lang": "en"})
    assert p.version == 1
    mlflow.genai.register_prompt(name="greeting", template="Hi {{name}}")
    mlflow.genai.set_prompt_alias("greeting", alias="live", version=2)
    assert mlflow.genai.load_prompt("prompts:/greeting@live").format(name="you") == "Hi you"
    assert mlflow.genai.load_prompt("prompts:/greeting/1").template == "Hello {{name}}"
    assert [x.name for x in mlflow.genai.search_prompts()] == ["greeting"]
    assert "greeting" not in [m.name for m in client.search_registered_models()]


def test_command_line(url, tmp_path):
    def run(*argv):
        r = subprocess.run([sys.executable, "-m", "mlflow", *argv], env=dict(os.environ, MLFLOW_TRACKING_URI=url),
                           capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert r.returncode == 0, r.stderr
        return r.stdout

    run("experiments", "create", "-n", "from the shell")
    assert "from the shell" in run("experiments", "search")
    e = MlflowClient(url).get_experiment_by_name("from the shell").experiment_id
    r = MlflowClient(url).create_run(e, run_name="shell run").info.run_id
    assert "shell run" in run("runs", "list", "--experiment-id", e)
    assert r in run("runs", "describe", "--run-id", r)
    (tmp_path / "x.txt").write_text("x")
    run("artifacts", "log-artifact", "--local-file", str(tmp_path / "x.txt"), "--run-id", r)
    assert "x.txt" in run("artifacts", "list", "--run-id", r)
    run("runs", "delete", "--run-id", r)
    run("experiments", "rename", "--experiment-id", e, "--new-name", "renamed by shell")
    run("experiments", "delete", "--experiment-id", e)


def test_mistakes_answer_at_once(client):
    """A mistake must not be a status that the client retries for minutes."""
    started = time.monotonic()
    for call in (lambda: client.search_runs(["0"], "nonsense here"),
                 lambda: client.rename_experiment("99999", "x"),
                 lambda: client.search_runs(["0"], order_by=["metrics.a", "metrics.a"]),
                 lambda: mlflow.artifacts.download_artifacts(artifact_uri="mlflow-artifacts:/0/nope/artifacts/x"),
                 lambda: client.transition_model_version_stage("none", "1", "Archived", True)):
        with pytest.raises(Exception):
            call()
    assert time.monotonic() - started < 20
