#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cases of linear.c in numpy and scikit-learn. usage: linear.py [ROWS [COLUMNS]]"""
import json
import sys
import time

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
p = int(sys.argv[2]) if len(sys.argv) > 2 else 16
rng = np.random.default_rng(1)
x = rng.normal(3, 1, (n, p))
y = x @ np.arange(p) + rng.normal(size=n)


def normal_equations():
    xc, yc = x - x.mean(0), y - y.mean()
    return np.linalg.solve(xc.T @ xc, xc.T @ yc)


for name, f in (("numpy normal equations", normal_equations),
                ("scikit-learn LinearRegression", lambda: LinearRegression().fit(x, y)),
                ("scikit-learn Ridge", lambda: Ridge(alpha=1.0).fit(x, y)),
                ("numpy sort", lambda: np.sort(y))):
    best = 1e9
    for _ in range(5):
        start = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - start)
    print(json.dumps({"case": name, "rows": n, "columns": p, "ms": round(best * 1e3, 2)}))
