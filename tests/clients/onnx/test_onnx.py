# SPDX-License-Identifier: Apache-2.0
"""Slipway's predictor against ONNX Runtime.

Two directions: random pipelines as preparation and trainers build them (onnx_cases write), and models made by
Python with every native operator (onnx_cases run). Tolerance in double: 1e-9 * max(|y|, sd(y)); in single
precision, where ONNX Runtime adds in another order: 2e-6 * max(|y|, sd(y))."""
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto as T, helper as h, numpy_helper as nh  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", ROOT / "build"))
CASES = BUILD / "tests/clients/onnx/onnx_cases"
N = int(os.environ.get("SLIPWAY_ONNX_CASES", "120"))
TYPES = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
         "tensor(bool)": np.bool_, "tensor(string)": object}


def number(v):
    return float(v) if isinstance(v, str) else v


def feed(session, data):
    out = {}
    for i in session.get_inputs():
        kind = TYPES[i.type]
        values = data["inputs"][i.name]
        if kind is not object:
            values = [number(v) for v in values]
        array = np.array(values, dtype=kind)
        out[i.name] = array.reshape(data["rows"], -1) if len(i.shape) == 2 else array
    return out


def runtime(path, data):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feed(session, data))))


def compare(ours, theirs, label):
    theirs = np.asarray(theirs)
    ours = np.array([number(v) for v in ours], dtype=np.float64).reshape(theirs.shape)
    single = theirs.dtype == np.float32
    theirs = theirs.astype(np.float64)
    finite = np.isfinite(theirs)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), f"{label}: NaN in other places"
    assert np.array_equal(ours[~finite & ~np.isnan(ours)], theirs[~finite & ~np.isnan(theirs)]), f"{label}: infinities differ"
    if finite.any():
        with np.errstate(over="ignore"):
            spread = np.std(theirs[finite])
        room = (2e-6 if single else 1e-9) * np.maximum(np.abs(theirs[finite]), spread if np.isfinite(spread) else 0)
        off = np.abs(ours[finite] - theirs[finite])
        assert (off <= room).all(), f"{label}: off by {off.max()} (allowed {room[off.argmax()]})"


def run(folder):
    subprocess.run([CASES, "run", folder], check=True)


def test_random_pipelines(tmp_path):
    subprocess.run([CASES, "write", tmp_path, "1", str(N)], check=True)
    again = tmp_path / "again"
    again.mkdir()
    subprocess.run([CASES, "write", again, "1", str(N)], check=True)
    for i in range(N):
        path = tmp_path / f"{i}.onnx"
        assert path.read_bytes() == (again / f"{i}.onnx").read_bytes(), "the same pipeline gave other bytes"
        onnx.checker.check_model(onnx.load(path), full_check=True)
        data = json.loads((tmp_path / f"{i}.in.json").read_text())
        result = json.loads((tmp_path / f"{i}.out.json").read_text())
        assert "error" not in result, f"case {i}: {result}"
        for name, values in runtime(path, data).items():
            compare(result["outputs"][name], values, f"case {i} {name}")


# ---- operators one by one ----

RNG = np.random.default_rng(7)
ROWS = 77  # no multiple of a vector's width, more than one small block


def doubles(width=None, special=True, kind=np.float64):
    x = RNG.normal(size=(ROWS, width) if width else ROWS) * 2
    if special:
        x[RNG.random(x.shape) < 0.1] = np.nan
        x[RNG.random(x.shape) < 0.05] = np.inf
        x[RNG.random(x.shape) < 0.05] = -np.inf
        x[RNG.random(x.shape) < 0.1] = 0
    return x.astype(kind)


def ints(width=None, low=-5, high=6):
    return RNG.integers(low, high, size=(ROWS, width) if width else ROWS).astype(np.int64)


def texts(width=None):
    return RNG.choice(np.array(["a", "b", "ünï", "红", "", "zz top"], dtype=object), size=(ROWS, width) if width else ROWS)


def bools(width=None):
    return RNG.random((ROWS, width) if width else ROWS) < 0.5


