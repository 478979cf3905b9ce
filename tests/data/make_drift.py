#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes drift.json: golden numbers for distances and tests in src/stat from scipy and numpy.

Run in a Python with both; the versions used are recorded in the file. Samples are made from a
fixed seed, rounded so that the file stays small, and stored beside the answers."""
import json
import os
import warnings

import numpy as np
import scipy
import scipy.stats as st
from scipy.spatial.distance import jensenshannon

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "drift.json")
warnings.simplefilter("error")


def kolmogorov():
    rows = []
    for n in [1, 2, 3, 5, 10, 30, 100, 139, 140, 141, 200, 353, 1000, 4999, 20000, 100000, 100001, 909091, 5000000]:
        ds = {0.4 / n, 0.7 / n, 1 / n, 1.3 / n, 0.1, 0.3, 0.5, 0.61, 0.9, 0.999}
        ds |= {z / n**0.5 for z in (0.1, 0.2, 0.33, 0.5, 0.7, 0.86, 0.88, 1, 1.2, 1.36, 1.49, 1.6, 1.99, 2.01, 3, 4, 8)}
        ds |= {(1.39 / n) ** (2 / 3), (1.41 / n) ** (2 / 3), 1 - 0.5 / n}
        for d in sorted(v for v in ds if 0 < v < 1):
            rows.append([n, d, float(st.kstwo.sf(d, n))])
    return rows


def smirnov():
    return [[n, d, float(scipy.special.smirnov(n, d))] for n in (1, 2, 7, 50, 1000, 99999)
            for d in (1e-3, 0.01, 0.05, 0.2, 0.5, 0.77, 0.99)]


def samples():
    rng = np.random.default_rng(11)
    sets = [
        ("small", rng.normal(0, 1, 7), rng.normal(0.5, 1, 5)),
        ("one", rng.normal(0, 1, 1), rng.normal(0, 1, 9)),
        ("equal", rng.normal(0, 1, 60), rng.normal(0.3, 1, 60)),
        ("ties", rng.integers(0, 6, 80).astype(float), rng.integers(1, 7, 50).astype(float)),
        ("coprime", rng.normal(3, 2, 353), rng.normal(3.2, 2.5, 101)),
        ("far", rng.normal(0, 1, 90), rng.normal(6, 1, 120)),
        ("same", np.arange(20.0), np.arange(20.0)),
        ("heavy", rng.standard_cauchy(150), rng.standard_cauchy(230)),
    ]
    out = []
    for name, x, y in sets:
        x, y = np.round(x, 4), np.round(y, 4)
        exact = st.ks_2samp(x, y, method="exact")
        asymp = st.ks_2samp(x, y, method="asymp")
        out.append({"name": name, "x": x.tolist(), "y": y.tolist(), "d": float(exact.statistic),
                    "p_exact": float(exact.pvalue), "p_asymp": float(asymp.pvalue),
                    "w1": float(st.wasserstein_distance(x, y))})
    return out


def paths():
    """Exact two-sample p-values by sizes and D alone, through samples that have that D."""
    rows = []
    for n, m, shift in [(10000, 10000, 150), (10000, 9999, 90), (10000, 50, 2000), (1000, 353, 40), (6, 4, 2), (997, 1009, 31), (4000, 6000, 900)]:
        x = np.arange(n) / n
        y = np.arange(m) / m + shift / n + 1e-9
        r = st.ks_2samp(x, y, method="exact")
        g = int(np.gcd(n, m))
        h = round(float(r.statistic) * (n // g) * m)
        rows.append([n, m, h, float(r.pvalue)])
    return rows


def cells():
    rng = np.random.default_rng(5)
    out = []
    for k, n, m in [(2, 40, 30), (6, 88, 88), (10, 353, 50), (10, 5000, 1000), (33, 100000, 2000), (5, 20, 0)]:
        p = rng.multinomial(n, rng.dirichlet(np.full(k, 6.0))).astype(float)
        q = (rng.multinomial(m, rng.dirichlet(np.full(k, 6.0))) if m else np.array([0, 3, 0, 9, 1])).astype(float)
        if k == 6:
            p, q = np.array([16.0, 18, 16, 14, 12, 12]), np.array([16.0, 16, 16, 16, 16, 8])
        at = np.cumsum(rng.uniform(0.1, 2, k))
        a, b = p / p.sum(), q / q.sum()
        row = {"p": p.tolist(), "q": q.tolist(), "at": at.tolist(),
               "js": float(jensenshannon(p, q)),
               "hellinger": float(np.sqrt(np.sum((np.sqrt(a) - np.sqrt(b)) ** 2) / 2)),
               "tv": float(np.abs(a - b).sum() / 2),
               "ks": float(np.abs(np.cumsum(a - b))[:-1].max()),
               "w1": float(st.wasserstein_distance(at, at, p, q))}
        if (p > 0).all() and (q > 0).all():
            row["psi"] = float(st.entropy(p, q) + st.entropy(q, p))
        if (p > 0).all():
            r = st.chisquare(q, p * q.sum() / p.sum())
            row["expected"] = [float(r.statistic), float(r.pvalue)]
        for key, yates in (("table", False), ("table_yates", True)):
            keep = p + q > 0
            r = st.chi2_contingency(np.array([p[keep], q[keep]]), correction=yates)
            row[key] = [float(r.statistic), float(r.pvalue), int(r.dof)]
        out.append(row)
    return out


def proportions():
    """The pooled z of two proportions; its square is the 2 x 2 table's chi-squared."""
    rows = []
    for x1, n1, x2, n2 in [(3, 50, 9, 60), (0, 100, 4, 100), (500, 1000, 480, 1000), (1, 7, 7, 9), (90000, 1000000, 9300, 100000)]:
        chi = st.chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False)
        z = float(np.sqrt(chi.statistic)) * (1 if x1 / n1 > x2 / n2 else -1)
        rows.append([x1, n1, x2, n2, z, float(2 * st.norm.sf(abs(z)))])
    return rows


def poisson():
    return [[k, mean, float(st.poisson.cdf(k, mean)), float(st.poisson.sf(k, mean))]
            for mean in (0.3, 4, 100, 12345.6) for k in (0, 1, 3, 5, 90, 120, 12000, 12700)]


def adjusted():
    rng = np.random.default_rng(3)
    sets = [rng.uniform(0, 1, 12), np.array([0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205]),
            np.array([0.5]), np.array([0.02, 0.02, 0.02]), rng.uniform(0, 1, 1000) ** 3]
    return [{"p": np.round(p, 8).tolist(), "adjusted": st.false_discovery_control(np.round(p, 8)).tolist()} for p in sets]


data = {"made_with": {"numpy": np.__version__, "scipy": scipy.__version__},
        "kolmogorov": kolmogorov(), "smirnov": smirnov(), "samples": samples(), "paths": paths(),
        "cells": cells(), "proportions": proportions(), "poisson": poisson(), "adjusted": adjusted()}
with open(OUT, "w") as f:
    json.dump(data, f, separators=(",", ":"))
    f.write("\n")
