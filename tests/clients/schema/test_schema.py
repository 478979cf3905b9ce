# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema of slipway.yaml against the reader: python-jsonschema accepts what the reader's structural checks accept
and the reverse, over every example in the tree and over a few thousand mutations of a rich project file."""
import copy
import json
import os
import pathlib
import random
import re
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BIN", ROOT / "build" / "slipway")).resolve().parent
TOOL = BUILD / "tests" / "clients" / "schema" / "project_codes"

# Codes that the structure alone decides: the schema must refuse as well.
STRUCTURAL = {"E104", "E106", "E107", "E109", "E214", "E215"}

RICH = {
    "slipway": 1, "name": "houses", "params": {"alpha": 0.5, "top": {"type": "integer", "default": 40, "min": 1, "max": 99}, "kind": "ridge"},
    "data": {"houses": {"csv": "h.csv", "key": "id", "time": "sold", "target": "price", "ignore": ["note"], "missing": ["-", 9],
                        "delimiter": ";", "quote": "'", "header": True}},
    "stages": {
        "clean": {"input": "houses", "do": ["drop_duplicates", {"drop_duplicates": ["id"]}, {"drop_duplicates": True}, {"drop": {"where": "price <= 0"}},
                                            {"impute": {"area": "median", "lot": 3.5}}, {"clip": {"price": [1, None], "rooms": [0, "${params.top}"]}}],
                  "expect": [{"not_null": ["id"]}, {"in_range": {"rooms": [0, 40]}, "severity": "warn", "mostly": 0.9},
                             {"in_set": {"heating": ["gas", 1, True]}}, {"matches": {"zip": "[0-9]{5}"}}, {"row_count": [10, None]}, {"unique": ["id"]}]},
        "features": {"input": ["clean"], "do": [{"one_hot": {"columns": ["heating"], "drop": "none"}}, {"one_hot": ["zone"]}, {"scale": {"area": "minmax"}},
                                                {"scale": ["rooms"]}, {"derive": {"age": "2020 - built"}}, {"drop": ["built"]}]},
        "split": {"input": "features", "by": "stratified", "stratify": "heating", "train": 0.7, "valid": 0.1, "test": 0.2, "seed": 3},
        "fit": {"input": "split", "model": "${params.kind}", "alpha": "${params.alpha}", "exclude": ["lot"], "features": ["area", "rooms"], "intercept": False},
        "check": {"input": ["fit", "split.test"], "gates": ["rmse <= (champion.rmse ?? inf) * 1.02", "r2 >= ${params.alpha}"]},
    },
    "deploy": {"endpoint": "houses-1", "budget": {"promotions": 2, "per": "1d"},
               "strategy": {"shadow": 100, "canary": [5, "25%", 100], "every": "30s", "min_requests": 50, "check": "3s", "timeout": "1h",
                            "abort": ["error_rate > 0.1", "psi > psi_limit"], "automatic": False}},
    "monitor": {"window": "1h", "log": {"enabled": True, "inputs": True, "sample": 0.5, "keep": "30d", "max": "1GiB"},
                "drift": {"alpha": 0.01, "number": "ks", "category": "chi2", "rows_min": 50},
                "alerts": [{"alert": "Decay", "expr": "rmse > 5", "for": 2, "keep_firing_for": "2h", "severity": "critical",
                            "labels": {"team": "x"}, "annotations": {"summary": "y"}}]},
    "triggers": [{"alert": "Decay", "cooldown": "6h"}, {"labels": 1000}],
    "retrain": {"window": "30d", "rows": 5000, "min_rows": 100},
}


def schema():
    text = subprocess.run([TOOL, "schema"], check=True, capture_output=True, text=True).stdout
    value = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(value)
    return jsonschema.Draft202012Validator(value)


def ask(texts):
    lines = "".join(json.dumps(t) + "\n" for t in texts)
    out = subprocess.run([TOOL], input=lines, check=True, capture_output=True, text=True).stdout
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == len(texts)
    return answers


def compare(validator, texts):
    wrong, valid, invalid = [], 0, 0
    for text, answer in zip(texts, ask(texts)):
        if answer["document"] is None:
            continue
        problems = [e.message for e in validator.iter_errors(answer["document"])]
        errors = [c for c in answer["codes"] if c["code"].startswith("E")]
        structural = [c for c in errors if c["code"] in STRUCTURAL and "of parameter" not in c["message"]
                      and not c.get("filled") and "`features` names" not in c["message"]]
        valid += not problems
        invalid += bool(problems)
        if (structural and not problems) or (problems and not errors):
            wrong.append(f"schema: {problems[:2]}\nreader: {errors[:3]}\n{text[:3000]}")
    assert not wrong, f"{len(wrong)} disagree:\n" + "\n----\n".join(wrong[:3])
    return valid, invalid


def test_examples_of_the_tree():
    texts = [p.read_text() for p in sorted((ROOT / "tests" / "fuzz" / "corpus" / "project").iterdir())]
    for line in (ROOT / "src" / "project" / "errors.def").read_text().splitlines():
        if line.startswith("CODE("):
            expanded = re.sub(r"\bTOP\b", r'"data:\\n  d: { csv: d.csv, target: y }\\n"', line)
            for group in re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+', expanded)[3:]:
                texts.append("".join(json.loads(s) for s in re.findall(r'"(?:[^"\\]|\\.)*"', group)))
    valid, invalid = compare(schema(), texts)
    assert valid > 30 and invalid > 15


def paths(value, at=()):
    yield at
    if isinstance(value, dict):
        for k in value:
            yield from paths(value[k], at + (k,))
    elif isinstance(value, list):
        for i in range(len(value)):
            yield from paths(value[i], at + (i,))


ODD = [None, True, 0, -1, 0.5, 7, "", "x", "${params.alpha}", [], ["a"], [1, 2], {}, {"a": 1}, "hash", "ridge", "median", ["id", None], 1e9, "a b"]
WORDS = ["do", "model", "gates", "by", "train", "seed", "alpha", "scale", "clip", "where", "columns", "run", "tune", "cmd", "x", "input", "csv", "severity"]


def mutate(rng, doc):
    doc = copy.deepcopy(doc)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.choice([p for p in paths(doc) if p])
        parent = doc
        for step in at[:-1]:
            parent = parent[step]
        what = rng.randrange(4)
        if what == 0:
            del parent[at[-1]]
        elif what == 1 or isinstance(parent, list):
            parent[at[-1]] = copy.deepcopy(rng.choice(ODD))
        elif what == 2:
            parent[rng.choice(WORDS)] = parent.pop(at[-1])
        else:
            parent[rng.choice(WORDS)] = copy.deepcopy(rng.choice(ODD))
    return doc


@pytest.mark.parametrize("seed", range(4))
def test_mutations(seed):
    rng = random.Random(seed)
    valid, invalid = compare(schema(), [json.dumps(mutate(rng, RICH)) for _ in range(300)])
    assert valid > 30 and invalid > 80


def test_the_rich_file_is_accepted_by_both():
    answer, = ask([json.dumps(RICH)])
    assert answer["codes"] == []
    schema().validate(RICH)
