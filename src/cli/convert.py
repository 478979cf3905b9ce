# SPDX-License-Identifier: Apache-2.0
"""Turns one scikit-learn model of an MLflow folder into ONNX. `slipway model convert` writes this file into an empty
folder and runs it with the user's own Python, where the model's packages are: python convert.py MODEL_DIR OUT_DIR SECONDS.

Leaves OUT_DIR/report.json and, when the two models agree, OUT_DIR/model.onnx, whose metadata carry the report and one
row of input. Exit status 0: done; 3: report.json says in "error" why not."""
import json
import os
import random
import sys

ROWS, SINGLE, DOUBLE = 64, 1e-4, 1e-7
NUMBERS = {"double", "float", "long", "integer", "boolean"}


class Refused(Exception):
    """What the person is told."""


def packages():
    import importlib
    import importlib.metadata

    versions = {"python": "%d.%d.%d" % sys.version_info[:3]}
    for module, package in (("sklearn", "scikit-learn"), ("mlflow", "mlflow"), ("skl2onnx", "skl2onnx"),
                            ("onnxruntime", "onnxruntime"), ("pandas", "pandas")):
        try:
            importlib.import_module(module)
            versions[package] = importlib.metadata.version(package)
        except ImportError as e:
            raise Refused("this Python has no package '%s' (%s); install it: %s -m pip install %s"
                          % (package, e, sys.executable, package)) from e
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions


# ---- the model and its columns ----


def load(folder):
    import mlflow.models
    import mlflow.sklearn

    info = mlflow.models.Model.load(folder)
    if "sklearn" not in info.flavors:
        raise Refused("the model has no scikit-learn flavour; it has: " + ", ".join(sorted(info.flavors)))
    try:
        return info, mlflow.sklearn.load_model(folder)
    except Exception as e:
        raise Refused("the model cannot be loaded with this Python: %s: %s" % (type(e).__name__, e)) from e


def columns(info, model):
    """[(name, MLflow type)], and whether scikit-learn wants a table without names."""
    inputs = info.signature.inputs if info.signature is not None else None
    if inputs is not None and not inputs.is_tensor_spec():
        out = []
        for i, c in enumerate(inputs.inputs):
            kind = getattr(c.type, "name", str(c.type))
            if kind not in NUMBERS and kind != "string":
                raise Refused("column '%s' is of type %s, which cannot be converted" % (c.name, kind))
            out.append((c.name or "x%d" % i, kind))
        return out, not hasattr(model, "feature_names_in_")
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        count = getattr(model, "n_features_in_", None)
        if not count:
            raise Refused("the version has no signature and the model does not tell its columns; log it with "
                          "signature=mlflow.models.infer_signature(X) or an input_example")
        return [("x%d" % i, "double") for i in range(count)], True
    return [(str(n), "double") for n in names], False


def categories(estimator, names, found):
    """What encoders inside know: column -> values."""
    for _, part, where in getattr(estimator, "transformers_", ()):
        if isinstance(part, str) or callable(where) or isinstance(where, slice):
            continue
        where = [where] if isinstance(where, (str, int)) else list(where)
        own = [w if isinstance(w, str) else names[w] for w in where if isinstance(w, str) or 0 <= w < len(names)]
        categories(part, own, found)
    for _, part in getattr(estimator, "steps", ()):
        if not isinstance(part, str) and part is not None:
            categories(part, names, found)
    known = getattr(estimator, "categories_", None)
    if known is not None and len(known) == len(names):
        for name, values in zip(names, known):
            found.setdefault(name, [v for v in values if v is not None and v == v])


def typed(value, kind):
    if kind == "string":
        return value if value is None else str(value)
    if kind == "boolean":
        return bool(value)
    return int(value) if kind in ("long", "integer") else float("nan") if value is None else float(value)


def table(rows, wanted, bare):
    import numpy as np
    import pandas as pd

    kinds = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32", "boolean": "bool"}
    frame = pd.DataFrame({n: pd.Series([r[i] for r in rows], dtype=kinds.get(k, "object"))
                          for i, (n, k) in enumerate(wanted)})
    if not bare:
        return frame
    return frame.to_numpy(dtype=object if any(k == "string" for _, k in wanted) else np.float64)


