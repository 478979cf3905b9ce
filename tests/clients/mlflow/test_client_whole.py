# SPDX-License-Identifier: Apache-2.0
"""MlflowClient as a whole against our server: every public method is called here or belongs to a later
area; then autologging of xgboost, system metrics, nested runs, models of pyfunc, and the rest of the
command line. Runs with the client of 3.11.1 and with the newest (make test-peers)."""

import inspect
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
from mlflow.entities import DatasetInput, Dataset, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

import mlflow_servers as servers  # noqa: E402

# What this server does not have yet; their routes answer 404 ENDPOINT_NOT_FOUND.
LATER = {
    "traces": {"delete_trace_tag", "delete_traces", "end_span", "end_trace", "get_trace", "link_traces_to_run", "search_traces",
               "set_trace_tag", "start_span", "start_trace", "unlink_traces_from_run", "link_prompt_versions_to_trace", "get_trace_artifact"},
    "evaluation data sets": {"add_dataset_to_experiments", "create_dataset", "delete_dataset", "delete_dataset_tag", "get_dataset",
                             "remove_dataset_from_experiments", "search_datasets", "set_dataset_tags"},
    "workspaces": {"create_workspace", "delete_workspace", "get_workspace", "get_workspace_store_uri", "list_workspaces", "update_workspace"},
}
# They ask no server for more than is asked above.
LOCAL = {"tracking_uri", "parse_prompt_uri"}

called = set()


class Counting(MlflowClient):
    """Remembers which methods were called, by us or by another method of the client."""

    def __getattribute__(self, name):
        if not name.startswith("_"):
            called.add(name)
        return super().__getattribute__(name)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with servers.slipway(tmp_path_factory.mktemp("slipway"), "--webhook-private") as s:
        mlflow.set_tracking_uri(s.url)
        mlflow.set_registry_uri(s.url)
        yield s.url


@pytest.fixture
def client(url):
    yield Counting(url)
    while mlflow.active_run():
        mlflow.end_run()


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    x = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "c"])
    return x, 2 * x.a - x.b + 0.5


# ---- MlflowClient -----------------------------------------------------------------------------------


def test_experiments_and_runs(client, tmp_path):
    e = client.create_experiment("whole", tags={"a": "b"})
    client.set_experiment_tag(e, "c", "d")
    client.delete_experiment_tag(e, "a")
    client.rename_experiment(e, "whole 2")
    assert client.get_experiment_by_name("whole 2").tags == {"c": "d"}
    client.delete_experiment(e)
    client.restore_experiment(e)
    assert client.get_experiment(e).name == "whole 2"
    assert e in [x.experiment_id for x in client.search_experiments()]
    r = client.create_run(e, run_name="n").info.run_id
    child = client.create_run(e, tags={"mlflow.parentRunId": r}).info.run_id
    assert client.get_parent_run(child).info.run_id == r
    client.log_metric(r, "m", 1, step=1)
    client.log_param(r, "p", "v")
    client.set_tag(r, "t", "v")
    client.delete_tag(r, "t")
    client.log_batch(r, [Metric("b", 2.0, 1, 0)], [Param("q", "w")], [RunTag("u", "x")])
    client.log_inputs(r, [DatasetInput(Dataset("d", "1", "local", "s"), [InputTag("mlflow.data.context", "train")])])
    client.update_run(r, name="n2")
    client.set_terminated(r)
    client.delete_run(r)
    client.restore_run(r)
    got = client.get_run(r)
    assert got.info.run_name == "n2" and got.data.metrics == {"m": 1, "b": 2} and got.data.params == {"p": "v", "q": "w"}
    assert got.inputs.dataset_inputs[0].dataset.name == "d"
    assert [m.value for m in client.get_metric_history(r, "m")] == [1]
    assert [x.info.run_id for x in client.search_runs([e], "metrics.m = 1")] == [r]