ELEMENT = {np.dtype(np.float64): T.DOUBLE, np.dtype(np.float32): T.FLOAT, np.dtype(np.int64): T.INT64, np.dtype(object): T.STRING,
           np.dtype(np.bool_): T.BOOL, np.dtype(np.int32): T.INT32}


def const(name, value):
    value = np.asarray(value)
    if value.dtype.kind in "UO":
        return h.make_tensor(name, T.STRING, value.shape, [str(v).encode() for v in value.reshape(-1)])
    return nh.from_array(value, name)


def case(nodes, inputs, constants=(), outputs=("y",), kinds=None, opset=20, ml=3):
    values = [h.make_tensor_value_info(n, ELEMENT[v.dtype], ["N"] + list(v.shape[1:])) for n, v in inputs.items()]
    outs = [h.make_tensor_value_info(o, (kinds or {}).get(o, T.DOUBLE), None) for o in outputs]
    graph = h.make_graph(nodes, "g", values, outs, [const(n, v) for n, v in dict(constants).items()])
    return h.make_model(graph, opset_imports=[h.make_opsetid("", opset), h.make_opsetid("ai.onnx.ml", ml)], ir_version=9), inputs


def n(op, inputs, output="y", **kw):
    domain = "ai.onnx.ml" if op in ("OneHotEncoder", "LabelEncoder", "Imputer", "Scaler", "LinearRegressor", "FeatureVectorizer",
                                    "ArrayFeatureExtractor", "Binarizer") else ""
    return h.make_node(op, inputs if isinstance(inputs, list) else [inputs], [output], domain=domain, **kw)


def as_double(op, inputs, **kw):
    return [n(op, inputs, "t", **kw), n("Cast", "t", to=T.DOUBLE)]