def example_rows(info, folder, wanted):
    try:
        example = info.load_input_example(folder)
    except Exception:
        return []
    if example is None:
        return []
    import numpy as np
    import pandas as pd

    if isinstance(example, pd.DataFrame):
        names = [n for n, _ in wanted]
        example = example[names] if set(names) <= set(example.columns) else example
        values = example.astype(object).where(example.notna(), None).to_numpy(dtype=object)
    else:
        values = np.asarray(example, dtype=object)
        values = values.reshape(1, -1) if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] != len(wanted):
        return []
    try:
        return [[typed(v, k) for v, (_, k) in zip(r, wanted)] for r in values[:ROWS]]
    except (TypeError, ValueError):
        return []


def made_rows(model, wanted, seen):
    found, dice, rows = {}, random.Random(1), []
    categories(model, [n for n, _ in wanted], found)

    def value(i, name, kind):
        if found.get(name):
            return typed(dice.choice(found[name]), kind)
        if seen and (kind == "string" or dice.random() < 0.5):
            return dice.choice(seen)[i]
        if kind == "string":
            return dice.choice(["a", "b"])
        return typed(dice.randrange(2) if kind == "boolean" else dice.gauss(0, 1) if kind in ("double", "float")
                     else dice.randrange(10), kind)

    for _ in range(ROWS):
        rows.append([value(i, n, k) for i, (n, k) in enumerate(wanted)])
    for i, (_, kind) in enumerate(wanted):  # a missing number and an unknown word in every column
        odd = float("nan") if kind in ("double", "float") else "never seen before" if kind == "string" else None
        if odd is not None:
            rows.append(rows[0][:i] + [odd] + rows[0][i + 1:])
    return rows


def answered(model, rows, wanted, bare):
    """The rows that scikit-learn answers, with its answers."""
    import numpy as np

    kept, answers, why = [], [], None
    for row in rows:
        try:
            y = np.asarray(model.predict(table([row], wanted, bare))).reshape(-1)
        except Exception as e:
            why = why or e
            continue
        kept.append(row)
        answers.append(y)
    if not kept:
        raise Refused("scikit-learn itself answers no row of input: %s: %s" % (type(why).__name__, why))
    return kept, np.stack(answers)


# ---- conversion ----


def exact_imputer():
    """ONNX's Imputer keeps its numbers in single precision; over doubles IsNaN and Where say the same exactly."""
    import numpy as np
    from onnx import TensorProto
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import DoubleTensorType
    from sklearn.impute import SimpleImputer

    try:
        from skl2onnx._supported_operators import _get_sklearn_operator_name
        from skl2onnx.common._registration import get_converter, get_shape_calculator

        alias = _get_sklearn_operator_name(SimpleImputer)
        usual, shapes = get_converter(alias), get_shape_calculator(alias)
    except (ImportError, RuntimeError, ValueError):
        return  # another skl2onnx: single precision it is

    def convert(scope, operator, container):
        op = operator.raw_operator
        fill = np.asarray(op.statistics_)
        plain = (all(isinstance(i.type, DoubleTensorType) for i in operator.inputs) and not op.add_indicator
                 and fill.dtype.kind == "f" and np.isfinite(fill).all()
                 and isinstance(op.missing_values, float) and np.isnan(op.missing_values))
        if not plain:
            usual(scope, operator, container)
            return
        opset = container.target_opset_any_domain("")
        source = operator.inputs[0].full_name
        if len(operator.inputs) > 1:
            source = scope.get_unique_variable_name("columns")
            container.add_node("Concat", [i.full_name for i in operator.inputs], source, axis=1,
                               name=scope.get_unique_operator_name("Concat"))
        values, missing = scope.get_unique_variable_name("fill"), scope.get_unique_variable_name("missing")
        container.add_initializer(values, TensorProto.DOUBLE, [1, len(fill)], fill.astype(float))
        container.add_node("IsNaN", [source], missing, op_version=13 if opset >= 13 else 9,
                           name=scope.get_unique_operator_name("IsNaN"))
        container.add_node("Where", [missing, values, source], operator.outputs[0].full_name, op_version=9,
                           name=scope.get_unique_operator_name("Where"))

    update_registered_converter(SimpleImputer, alias, shapes, convert, overwrite=True)


