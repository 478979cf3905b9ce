# SPDX-License-Identifier: Apache-2.0
"""`slipway monitor drift`: two files compared, states, exit statuses, findings, and memory that does not grow with
the number of different texts."""
import json
import os
import random
import subprocess

import pytest

from conftest import BINARY, SANITIZED, clean_env


def write(path, rows, columns):
    """columns: name -> function of the row number."""
    with open(path, "w") as f:
        f.write(",".join(columns) + "\n")
        for i in range(rows):
            f.write(",".join(str(make(i)) for make in columns.values()) + "\n")
    return path


def columns(seed, shift=0.0, pro=0.3):
    r = random.Random(seed)
    return {
        "id": lambda i: f"u{i}",
        "age": lambda i: round(r.gauss(40 + 12 * shift, 12), 2),
        "income": lambda i: "" if r.random() < 0.05 else round(r.lognormvariate(8, 0.5), 2),
        "children": lambda i: r.randrange(5),
        "plan": lambda i: "pro" if r.random() < pro else r.choice(["free", "team"]),
        "seen": lambda i: f"2026-{1 + i % 12:02d}-{1 + i % 28:02d}",
    }


@pytest.fixture
def files(tmp_path):
    write(tmp_path / "reference.csv", 4000, columns(1))
    write(tmp_path / "same.csv", 1000, columns(2))
    write(tmp_path / "shifted.csv", 1000, columns(3, shift=0.8, pro=0.6))
    return tmp_path


def by_name(verdict):
    return {f["name"]: f for f in verdict["features"]}


def test_drift_same(cli, files):
    r = cli.ok("monitor", "drift", "reference.csv", "same.csv", "--ignore", "id", "--json", cwd=files)
    assert r.json["state"] == "ok" and r.json["drifted"] == 0
    assert r.json["rows"] == 1000 and r.json["reference_rows"] == 4000
    names = by_name(r.json)
    assert set(names) == {"age", "income", "children", "plan"}
    assert set(names["age"]["tests"]) == {"psi", "js", "ks", "w1"}
    assert set(names["plan"]["tests"]) == {"psi", "js", "chi2"}
    assert 0.03 < names["income"]["missing_ratio"] < 0.07
    assert [f["message"] for f in r.json["findings"]] == ["'seen' is a time and is not compared"]


def test_drift_shifted(cli, files):
    r = cli.fails(1, "monitor", "drift", "reference.csv", "shifted.csv", "--json", cwd=files)
    states = {n: f["state"] for n, f in by_name(r.json).items()}
    assert states["age"] == states["plan"] == "drifted" and states["income"] == states["children"] == "ok"
    assert r.json["drifted"] == 2
    table = cli.fails(1, "monitor", "drift", "reference.csv", "shifted.csv", "--methods", "ks,w1,chi2", cwd=files).out
    lines = table.splitlines()
    assert lines[0].split()[:4] == ["column", "method", "state", "statistic"]
    assert lines[1].split()[:3] == ["age", "ks", "drifted"] and lines[2].split()[:3] == ["age", "w1", "drifted"]
    assert lines[3].split()[:3] == ["plan", "chi2", "drifted"]
    assert "2 of 5 columns drifted; 1000 rows against 4000" in table


def test_drift_numbers_are_exact(cli, tmp_path):
    """KS and W1 are those of the values, not of cells: D of 0…99 against 0.5…99.5 shifted by ten is 0.1."""
    write(tmp_path / "a.csv", 100, {"x": lambda i: i})
    write(tmp_path / "b.csv", 100, {"x": lambda i: i + 9.5})
    r = cli("monitor", "drift", "a.csv", "b.csv", "--methods", "ks", "--json", cwd=tmp_path)
    tests = r.json["features"][0]["tests"]
    assert abs(tests["ks"]["statistic"] - 0.10) < 1e-12
    sd = (sum((i - 49.5) ** 2 for i in range(100)) / 99) ** 0.5
    assert abs(tests["w1"]["statistic"] - 9.5 / sd) < 1e-12
    # scipy.stats.ks_2samp(range(100), [i + 9.5 for i in range(100)]).pvalue
    assert abs(tests["ks"]["p"] - 0.7020569828664881) < 1e-9


def test_drift_small_files_say_nothing(cli, files):
    write(files / "tiny.csv", 1, columns(4))
    r = cli.fails(8, "monitor", "drift", "reference.csv", "tiny.csv", "--json", cwd=files)
    assert r.json["state"] == "insufficient_data" and r.json["ok"] == 0
    assert all(f["state"] == "insufficient_data" and f["p_adjusted"] is None for f in r.json["features"])