def operator_cases():
    d, f = np.float64, np.float32
    for op in ("Neg", "Abs", "Exp", "Log", "Sqrt", "Floor", "Ceil", "Round", "Sign", "Sigmoid", "Tanh", "Relu"):
        yield op, case([n(op, "x")], {"x": doubles(3)})
    for op in ("Neg", "Exp", "Sqrt", "Round"):  # older Eigens take a shortcut to roots of odd numbers
        x = doubles(3, special=op != "Sqrt", kind=f)
        yield op + " float", case([n(op, "x")], {"x": abs(x) if op == "Sqrt" else x}, kinds={"y": T.FLOAT})
    yield "Round halves", case([n("Round", "x")], {"x": np.array([0.5, 1.5, -0.5, 2.5, -2.5] * 3)})
    for op in ("Add", "Sub", "Mul", "Div"):
        yield op, case([n(op, ["x", "z"])], {"x": doubles(3), "z": doubles(3)})
        yield op + " constant", case([n(op, ["x", "k"])], {"x": doubles(3)}, {"k": np.array([1.5, -2.0, 0.0])})
        yield op + " constant left", case([n(op, ["k", "x"])], {"x": doubles(3)}, {"k": np.array(2.5)})
        yield op + " vector", case([n(op, ["x", "k"])], {"x": doubles()}, {"k": np.array([2.5])})
        yield op + " broadcast", case([n(op, ["x", "z"])], {"x": doubles(1), "z": doubles(4)})
        yield op + " float", case([n(op, ["x", "z"])], {"x": doubles(2, kind=f), "z": doubles(2, kind=f)}, kinds={"y": T.FLOAT})
    for op in ("Add", "Sub", "Mul"):
        yield op + " int", case([n(op, ["x", "z"])], {"x": ints(2), "z": ints(2)}, kinds={"y": T.INT64})
    yield "Div int", case([n("Div", ["x", "k"])], {"x": ints(2)}, {"k": np.array([-3, 2])}, kinds={"y": T.INT64})
    yield "Mod int", case([n("Mod", ["x", "k"])], {"x": ints(2)}, {"k": np.array([-3, 3])}, kinds={"y": T.INT64})
    yield "Mod int fmod", case([n("Mod", ["x", "k"], fmod=1)], {"x": ints(2)}, {"k": np.array([-3, 3])}, kinds={"y": T.INT64})
    yield "Mod double", case([n("Mod", ["x", "z"], fmod=1)], {"x": doubles(2), "z": doubles(2)})
    yield "Pow", case([n("Pow", ["x", "z"])], {"x": doubles(2), "z": doubles(2)})
    yield "Pow 2", case([n("Pow", ["x", "k"])], {"x": doubles(2)}, {"k": np.array(2.0)})
    yield "Pow 0.5", case([n("Pow", ["x", "k"])], {"x": doubles(2)}, {"k": np.array(0.5)})
    yield "Mean", case([n("Mean", ["x", "z"])], {"x": doubles(2, kind=f), "z": doubles(2, kind=f)}, kinds={"y": T.FLOAT})
    for op in ("Min", "Max", "Sum"):
        yield op, case([n(op, ["x", "z", "k"])], {"x": doubles(2), "z": doubles(2)}, {"k": np.array([0.5, -0.5])})
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        yield op, case(as_double(op, ["x", "z"]), {"x": doubles(3), "z": doubles(3)})
        yield op + " int", case(as_double(op, ["x", "z"]), {"x": ints(3), "z": ints(3)})
        yield op + " constant", case(as_double(op, ["x", "k"]), {"x": doubles(3)}, {"k": np.array(0.0)})
        yield op + " constant left", case(as_double(op, ["k", "x"]), {"x": doubles(3)}, {"k": np.array(0.0)})
    yield "Equal text", case(as_double("Equal", ["x", "z"]), {"x": texts(2), "z": texts(2)})
    yield "Equal text constant", case(as_double("Equal", ["x", "k"]), {"x": texts(2)}, {"k": np.array("ünï")})
    for op in ("And", "Or", "Xor"):
        yield op, case(as_double(op, ["x", "z"]), {"x": bools(3), "z": bools(3)})
    yield "Not", case(as_double("Not", "x"), {"x": bools(3)})
    yield "IsNaN", case(as_double("IsNaN", "x"), {"x": doubles(3)})
    for p in (0, 1):
        for q in (0, 1):
            yield f"IsInf {p}{q}", case([n("Cast", "x", "f", to=T.FLOAT), n("IsInf", "f", "t", detect_positive=p, detect_negative=q),
                                         n("Cast", "t", to=T.DOUBLE)], {"x": doubles(3)})
    yield "Clip", case([n("Clip", ["x", "low", "high"])], {"x": doubles(3, special=False)}, {"low": np.array(-1.0), "high": np.array(1.0)})
    yield "Clip low", case([n("Clip", ["x", "low"])], {"x": doubles(3, special=False)}, {"low": np.array(-1.0)})
    yield "Where", case([n("Where", ["c", "x", "z"])], {"c": bools(3), "x": doubles(3), "z": doubles(3)})
    yield "Where constant", case([n("Where", ["c", "x", "k"])], {"c": bools(3), "x": doubles(3)}, {"k": np.array([1.0, 2, 3])})
    yield "Where constant left", case([n("Where", ["c", "k", "x"])], {"c": bools(3), "x": doubles(3)}, {"k": np.array([1.0, 2, 3])})
    yield "Where broadcast", case([n("Where", ["c", "x", "z"])], {"c": bools(1), "x": doubles(3), "z": doubles(1)})
    yield "Where text", case([n("Where", ["c", "x", "k"], "t"), *as_double("Equal", ["t", "l"])[0:0],
                              h.make_node("Equal", ["t", "l"], ["u"]), n("Cast", "u", to=T.DOUBLE)],
                             {"c": bools(2), "x": texts(2)}, {"k": np.array("a"), "l": np.array("红")})
    for to, name in ((T.FLOAT, "float"), (T.INT64, "int64"), (T.BOOL, "bool"), (T.INT32, "int32")):
        yield "Cast " + name, case([n("Cast", "x", "t", to=to), n("Cast", "t", to=T.DOUBLE)], {"x": doubles(3, special=False)})
    yield "Cast int to float", case([n("Cast", "x", to=T.FLOAT)], {"x": ints(2)}, kinds={"y": T.FLOAT})
    yield "Concat", case([n("Concat", ["x", "z", "x"], axis=1)], {"x": doubles(2), "z": doubles(3)})
    yield "Concat axis -1", case([n("Concat", ["x", "z"], axis=-1)], {"x": doubles(2), "z": doubles(3)})
    for width, k in ((4, 1), (9, 2), (1, 3)):
        w = RNG.normal(size=(width, k))
        yield f"MatMul {width} {k}", case([n("MatMul", ["x", "w"])], {"x": doubles(width)}, {"w": w})
        yield f"Gemm {width} {k}", case([n("Gemm", ["x", "w", "b"])], {"x": doubles(width)}, {"w": w, "b": RNG.normal(size=k)})
    yield "MatMul vector", case([n("MatMul", ["x", "w"])], {"x": doubles(5)}, {"w": RNG.normal(size=5)})
    yield "MatMul float", case([n("MatMul", ["x", "w"])], {"x": doubles(5, special=False, kind=f)},
                               {"w": RNG.normal(size=(5, 2)).astype(f)}, kinds={"y": T.FLOAT})
    yield "Gemm scaled", case([n("Gemm", ["x", "w", "b"], transB=1, alpha=0.5, beta=2.0)], {"x": doubles(3)},
                              {"w": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(1, 2))})
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"):
        yield op, case([n(op, ["x", "a"])], {"x": doubles(4, special=False)}, {"a": np.array([1])})
        yield op + " flat", case([n(op, ["x", "a"], keepdims=0)], {"x": doubles(4, special=False)}, {"a": np.array([-1])})
    yield "Reshape", case([n("Reshape", ["x", "s"], "t"), n("Add", ["t", "z"])], {"x": doubles(), "z": doubles(2)}, {"s": np.array([-1, 1])})
    yield "Reshape 0 -1", case([n("Reshape", ["x", "s"])], {"x": doubles(3)}, {"s": np.array([0, -1])})
    yield "Flatten", case([n("Unsqueeze", ["x", "a"], "t"), n("Flatten", "t")], {"x": doubles(3)}, {"a": np.array([1])})
    yield "Squeeze", case([n("Squeeze", ["x", "a"])], {"x": doubles(1)}, {"a": np.array([1])})
    yield "Gather columns", case([n("Gather", ["x", "i"], axis=1)], {"x": doubles(4)}, {"i": np.array([3, 0, -2])})
    yield "Gather column", case([n("Gather", ["x", "i"], axis=1)], {"x": doubles(4)}, {"i": np.array(2)})
    yield "Gather in groups", case([n("Reshape", ["x", "s"], "t"), n("Gather", ["t", "i"], "u", axis=-1),
                                    n("Reshape", ["u", "z"])], {"x": doubles(6)},
                                   {"s": np.array([-1, 2, 3]), "i": np.array([2, 0]), "z": np.array([-1, 4])})
    yield "Gather table", case([n("Gather", ["k", "x"])], {"x": ints(2, -4, 4)}, {"k": np.array([1.5, 2.5, 3.5, 4.5])})
    yield "ArrayFeatureExtractor", case([n("ArrayFeatureExtractor", ["x", "i"])], {"x": doubles(4)}, {"i": np.array([3, 1])})
    yield "Constant", case([n("Constant", [], "k", value=nh.from_array(np.array([1.0, 2.0]))), n("Add", ["x", "k"])], {"x": doubles(2)})
    yield "Identity", case([n("Identity", "x", "t"), n("Identity", "t")], {"x": doubles(2)})
    yield "folded", case([n("Add", ["k", "l"], "m"), n("Exp", "m", "e"), n("Mul", ["x", "e"])], {"x": doubles(2)},
                         {"k": np.array(0.25), "l": np.array([0.5, 1.0])})
    for zeros in (1,):
        yield "OneHotEncoder text", case([n("OneHotEncoder", "x", "t", cats_strings=["a", "红", "", "q"], zeros=zeros), n("Cast", "t", to=T.DOUBLE)],
                                         {"x": texts()})
        yield "OneHotEncoder int", case([n("OneHotEncoder", "x", "t", cats_int64s=[3, -1, 0], zeros=zeros), n("Cast", "t", to=T.DOUBLE)], {"x": ints(2)})
    yield "OneHot and MatMul", case([n("OneHotEncoder", "x", "h", cats_strings=["a", "b", "zz top"], zeros=1), n("Cast", "h", "c", to=T.DOUBLE),
                                     n("Concat", ["z", "c"], "j", axis=1), n("MatMul", ["j", "w"])],
                                    {"x": texts(), "z": doubles(6)}, {"w": RNG.normal(size=(9, 2))})
    yield "LabelEncoder text to int", case([n("LabelEncoder", "x", keys_strings=["a", "红"], values_int64s=[5, 7], default_int64=-3)], {"x": texts(2)},
                                           kinds={"y": T.INT64})
    yield "LabelEncoder text to float", case([n("LabelEncoder", "x", keys_strings=["a", "红"], values_floats=[0.1, 7], default_float=0.3)],
                                             {"x": texts(2)}, kinds={"y": T.FLOAT})
    yield "LabelEncoder int to float", case([n("LabelEncoder", "x", keys_int64s=[0, 3, -2], values_floats=[0.1, 7, 1])], {"x": ints(2)},
                                            kinds={"y": T.FLOAT})
    yield "LabelEncoder text to text", case([n("LabelEncoder", "x", "t", keys_strings=["a", "b"], values_strings=["b", "c"], default_string="d"),
                                             n("OneHotEncoder", "t", "o", cats_strings=["b", "d"], zeros=1), n("Cast", "o", to=T.DOUBLE)], {"x": texts()})
    yield "LabelEncoder tensors", case([n("LabelEncoder", "x", keys_tensor=const("k", ["a", "红"]), values_tensor=nh.from_array(np.array([0.1, 7.0])),
                                          default_tensor=nh.from_array(np.array([0.3])))], {"x": texts(2)}, ml=4)
    yield "Imputer float", case([n("Imputer", "x", imputed_value_floats=[1.0, 2.5], replaced_value_float=float("nan"))],
                                {"x": doubles(2, kind=f)}, kinds={"y": T.FLOAT})
    yield "Imputer int", case([n("Imputer", "x", imputed_value_int64s=[7], replaced_value_int64=0)], {"x": ints(2)}, kinds={"y": T.INT64})
    yield "Scaler", case([n("Scaler", "x", offset=[0.1, 0.2, 0.3], scale=[2.0, 3.0, 0.7])], {"x": doubles(3, kind=f)}, kinds={"y": T.FLOAT})
    yield "LinearRegressor", case([n("LinearRegressor", "x", coefficients=[0.1, -2.0, 3.0, 1, 2, 3], intercepts=[0.5, 1.5], targets=2)],
                                  {"x": doubles(3, special=False, kind=f)}, kinds={"y": T.FLOAT})
    yield "FeatureVectorizer", case([n("FeatureVectorizer", ["x", "z"], inputdimensions=[2, 1])], {"x": doubles(2, kind=f), "z": doubles(1, kind=f)},
                                    kinds={"y": T.FLOAT})
    yield "Binarizer", case([n("Binarizer", "x", threshold=0.5)], {"x": doubles(2, special=False, kind=f)}, kinds={"y": T.FLOAT})
    yield "old operators", case([n("Unsqueeze", "x", "t", axes=[1]), n("Clip", "t", "c", min=-1.0, max=1.0), n("Squeeze", "c", "s", axes=[1]),
                                 n("Unsqueeze", "s", "u", axes=[1]), n("ReduceSum", "u", axes=[1])], {"x": doubles(special=False, kind=f)},
                                kinds={"y": T.FLOAT}, opset=9, ml=1)


