# SPDX-License-Identifier: Apache-2.0
"""`slipway model convert` after an unmodified training script with scikit-learn and MLflow.

Skipped where mlflow, scikit-learn, skl2onnx and onnxruntime are not installed; `make test-peers` installs them."""
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

for package in ("mlflow", "sklearn", "skl2onnx", "onnxruntime"):
    pytest.importorskip(package, reason="needs the package %s: make test-peers installs it" % package)

SCRIPT = pathlib.Path(__file__).resolve().parent / "train_houses.py"


class World:
    def __init__(self, server, cli, tmp_path):
        self.server, self.tmp = server(serve="127.0.0.1:0"), tmp_path
        self.cli = lambda *args: cli("--server", self.server.url, *args, timeout=300)

    def train(self, kind):
        env = {"MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "5", **os.environ, "MLFLOW_TRACKING_URI": self.server.url}
        p = subprocess.run([sys.executable, SCRIPT, kind], cwd=self.tmp, env=env, capture_output=True, text=True, timeout=300)
        assert p.returncode == 0, p.stderr
        return [{k: v for k, v in r.items()} for r in json.loads((self.tmp / "predictions.json").read_text())]

    def convert(self, kind, *args, python=sys.executable):
        return self.cli("model", "convert", "models:/houses-%s/1" % kind, "--python", python, *args)

    def version(self, kind):
        return self.server.request("GET", "/api/v1/models/houses-%s/versions/1" % kind).json

    def untouched(self, kind):
        v = self.version(kind)
        return v["digest"] is None and v["conversion"] is None


@pytest.fixture
def world(server, cli, tmp_path):
    return World(server, cli, tmp_path)


def test_an_unmodified_script_ends_in_a_served_model(world):
    rows = world.train("ridge")
    r = world.convert("ridge")
    assert r.rc == 0 and "agrees with scikit-learn" in r.out, r
    assert world.version("ridge")["conversion"]["report"]["example_rows"] == 5
    assert world.cli("deploy", "houses-ridge:1").rc == 0
    want = [row.pop("prediction") for row in rows]
    assert any(row["age"] is None for row in rows)
    said = world.server.request("POST", "/v1/models/houses-ridge:predict", {"instances": rows}, url=world.server.predict_url)
    assert said.status == 200, said
    assert said.json["predictions"] == pytest.approx(want, rel=1e-9)
    assert world.convert("ridge").rc == 0  # once more: the same model


def test_a_forest_is_attached_and_deploy_names_the_operator(world):
    world.train("forest")
    r = world.convert("forest")
    assert r.rc == 0 and "TreeEnsembleRegressor" in r.out, r
    d = world.cli("deploy", "houses-forest:1")
    assert d.rc != 0 and "TreeEnsembleRegressor" in d.out + d.err


def test_disagreement_attaches_nothing(world):
    world.train("bent")
    r = world.convert("bent")
    assert r.rc != 0 and "disagrees" in r.err and "nothing is attached" in r.err, r
    assert world.untouched("bent")


def test_a_pickle_that_hangs_or_crashes(world):
    world.train("hangs")
    r = world.convert("hangs", "--time-limit", "10")
    assert r.rc != 0 and "longer than 10 s" in r.err, r
    assert world.untouched("hangs")
    world.train("crashes")
    r = world.convert("crashes")
    assert r.rc != 0 and "signal %d" % signal.SIGABRT in r.err, r
    assert world.untouched("crashes")


def test_a_python_that_is_not_there_or_lacks_packages(world):
    world.train("ridge")
    r = world.convert("ridge", python="/no/such/python")
    assert r.rc != 0 and "/no/such/python" in r.err
    bare = world.tmp / "bare"
    bare.write_text('#!/bin/sh\nexec "%s" -I -S "$@"\n' % sys.executable)
    bare.chmod(0o755)
    r = world.convert("ridge", python=bare)
    assert r.rc != 0 and "has no package" in r.err and "pip install" in r.err, r
    r = world.convert("ridge", python="/bin/false")
    assert r.rc != 0 and "without a report" in r.err, r
    assert world.untouched("ridge")
    r = world.cli("model", "convert", "houses-ridge")
    assert r.rc != 0 and "which version" in r.err
