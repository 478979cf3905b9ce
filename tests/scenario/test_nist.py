# SPDX-License-Identifier: Apache-2.0
"""NIST's reference sets for least squares, fitted on all rows through the front door: `train: 1` keeps
no test part, polynomials are derived columns. Digits are the least over all coefficients."""
import json
import math
import pathlib

import pytest

SETS = pathlib.Path(__file__).resolve().parents[1] / "data" / "nist_strd"
# name: (degree of the polynomial or 0 for several columns, digits wanted)
WANTED = {"Norris": (1, 9), "Longley": (0, 9), "Wampler1": (5, 9), "Wampler2": (5, 9), "Filip": (10, 6)}


def digits(got, want):
    if want == 0:
        return 15 if abs(got) < 1e-9 else -math.log10(abs(got))
    return 15 if got == want else min(15, -math.log10(abs(got - want) / abs(want)))


def write_project(folder, name, degree):
    data = json.loads((SETS / f"{name}.json").read_text())["data"]
    columns = [c for c in data if c != "y"]
    rows = zip(*[data[c] for c in columns], data["y"])
    folder.mkdir()
    (folder / "d.csv").write_text(",".join([*columns, "y"]) + "\n"
                                  + "".join(",".join(map(str, row)) + "\n" for row in rows))
    derive = ", ".join(f"x{k}: \"x ** {k}\"" for k in range(2, degree + 1))
    (folder / "slipway.yaml").write_text(
        f"slipway: 1\nname: {name.lower()}\ndata: {{ d: {{ csv: d.csv, target: y }} }}\nstages:\n"
        + (f"  powers: {{ do: [ derive: {{ {derive} }} ] }}\n" if degree > 1 else "")
        + "  split: { by: hash, train: 1 }\n  fit: { model: linear_regression }\n")


@pytest.mark.parametrize("name", WANTED)
def test_certified_coefficients(cli, tmp_path, name):
    degree, wanted = WANTED[name]
    certified = json.loads((SETS / f"{name}.json").read_text())["certified"]
    folder = tmp_path / name
    write_project(folder, name, degree)
    cli.ok("run", cwd=folder)
    version = cli.ok("model", "show", f"{name.lower()}:1", "-o", "json", cwd=folder).json
    table = version["coefficients"]
    assert len(table) == len(certified["coefficients"])
    got = [digits(row["estimate"], want) for row, want in zip(table, certified["coefficients"])]
    assert min(got) >= wanted, got
    if all(certified["standard_deviations"]):
        se = [digits(row["se"], want) for row, want in zip(table, certified["standard_deviations"])]
        assert min(se) >= wanted, se
