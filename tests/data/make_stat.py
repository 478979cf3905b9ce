#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes stat.json: golden numbers for src/stat from numpy, scipy, mpmath and scikit-learn.

Run in a Python with those packages; the versions used are recorded in the file. The inputs are
made by formulas or by a fixed seed and stored beside the answers, so the test needs no Python."""
import json
import os

import numpy as np
import scipy
import scipy.stats as st
import sklearn
import sklearn.metrics as sk

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stat.json")


def floats(values):
    return [float(v) for v in values]


def columns():
    rng = np.random.default_rng(7)
    sets = {
        "plain": rng.normal(50, 12, 257),
        "offset": 1e9 + rng.integers(0, 50, 301) / 8,
        "heavy": rng.standard_cauchy(120),
        "tiny": np.array([3.5]),
        "two": np.array([1.0, 2.0]),
        "constant": np.full(7, 0.1),
    }
    qs = [i / 40 for i in range(41)] + [0.01, 0.99, 1 / 3]
    out = []
    for name, x in sets.items():
        counts, edges = np.histogram(x, bins=10)
        wide = [float(v) for v in x]
        exact = float(np.mean(x.astype(np.longdouble)))
        var = x.astype(np.longdouble)
        var = float(((var - var.mean()) ** 2).sum())
        out.append({"name": name, "x": wide, "mean": exact, "m2": var, "min": float(x.min()),
                    "max": float(x.max()), "q": qs, "quantiles": floats(np.quantile(x, qs)),
                    "edges": floats(edges), "counts": [int(c) for c in counts]})
    return out


def distributions():
    rows = []
    for x in [-37.0, -8.5, -3, -1, -0.1, 0, 1e-9, 0.5, 1.96, 6, 20, 38]:
        rows.append(["normal_cdf", x, 0, 0, float(st.norm.cdf(x))])
        rows.append(["normal_sf", x, 0, 0, float(st.norm.sf(x))])
    for p in [1e-300, 1e-20, 1e-6, 0.025, 0.3, 0.5, 0.6, 0.975, 1 - 1e-9]:
        rows.append(["normal_ppf", p, 0, 0, float(st.norm.ppf(p))])
    for df in [0.5, 1, 2, 3.7, 9, 30, 431, 1e4, 999983, 1e8]:
        for t in [-50, -2.2, -0.3, 0, 1e-5, 0.7, 1.96, 5, 30]:
            rows.append(["t_cdf", t, df, 0, float(st.t.cdf(t, df))])
            rows.append(["t_sf", t, df, 0, float(st.t.sf(t, df))])
        for p in [1e-12, 0.001, 0.025, 0.4, 0.5, 0.75, 0.975, 0.999999]:
            rows.append(["t_ppf", p, df, 0, float(st.t.ppf(p, df))])
    for d1, d2 in [(1, 1), (1, 9), (6, 9), (10, 431), (3, 2.5), (16, 999983), (200, 100), (0.7, 40)]:
        for f in [1e-6, 0.1, 0.9, 1, 1.5, 4, 46.27, 330.2853, 5000]:
            rows.append(["f_cdf", f, d1, d2, float(st.f.cdf(f, d1, d2))])
            rows.append(["f_sf", f, d1, d2, float(st.f.sf(f, d1, d2))])
        for p in [1e-10, 0.01, 0.3, 0.5, 0.95, 0.999]:
            rows.append(["f_ppf", p, d1, d2, float(st.f.ppf(p, d1, d2))])
            rows.append(["f_isf", p, d1, d2, float(st.f.isf(p, d1, d2))])
    for df in [0.5, 1, 2, 5, 17, 100, 1e4, 1e6]:
        for k in [1e-4, 0.01, 0.5, 0.9, 1, 1.1, 2, 6]:
            x = k * df
            rows.append(["chi2_cdf", x, df, 0, float(st.chi2.cdf(x, df))])
            rows.append(["chi2_sf", x, df, 0, float(st.chi2.sf(x, df))])
        for p in [1e-10, 0.01, 0.3, 0.5, 0.95, 0.999]:
            rows.append(["chi2_ppf", p, df, 0, float(st.chi2.ppf(p, df))])
            rows.append(["chi2_isf", p, df, 0, float(st.chi2.isf(p, df))])
    return mp_check(rows)


def mp_check(rows):
    """Replaces scipy's values by 40-digit ones: scipy itself is off now and then, by 1e-7 at worst."""
    import mpmath as mp
    mp.mp.dps = 40

    def tail(kind, x, a, b):
        x, a, b = mp.mpf(x), mp.mpf(a), mp.mpf(b)
        if kind == "t_sf" or kind == "t_cdf":
            t = x if kind == "t_sf" else -x
            half = mp.betainc(a / 2, mp.mpf(1) / 2, 0, a / (a + t * t), regularized=True) / 2
            return half if t > 0 else 1 - half
        if kind == "f_sf":
            return mp.betainc(b / 2, a / 2, 0, b / (b + a * x), regularized=True)
        if kind == "f_cdf":
            return mp.betainc(a / 2, b / 2, 0, a * x / (b + a * x), regularized=True)
        if kind == "chi2_sf":
            return mp.gammainc(a / 2, x / 2, mp.inf, regularized=True)
        if kind == "chi2_cdf":
            return mp.gammainc(a / 2, 0, x / 2, regularized=True)
        return None

    def inverse(kind, start, p, a, b):
        f = {"ppf": "_cdf", "isf": "_sf"}[kind[-3:]]
        g = lambda u: mp.log(tail(kind[:-4] + f, mp.e ** u, a, b)) - mp.log(mp.mpf(p))
        u = mp.log(mp.mpf(start))
        return mp.e ** mp.findroot(g, (u, u * (1 + mp.mpf(10) ** -9) + mp.mpf(10) ** -12))

    worst = 0
    for row in rows:
        if max(row[2:4]) > (2e6 if row[0][-3:] in ("ppf", "isf") else 2000):
            continue
        if row[0][-3:] in ("ppf", "isf") and row[0][0] != "n" and row[4] > 0:
            v = inverse(row[0], row[4], *row[1:4])
        else:
            v = tail(row[0], *row[1:4])
        if v is not None and v != 0 and abs(v) > 1e-300:
            worst = max(worst, abs(row[4] / float(v) - 1))
            row[4] = float(v)
    print("largest relative difference of scipy from 40 digits:", worst)
    return rows


