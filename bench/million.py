# SPDX-License-Identifier: Apache-2.0
"""1,000,000 x 16 CSV to a registered, evaluated model: `slipway run` with nothing cached against pandas +
scikit-learn + MLflow, in turns, each a whole process. Run by scripts/bench with the Python that has the peers.

Usage: million.py SLIPWAY WORK_DIR [--rows N] [--turns N]"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd

HERE = pathlib.Path(__file__).resolve().parent
YAML = """\
slipway: 1
name: bench
data:
  table: { csv: table.csv, target: y }
stages:
  prepare:
    do:
      - impute: { n0: median, n1: median, n2: median, n3: median, colour: most_frequent }
      - one_hot: [colour, city]
      - scale: [n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, age]
  split: { by: hash, train: 0.7, valid: 0.1, test: 0.2, seed: 1 }
  train: { model: linear_regression }
  check:
    gates:
      - rmse < baseline.rmse
"""


def make_table(path, rows):
    """12 doubles (4 with 2 % missing), a whole number, two text columns (one with missing values), the target."""
    r = np.random.default_rng(1)
    x = r.normal(size=(rows, 12)) * np.linspace(0.5, 30, 12) + np.linspace(-5, 100, 12)
    age = r.integers(18, 90, rows)
    colours = np.array(["red", "green", "blue", "white", "black", "grey"])
    cities = np.array([f"city{i:02d}" for i in range(12)])
    colour, city = r.integers(0, 6, rows), r.integers(0, 12, rows)
    y = x @ np.linspace(1, -1, 12) + 0.3 * age + colour * 2.5 - city + r.normal(size=rows) * 5
    t = pd.DataFrame({f"n{i}": np.round(x[:, i], 6) for i in range(12)})
    t["age"], t["colour"], t["city"], t["y"] = age, colours[colour], cities[city], np.round(y, 6)
    for c in ("n0", "n1", "n2", "n3", "colour"):
        t.loc[r.random(rows) < 0.02, c] = None
    t.to_csv(path, index=False)


def processor_seconds():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def run_slipway(binary, work, csv):
    project = work / "slipway"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    os.link(csv, project / "table.csv")
    (project / "slipway.yaml").write_text(YAML)
    env = {**os.environ, "HOME": str(work)}
    began, busy = time.perf_counter(), processor_seconds()
    p = subprocess.run([os.path.abspath(binary), "run", "--json"], cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    total = time.perf_counter() - began
    if p.returncode:
        sys.exit(f"slipway run failed: {p.stderr.decode()}")
    run = json.loads(p.stdout)
    assert run["model_versions"], run
    step = json.loads(next(project.glob(".slipway/runs/*/1/step.json")).read_text())
    return {"total": total, "busy": processor_seconds() - busy, "steps": {s["name"]: round(s["ms"] / 1e3, 4) for s in run["stages"]}, "rss": step["max_rss_bytes"] / 2**20,
            "rmse": run["metrics"]["rmse"], "r2": run["metrics"]["r2"]}


def run_peer(work, csv):
    store = work / "peer"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    env = {**os.environ, "HOME": str(work), "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
    began = time.perf_counter()
    p = subprocess.Popen([sys.executable, HERE / "peers" / "pandas_sklearn_mlflow.py", csv, store], cwd=store, env=env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = p.stdout.read(), p.stderr.read()
    _, status, usage = os.wait4(p.pid, 0)
    total = time.perf_counter() - began
    if status:
        sys.exit(f"the peer failed: {err.decode()}")
    answer = json.loads(out.decode().strip().splitlines()[-1])
    return {**answer, "total": total, "busy": usage.ru_utime + usage.ru_stime, "rss": usage.ru_maxrss / 1024}


def show(name, results):
    mid = sorted(results, key=lambda r: r["total"])[len(results) // 2]
    steps = ", ".join(f"{k} {v:.2f}" for k, v in mid["steps"].items())
    print(f"{name:<30} {mid['total']:7.2f} s   processor {mid['busy']:6.2f} s   peak {mid['rss']:5.0f} MiB   test rmse {mid['rmse']:.4f}   r2 {mid['r2']:.5f}")
    print(f"  of which (s): {steps}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("slipway")
    p.add_argument("work", type=pathlib.Path)
    p.add_argument("--rows", type=int, default=1_000_000)
    p.add_argument("--turns", type=int, default=3)
    a = p.parse_args()
    csv = a.work / f"table-{a.rows}.csv"
    if not csv.exists():
        make_table(csv, a.rows)
    csv.read_bytes()  # into the page cache for both
    ours, peers = [], []
    for _ in range(a.turns):
        ours.append(run_slipway(a.slipway, a.work, csv))
        peers.append(run_peer(a.work, csv))
    print(f"{a.rows} x 16 CSV ({csv.stat().st_size / 2**20:.0f} MiB) to a registered, evaluated model; median of {a.turns}")
    show("slipway run", ours)
    show("pandas + scikit-learn + MLflow", peers)
    middle = lambda results, less=lambda r: 0: statistics.median(r["total"] - less(r) for r in results)
    print(f"ratio {middle(peers) / middle(ours):.1f} x (target 3 x); "
          f"without Python's imports {middle(peers, lambda r: r['steps']['import']) / middle(ours):.1f} x")


if __name__ == "__main__":
    main()