def write_json(path, data):
    def plain(v):
        v = v.item() if hasattr(v, "item") else v
        return v if not isinstance(v, float) or np.isfinite(v) else ("NaN" if np.isnan(v) else "Infinity" if v > 0 else "-Infinity")
    path.write_text(json.dumps({"rows": ROWS if next(iter(data.values())).shape[0] == ROWS else len(next(iter(data.values()))),
                                "inputs": {k: [plain(x) for x in v.reshape(-1)] for k, v in data.items()}}))


def test_every_operator(tmp_path):
    made, wrong = {}, []
    for i, (label, (model, data)) in enumerate(operator_cases()):
        name = f"{i:03}"
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
        write_json(tmp_path / f"{name}.in.json", data)
        made[name] = label
    run(tmp_path)
    for name, label in made.items():
        data = json.loads((tmp_path / f"{name}.in.json").read_text())
        result = json.loads((tmp_path / f"{name}.out.json").read_text())
        try:
            theirs = runtime(tmp_path / f"{name}.onnx", data)["y"]
            assert "error" not in result, result
            compare(result["outputs"]["y"], theirs, label)
        except Exception as e:
            wrong.append(f"{label}: {str(e)[:300]}")
    assert not wrong, "\n".join(wrong)


REFUSED = {
    "softmax": (lambda: case([h.make_node("Softmax", ["x"], ["y"], name="soft")], {"x": doubles(3)}), "node 'soft' (Softmax)"),
    "rows": (lambda: case([n("Reshape", ["x", "s"])], {"x": doubles(3)}, {"s": np.array([3, -1])}), "keep the rows"),
    "transpose": (lambda: case([n("Transpose", "x", perm=[1, 0])], {"x": doubles(3)}), "(Transpose)"),
    "outer": (lambda: case([n("Add", ["x", "z"])], {"x": doubles(), "z": doubles(2)}), "rows by rows"),
    "width": (lambda: case([n("MatMul", ["x", "w"])], {"x": doubles(3)}, {"w": np.ones((4, 1))}), "3 columns meet 4 rows"),
    "text": (lambda: case([n("Neg", "x")], {"x": texts(1)}), "it cannot take strings"),
}


