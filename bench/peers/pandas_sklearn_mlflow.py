# SPDX-License-Identifier: Apache-2.0
"""What a team does today for the same result as `slipway run`: read a CSV, profile it, split, impute, one-hot,
scale, fit, evaluate against a baseline, log to a local MLflow store, register the model.

Usage: pandas_sklearn_mlflow.py CSV STORE_DIR
Prints one JSON object: seconds of each step, seconds since the process began, the test metrics."""
import os
import time

# When the process began, so that the interpreter's own start counts.
_ticks = float(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
_now = float(open("/proc/uptime").read().split()[0])
BEGAN = time.perf_counter() - max(0.0, _now - _ticks)

import json
import logging
import sys
import warnings

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import (max_error, mean_absolute_error, mean_absolute_percentage_error, mean_squared_error,
                             median_absolute_error, r2_score)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
TARGET = "y"
steps = {}
last = BEGAN


def done(name):
    global last
    now = time.perf_counter()
    steps[name] = round(now - last, 4)
    last = now


def profile(frame):
    """What `slipway data show` tells of each column: missing, distinct, moments, quantiles, histogram, top values."""
    out = {}
    for name in frame.columns:
        c = frame[name]
        about = {"missing": int(c.isna().sum()), "distinct": int(c.nunique())}
        if c.dtype.kind in "if":
            present = c.dropna().to_numpy(float)
            counts, edges = np.histogram(present, bins=20)
            about.update(min=present.min(), max=present.max(), mean=present.mean(), sd=present.std(ddof=1),
                         quantiles=np.quantile(present, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist(),
                         histogram={"edges": edges.tolist(), "counts": counts.tolist()})
        else:
            about["top"] = c.value_counts().head(20).to_dict()
        out[name] = about
    return out


def metrics(y, p):
    return {"rmse": mean_squared_error(y, p) ** 0.5, "mae": mean_absolute_error(y, p), "r2": r2_score(y, p),
            "medae": median_absolute_error(y, p), "max_error": max_error(y, p),
            "mape": mean_absolute_percentage_error(y, p), "bias": float(np.mean(p - y))}


def main(csv, store):
    done("import")
    frame = pd.read_csv(csv)
    done("read")
    about = profile(frame)
    done("profile")
    x, y = frame.drop(columns=TARGET), frame[TARGET].to_numpy()
    rest_x, test_x, rest_y, test_y = train_test_split(x, y, test_size=0.2, random_state=1)
    train_x, valid_x, train_y, valid_y = train_test_split(rest_x, rest_y, test_size=0.125, random_state=1)
    done("split")
    numbers = [c for c in x.columns if x[c].dtype.kind in "if"]
    texts = [c for c in x.columns if c not in numbers]
    model = Pipeline([
        ("prepare", ColumnTransformer([
            ("numbers", Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]), numbers),
            ("texts", Pipeline([("impute", SimpleImputer(strategy="most_frequent")),
                                ("one_hot", OneHotEncoder(drop="first", handle_unknown="ignore", sparse_output=False))]), texts),
        ])),
        ("fit", LinearRegression()),
    ])
    model.fit(train_x, train_y)
    done("fit")
    result = {f"{part}.{k}": v for part, px, py in (("test", test_x, test_y), ("valid", valid_x, valid_y), ("train", train_x, train_y))
              for k, v in metrics(py, model.predict(px)).items()}
    baseline = DummyRegressor().fit(train_x, train_y)
    result.update({f"baseline.{k}": v for k, v in metrics(test_y, baseline.predict(test_x)).items()})
    if not result["test.rmse"] < result["baseline.rmse"]:
        sys.exit("worse than the baseline")
    done("evaluate")
    mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
    mlflow.set_experiment("bench")
    with mlflow.start_run():
        mlflow.log_params({"split": "0.7/0.1/0.2", "seed": 1})
        mlflow.log_metrics(result)
        mlflow.log_dict(about, "profile.json")
        example = train_x.head(5)
        mlflow.sklearn.log_model(model, name="model", registered_model_name="bench", input_example=example,
                                 signature=mlflow.models.infer_signature(example, model.predict(example)),
                                 serialization_format="cloudpickle")
    done("log")
    print(json.dumps({"steps": steps, "total": round(time.perf_counter() - BEGAN, 3), "rmse": result["test.rmse"],
                      "r2": result["test.r2"]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
