# SPDX-License-Identifier: Apache-2.0
"""ONNX files that skl2onnx made (make-fixtures) against what ONNX Runtime and scikit-learn said of them, and attaching
them to versions that an MLflow client registered. Needs no Python package but pytest."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
ROOT = HERE.parents[2]
CASES = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build")) / "tests/clients/onnx/onnx_cases"
NATIVE = ["double_linear", "double_ridge", "single_linear", "single_ridge", "typed_ridge"]


def expected(name):
    return json.loads((FIXTURES / (name + ".expected.json")).read_text())


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fixtures")
    for path in FIXTURES.iterdir():
        if not path.name.endswith(".expected.json"):
            shutil.copy(path, folder)
    subprocess.run([CASES, "run", folder], check=True)
    return {p.name.split(".")[0]: json.loads(p.read_text()) for p in folder.glob("*.out.json")}


@pytest.mark.parametrize("name", NATIVE)
def test_predictions_are_those_of_the_libraries(answers, name):
    want = expected(name)
    got = answers[name]["outputs"]["variable"]
    spread = max(want["sklearn"]) - min(want["sklearn"])
    # Single precision: ONNX Runtime adds in another order. Double: the last bits.
    room = 1e-6 if want["form"] == "single" else 1e-12
    assert len(got) == 40
    for ours, runtime, learnt in zip(got, want["onnxruntime"], want["sklearn"]):
        assert abs(ours - runtime) <= room * spread
        assert abs(ours - learnt) <= room * spread


def test_what_is_missing_is_named(answers):
    assert "TreeEnsembleRegressor" in answers["forest"]["error"]


def register(server, name):
    assert server.request("POST", "/api/2.0/mlflow/registered-models/create", {"name": name}).status == 200
    r = server.request("POST", "/api/2.0/mlflow/model-versions/create", {"name": name, "source": "mlflow-artifacts:/1/m"})
    assert r.status == 200, r
    return "/api/v1/models/%s/versions/1" % name


def put(server, version, data):
    return server.request("PUT", version + "/onnx", data, {"Content-Type": "application/octet-stream"})


def test_attaching_makes_a_version_deployable(server, cli, tmp_path):
    s = server(serve="127.0.0.1:0")
    version = register(s, "houses")
    data = (FIXTURES / "double_ridge.onnx").read_bytes()
    r = put(s, version, data)
    assert r.status == 200 and r.json["conversion"]["deployable"] is True, r
    assert [i["name"] for i in r.json["signature"]["inputs"]] == ["area", "rooms", "age", "quarter"]
    v = s.request("GET", version).json
    assert v["digest"] == r.json["digest"] and v["conversion"]["deployable"] and v["source"] == "mlflow-artifacts:/1/m"
    assert {f["path"] for f in v["files"]} >= {"MLmodel", "model.onnx"}
    assert s.request("GET", version + "/files/model.onnx").body == data
    assert any(f["name"] == "conversion" for f in v["facts"])
    events = s.request("GET", "/api/v1/audit?subject=model/houses:1").json["items"]
    assert [e["kind"] for e in events].count("model_version.converted") == 1

    assert cli("--server", s.url, "deploy", "houses:1").rc == 0
    case = json.loads((FIXTURES / "double_ridge.in.json").read_text())["inputs"]
    rows = [dict(zip(case, [None if x == "NaN" else x for x in values])) for values in zip(*case.values())]
    said = s.request("POST", "/v1/models/houses:predict", {"instances": rows}, url=s.predict_url).json["predictions"]
    for got, want in zip(said, expected("double_ridge")["sklearn"]):
        assert abs(got - want) < 1e-9

    again = put(s, version, data)
    assert again.status == 200 and again.json["digest"] == r.json["digest"]
    other = put(s, version, (FIXTURES / "double_linear.onnx").read_bytes())
    assert other.status == 409 and "is on endpoint" in other.text


def test_what_cannot_be_served_is_attached_and_deploy_says_why(server, cli):
    s = server(serve="127.0.0.1:0")
    version = register(s, "forest")
    r = put(s, version, (FIXTURES / "forest.onnx").read_bytes())
    assert r.status == 200 and r.json["conversion"]["deployable"] is False
    assert "TreeEnsembleRegressor" in r.json["conversion"]["reason"]
    d = cli("--server", s.url, "deploy", "forest:1")
    assert d.rc != 0 and "TreeEnsembleRegressor" in d.out + d.err


def test_what_is_no_onnx_is_refused(server):
    s = server()
    version = register(s, "bad")
    for data in (b"", b"\x80\x04K\x01.", b"not a model", (FIXTURES / "double_ridge.onnx").read_bytes()[:400]):
        assert 400 <= put(s, version, data).status < 500
    assert put(s, "/api/v1/models/none/versions/1", (FIXTURES / "double_ridge.onnx").read_bytes()).status == 404
    v = s.request("GET", version).json
    assert v["digest"] is None and v["conversion"] is None and v["files"] == []
