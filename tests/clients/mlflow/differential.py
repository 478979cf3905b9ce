#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the same requests to a real `mlflow server` and to ours and compares status and JSON.

    differential.py            live: both servers; exit 1 on a difference that is not listed
    differential.py --record   also writes recorded/<area>.json from the real server's answers
    differential.py --propose  prints what differences.json would have to hold

differences.json lists every remaining difference: case → {"reason", "ours": {"status", "body"}}; RULES
stand for those of one kind, each with its reason and the areas that it may be used in.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import mlflow_cases as cases
import mlflow_harness as harness
import mlflow_servers as servers

HERE = pathlib.Path(__file__).resolve().parent
DIFFERENCES = HERE / "differences.json"


def is_error(answer):
    return answer["status"] >= 400 and isinstance(answer["body"], dict) and ("error_code" in answer["body"] or "code" in answer["body"])


def is_page(answer):
    return isinstance(answer["body"], dict) and "<text>" in answer["body"]


def page_for_json(t, o):
    return is_page(t) and t["status"] == o["status"] and is_error(o)


def crash(t, o):
    sql = t["status"] == 400 and any(s in json.dumps(t["body"]) for s in ("sqlite3", "IN expression list"))
    return (t["status"] == 500 or sql) and 200 <= o["status"] < 500


def merged(t, o):
    return t["status"] == 308 and o["status"] == 200


RULES = [
    ("The Python server answers with an HTML page; ours with JSON of the same status, which the client reads all the same.", None, page_for_json),
    ("The Python server answers 500 (or the database's own words) to a mistake of the caller, and its client then retries for minutes.", None, crash),
    ("Flask redirects many slashes to one; ours answers at once.", ("urls",), merged),
]


def rule_for(t, o):
    area = t["case"].split(": ")[0]
    return next((i for i, (_, areas, holds) in enumerate(RULES) if (areas is None or area in areas) and holds(t, o)), None)


def load_differences():
    return json.loads(DIFFERENCES.read_text()) if DIFFERENCES.exists() else {}


def load_recorded():
    answers = []
    for area in cases.AREAS:
        answers += json.loads((HERE / "recorded" / (area.__name__ + ".json")).read_text())
    return answers


def record(answers):
    for area in cases.AREAS:
        mine = [a for a in answers if a["case"].startswith(area.__name__ + ": ")]
        text = ",\n".join(json.dumps(a, ensure_ascii=False, sort_keys=True) for a in mine)
        (HERE / "recorded" / (area.__name__ + ".json")).write_text("[\n" + text + "\n]\n")


def compare(theirs, ours, differences):
    """Cases that differ, are not listed as they are, and fall under no rule: (case, theirs, ours)."""
    found = []
    assert [a["case"] for a in theirs] == [a["case"] for a in ours], "the recordings are of other cases"
    for t, o in zip(theirs, ours):
        listed = differences.get(t["case"])
        want = listed["ours"] if listed else {"status": t["status"], "body": t["body"]}
        if want != {"status": o["status"], "body": o["body"]}:
            if listed or rule_for(t, o) is None:
                found.append((t["case"], t, o))
        elif listed and (t["status"], t["body"]) == (o["status"], o["body"]):
            found.append((t["case"] + " (listed, but there is no difference)", t, o))
    return found


def run_ours():
    with tempfile.TemporaryDirectory() as d, servers.slipway(pathlib.Path(d), "--webhook-private") as s:
        return harness.run_all("127.0.0.1", s.port, cases.AREAS)


def run_theirs():
    with tempfile.TemporaryDirectory() as d, servers.mlflow_peer(pathlib.Path(d)) as s:
        return harness.run_all("127.0.0.1", s.port, cases.AREAS)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--record", action="store_true")
    p.add_argument("--recorded", action="store_true", help="compare with the recordings, no live peer")
    p.add_argument("--propose", action="store_true")
    o = p.parse_args()
    theirs = load_recorded() if o.recorded else run_theirs()
    if o.record:
        record(theirs)
    ours = run_ours()
    differences = load_differences()
    found = compare(theirs, ours, {} if o.propose else differences)
    if o.propose:
        print(json.dumps({c: {"reason": differences.get(c, {}).get("reason", "?"), "theirs": {"status": t["status"], "body": t["body"]},
                              "ours": {"status": w["status"], "body": w["body"]}} for c, t, w in found}, indent=1, ensure_ascii=False))
        return 0
    for case, t, w in found:
        print("%s\n  theirs %s %s\n  ours   %s %s" % (case, t["status"], json.dumps(t["body"])[:600], w["status"], json.dumps(w["body"])[:600]))
    by_rule = sum(t["case"] not in differences and (t["status"], t["body"]) != (w["status"], w["body"]) for t, w in zip(theirs, ours)) - len(found)
    print("%d cases, %d listed differences, %d by %d rules, %d others" % (len(ours), len(differences), by_rule, len(RULES), len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
