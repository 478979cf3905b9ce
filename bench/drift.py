# SPDX-License-Identifier: Apache-2.0
"""Drift of 1,000,000 against 100,000 rows x 20 columns from CSV: `slipway monitor drift` and Evidently in turns,
each a whole process. Run by scripts/bench with a Python that has Evidently.

Usage: drift.py SLIPWAY WORK_DIR [--rows N] [--turns N]"""
import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent


def make(path, rows, seed, shift):
    """12 normals of five decimals, three whole numbers, a lognormal, two categories, a flag, a code of 2,000 names.
    The fourth normal moves by one, the plans change."""
    r = np.random.default_rng(seed)
    t = pd.DataFrame({f"x{i}": np.round(r.normal(i, 1 + i / 4, rows) + (shift if i == 3 else 0), 5) for i in range(12)})
    for i in range(3):
        t[f"k{i}"] = r.integers(0, 5 + 20 * i, rows)
    t["skew"] = np.round(r.lognormal(0, 1, rows), 5)
    share = 1 / np.arange(1, 51)
    t["city"] = r.choice([f"city{i}" for i in range(50)], rows, p=share / share.sum())
    t["plan"] = r.choice(["free", "pro", "team"], rows, p=[0.3, 0.4, 0.3] if shift else [0.5, 0.3, 0.2])
    t["flag"] = r.integers(0, 2, rows)
    t["code"] = [f"c{i}" for i in r.integers(0, 2000, rows)]
    t.to_csv(path, index=False)


def run(command):
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, p


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("slipway")
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--turns", type=int, default=3)
    a = parser.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    files = [str(a.work / "reference.csv"), str(a.work / "current.csv")]
    make(files[0], a.rows, 1, 0)
    make(files[1], a.rows // 10, 2, 1)
    print(f"{a.rows:,} + {a.rows // 10:,} rows x 20 columns, {sum(map(os.path.getsize, files)) / 1e6:.0f} MB")
    ours, theirs = [], []
    for _ in range(a.turns):
        wall, cpu, p = run([a.slipway, "monitor", "drift", *files, "-q"])
        if p.returncode != 1:
            sys.exit(f"slipway ended with {p.returncode}: {p.stdout}")
        ours.append((wall, cpu))
        wall, cpu, p = run([sys.executable, str(HERE / "peers" / "evidently_drift.py"), *files])
        if p.returncode:
            sys.exit("Evidently failed")
        theirs.append((wall, cpu))
    print("Evidently calls drifted: " + p.stdout.strip())
    for name, times in (("slipway monitor drift", ours), ("Evidently", theirs)):
        print(f"{name:22} {statistics.median(w for w, _ in times):8.2f} s  ({min(times)[0]:.2f} – {max(times)[0]:.2f}),"
              f" processor {statistics.median(c for _, c in times):.2f} s")
    for word, i in (("time", 0), ("processor time", 1)):
        print(f"ratio of {word}: {statistics.median(t[i] for t in theirs) / statistics.median(t[i] for t in ours):.1f}"
              + ("  (target 20)" if i == 0 else ""))


main()