def test_artifacts(client, tmp_path):
    r = client.create_run("0").info.run_id
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x.txt").write_text("x")
    client.log_artifact(r, str(tmp_path / "d" / "x.txt"))
    client.log_artifacts(r, str(tmp_path / "d"), "dir")
    client.log_text(r, "text", "t.txt")
    client.log_dict(r, {"a": 1}, "d.json")
    client.log_table(r, {"a": [1, 2], "b": ["x", "y"]}, "t.json")
    client.log_image(r, np.zeros((4, 4, 3), dtype=np.uint8), "i.png")
    if hasattr(client, "log_stream"):
        import io

        client.log_stream(r, io.BytesIO(b"bytes"), "s.bin")
    figure = pytest.importorskip("matplotlib.figure").Figure()
    figure.subplots().plot([1, 2])
    client.log_figure(r, figure, "f.png")
    names = {f.path for f in client.list_artifacts(r)}
    assert {"x.txt", "dir", "t.txt", "d.json", "t.json", "i.png", "f.png"} <= names
    assert client.list_artifacts(r, "dir")[0].path == "dir/x.txt"
    assert pathlib.Path(client.download_artifacts(r, "t.txt", str(tmp_path))).read_text() == "text"
    e = client.get_run(r).info.experiment_id
    assert list(client.load_table(e, "t.json", [r])["a"]) == [1, 2]


def test_logged_models(client, tmp_path):
    e = client.create_experiment("whole models")
    r = client.create_run(e).info.run_id
    m = client.create_logged_model(e, name="lm", source_run_id=r, params={"p": "1"}, tags={"t": "v"}, model_type="x")
    (tmp_path / "w.bin").write_bytes(b"w")
    client.log_model_artifact(m.model_id, str(tmp_path / "w.bin"))
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "v.bin").write_bytes(b"v")
    client.log_model_artifacts(m.model_id, str(tmp_path / "more"))
    assert {f.path for f in client.list_logged_model_artifacts(m.model_id)} == {"w.bin", "v.bin"}
    client.log_model_params(m.model_id, {"q": "2"})
    client.set_logged_model_tags(m.model_id, {"u": "w"})
    client.delete_logged_model_tag(m.model_id, "t")
    client.log_metric(r, "acc", 0.5, model_id=m.model_id)
    client.log_outputs(r, [LoggedModelOutput(m.model_id, 0)])
    client.log_inputs(r, models=[LoggedModelInput(m.model_id)])
    client.finalize_logged_model(m.model_id, "READY")
    got = client.get_logged_model(m.model_id)
    assert str(got.status) == "READY" and got.params == {"p": "1", "q": "2"} and got.tags["u"] == "w"
    assert [x.model_id for x in client.search_logged_models([e], "metrics.acc > 0.4")] == [m.model_id]
    run = client.get_run(r)
    assert run.outputs.model_outputs[0].model_id == m.model_id and run.inputs.model_inputs[0].model_id == m.model_id
    client.delete_logged_model(m.model_id)
    assert not client.search_logged_models([e])


def test_registry(client):
    client.create_registered_model("whole", description="d")
    v = client.create_model_version("whole", "s3://bucket/1", tags={"a": "b"})
    client.update_registered_model("whole", "text")
    client.update_model_version("whole", "1", "first")
    client.set_registered_model_tag("whole", "k", "v")
    client.delete_registered_model_tag("whole", "k")
    client.set_model_version_tag("whole", "1", "k", "v")
    client.delete_model_version_tag("whole", "1", "a")
    client.set_registered_model_alias("whole", "best", "1")
    assert int(client.get_model_version_by_alias("whole", "best").version) == 1
    client.delete_registered_model_alias("whole", "best")
    assert client.get_model_version_stages("whole", "1") == ["None", "Staging", "Production", "Archived"]
    client.transition_model_version_stage("whole", "1", "Production")
    assert [x.version for x in client.get_latest_versions("whole", ["Production"])] == [v.version]
    assert client.get_model_version("whole", "1").tags == {"k": "v"}
    assert client.get_model_version_download_uri("whole", "1") == "s3://bucket/1"
    assert client.copy_model_version("models:/whole/1", "whole copy").name == "whole copy"
    assert [x.name for x in client.search_registered_models("name = 'whole'")] == ["whole"]
    assert len(client.search_model_versions("name = 'whole'")) == 1
    client.rename_registered_model("whole", "whole 2")
    assert client.get_registered_model("whole 2").description == "text"
    client.delete_model_version("whole 2", "1")
    client.delete_registered_model("whole 2")