def regression(y, p):
    whole = {"rmse": sk.root_mean_squared_error(y, p), "mae": sk.mean_absolute_error(y, p),
             "medae": sk.median_absolute_error(y, p), "max_error": sk.max_error(y, p),
             "mape": sk.mean_absolute_percentage_error(y, p), "bias": np.mean(p - y)}
    if len(y) > 1:
        whole["r2"] = sk.r2_score(y, p)
        whole["explained_variance"] = sk.explained_variance_score(y, p)
    return {"y": floats(y), "p": floats(p), "metrics": {k: float(v) for k, v in whole.items()}}


def metrics():
    rng = np.random.default_rng(11)
    y = rng.normal(150, 70, 91)
    sets = [regression(y, y * 0.6 + 50 + rng.normal(0, 40, 91)),
            regression(np.array([3.0, -0.5, 2, 7]), np.array([2.5, 0.0, 2, 8])),
            regression(np.array([0.1, 0.1, 0.1]), np.array([0.1, 0.1, 0.1])),
            regression(np.array([2.0, 2, 2]), np.array([1.0, 2, 3])),
            regression(np.array([0.0, 1, 2]), np.array([0.5, 1, 2])),
            regression(np.array([1.0]), np.array([1.5]))]
    return sets


def intervals():
    rng = np.random.default_rng(3)
    n = 80
    y = np.abs(rng.normal(150, 70, n)) + 25
    p = y * 0.5 + 70 + rng.normal(0, 45, n)
    q = y * 0.5 + 75 + rng.normal(0, 52, n)
    skewed = np.abs(rng.normal(100, 10, 30)) + 25
    return {"plain": interval_set(y, p, q),
            "skewed": interval_set(skewed, skewed + rng.lognormal(0, 1.2, 30),
                                   skewed + rng.lognormal(0, 1.3, 30))}


def interval_set(y, p, q):
    stats = {
        "rmse": lambda a, b, axis: np.sqrt(np.mean((b - a) ** 2, axis)),
        "mae": lambda a, b, axis: np.mean(abs(b - a), axis),
        "bias": lambda a, b, axis: np.mean(b - a, axis),
        "mape": lambda a, b, axis: np.mean(abs(b - a) / abs(a), axis),
        "r2": lambda a, b, axis: 1 - np.mean((b - a) ** 2, axis) / np.var(a, axis),
        "explained_variance": lambda a, b, axis: 1 - np.var(b - a, axis) / np.var(a, axis),
    }
    out = {"y": floats(y), "p": floats(p), "q": floats(q), "bca": {}}
    for name, f in stats.items():
        r = st.bootstrap((y, p), f, paired=True, n_resamples=200000, batch=2000, method="BCa",
                         random_state=1)
        ci = r.confidence_interval
        out["bca"][name] = [float(ci.low), float(ci.high)]
    diff = lambda a, b, c, axis: (np.sqrt(np.mean((b - a) ** 2, axis)) -
                                  np.sqrt(np.mean((c - a) ** 2, axis)))
    r = st.bootstrap((y, p, q), diff, paired=True, n_resamples=200000, batch=2000,
                     method="percentile", random_state=1)
    d = r.bootstrap_distribution
    out["difference"] = [float(diff(y, p, q, 0)), float(r.confidence_interval.low),
                         float(r.confidence_interval.high),
                         float(2 * min(np.mean(d <= 0), np.mean(d >= 0)))]
    return out


golden = {"made_with": {"numpy": np.__version__, "scipy": scipy.__version__,
                        "scikit-learn": sklearn.__version__},
          "columns": columns(), "distributions": distributions(), "metrics": metrics(),
          "intervals": intervals()}
with open(OUT, "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
print(os.path.getsize(OUT), "bytes")
