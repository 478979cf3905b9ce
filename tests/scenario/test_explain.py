# SPDX-License-Identifier: Apache-2.0
"""Why a model predicted what it did: contributions of a real trained model, over REST and the command line."""
import json
import math
import random
import sqlite3

import pytest

YAML = """\
slipway: 1
name: flats
data:
  flats: {{ csv: flats.csv, target: rent }}
stages:
  prepare:
    do:
      - impute: {{ area: median, floor: mean }}
      - derive: {{ area_per_room: area / rooms }}
      - one_hot: [city, rooms]
      - clip: {{ age: [0, 80] }}
      - scale: {{ area: standard, age: minmax, area_per_room: robust }}
  split: {{ by: hash, seed: 3 }}
  train: {{ model: {model} }}
"""


def flat(rng):
    return {"area": round(rng.uniform(20, 150), 1), "rooms": rng.randint(1, 4), "floor": rng.randint(0, 9),
            "city": rng.choice(["Ulm", "Köln", "Kiel, Süd"]), "age": rng.randint(0, 120)}


@pytest.fixture
def flats(cli, tmp_path, request):
    rng = random.Random(5)
    rows = []
    for _ in range(400):
        x = flat(rng)
        x["rent"] = round(8 * x["area"] + 60 * x["rooms"] + {"Ulm": 90, "Köln": 200}.get(x["city"], 0) - x["age"] + rng.gauss(0, 25), 2)
        if rng.random() < 0.1:
            x["area"] = ""
        rows.append(x)
    folder = tmp_path / "flats"
    folder.mkdir()
    (folder / "slipway.yaml").write_text(YAML.format(model=request.param))
    names = list(rows[0])
    text = [",".join(names)] + [",".join(f'"{v}"' if isinstance(v, str) and v else str(v) for v in r.values()) for r in rows]
    (folder / "flats.csv").write_text("\n".join(text) + "\n")
    cli = cli.at(folder)
    cli.ok("run")
    return cli


@pytest.mark.sanitize
@pytest.mark.parametrize("flats", ["linear_regression", "ridge, alpha: 2.5"], indirect=True)
def test_contributions_add_up_to_the_prediction(flats, server):
    s = server(flats.cwd / ".slipway", cli=flats)
    flats.ok("deploy", "flats")
    rng = random.Random(9)
    rows = [flat(rng) for _ in range(30)]
    rows[3]["area"] = None
    rows[4]["city"] = "nowhere"
    r = s.post("/api/v1/models/flats/versions/1:explain", {"instances": rows})
    assert r.status == 200, r
    predictions = s.post("/v1/models/flats:predict", {"instances": rows}).json["predictions"]
    answers = r.json["explanations"]
    assert len(answers) == len(rows)
    for row, answer, predicted in zip(rows, answers, predictions):
        assert answer["prediction"] == predicted
        parts = {c["name"]: c for c in answer["contributions"]}
        assert sorted(parts) == ["age", "area", "area_per_room", "city", "floor", "rooms"]
        total = math.fsum([answer["base"]] + [c["contribution"] for c in parts.values()])
        assert abs(total - predicted) <= 1e-9 * abs(predicted)
        assert all(parts[k]["value"] == row[k] for k in row)
        if row["area"] is not None:
            assert parts["area_per_room"]["value"] == pytest.approx(row["area"] / row["rooms"], rel=1e-12)
    # The base is what is predicted on average over the training part; a city's part differs by city only.
    by_city = {row["city"]: round(c["contribution"], 9) for row, a in zip(rows, answers) for c in a["contributions"] if c["name"] == "city"}
    assert by_city["Köln"] > by_city["Ulm"] > by_city["Kiel, Süd"]
    assert all(a["base"] == answers[0]["base"] for a in answers)


@pytest.mark.parametrize("flats", ["linear_regression"], indirect=True)
def test_mistakes_are_the_clients(flats, server):
    s = server(flats.cwd / ".slipway", cli=flats)
    path = "/api/v1/models/flats/versions/latest:explain"
    good = {"area": 50, "rooms": 2, "floor": 1, "city": "Ulm", "age": 3}
    for body, status, word in [
        ({"instances": [{**good, "rooms": "two"}]}, 400, "rooms"),
        ({"instances": [{**good, "aera": 1}]}, 400, "did you mean 'area'"),
        ({"instances": [{"area": 1}]}, 400, "missing column"),
        ({"instances": []}, 400, "at least one row"),
        ({}, 400, "instances"),
        (b"{\"instances\": [", 400, "line 1"),
        (b"", 400, "empty"),
        ({"instances": [{**good, "rooms": None}]}, 400, "area_per_room"),
        ({"instances": [{**good, "area": 1e308, "rooms": 1e-300}]}, 400, "infinite"),
    ]:
        r = s.post(path, body)
        assert r.status == status and word in r.json["message"], (body, r)
    assert s.post("/api/v1/models/flat/versions/1:explain", {"instances": [good]}).status == 404
    assert "did you mean 'flats'" in s.post("/api/v1/models/flat/versions/1:explain", {"instances": [good]}).json["message"]
    assert s.post("/api/v1/models/flats/versions/7:explain", {"instances": [good]}).status == 404
    assert s.is_up()


@pytest.mark.parametrize("flats", ["linear_regression"], indirect=True)
def test_a_model_without_coefficients_says_so(flats):
    with sqlite3.connect(flats.cwd / ".slipway" / "slipway.db") as db:
        db.execute("DELETE FROM version_sections WHERE section = 'coefficients'")
    r = flats.fails(2, "predict", "flats", '{"area": 50, "rooms": 2, "floor": 1, "city": "Ulm", "age": 3}', "--explain")
    assert "only linear_regression and ridge" in r.err


@pytest.mark.parametrize("flats", ["linear_regression"], indirect=True)
def test_the_command_line_explains(flats):
    row = json.dumps({"area": 50, "rooms": 2, "floor": 1, "city": "Ulm", "age": 3})
    flats.ok("deploy", "flats")
    plain = float(flats.ok("predict", "flats", row).out)
    lines = flats.ok("predict", "flats", row, "--explain").out.splitlines()
    assert lines[0].split() == ["FEATURE", "VALUE", "CONTRIBUTION"]
    assert lines[1].startswith("(base)") and lines[-1].startswith("(prediction)") and len(lines) == 9
    listed = flats.ok("predict", "flats", row, "--explain", "-o", "jsonl").out.splitlines()
    items = [json.loads(line) for line in listed]
    assert items[-1]["contribution"] == plain
    sizes = [abs(i["contribution"]) for i in items[1:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert flats.ok("predict", "flats", row, "--explain", "--json").json["explanations"][0]["prediction"] == plain
