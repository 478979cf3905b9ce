# SPDX-License-Identifier: Apache-2.0
"""What `slipway run` made is there for MLflow's clients: the model's files are artifacts of its run and of its version."""
import urllib.parse

PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


def test_the_files_of_a_model_are_artifacts_of_its_run(trained, server):
    s = server(trained.data)
    mlflow = "/api/2.0/mlflow/"
    ids = [e["experiment_id"] for e in s.post(mlflow + "experiments/search", {"max_results": 100}).json["experiments"]]
    run = next(r["info"] for r in s.post(mlflow + "runs/search", {"experiment_ids": ids}).json["runs"] if r["info"]["status"] == "FINISHED")
    listed = s.get(mlflow + "artifacts/list?path=model&run_id=" + run["run_id"]).json["files"]
    names = {f["path"] for f in listed}
    assert {"model/MLmodel", "model/model.onnx"} <= names
    mlmodel = s.get("/get-artifact?path=model/MLmodel&run_id=" + run["run_id"])
    assert mlmodel.status == 200 and "flavors" in mlmodel.text
    place = run["artifact_uri"].partition(":/")[2].lstrip("/")
    assert s.get(PROXY + urllib.parse.quote(place) + "/model/MLmodel").text == mlmodel.text
    assert s.get("/model-versions/get-artifact?name=diabetes&version=1&path=MLmodel").text == mlmodel.text
    gc = s.post("/api/v1/gc", {"remove": True}).json  # and stay: names refer to the same bytes as the version
    assert gc["kept"] > 0 and s.get("/get-artifact?path=model/model.onnx&run_id=" + run["run_id"]).status == 200