def test_refusals_name_the_node(tmp_path):
    for name, (make, _) in REFUSED.items():
        model, data = make()
        (tmp_path / f"{name}.onnx").write_bytes(model.SerializeToString())
        write_json(tmp_path / f"{name}.in.json", data)
    run(tmp_path)
    for name, (_, message) in REFUSED.items():
        result = json.loads((tmp_path / f"{name}.out.json").read_text())
        assert message in result.get("error", ""), (name, result)


def test_category_unknown_to_a_strict_encoder(tmp_path):
    model, data = case([n("OneHotEncoder", "x", "t", cats_strings=["a", "b"], zeros=0), n("Cast", "t", to=T.DOUBLE)], {"x": texts()})
    (tmp_path / "strict.onnx").write_bytes(model.SerializeToString())
    write_json(tmp_path / "strict.in.json", data)
    run(tmp_path)
    assert "none of the model's categories" in json.loads((tmp_path / "strict.out.json").read_text())["error"]


def test_mlflow_loads_the_folder(tmp_path):
    pyfunc = pytest.importorskip("mlflow.pyfunc")
    pandas = pytest.importorskip("pandas")
    subprocess.run([CASES, "mlmodel", tmp_path], check=True)
    data = json.loads((tmp_path / "model.in.json").read_text())["inputs"]
    ours = json.loads((tmp_path / "model.out.json").read_text())["outputs"]["prediction"]
    model = pyfunc.load_model(str(tmp_path / "model"))
    # MLflow hands columns to ONNX Runtime as they are, which pandas 3's own string type is not made for.
    if int(pandas.__version__.split(".")[0]) >= 3:
        with pytest.warns(Warning):
            pandas.set_option("future.infer_string", False)
    frame = pandas.DataFrame({"it's é": [number(v) for v in data["it's é"]], "n": np.array(data["n"], dtype=np.int64),
                              "yes": data["yes"], "town": np.array(data["town"], dtype=object)})
    assert [c.name for c in model.metadata.get_input_schema()] == ["it's é", "n", "yes", "town"]
    assert [str(t) for t in model.metadata.get_input_schema().input_types()] == ["DataType.double", "DataType.long", "DataType.boolean",
                                                                                "DataType.string"]
    theirs = model.predict(frame)
    assert list(theirs.columns) == ["prediction"]
    assert theirs["prediction"].tolist() == pytest.approx(ours, rel=1e-9) == [1112.0, 2027.5, 133.5]
    example = model.metadata.load_input_example(str(tmp_path / "model"))
    assert example.to_dict("list") == {"it's é": [1.5], "n": [1], "yes": [True], "town": ["a"]}
    assert model.predict(example)["prediction"].tolist() == pytest.approx([1112.0])
    with pytest.raises(Exception, match="n"):
        model.predict(frame.drop(columns="n"))