def test_prompts(client):
    client.create_prompt("pp", description="d", tags={"x": "y"})
    client.create_prompt_version("pp", "One {{a}}", "first", tags={"t": "1"})
    client.register_prompt("p", "Hello {{name}}", "first", tags={"lang": "en"})
    client.register_prompt("p", "Hi {{name}}")
    client.set_prompt_alias("p", "live", 2)
    client.set_prompt_tag("p", "owner", "me")
    client.delete_prompt_tag("p", "lang")
    assert client.get_prompt("p").tags["owner"] == "me"
    client.set_prompt_version_tag("p", 1, "k", "v")
    client.delete_prompt_version_tag("p", 1, "k")
    assert client.get_prompt_version("p", 1).template == "Hello {{name}}"
    assert client.get_prompt_version_by_alias("p", "live").version == 2
    assert client.load_prompt("prompts:/p@live").template == "Hi {{name}}"
    assert {x.name for x in client.search_prompts()} == {"p", "pp"}
    r = client.create_run("0").info.run_id
    client.link_prompt_version_to_run(r, "prompts:/p/1")
    m = client.create_logged_model("0", name="with prompt")
    client.link_prompt_version_to_model("p", "1", m.model_id)
    assert '"p"' in client.get_run(r).data.tags["mlflow.linkedPrompts"]
    client.list_logged_prompts(r)  # of 3.11 looks for a tag that it does not write, with any server
    try:
        client.detach_prompt_from_run(r, "prompts:/p/1")
    except mlflow.MlflowException as e:
        assert "is not associated" in str(e)
    client.delete_prompt_alias("p", "live")
    client.delete_prompt_version("p", "2")
    assert [int(v.version) for v in client.search_prompt_versions("p")] == [1]
    client.delete_prompt("pp")


def test_webhooks(client):
    from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent

    w = client.create_webhook("w", "https://127.0.0.1:9/h", [WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)])
    assert client.get_webhook(w.webhook_id).name == "w"
    assert client.update_webhook(w.webhook_id, description="d").description == "d"
    assert [x.webhook_id for x in client.list_webhooks()] == [w.webhook_id]
    assert client.test_webhook(w.webhook_id).success is False
    client.delete_webhook(w.webhook_id)
    assert not client.list_webhooks()


def test_every_public_method_was_called():
    """Must come after the tests above."""
    public = {n for n, _ in inspect.getmembers(MlflowClient) if not n.startswith("_")}
    later = set().union(*LATER.values())
    left = public - called - later - LOCAL
    known_version = tuple(int(x) for x in mlflow.__version__.split(".")[:2]) <= (3, 11)
    if known_version:
        assert not left
    elif left:  # a newer client has methods of areas that came after
        print("not called, new in %s: %s" % (mlflow.__version__, ", ".join(sorted(left))))


def test_later_areas_are_refused_at_once(client):
    started = time.monotonic()
    for call in (lambda: client.search_traces(locations=["0"]), lambda: client.create_dataset("d"), lambda: client.list_workspaces()):
        with pytest.raises(Exception) as e:
            call()
        assert "500" not in str(e.value)
    assert time.monotonic() - started < 20


# ---- scripts as users write them ----------------------------------------------------------------------


def test_autolog_of_xgboost(client, data):
    xgboost = pytest.importorskip("xgboost", reason="make test-peers installs it")
    x, y = data
    mlflow.set_experiment("xgboost")
    mlflow.xgboost.autolog()
    try:
        with mlflow.start_run() as run:
            d = xgboost.DMatrix(x, label=y)
            xgboost.train({"max_depth": 2, "eta": 0.3}, d, num_boost_round=5, evals=[(d, "train")], verbose_eval=False)
    finally:
        mlflow.xgboost.autolog(disable=True)
    got = client.get_run(run.info.run_id)
    assert got.data.params["max_depth"] == "2" and got.data.params["num_boost_round"] == "5"
    assert len(client.get_metric_history(run.info.run_id, "train-rmse")) == 5
    assert got.outputs.model_outputs
    model = mlflow.pyfunc.load_model("models:/" + got.outputs.model_outputs[0].model_id)
    assert len(model.predict(x)) == len(x)
    assert "feature_importance_weight.json" in [f.path for f in client.list_artifacts(run.info.run_id)]


