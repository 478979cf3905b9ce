#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes linear.json: golden numbers for src/train/linear from scikit-learn, statsmodels and numpy.

usage: make_linear.py DIABETES_RAW.csv DIABETES_TARGET.csv (the two files inside the scikit-learn wheel;
442 rows, Efron, Hastie, Johnstone, Tibshirani 2004, "Least angle regression", distributed with
scikit-learn under BSD-3-Clause). The rows are stored beside the answers."""
import json
import os
import sys

import numpy as np
import sklearn
import statsmodels
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression, Ridge
from statsmodels.stats.outliers_influence import variance_inflation_factor
from statsmodels.stats.stattools import durbin_watson

HERE = os.path.dirname(os.path.abspath(__file__))


def floats(values):
    return [float(v) for v in np.asarray(values).ravel()]


def table(x, y, names):
    """statsmodels' summary numbers."""
    full = sm.add_constant(x)
    fit = sm.OLS(y, full).fit()
    ci = fit.conf_int()
    return {"names": names, "x": [floats(c) for c in x.T], "y": floats(y), "estimate": floats(fit.params),
            "se": floats(fit.bse), "t": floats(fit.tvalues), "p": floats(fit.pvalues),
            "low": floats(ci[:, 0]), "high": floats(ci[:, 1]),
            "vif": [float(variance_inflation_factor(full, j)) for j in range(1, full.shape[1])],
            "r2": fit.rsquared, "adj_r2": fit.rsquared_adj, "f": fit.fvalue, "f_p": fit.f_pvalue,
            "aic": fit.aic, "bic": fit.bic, "log_likelihood": fit.llf, "sigma": float(np.sqrt(fit.scale)),
            "condition": float(fit.condition_number), "durbin_watson": float(durbin_watson(fit.resid)),
            "leverage": floats(fit.get_influence().hat_matrix_diag),
            "residual": floats(fit.resid)}


def min_norm(x, y):
    """Centre, pseudo-inverse, intercept: what gelsd and scikit-learn compute."""
    mx, my = x.mean(0), y.mean()
    beta = np.linalg.pinv(x - mx, rcond=1e-12) @ (y - my)
    return [float(my - mx @ beta)] + floats(beta)


def collinear():
    rng = np.random.default_rng(5)
    n = 60
    a, b = rng.normal(3, 2, n), rng.normal(-1, 5, n)
    level = rng.integers(0, 3, n)
    hot = [(level == k).astype(float) for k in range(3)]
    x = np.column_stack([a, b, a + 2 * b, hot[0], hot[1], hot[2], np.full(n, 7.0), rng.normal(0, 1, n)])
    y = 2 + a - b + 3 * hot[1] + rng.normal(0, 1, n)
    return {"names": ["a", "b", "c", "red", "green", "blue", "seven", "free"],
            "x": [floats(c) for c in x.T], "y": floats(y), "estimate": min_norm(x, y)}


def wide():
    rng = np.random.default_rng(6)
    x, y = rng.normal(10, 3, (12, 20)), rng.normal(0, 1, 12)
    ridge = Ridge(alpha=0.5, solver="svd").fit(x, y)
    return {"x": [floats(c) for c in x.T], "y": floats(y), "estimate": min_norm(x, y),
            "ridge": [float(ridge.intercept_)] + floats(ridge.coef_)}


raw = np.loadtxt(sys.argv[1])
target = np.loadtxt(sys.argv[2])
names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
scaled = (raw - raw.mean(0)) / (raw.std(0) * np.sqrt(len(raw)))
ols = LinearRegression(tol=1e-15).fit(scaled, target)
ridges = []
for alpha in (0.01, 1.0, 100.0):
    r = Ridge(alpha=alpha, solver="svd").fit(raw, target)
    s = Ridge(alpha=alpha, solver="svd").fit(scaled, target)
    ridges.append({"alpha": alpha, "raw": [float(r.intercept_)] + floats(r.coef_),
                   "scaled": [float(s.intercept_)] + floats(s.coef_), "r2": float(s.score(scaled, target))})
longley = json.load(open(os.path.join(HERE, "nist_strd", "Longley.json")))["data"]
lx = np.column_stack([longley["x%d" % k] for k in range(1, 7)]).astype(float)
golden = {"made_with": {"numpy": np.__version__, "scikit-learn": sklearn.__version__,
                        "statsmodels": statsmodels.__version__},
          "diabetes": {"raw": [floats(c) for c in raw.T],
                       "sklearn": [float(ols.intercept_)] + floats(ols.coef_), "ridge": ridges,
                       "table": table(scaled, target, names)},
          "longley": table(lx, np.array(longley["y"], float), ["x%d" % k for k in range(1, 7)]),
          "collinear": collinear(), "wide": wide()}
del golden["diabetes"]["table"]["x"]
for key in ("leverage", "residual"):
    golden["diabetes"]["table"][key] = golden["diabetes"]["table"][key][:20]
with open(os.path.join(HERE, "linear.json"), "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