def to_graph(model, wanted, form):
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import (BooleanTensorType, DoubleTensorType, FloatTensorType, Int64TensorType,
                                            StringTensorType)
    from sklearn.base import is_classifier

    def tensor(kind):
        if kind == "string":
            return StringTensorType([None, 1])
        if form == "typed" and kind in ("long", "integer"):
            return Int64TensorType([None, 1])
        if form == "typed" and kind == "boolean":
            return BooleanTensorType([None, 1])
        return FloatTensorType([None, 1]) if form == "single" else DoubleTensorType([None, 1])

    options = {id(model): {"zipmap": False}} if is_classifier(model) else None
    return convert_sklearn(model, "model", [(n, tensor(k)) for n, k in wanted], options=options,
                           target_opset={"": 17, "ai.onnx.ml": 3})


def run_graph(data, rows):
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    kinds = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64,
             "tensor(bool)": np.bool_, "tensor(string)": object}
    feed = {i.name: np.array([r[at] for r in rows], dtype=kinds[i.type]).reshape(-1, 1)
            for at, i in enumerate(session.get_inputs())}
    return np.asarray(session.run(None, feed)[0]).reshape(len(rows), -1)


def compare(ours, theirs, room):
    """The largest difference, and the row of the first that is not within the room."""
    import numpy as np

    if ours.shape != theirs.shape:
        raise Refused("the converted model gives %s numbers and scikit-learn %s" % (ours.shape, theirs.shape))
    if theirs.dtype.kind not in "fiub":
        off = (ours.astype(str) != theirs.astype(str)).any(axis=1)
        return float(off.any()), int(off.argmax()) if off.any() else None
    a, b = ours.astype(float), theirs.astype(float)
    spread = np.std(b, axis=0)
    limit = room * np.maximum(np.abs(b), np.where(np.isfinite(spread), spread, 0)) + 1e-12
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.where(same, 0, np.abs(a - b))
    gap = np.where(np.isnan(gap), np.inf, gap)
    off = (gap > limit).any(axis=1)
    return float(gap.max()), int(off.argmax()) if off.any() else None


def shown(row):
    return [None if isinstance(v, float) and v != v else v for v in row]


def convert(model, wanted, rows, answers):
    """(form, onnx, largest difference) of the first form that agrees."""
    failures, differences = [], []
    exact_imputer()
    for form, room in (("double", DOUBLE), ("typed", DOUBLE), ("single", SINGLE)):
        if form == "typed" and not any(k in ("long", "integer", "boolean") for _, k in wanted):
            continue
        try:
            graph = to_graph(model, wanted, form)
            got = run_graph(graph.SerializeToString(), rows)
        except Exception as e:
            failures.append("%s: %s: %s" % (form, type(e).__name__, str(e).strip()[:400]))
            continue
        gap, at = compare(got, answers, room)
        if at is None:
            return form, graph, gap, room
        differences.append("%s precision: scikit-learn says %s and ONNX %s for %s (allowed: %g of it)"
                           % (form, answers[at].tolist(), got[at].tolist(), json.dumps(shown(rows[at])), room))
    if differences:
        raise Refused("the converted model disagrees; " + "; ".join(differences))
    raise Refused("skl2onnx cannot convert the model; " + "; ".join(failures))


def fence(seconds):
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))  # also when nobody watches any more
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))


def work(folder, out, seconds):
    fence(seconds)
    report = {"packages": packages()}
    info, model = load(folder)
    wanted, bare = columns(info, model)
    seen = example_rows(info, folder, wanted)
    rows, answers = answered(model, seen + made_rows(model, wanted, seen), wanted, bare)
    form, graph, gap, room = convert(model, wanted, rows, answers)
    report.update(precision=form, rows=len(rows), example_rows=len(seen), max_difference=gap, tolerance=room,
                  operators=sorted({n.op_type for n in graph.graph.node}), model=type(model).__name__)
    example = dict(zip([n for n, _ in wanted], shown(rows[0])))
    for key, value in (("slipway.conversion", report), ("slipway.input_example", example)):
        entry = graph.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    with open(os.path.join(out, "model.onnx"), "wb") as f:
        f.write(graph.SerializeToString())
    return report


def main():
    import warnings

    warnings.simplefilter("ignore")
    folder, out, seconds = sys.argv[1:4]
    try:
        report, status = work(folder, out, int(seconds) * (os.cpu_count() or 1)), 0
    except Refused as e:
        report, status = {"error": str(e)[:4000]}, 3
    with open(os.path.join(out, "report.json"), "w", encoding="utf-8") as f:
        json.dump(report, f)
    return status


if __name__ == "__main__":
    sys.exit(main())
