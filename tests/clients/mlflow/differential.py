#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the same requests to a real `mlflow server` and to ours and compares status and JSON.

    differential.py            live: both servers; exit 1 on a difference that is not listed
    differential.py --record   also writes recorded/<area>.json from the real server's answers
    differential.py --propose  prints what differences.json would have to hold

differences.json lists every remaining difference: case → {"reason", "ours": {"status", "body"}}.
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
    """Cases that differ and are not listed as they are: (case, theirs, ours)."""
    found = []
    assert [a["case"] for a in theirs] == [a["case"] for a in ours], "the recordings are of other cases"
    for t, o in zip(theirs, ours):
        listed = differences.get(t["case"])
        want = listed["ours"] if listed else {"status": t["status"], "body": t["body"]}
        if want != {"status": o["status"], "body": o["body"]}:
            found.append((t["case"], t, o))
        elif listed and (t["status"], t["body"]) == (o["status"], o["body"]):
            found.append((t["case"] + " (listed, but there is no difference)", t, o))
    return found


def run_ours():
    with tempfile.TemporaryDirectory() as d, servers.slipway(pathlib.Path(d)) as s:
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
    print("%d cases, %d listed differences, %d others" % (len(ours), len(differences), len(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
