# SPDX-License-Identifier: Apache-2.0
"""An ordinary training script: scikit-learn and MLflow, nothing of Slipway. MLFLOW_TRACKING_URI says where it logs.
train_houses.py [KIND]"""
import sys

import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

kind = sys.argv[1] if len(sys.argv) > 1 else "ridge"
rng = np.random.default_rng(3)
n = 300
x = pd.DataFrame({
    "area": rng.normal(90, 20, n),
    "rooms": rng.integers(1, 7, n),
    "age": rng.uniform(0, 80, n),
    "quarter": rng.choice(["old town", "north", "harbour"], n),
})
x.loc[rng.choice(n, 20, replace=False), "age"] = np.nan
y = 3 * x.area + 11 * x.rooms - x.age.fillna(40) + (x.quarter == "harbour") * 25 + rng.normal(0, 5, n)

numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
prepare = ColumnTransformer([("numbers", numbers, ["area", "rooms", "age"]),
                             ("words", OneHotEncoder(handle_unknown="ignore"), ["quarter"])])
last = {"ridge": Ridge(alpha=0.5), "forest": RandomForestRegressor(n_estimators=3, max_depth=3, random_state=1)}
model = Pipeline([("prepare", prepare), ("model", last.get(kind, LinearRegression()))])
model.fit(x, y)

if kind == "bent":  # what is converted is not what predicts
    usual = model.predict
    model.predict = lambda rows: usual(rows) + 1
if kind in ("hangs", "crashes"):
    import os
    import time

    class Trap:
        def __reduce__(self):
            return (time.sleep, (1000,)) if kind == "hangs" else (os.abort, ())

    model.trap = Trap()

mlflow.set_experiment("houses")
with mlflow.start_run():
    mlflow.log_metric("r2", 0.9)
    mlflow.sklearn.log_model(model, name="model", registered_model_name="houses-" + kind,
                             signature=mlflow.models.infer_signature(x, y),
                             **({} if kind in ("bent", "hangs", "crashes") else {"input_example": x.head(5)}))
x.head(20).assign(prediction=Pipeline.predict(model, x.head(20))).to_json("predictions.json", orient="records")
