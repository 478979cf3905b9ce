# SPDX-License-Identifier: Apache-2.0
"""What bench/drift.py runs beside us: two CSV files through Evidently's drift preset with its own choice of tests.
Prints the columns that it calls drifted."""
import sys

import pandas as pd
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset

reference, current = (pd.read_csv(p) for p in sys.argv[1:3])
text = [c for c in reference.columns if not pd.api.types.is_numeric_dtype(reference[c])]
kinds = DataDefinition(numerical_columns=[c for c in reference.columns if c not in text], categorical_columns=text)
datasets = [Dataset.from_pandas(t, data_definition=kinds) for t in (current, reference)]
report = Report([DataDriftPreset()]).run(*datasets)
drifted = []
for metric in report.dict()["metrics"]:
    config = metric.get("config", {})
    value = metric.get("value")
    if "column" in config and isinstance(value, (int, float)):
        threshold, method = config.get("threshold", 0.1), config.get("method", "")
        if value < threshold if "p_value" in str(method) else value >= threshold:
            drifted.append(config["column"])
print(" ".join(drifted))