def test_drift_of_other_schemas(cli, files):
    made = columns(5)
    del made["children"]
    made["income"] = lambda i: "unknown"
    made["extra"] = lambda i: i
    made["plan"] = lambda i: i % 3  # numbers where texts were: names that nobody knows
    write(files / "other.csv", 1000, made)
    r = cli.fails(1, "monitor", "drift", "reference.csv", "other.csv", "--ignore", "id", "--json", cwd=files)
    said = [f["message"] for f in r.json["findings"]]
    assert "'children' is not in the current file" in said
    assert "'income' is text in the current file, and a number in the reference" in said
    assert "'extra' is not in the reference file" in said
    assert by_name(r.json)["plan"]["unseen"] == 1 and by_name(r.json)["plan"]["state"] == "drifted"
    assert by_name(r.json)["children"]["state"] == "insufficient_data"


@pytest.mark.parametrize("args, status, says", [
    (["reference.csv", "none.csv"], 3, "there is no file 'none.csv'"),
    (["reference.csv", "same.csv", "--methods", "ks,foo"], 2, "'foo' is no drift method"),
    (["reference.csv", "same.csv", "--methods", "ks,ks"], 2, "twice"),
    (["reference.csv", "same.csv", "--alpha", "2"], 2, "--alpha must be a number from 0 to 0.5"),
    (["reference.csv", "same.csv", "--alpha", "0"], 2, "--alpha must be above 0"),
    (["reference.csv", "same.csv", "--ignore", "agee"], 2, "has no column 'agee'"),
    (["reference.csv", "empty.csv"], 2, "empty.csv"),
    (["reference.csv"], 2, ""),
])
def test_drift_refuses(cli, files, args, status, says):
    (files / "empty.csv").write_text("")
    r = cli.fails(status, "monitor", "drift", *args, cwd=files)
    assert says in r.err


def test_a_model_carries_its_reference(trained):
    version = trained.cli.ok("model", "show", "diabetes:1", "--json", cwd=trained.path).json
    assert version["reference"] is True
    assert "monitor.json" in [f["path"] for f in version["files"]]
    assert "monitor.json, what drift is measured against" in trained.cli.ok("model", "show", "diabetes:1", cwd=trained.path).out
    found = list((trained.path / ".slipway" / "runs").glob("*/1/output/model/monitor.json"))
    reference = json.loads(found[0].read_text())
    inputs = [f for f in reference["features"] if not f["output"]]
    assert len(inputs) == 10 and reference["rows"] == inputs[0]["rows"]
    assert abs(reference["performance"]["rmse"] - version["metrics"]["rmse"]["value"]) < 1e-12
    # A model from elsewhere has none, and says so.
    trained.cli.ok("model", "register", "elsewhere", "s3://models/elsewhere/1", cwd=trained.path)
    other = trained.cli.ok("model", "show", "elsewhere:1", "--json", cwd=trained.path).json
    assert other["reference"] is False
    assert "no drift can be measured" in trained.cli.ok("model", "show", "elsewhere:1", cwd=trained.path).out


@pytest.mark.skipif(SANITIZED, reason="sanitizers use memory of their own")
def test_drift_memory_does_not_grow_with_texts(cli, tmp_path):
    """The same number of rows with 10 and with 1,000,000 different texts."""
    def peak(texts):
        for name in ("a", "b"):
            with open(tmp_path / f"{name}{texts}.csv", "w") as f:
                f.write("code\n")
                f.writelines(f"{name if texts > 10 else 'a'}-{i % texts:09d}\n" for i in range(1000000))
        spec = tmp_path / f"spec{texts}.json"
        result = tmp_path / f"result{texts}.json"
        spec.write_text(json.dumps({"reference": str(tmp_path / f"a{texts}.csv"), "threads": 1, "result": str(result),
                                    "current": str(tmp_path / f"b{texts}.csv")}))
        p = subprocess.Popen([str(BINARY), "_drift", str(spec)], env=clean_env(cli.home))
        _, status, usage = os.wait4(p.pid, 0)
        assert status == 0
        return usage.ru_maxrss / 1024, json.loads(result.read_text())

    few, verdict = peak(10)
    assert verdict["state"] == "ok"
    many, verdict = peak(1000000)
    assert verdict["state"] in ("ok", "warning", "insufficient_data")  # all names are new, as always there
    assert many < few + 120, (few, many)