def test_system_metrics(client):
    pytest.importorskip("psutil", reason="make test-peers installs it")
    mlflow.set_experiment("system metrics")
    mlflow.enable_system_metrics_logging()
    mlflow.set_system_metrics_sampling_interval(0.2)
    mlflow.set_system_metrics_samples_before_logging(1)
    try:
        with mlflow.start_run() as run:
            end = time.monotonic() + 30
            while time.monotonic() < end and not client.get_run(run.info.run_id).data.metrics:
                time.sleep(0.2)
    finally:
        mlflow.disable_system_metrics_logging()
    metrics = client.get_run(run.info.run_id).data.metrics
    assert "system/cpu_utilization_percentage" in metrics and "system/system_memory_usage_megabytes" in metrics


def test_three_levels_of_runs(client):
    e = mlflow.set_experiment("levels").experiment_id
    with mlflow.start_run(run_name="top") as top:
        for i in range(2):
            with mlflow.start_run(run_name="mid %d" % i, nested=True) as mid:
                with mlflow.start_run(run_name="leaf %d" % i, nested=True) as leaf:
                    mlflow.log_metric("m", i)
                assert client.get_parent_run(leaf.info.run_id).info.run_id == mid.info.run_id
    children = client.search_runs([e], "tags.`mlflow.parentRunId` = '%s'" % top.info.run_id)
    assert {r.info.run_name for r in children} == {"mid 0", "mid 1"}
    assert all(r.info.status == "FINISHED" for r in client.search_runs([e]))


def test_a_model_of_pyfunc_registered_and_loaded(client, data):
    class Add(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["a"] + 1

    x, _ = data
    mlflow.set_experiment("pyfunc")
    with mlflow.start_run():
        info = mlflow.pyfunc.log_model(name="add", python_model=Add(), input_example=x[:2], registered_model_name="adder")
    assert client.get_model_version("adder", "1").source == info.model_uri
    client.set_registered_model_alias("adder", "live", "1")
    for uri in (info.model_uri, "models:/adder/1", "models:/adder@live"):
        assert np.allclose(mlflow.pyfunc.load_model(uri).predict(x), x.a + 1)
    mlflow.register_model(info.model_uri, "adder")
    assert len(client.search_model_versions("name = 'adder'")) == 2
    frame = mlflow.search_logged_models(filter_string="name = 'add'")
    assert list(frame["model_id"]) == [info.model_id]


def test_the_command_line(url, tmp_path):
    def run(*argv, code=0):
        r = subprocess.run([sys.executable, "-m", "mlflow", *argv], env=dict(os.environ, MLFLOW_TRACKING_URI=url),
                           capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert r.returncode == code, r.stderr
        return r.stdout

    run("experiments", "create", "-n", "cli whole")
    e = MlflowClient(url).get_experiment_by_name("cli whole").experiment_id
    assert "cli whole" in run("experiments", "get", "--experiment-id", e)
    run("experiments", "csv", "--experiment-id", e, "-o", str(tmp_path / "runs.csv"))
    r = MlflowClient(url).create_run(e, run_name="cli").info.run_id
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "y.txt").write_text("y")
    run("artifacts", "log-artifacts", "--local-dir", str(tmp_path / "d"), "--run-id", r, "--artifact-path", "p")
    out = run("artifacts", "download", "--run-id", r, "--artifact-path", "p", "--dst-path", str(tmp_path / "got"))
    assert (tmp_path / "got" / "p" / "y.txt").read_text() == "y", out
    run("runs", "delete", "--run-id", r)
    run("runs", "restore", "--run-id", r)
    run("experiments", "delete", "--experiment-id", e)
    run("experiments", "restore", "--experiment-id", e)
    run("doctor")
