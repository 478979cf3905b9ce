# SPDX-License-Identifier: Apache-2.0
"""Requests for the differential test, area by area, good and bad.

Every area is a function that gets a Recorder and sends requests through it; the same functions run
against a real `mlflow server` and against ours, on stores that were empty before. `{name}` in a
text is replaced by a value saved from an earlier answer of the same server.
"""

import mlflow_grammar_cases
import mlflow_more_cases

API = "/api/2.0/mlflow"


def experiments(r):
    r.post("create", "/experiments/create", {"name": "e1"}, save={"e1": "experiment_id"})
    r.post("create tags", "/experiments/create",
           {"name": "e2", "tags": [{"key": "a", "value": "b"}, {"key": "team", "value": "x y"}]},
           save={"e2": "experiment_id"})
    r.post("create location", "/experiments/create",
           {"name": "e3", "artifact_location": "s3://bucket/path"}, save={"e3": "experiment_id"})
    r.post("create twice", "/experiments/create", {"name": "e1"})
    for name, body in {
        "no name": {}, "empty name": {"name": ""}, "null name": {"name": None},
        "number name": {"name": 5}, "list name": {"name": ["a"]}, "object name": {"name": {}},
        "float name": {"name": 1.5}, "bool name": {"name": True},
        "tags object": {"name": "q1", "tags": {"a": "b"}},
        "tags text": {"name": "q2", "tags": "x"},
        "location number": {"name": "q3", "artifact_location": 3},
        "long name": {"name": "x" * 501}, "fragment": {"name": "q4", "artifact_location": "s3://a/b#c"},
        "params": {"name": "q5", "artifact_location": "s3://a/b;c"},
        "query dots": {"name": "q6", "artifact_location": "s3://a/b?x=../y"},
        "query dots encoded": {"name": "q7", "artifact_location": "s3://a/b?x=%2e%2e/y"},
        "runs": {"name": "q8", "artifact_location": "runs:/x"},
        "long location": {"name": "q9", "artifact_location": "s3://" + "x" * 2048},
    }.items():
        r.post("create bad: " + name, "/experiments/create", body)
    r.post("create unicode", "/experiments/create", {"name": "Ünï ☃"}, save={"e4": "experiment_id"})
    r.post("create unknown field", "/experiments/create", {"name": "e5", "nope": 1},
           save={"e5": "experiment_id"})
    r.post("create camel case", "/experiments/create",
           {"name": "e6", "artifactLocation": "s3://camel"}, save={"e6": "experiment_id"})
    for e in ("e1", "e2", "e3", "e4", "e6"):
        r.get("get " + e, "/experiments/get", {"experiment_id": "{%s}" % e})
    r.get("get default", "/experiments/get", {"experiment_id": "0"})
    r.get("get missing", "/experiments/get", {"experiment_id": "99999"})
    r.get("get word", "/experiments/get", {"experiment_id": "abc"})
    r.get("get float", "/experiments/get", {"experiment_id": "1.5"})
    r.get("get empty", "/experiments/get", {"experiment_id": ""})
    r.get("get nothing", "/experiments/get", {})
    r.get("get other field", "/experiments/get", {"id": "1"})
    r.get("by name", "/experiments/get-by-name", {"experiment_name": "e2"})
    r.get("by name unicode", "/experiments/get-by-name", {"experiment_name": "Ünï ☃"})
    r.get("by name missing", "/experiments/get-by-name", {"experiment_name": "nope"})
    r.get("by name empty", "/experiments/get-by-name", {"experiment_name": ""})
    r.get("by name none", "/experiments/get-by-name", {})
    r.post("rename", "/experiments/update", {"experiment_id": "{e5}", "new_name": "e5b"})
    r.get("renamed", "/experiments/get", {"experiment_id": "{e5}"})
    r.post("rename none", "/experiments/update", {"experiment_id": "{e5}"})
    r.post("rename empty", "/experiments/update", {"experiment_id": "{e5}", "new_name": ""})
    r.post("rename number", "/experiments/update", {"experiment_id": "{e5}", "new_name": 4})
    r.post("rename missing", "/experiments/update", {"experiment_id": "4242", "new_name": "z"})
    r.post("rename no id", "/experiments/update", {"new_name": "z"})
    r.post("set tag", "/experiments/set-experiment-tag",
           {"experiment_id": "{e1}", "key": "k", "value": "v"})
    r.post("set tag again", "/experiments/set-experiment-tag",
           {"experiment_id": "{e1}", "key": "k", "value": "v2"})
    r.post("set tag empty value", "/experiments/set-experiment-tag",
           {"experiment_id": "{e1}", "key": "empty", "value": ""})
    r.post("set tag no value", "/experiments/set-experiment-tag", {"experiment_id": "{e1}", "key": "none"})
    for name, key in BAD_KEYS.items():
        r.post("set tag key " + name, "/experiments/set-experiment-tag",
               {"experiment_id": "{e1}", "key": key, "value": "v"})
    r.post("set tag long value", "/experiments/set-experiment-tag",
           {"experiment_id": "{e1}", "key": "long", "value": "v" * 5001})
    r.post("set tag value number", "/experiments/set-experiment-tag",
           {"experiment_id": "{e1}", "key": "n", "value": 5})
    r.post("set tag id number", "/experiments/set-experiment-tag",
           {"experiment_id": 1, "key": "n", "value": "5"})
    r.post("set tag missing", "/experiments/set-experiment-tag",
           {"experiment_id": "777", "key": "n", "value": "5"})
    r.get("tagged", "/experiments/get", {"experiment_id": "{e1}"})
    r.post("delete tag", "/experiments/delete-experiment-tag", {"experiment_id": "{e1}", "key": "k"})
    r.post("delete tag twice", "/experiments/delete-experiment-tag",
           {"experiment_id": "{e1}", "key": "k"})
    r.post("delete tag no key", "/experiments/delete-experiment-tag", {"experiment_id": "{e1}"})
    r.post("delete", "/experiments/delete", {"experiment_id": "{e5}"})
    r.post("delete twice", "/experiments/delete", {"experiment_id": "{e5}"})
    r.post("delete none", "/experiments/delete", {})
    r.post("delete word", "/experiments/delete", {"experiment_id": "x"})
    r.get("get deleted", "/experiments/get", {"experiment_id": "{e5}"})
    r.get("by name deleted", "/experiments/get-by-name", {"experiment_name": "e5b"})
    r.post("create name of deleted", "/experiments/create", {"name": "e5b"})
    r.post("rename deleted", "/experiments/update", {"experiment_id": "{e5}", "new_name": "z"})
    r.post("tag deleted", "/experiments/set-experiment-tag",
           {"experiment_id": "{e5}", "key": "k", "value": "v"})
    r.post("delete tag of deleted", "/experiments/delete-experiment-tag",
           {"experiment_id": "{e5}", "key": "k"})
    r.post("run in deleted", "/runs/create", {"experiment_id": "{e5}"})
    r.post("restore active", "/experiments/restore", {"experiment_id": "{e1}"})
    r.post("restore missing", "/experiments/restore", {"experiment_id": "9876"})
    r.post("search deleted", "/experiments/search", {"view_type": "DELETED_ONLY", "max_results": 10})
    r.post("restore", "/experiments/restore", {"experiment_id": "{e5}"})
    r.get("get restored", "/experiments/get", {"experiment_id": "{e5}"})


BAD_KEYS = {
    "dots": "..", "parent": "../a", "slash": "/a", "trailing": "a/", "double": "a//b", "dot": ".",
    "hash": "a#b", "quote": "a'b", "star": "a*b", "unicode": "ключ-é", "snowman": "☃", "colon": "a:b",
    "blank": "a b", "long": "k" * 251, "just": "k" * 250, "newline": "a\nb", "tab": "a\tb",
    "inner": "a/../b", "nested": "a/b/c", "number": 5, "null": None,
}


def experiment_search(r):
    P = "/experiments/search"
    r.post("all", P, {"max_results": 100})
    r.get("get", P, {"max_results": "100"})
    r.post("none", P, {})
    r.post("zero", P, {"max_results": 0})
    r.post("negative", P, {"max_results": -1})
    r.post("too many", P, {"max_results": 50001})
    r.post("word", P, {"max_results": "x"})
    r.post("text number", P, {"max_results": "2"})
    r.post("page 1", P, {"max_results": 2, "order_by": ["name ASC"]}, save={"tok": "next_page_token"})
    r.post("page 2", P, {"max_results": 2, "order_by": ["name ASC"], "page_token": "{tok}"})
    r.post("bad token", P, {"max_results": 2, "page_token": "%%%"})
    r.post("bad token json", P, {"max_results": 2, "page_token": "YWJj"})
    r.post("bad token offset", P, {"max_results": 2, "page_token": "e30="})
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3, "3"):
        r.post("view %s" % view, P, {"max_results": 100, "view_type": view, "order_by": ["name"]})
    for o in ("name", "name ASC", "name DESC", "name desc", "experiment_id", "experiment_id DESC",
              "creation_time ASC, name", "attribute.name", "tags.a", "foo", "name foo", "", " name",
              "name ASC DESC", "attribute.nope", "params.x"):
        r.post("order " + o, P, {"max_results": 100, "order_by": [o]})
    for f in ("name = 'e1'", "name != 'e1'", "name LIKE 'e%'", "name ILIKE 'E%'", "name like 'e%'",
              "attribute.name = 'e1'", "attributes.name = 'e1'", "tags.a = 'b'", "tag.a = 'b'",
              "tags.`a` = 'b'", "tags.\"a\" = 'b'", "tags.team = 'x y'", "tags.team ILIKE 'X%'",
              "tags.a LIKE 'b'", "tags.a > 'b'", "tags.a IS NULL", "tags.a IS NOT NULL",
              "name IS NULL", "creation_time > 0", "creation_time < 0", "last_update_time >= 1",
              "creation_time = 'x'", "creation_time LIKE '1'", "name = 'e1' AND tags.a = 'b'",
              "name = 'e1' OR name = 'e2'", "name > 'a'", "name IN ('e1')", "nope = 'x'",
              "params.x = '1'", "name", "name = e1", "name = 5", "(name = 'e1')", "name == 'e1'",
              "", " ", "name = 'e2' and tags.team = 'x y'", "experiment_id = '1'"):
        r.post("filter " + f, P, {"max_results": 100, "filter": f, "order_by": ["name"]})


def runs(r):
    r.post("experiment", "/experiments/create", {"name": "runs"}, save={"x": "experiment_id"})
    r.post("create", "/runs/create",
           {"experiment_id": "{x}", "user_id": "me", "start_time": 1000, "run_name": "first",
            "tags": [{"key": "a", "value": "b"}]}, save={"r1": "run.info.run_id"})
    r.post("create no name", "/runs/create", {"experiment_id": "{x}", "start_time": 2000},
           save={"r2": "run.info.run_id"})
    r.post("create name tag", "/runs/create",
           {"experiment_id": "{x}", "start_time": "3000",
            "tags": [{"key": "mlflow.runName", "value": "tagged"}]}, save={"r3": "run.info.run_id"})
    r.post("create both names", "/runs/create",
           {"experiment_id": "{x}", "run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]})
    r.post("create same names", "/runs/create",
           {"experiment_id": "{x}", "run_name": "a", "start_time": 1,
            "tags": [{"key": "mlflow.runName", "value": "a"}]}, save={"r4": "run.info.run_id"})
    r.post("create nowhere", "/runs/create", {"experiment_id": "31337"})
    r.post("create word", "/runs/create", {"experiment_id": "abc"})
    r.post("create number", "/runs/create", {"experiment_id": 1})
    r.post("create start word", "/runs/create", {"experiment_id": "{x}", "start_time": "abc"})
    r.post("create start float", "/runs/create", {"experiment_id": "{x}", "start_time": 12.0})
    r.post("create name number", "/runs/create", {"experiment_id": "{x}", "run_name": 4})
    r.post("create tags text", "/runs/create", {"experiment_id": "{x}", "tags": "a"})
    for i in ("r1", "r2", "r3", "r4"):
        r.get("get " + i, "/runs/get", {"run_id": "{%s}" % i})
    r.get("get uuid", "/runs/get", {"run_uuid": "{r1}"})
    r.get("get both", "/runs/get", {"run_uuid": "{r1}", "run_id": "{r1}"})
    r.get("get missing", "/runs/get", {"run_id": "0" * 32})
    r.get("get none", "/runs/get", {})
    r.get("get empty", "/runs/get", {"run_id": ""})
    r.get("get odd", "/runs/get", {"run_id": "a/../b"})
    for s in ("SCHEDULED", "FINISHED", "FAILED", "KILLED", "RUNNING", 3, "3", "finished", "NOPE", 9, 1.5):
        r.post("status %r" % s, "/runs/update", {"run_id": "{r1}", "status": s})
    r.post("end", "/runs/update", {"run_id": "{r1}", "status": "FINISHED", "end_time": 5000})
    r.post("end text", "/runs/update", {"run_id": "{r1}", "end_time": "6000"})
    r.post("end word", "/runs/update", {"run_id": "{r1}", "end_time": "soon"})
    r.post("end zero", "/runs/update", {"run_id": "{r1}", "end_time": 0})
    r.post("rename", "/runs/update", {"run_id": "{r1}", "run_name": "renamed"})
    r.post("rename empty", "/runs/update", {"run_id": "{r1}", "run_name": ""})
    r.post("rename number", "/runs/update", {"run_id": "{r1}", "run_name": 5})
    r.post("update by uuid", "/runs/update", {"run_uuid": "{r1}", "run_name": "renamed"})
    r.post("update none", "/runs/update", {})
    r.post("update missing", "/runs/update", {"run_id": "f" * 32, "status": "FINISHED"})
    r.get("updated", "/runs/get", {"run_id": "{r1}"})
    r.post("set name tag", "/runs/set-tag", {"run_id": "{r1}", "key": "mlflow.runName", "value": "n2"})
    r.get("named by tag", "/runs/get", {"run_id": "{r1}"})
    r.post("delete", "/runs/delete", {"run_id": "{r2}"})
    r.post("delete twice", "/runs/delete", {"run_id": "{r2}"})
    r.get("deleted", "/runs/get", {"run_id": "{r2}"})
    r.post("update deleted", "/runs/update", {"run_id": "{r2}", "status": "FAILED"})
    r.post("metric of deleted", "/runs/log-metric",
           {"run_id": "{r2}", "key": "m", "value": 1, "timestamp": 1})
    r.post("param of deleted", "/runs/log-parameter", {"run_id": "{r2}", "key": "m", "value": "1"})
    r.post("tag of deleted", "/runs/set-tag", {"run_id": "{r2}", "key": "m", "value": "1"})
    r.post("batch of deleted", "/runs/log-batch", {"run_id": "{r2}"})
    r.post("restore", "/runs/restore", {"run_id": "{r2}"})
    r.post("restore twice", "/runs/restore", {"run_id": "{r2}"})
    r.post("delete missing", "/runs/delete", {"run_id": "e" * 32})
    r.post("restore missing", "/runs/restore", {"run_id": "e" * 32})
    r.post("delete none", "/runs/delete", {})
    r.get("artifacts", "/artifacts/list", {"run_id": "{r1}"})
    r.get("artifacts path", "/artifacts/list", {"run_id": "{r1}", "path": "a/b"})
    r.get("artifacts missing", "/artifacts/list", {"run_id": "d" * 32})
    r.get("artifacts none", "/artifacts/list", {})
    for p in ("..", "../x", "/etc", "a/../b", "%2e%2e/x", "a#b", "%252e%252e/x", "file:///etc", "C:/x"):
        r.get("artifacts bad " + p, "/artifacts/list", {"run_id": "{r1}", "path": p})


def logging(r):
    r.post("experiment", "/experiments/create", {"name": "logging"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1},
           save={"r": "run.info.run_id"})
    M = "/runs/log-metric"
    for i, v in enumerate((1, 1.5, "2.5", "NaN", "Infinity", "-Infinity", True, 1e300, -0.0, 1e-7, "1e5")):
        r.post("metric value %r" % v, M, {"run_id": "{r}", "key": "v%d" % i, "value": v, "timestamp": 5})
    for name, v in (("word", "abc"), ("null", None), ("list", [1]), ("empty", ""), ("object", {})):
        r.post("metric bad value " + name, M, {"run_id": "{r}", "key": "b", "value": v, "timestamp": 5})
    r.post("metric no value", M, {"run_id": "{r}", "key": "b", "timestamp": 5})
    r.post("metric no time", M, {"run_id": "{r}", "key": "b", "value": 5})
    r.post("metric no key", M, {"run_id": "{r}", "value": 5, "timestamp": 5})
    r.post("metric no run", M, {"key": "b", "value": 5, "timestamp": 5})
    r.post("metric nothing", M, {})
    r.post("metric missing run", M, {"run_id": "f" * 32, "key": "b", "value": 5, "timestamp": 5})
    r.post("metric uuid", M, {"run_uuid": "{r}", "key": "u", "value": 5, "timestamp": 5})
    r.post("metric time text", M, {"run_id": "{r}", "key": "t", "value": 5, "timestamp": "17"})
    r.post("metric time word", M, {"run_id": "{r}", "key": "t", "value": 5, "timestamp": "now"})
    r.post("metric time float", M, {"run_id": "{r}", "key": "t", "value": 5, "timestamp": 1.5})
    r.post("metric time negative", M, {"run_id": "{r}", "key": "t", "value": 5, "timestamp": -1})
    r.post("metric step", M, {"run_id": "{r}", "key": "s", "value": 5, "timestamp": 1, "step": 3})
    r.post("metric step negative", M, {"run_id": "{r}", "key": "s", "value": 6, "timestamp": 1, "step": -3})
    r.post("metric step text", M, {"run_id": "{r}", "key": "s", "value": 7, "timestamp": 1, "step": "4"})
    r.post("metric step word", M, {"run_id": "{r}", "key": "s", "value": 7, "timestamp": 1, "step": "x"})
    r.post("metric older step", M, {"run_id": "{r}", "key": "s", "value": 99, "timestamp": 9, "step": 1})
    r.post("metric same step", M, {"run_id": "{r}", "key": "s", "value": 8, "timestamp": 1, "step": 4})
    r.post("metric zero time", M, {"run_id": "{r}", "key": "z", "value": 8, "timestamp": 0})
    for name, key in BAD_KEYS.items():
        r.post("metric key " + name, M, {"run_id": "{r}", "key": key, "value": 1, "timestamp": 1})
    P = "/runs/log-parameter"
    r.post("param", P, {"run_id": "{r}", "key": "p", "value": "1"})
    r.post("param same", P, {"run_id": "{r}", "key": "p", "value": "1"})
    r.post("param other", P, {"run_id": "{r}", "key": "p", "value": "2"})
    r.post("param empty", P, {"run_id": "{r}", "key": "pe", "value": ""})
    r.post("param none", P, {"run_id": "{r}", "key": "pn"})
    r.post("param number", P, {"run_id": "{r}", "key": "pnum", "value": 5})
    r.post("param long", P, {"run_id": "{r}", "key": "pl", "value": "x" * 6001})
    r.post("param unicode", P, {"run_id": "{r}", "key": "pu", "value": "日本 ☃"})
    r.post("param no key", P, {"run_id": "{r}", "value": "1"})
    r.post("param no run", P, {"key": "a", "value": "1"})
    r.post("param missing run", P, {"run_id": "f" * 32, "key": "a", "value": "1"})
    for name, key in BAD_KEYS.items():
        r.post("param key " + name, P, {"run_id": "{r}", "key": key, "value": "1"})
    T = "/runs/set-tag"
    r.post("tag", T, {"run_id": "{r}", "key": "t", "value": "1"})
    r.post("tag again", T, {"run_id": "{r}", "key": "t", "value": "2"})
    r.post("tag empty", T, {"run_id": "{r}", "key": "te", "value": ""})
    r.post("tag none", T, {"run_id": "{r}", "key": "tn"})
    r.post("tag long", T, {"run_id": "{r}", "key": "tl", "value": "x" * 8001})
    r.post("tag number", T, {"run_id": "{r}", "key": "tnum", "value": 5})
    r.post("tag missing run", T, {"run_id": "f" * 32, "key": "a", "value": "1"})
    for name, key in BAD_KEYS.items():
        r.post("tag key " + name, T, {"run_id": "{r}", "key": key, "value": "1"})
    D = "/runs/delete-tag"
    r.post("tag delete", D, {"run_id": "{r}", "key": "t"})
    r.post("tag delete twice", D, {"run_id": "{r}", "key": "t"})
    r.post("tag delete none", D, {"run_id": "{r}"})
    r.post("tag delete missing run", D, {"run_id": "f" * 32, "key": "t"})
    r.get("all", "/runs/get", {"run_id": "{r}"})


def batch(r):
    B = "/runs/log-batch"
    r.post("experiment", "/experiments/create", {"name": "batch"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1},
           save={"r": "run.info.run_id"})

    def metric(k="m", v=1.0, t=1, s=0):
        return {"key": k, "value": v, "timestamp": t, "step": s}

    r.post("all", B, {"run_id": "{r}", "metrics": [metric("a"), metric("b", "NaN"), metric("a", 2, 2, 1)],
                      "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "v"}]})
    r.post("again", B, {"run_id": "{r}", "metrics": [metric("a")], "params": [{"key": "p", "value": "1"}]})
    r.post("empty", B, {"run_id": "{r}"})
    r.post("empty lists", B, {"run_id": "{r}", "metrics": [], "params": [], "tags": []})
    r.post("conflict", B, {"run_id": "{r}", "metrics": [metric("never")],
                           "params": [{"key": "p", "value": "2"}, {"key": "new", "value": "x"}]})
    r.post("conflicts", B, {"run_id": "{r}", "params": [{"key": "q", "value": "1"}, {"key": "p", "value": "it's"}]})
    r.post("twice", B, {"run_id": "{r}", "params": [{"key": "d", "value": "1"}, {"key": "d", "value": "1"}]})
    r.post("thrice", B, {"run_id": "{r}", "params": [{"key": "d", "value": "1"}] * 3 + [{"key": "e", "value": "2"}] * 2})
    r.post("tag twice", B, {"run_id": "{r}", "tags": [{"key": "d", "value": "1"}, {"key": "d", "value": "2"}]})
    r.post("run name", B, {"run_id": "{r}", "tags": [{"key": "mlflow.runName", "value": "by batch"}]})
    r.post("1000 metrics", B, {"run_id": "{r}", "metrics": [metric("many", i, i, i) for i in range(1000)]})
    r.post("1001 metrics", B, {"run_id": "{r}", "metrics": [metric("many", i, i, i) for i in range(1001)]})
    r.post("100 params", B, {"run_id": "{r}", "params": [{"key": "k%d" % i, "value": "v"} for i in range(100)]})
    r.post("101 params", B, {"run_id": "{r}", "params": [{"key": "x%d" % i, "value": "v"} for i in range(101)]})
    r.post("101 tags", B, {"run_id": "{r}", "tags": [{"key": "x%d" % i, "value": "v"} for i in range(101)]})
    r.post("1001 together", B, {"run_id": "{r}", "metrics": [metric("t", i) for i in range(950)],
                                "params": [{"key": "y%d" % i, "value": "v"} for i in range(51)]})
    r.post("bad metric then many", B, {"run_id": "{r}", "metrics": [metric("a#")] * 1001})
    for name, m in {
        "no key": {"value": 1, "timestamp": 1}, "no value": {"key": "a", "timestamp": 1},
        "no timestamp": {"key": "a", "value": 1}, "word": metric("a", "x"), "null": metric("a", None),
        "bad key": metric("../a"), "negative time": metric("a", 1, -5), "step word": metric("a", 1, 1, "z"),
        "time word": metric("a", 1, "z"),
    }.items():
        r.post("metric " + name, B, {"run_id": "{r}", "metrics": [metric("ok"), m]})
    for name, p in {"no key": {"value": "1"}, "empty key": {"key": "", "value": "1"}, "no value": {"key": "nv"},
                    "number": {"key": "num", "value": 1}, "bad key": {"key": "a//b", "value": "1"},
                    "long": {"key": "k" * 251, "value": "1"}, "long value": {"key": "lv", "value": "x" * 6001}}.items():
        r.post("param " + name, B, {"run_id": "{r}", "params": [{"key": "ok", "value": "1"}, p]})
        r.post("tag " + name, B, {"run_id": "{r}", "tags": [{"key": "ok", "value": "1"}, p]})
    r.post("metrics object", B, {"run_id": "{r}", "metrics": {}})
    r.post("params text", B, {"run_id": "{r}", "params": "x"})
    r.post("no run", B, {"metrics": [metric()]})
    r.post("missing run", B, {"run_id": "f" * 32, "metrics": [metric()]})
    r.post("odd run", B, {"run_id": "a/b", "metrics": [metric()]})
    r.post("number run", B, {"run_id": 5})
    r.get("after", "/runs/get", {"run_id": "{r}"})


def history(r):
    r.post("experiment", "/experiments/create", {"name": "history"}, save={"x": "experiment_id"})
    for n in ("a", "b", "c"):
        r.post("run " + n, "/runs/create", {"experiment_id": "{x}", "run_name": n, "start_time": 1},
               save={n: "run.info.run_id"})

    def points(k, values):
        return [{"key": k, "value": v, "timestamp": t, "step": s} for v, t, s in values]

    r.post("log a", "/runs/log-batch", {"run_id": "{a}", "metrics": points(
        "m", [(float(i), 100 + i, i) for i in range(50)] + [(9.5, 120, 20), ("NaN", 200, 60), ("Infinity", 201, 61)])})
    r.post("log b", "/runs/log-batch", {"run_id": "{b}", "metrics": points("m", [(i * 2.0, 50 + i, i * 10) for i in range(8)])})
    H = "/metrics/get-history"
    r.get("all of a", H, {"run_id": "{a}", "metric_key": "m"})
    r.get("some", H, {"run_id": "{a}", "metric_key": "m", "max_results": "10"}, save={"tok": "next_page_token"})
    r.get("next", H, {"run_id": "{a}", "metric_key": "m", "max_results": "10", "page_token": "{tok}"})
    r.get("many", H, {"run_id": "{a}", "metric_key": "m", "max_results": "1000"})
    r.get("bad token", H, {"run_id": "{a}", "metric_key": "m", "max_results": "3", "page_token": "zzz"})
    r.get("none", H, {"run_id": "{c}", "metric_key": "m", "max_results": "5"})
    r.get("missing run", H, {"run_id": "f" * 32, "metric_key": "m", "max_results": "5"})
    r.get("no key", H, {"run_id": "{a}"})
    r.get("no run", H, {"metric_key": "m"})
    I = "/metrics/get-history-bulk-interval"
    for name, q in {
        "all": {}, "10": {"max_results": "10"}, "3": {"max_results": "3"}, "1": {"max_results": "1"},
        "range": {"start_step": "5", "end_step": "25"}, "range 4": {"start_step": "5", "end_step": "45", "max_results": "4"},
        "half": {"start_step": "5"}, "other half": {"end_step": "5"}, "reversed": {"start_step": "9", "end_step": "2"},
        "zero": {"max_results": "0"}, "too many": {"max_results": "2501"}, "word": {"max_results": "x"},
    }.items():
        r.get("interval " + name, I, dict(q, run_ids=["{a}", "{b}", "{c}"], metric_key="m"))
    r.get("interval one", I, {"run_ids": ["{b}"], "metric_key": "m"})
    r.get("interval none", I, {"metric_key": "m"})
    r.get("interval no key", I, {"run_ids": ["{a}"]})
    r.get("interval unknown", I, {"run_ids": ["f" * 32], "metric_key": "m"})
    r.get("interval 101", I, {"run_ids": ["x%d" % i for i in range(101)], "metric_key": "m"})
    K = "!/ajax-api/2.0/mlflow/metrics/get-history-bulk"
    r.get("bulk", K, {"run_id": ["{b}"], "metric_key": "m"})
    r.get("bulk few", K, {"run_id": ["{b}"], "metric_key": "m", "max_results": "3"})
    r.get("bulk none", K, {"metric_key": "m"})
    r.get("bulk no key", K, {"run_id": ["{b}"]})
    r.get("bulk 101", K, {"run_id": ["x%d" % i for i in range(101)], "metric_key": "m"})


def run_search(r):
    r.post("experiment", "/experiments/create", {"name": "search"}, save={"x": "experiment_id"})
    r.post("experiment 2", "/experiments/create", {"name": "search2"}, save={"y": "experiment_id"})
    for i in range(8):
        r.post("run %d" % i, "/runs/create",
               {"experiment_id": "{x}" if i < 6 else "{y}", "run_name": "run-%d" % i, "start_time": 1000 + i,
                "user_id": "u%d" % (i % 2)}, save={"s%d" % i: "run.info.run_id"})
        r.post("data %d" % i, "/runs/log-batch", {"run_id": "{s%d}" % i, "metrics": [
            {"key": "acc", "value": ["0.1", "0.9", "NaN", "0.5", "0.5", "-1", "2", "3"][i], "timestamp": 1, "step": 0}]
            + ([{"key": "a b", "value": i, "timestamp": 1, "step": 0}] if i % 2 else []),
            "params": [{"key": "lr", "value": "0.%d" % i}] + ([{"key": "opt", "value": "Adam"}] if i % 3 == 0 else []),
            "tags": [{"key": "team", "value": "Red" if i % 2 else "blue"}] + ([{"key": "a.b", "value": "x_%d" % i}] if i < 3 else [])})
    r.post("finish", "/runs/update", {"run_id": "{s1}", "status": "FINISHED", "end_time": 5000})
    r.post("fail", "/runs/update", {"run_id": "{s2}", "status": "FAILED", "end_time": 4000})
    r.post("delete", "/runs/delete", {"run_id": "{s3}"})
    r.post("inputs", "/runs/log-inputs", {"run_id": "{s1}", "datasets": [
        {"tags": [{"key": "mlflow.data.context", "value": "training"}],
         "dataset": {"name": "ds", "digest": "d1", "source_type": "local", "source": "/x"}}]})
    r.post("inputs 2", "/runs/log-inputs", {"run_id": "{s4}", "datasets": [
        {"tags": [{"key": "mlflow.data.context", "value": "eval"}],
         "dataset": {"name": "other", "digest": "d2", "source_type": "local", "source": "/x"}},
        {"tags": [], "dataset": {"name": "ds", "digest": "d1", "source_type": "local", "source": "/x"}}]})
    S = "/runs/search"
    r.post("all", S, {"experiment_ids": ["{x}"]})
    r.post("two experiments", S, {"experiment_ids": ["{x}", "{y}"], "order_by": ["start_time ASC"]})
    r.post("no experiments", S, {"experiment_ids": []})
    r.post("nothing", S, {})
    r.post("unknown experiment", S, {"experiment_ids": ["424242"]})
    r.post("ids text", S, {"experiment_ids": "x"})
    r.post("ids numbers", S, {"experiment_ids": [1, 2]})
    for v in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", 2):
        r.post("view %s" % v, S, {"experiment_ids": ["{x}"], "run_view_type": v})
    for m in (0, -1, 50001, "x", "2", 2):
        r.post("max %r" % m, S, {"experiment_ids": ["{x}"], "max_results": m})
    r.post("page 1", S, {"experiment_ids": ["{x}"], "max_results": 2}, save={"tok": "next_page_token"})
    r.post("page 2", S, {"experiment_ids": ["{x}"], "max_results": 2, "page_token": "{tok}"}, save={"tok": "next_page_token"})
    r.post("page 3", S, {"experiment_ids": ["{x}"], "max_results": 2, "page_token": "{tok}"})
    r.post("bad token", S, {"experiment_ids": ["{x}"], "page_token": "nope"})
    for f in RUN_FILTERS:
        r.post("filter " + f, S, {"experiment_ids": ["{x}", "{y}"], "filter": f, "order_by": ["start_time ASC"]})
    r.post("filter ids", S, {"experiment_ids": ["{x}"], "filter": "run_id IN ('{s0}', '{s1}')"})
    r.post("filter not ids", S, {"experiment_ids": ["{x}"], "filter": "run_id NOT IN ('{s0}', '{s1}')"})
    r.post("filter id", S, {"experiment_ids": ["{x}"], "filter": "run_id = '{s0}'"})
    r.post("filter number", S, {"experiment_ids": ["{x}"], "filter": 5})
    for o in (["metrics.acc"], ["metrics.acc DESC"], ["metrics.acc ASC", "start_time DESC"], ["params.lr DESC"],
              ["params.opt"], ["tags.team DESC", "metrics.acc"], ["start_time"], ["end_time DESC"], ["created"],
              ["attribute.run_name DESC"], ["run_name"], ["metrics.`a b` DESC"], ["metrics.\"a b\""], ["status"],
              ["user_id DESC", "run_name"], ["foo"], ["foo.bar"], ["metrics.acc sideways"], ["metrics.acc ASC DESC"],
              [""], ["metrics.acc", "metrics.acc DESC"], ["dataset.name"], ["metrics.none"], ["run_id", "run_id"], "x", [5],
              ["name"], ["start_time desc"]):
        r.post("order %s" % (o,), S, {"experiment_ids": ["{x}", "{y}"], "order_by": o})
    D = "!/ajax-api/2.0/mlflow/experiments/search-datasets"
    r.post("datasets", D, {"experiment_ids": ["{x}"]})
    r.post("datasets none", D, {"experiment_ids": []})
    r.post("datasets nothing", D, {})
    r.post("datasets 21", D, {"experiment_ids": ["1"] * 21})


RUN_FILTERS = [
    "metrics.acc > 0.4", "metrics.acc >= 0.5", "metrics.acc < 0.5", "metrics.acc <= 0.1", "metrics.acc = 0.5",
    "metrics.acc != 0.5", "metric.acc > -2", "metrics.acc > 1e-1", "metrics.acc > .4", "metrics.`a b` > 2",
    "metrics.\"a b\" > 2", "metrics.acc = '0.5'", "metrics.acc", "metrics.acc > ", "metrics.acc == 0.5",
    "metrics.acc <> 0.5", "metrics.acc LIKE '1'", "metrics.acc IS NULL", "metrics.none > 0",
    "params.lr = '0.1'", "params.lr != '0.1'", "params.lr LIKE '0.%'", "params.opt ILIKE 'adam'", "params.opt LIKE 'adam'",
    "params.opt IS NULL", "params.opt IS NOT NULL", "params.opt is not null", "params.lr > '0.1'", "params.lr = 0.1",
    "params.lr = lr", "params.lr = \"0.1\"", "params.lr IN ('0.1')", "parameter.lr = '0.1'", "param.lr = '0.1'",
    "tags.team = 'Red'", "tags.team != 'Red'", "tags.team ILIKE 'r%'", "tags.`a.b` LIKE 'x\\_%'", "tags.a.b LIKE 'x%'",
    "tags.\"a.b\" = 'x_1'", "tags.team LIKE '%e%'", "tags.team > 'a'", "tags.none IS NULL", "tag.team = 'blue'",
    "status = 'FINISHED'", "attributes.status = 'FAILED'", "attr.status = 'RUNNING'", "run.status != 'RUNNING'",
    "status LIKE 'F%'", "status ILIKE 'f%'", "status IN ('FINISHED')", "status > 'A'", "user_id = 'u1'",
    "start_time > 1003", "created >= 1005", "Created < 1002", "end_time < 4500", "start_time = '1000'", "start_time LIKE '1'",
    "run_name = 'run-1'", "run_name LIKE 'run%'", "`run name` = 'run-2'", "attribute.run_name != 'run-1'",
    "artifact_uri LIKE '%artifacts'", "name = 'x'", "lifecycle_stage = 'active'", "foo = 'x'", "foo.bar = 'x'",
    "dataset.name = 'ds'", "dataset.digest = 'd2'", "dataset.context = 'eval'", "datasets.name LIKE 'o%'",
    "dataset.name IN ('ds', 'other')", "dataset.foo = 'x'", "dataset.name > 'a'", "dataset.name = 5",
    "run_id IN ()", "run_id IN ('a', 1)", "run_id IN (1)", "run_id IN ('ABC')",
    "metrics.acc > 0.1 AND params.lr = '0.1'", "metrics.acc > 0.1 and tags.team = 'Red' AND status = 'FINISHED'",
    "metrics.acc > 0.1 OR metrics.acc < 0", "NOT metrics.acc > 0.1", "(metrics.acc > 0.1)", "metrics.acc > 0.1;",
    "metrics.acc > 0.1; metrics.acc > 0.2", "metrics.acc > 0.1 AND", "AND metrics.acc > 0.1",
    "metrics.acc > 0.1 metrics.acc < 5", "metrics.acc > 0.1, metrics.acc < 5", "foo bar", "= 1", "1 > metrics.acc",
    "metrics.acc BETWEEN 0 AND 1", "metrics.a-b > 1", "metrics.acc > +1", "  ", "version = 1", "params.`lr` = `0.1`",
    "metrics.acc > 0.1 -- comment", "params.lr=''", "tags.team = 'it''s'", "metrics.acc>0.4 and metrics.acc<0.95",
]


def inputs(r):
    r.post("experiment", "/experiments/create", {"name": "inputs"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    I, O = "/runs/log-inputs", "/runs/outputs"

    def ds(name="n", digest="d", tags=(), **more):
        return {"tags": list(tags), "dataset": dict({"name": name, "digest": digest, "source_type": "local", "source": "s"}, **more)}

    r.post("one", I, {"run_id": "{r}", "datasets": [ds("a", "1", [{"key": "mlflow.data.context", "value": "train"}, {"key": "k", "value": "v"}], schema="{}", profile="{\"rows\": 5}")]})
    r.post("again", I, {"run_id": "{r}", "datasets": [ds("a", "1")]})
    r.post("two", I, {"run_id": "{r}", "datasets": [ds("b", "2"), ds("b", "2"), ds("c", "3")]})
    r.post("models", I, {"run_id": "{r}", "models": [{"model_id": "m-1"}]})
    r.post("nothing", I, {"run_id": "{r}"})
    r.post("no run", I, {"datasets": [ds()]})
    r.post("missing run", I, {"run_id": "f" * 32, "datasets": [ds()]})
    r.post("odd run", I, {"run_id": "a b", "datasets": [ds()]})
    r.post("long name", I, {"run_id": "{r}", "datasets": [ds("x" * 501)]})
    r.post("long digest", I, {"run_id": "{r}", "datasets": [ds("x", "d" * 37)]})
    r.post("long source", I, {"run_id": "{r}", "datasets": [ds("x", "d", source="s" * 65536)]})
    r.post("long tag", I, {"run_id": "{r}", "datasets": [ds("x", "d", [{"key": "k" * 256, "value": "v"}])]})
    r.post("long tag value", I, {"run_id": "{r}", "datasets": [ds("x", "d", [{"key": "k", "value": "v" * 501}])]})
    r.post("datasets object", I, {"run_id": "{r}", "datasets": {}})
    r.post("outputs", O, {"run_id": "{r}", "models": [{"model_id": "m-2", "step": 3}]})
    r.post("outputs step text", O, {"run_id": "{r}", "models": [{"model_id": "m-3", "step": "7"}]})
    r.post("outputs none", O, {"run_id": "{r}"})
    r.post("outputs no run", O, {"models": []})
    r.post("outputs missing", O, {"run_id": "f" * 32, "models": [{"model_id": "m-2", "step": 3}]})
    r.get("get", "/runs/get", {"run_id": "{r}"})
    L = "/runs/log-model"
    r.post("log model", L, {"run_id": "{r}", "model_json": "{\"artifact_path\": \"m\", \"flavors\": {}, \"utc_time_created\": \"t\", \"run_id\": \"x\"}"})
    r.post("log model bad", L, {"run_id": "{r}", "model_json": "nope"})
    r.post("log model partial", L, {"run_id": "{r}", "model_json": "{\"artifact_path\": \"m\", \"flavors\": {}, \"utc_time_created\": \"t\"}"})
    r.post("log model none", L, {"run_id": "{r}"})


def logged_models(r):
    r.post("experiment", "/experiments/create", {"name": "logged"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    L = "/logged-models"
    r.post("create", L, {"experiment_id": "{x}", "name": "one", "model_type": "cls", "source_run_id": "{r}",
                         "params": [{"key": "a", "value": "1"}], "tags": [{"key": "t", "value": "v"}]}, save={"m1": "model.info.model_id"})
    r.pause()
    r.post("create 2", L, {"experiment_id": "{x}", "name": "two"}, save={"m2": "model.info.model_id"})
    r.pause()
    r.post("experiment 2", "/experiments/create", {"name": "logged 2"}, save={"x2": "experiment_id"})
    r.post("create no name", L, {"experiment_id": "{x2}"}, save={"m3": "model.info.model_id"})
    for name, body in {"no experiment": {}, "missing experiment": {"experiment_id": "4711"}, "word": {"experiment_id": "x"},
                       "slash": {"experiment_id": "{x}", "name": "a/b"}, "dot": {"experiment_id": "{x}", "name": "a.b"},
                       "quote": {"experiment_id": "{x}", "name": "a'b"}, "number": {"experiment_id": "{x}", "name": 5},
                       "tags text": {"experiment_id": "{x}", "tags": "x"}}.items():
        r.post("create bad " + name, L, body)
    r.get("get", L + "/{m1}", {})
    r.get("get missing", L + "/m-nope", {})
    r.patch("finalize", L + "/{m1}", {"model_id": "{m1}", "status": "LOGGED_MODEL_READY"})
    r.patch("finalize number", L + "/{m2}", {"model_id": "{m2}", "status": 3})
    r.patch("finalize none", L + "/{m1}", {"model_id": "{m1}"})
    r.patch("finalize no id", L + "/{m1}", {"status": "LOGGED_MODEL_READY"})
    r.patch("finalize missing", L + "/m-nope", {"model_id": "m-nope", "status": "LOGGED_MODEL_READY"})
    r.patch("tags", L + "/{m1}/tags", {"tags": [{"key": "u", "value": "w"}, {"key": "t", "value": "v2"}]})
    r.patch("tags missing", L + "/m-nope/tags", {"tags": [{"key": "u", "value": "w"}]})
    r.delete("tag delete", L + "/{m1}/tags/u", {})
    r.delete("tag delete twice", L + "/{m1}/tags/u", {})
    r.delete("tag delete missing", L + "/m-nope/tags/u", {})
    r.post("params", L + "/{m1}/params", {"model_id": "{m1}", "params": [{"key": "b", "value": "2"}]})
    r.post("params missing", L + "/m-nope/params", {"model_id": "m-nope", "params": [{"key": "b", "value": "2"}]})
    r.post("metric", "/runs/log-metric", {"run_id": "{r}", "key": "acc", "value": 0.9, "timestamp": 5, "step": 1, "model_id": "{m1}", "dataset_name": "ds", "dataset_digest": "d1"})
    r.post("metric 2", "/runs/log-batch", {"run_id": "{r}", "metrics": [{"key": "acc", "value": 0.5, "timestamp": 6, "step": 1, "model_id": "{m2}"}]})
    r.get("get after", L + "/{m1}", {})
    r.get("directories", L + "/{m1}/artifacts/directories", {})
    r.get("directories bad", L + "/{m1}/artifacts/directories", {"artifact_directory_path": "../x"})
    S = L + "/search"
    r.post("search", S, {"experiment_ids": ["{x}"]})
    r.post("search none", S, {})
    r.post("search empty", S, {"experiment_ids": []})
    r.post("search page", S, {"experiment_ids": ["{x}"], "max_results": 1}, save={"tok": "next_page_token"})
    r.post("search page 2", S, {"experiment_ids": ["{x}"], "max_results": 1, "page_token": "{tok}"})
    for f in ("name = 'one'", "attributes.name = 'one'", "name != 'one'", "name LIKE 'o%'", "name ILIKE 'O%'", "name like 'o%'",
              "metrics.acc > 0.6", "metrics.acc <= 0.6", "params.a = '1'", "tags.t = 'v2'", "tags.t != 'v2'", "model_type = 'cls'",
              "creation_timestamp > 0", "creation_time > 0", "metrics.acc LIKE 'x'", "foo.bar = 'x'", "metric.acc > 1",
              "name = 'one' AND metrics.acc > 0.1", "name = 'one' OR name = 'two'", "name", "name IN ('one','two')", "source_run_id = '{r}'"):
        r.post("filter " + f, S, {"experiment_ids": ["{x}"], "filter": f, "order_by": [{"field_name": "name"}]})
    for name, o in {"name": [{"field_name": "name"}], "name desc": [{"field_name": "name", "ascending": False}],
                    "metric": [{"field_name": "metrics.acc"}], "metric desc": [{"field_name": "metrics.acc", "ascending": False}],
                    "metric dataset": [{"field_name": "metrics.acc", "dataset_name": "ds"}], "creation": [{"field_name": "creation_timestamp"}],
                    "params": [{"field_name": "params.a"}], "nope": [{"field_name": "nope"}]}.items():
        r.post("order " + name, S, {"experiment_ids": ["{x}"], "order_by": o})
    r.post("datasets", S, {"experiment_ids": ["{x}"], "datasets": [{"dataset_name": "ds"}]})
    r.post("datasets digest", S, {"experiment_ids": ["{x}"], "datasets": [{"dataset_name": "ds", "dataset_digest": "d1"}], "filter": "metrics.acc > 0.1"})
    r.post("datasets bad", S, {"experiment_ids": ["{x}"], "datasets": [{"dataset_digest": "d1"}]})
    r.delete("delete", L + "/{m3}", {})
    r.get("get deleted", L + "/{m3}", {})
    r.get("get deleted allowed", L + "/{m3}", {"allow_deleted": "true"})
    r.delete("delete missing", L + "/m-nope", {})
    r.post("search after", S, {"experiment_ids": ["{x}"]})


BAD_MODELS = {"slash": "a/b", "colon": "a:b", "blank": "  ", "empty": "", "dots": "..", "dot": ".", "number": 5, "null": None,
              "list": ["a"], "hidden": "..a"}


def models(r):
    C = "/registered-models/"
    r.post("create", C + "create", {"name": "m1", "description": "text", "tags": [{"key": "a", "value": "b"}]})
    r.post("create plain", C + "create", {"name": "m2"})
    r.post("create twice", C + "create", {"name": "m1"})
    r.post("create unicode", C + "create", {"name": "modèle ☃"})
    r.post("create prompt", C + "create", {"name": "p1", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    r.post("create prompt twice", C + "create", {"name": "p1", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    r.post("create model like prompt", C + "create", {"name": "p1"})
    r.post("create prompt like model", C + "create", {"name": "m1", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    for n, v in BAD_MODELS.items():
        r.post("create bad " + n, C + "create", {"name": v})
        r.get("get bad " + n, C + "get", {"name": v if isinstance(v, str) else "zz"})
    r.post("create bad tags", C + "create", {"name": "zz", "tags": "x"})
    r.post("create bad tag key", C + "create", {"name": "zz", "tags": [{"key": "a//b", "value": "v"}]})
    r.post("create bad description", C + "create", {"name": "zz", "description": 5})
    r.get("get", C + "get", {"name": "m1"})
    r.get("get missing", C + "get", {"name": "nope"})
    r.get("get none", C + "get", {})
    r.patch("update", C + "update", {"name": "m1", "description": "other"})
    r.patch("update none", C + "update", {"name": "m2"})
    r.patch("update empty", C + "update", {"name": "m2", "description": ""})
    r.patch("update missing", C + "update", {"name": "nope", "description": "x"})
    r.patch("update number", C + "update", {"name": "m1", "description": 5})
    r.post("rename", C + "rename", {"name": "m2", "new_name": "m2b"})
    r.post("rename taken", C + "rename", {"name": "m2b", "new_name": "m1"})
    r.post("rename missing", C + "rename", {"name": "nope", "new_name": "x"})
    r.post("rename none", C + "rename", {"name": "m2b"})
    r.post("rename bad", C + "rename", {"name": "m2b", "new_name": "a/b"})
    r.post("rename blank", C + "rename", {"name": "m2b", "new_name": " "})
    r.post("tag", C + "set-tag", {"name": "m1", "key": "k", "value": "v"})
    r.post("tag missing", C + "set-tag", {"name": "nope", "key": "k", "value": "v"})
    r.post("tag no key", C + "set-tag", {"name": "m1", "value": "v"})
    for n, v in BAD_KEYS.items():
        r.post("tag key " + n, C + "set-tag", {"name": "m1", "key": v, "value": "v"})
    r.post("tag long", C + "set-tag", {"name": "m1", "key": "long", "value": "v" * 100001})
    r.delete("tag delete", C + "delete-tag", {"name": "m1", "key": "k"})
    r.delete("tag delete twice", C + "delete-tag", {"name": "m1", "key": "k"})
    r.delete("tag delete missing", C + "delete-tag", {"name": "nope", "key": "k"})
    r.get("after", C + "get", {"name": "m1"})
    r.post("latest of none", C + "get-latest-versions", {"name": "m1"})
    r.post("latest missing", C + "get-latest-versions", {"name": "nope"})
    r.delete("delete", C + "delete", {"name": "m2b"})
    r.delete("delete twice", C + "delete", {"name": "m2b"})
    r.delete("delete none", C + "delete", {})
    r.get("get deleted", C + "get", {"name": "m2b"})


def versions(r):
    V, C = "/model-versions/", "/registered-models/"
    r.post("experiment", "/experiments/create", {"name": "versions"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    r.post("logged", "/logged-models", {"experiment_id": "{x}", "name": "lm", "source_run_id": "{r}"}, save={"lm": "model.info.model_id"})
    r.post("model", C + "create", {"name": "v"})
    r.post("create", V + "create", {"name": "v", "source": "s3://b/m", "run_id": "{r}", "run_link": "http://x", "description": "d",
                                    "tags": [{"key": "a", "value": "b"}]})
    r.post("create 2", V + "create", {"name": "v", "source": "mlflow-artifacts:/1/2/artifacts/m"})
    r.post("create logged", V + "create", {"name": "v", "source": "models:/{lm}", "model_id": "{lm}"})
    r.post("create of version", V + "create", {"name": "v", "source": "models:/v/1"})
    r.post("create of nothing", V + "create", {"name": "v", "source": "models:/m-nope"})
    r.get("logged after", "/logged-models/{lm}", {})
    for n, s in {"file": "file:///etc/passwd", "path": "/etc/passwd", "relative": "a/b", "dots": "s3://b/../c", "encoded": "s3://b/%2e%2e/c",
                 "twice encoded": "s3://b/%252e%252e/c", "dot": "s3://b/./c", "bucket": "s3://b", "slashes": "s3://b//c//d",
                 "query": "s3://b/c?x=../y", "http": "http://h/api/2.0/mlflow-artifacts/artifacts/x", "runs": "runs:/{r}/model",
                 "empty": "", "number": 5, "trailing": "s3://b/c/", "plus": "s3://b/a+b", "nul": "s3://b/%00c", "fragment": "s3://b/c#../d"}.items():
        r.post("source " + n, V + "create", {"name": "v", "source": s})
    r.post("local with run", V + "create", {"name": "v", "source": "/tmp/x", "run_id": "{r}"})
    r.post("local missing run", V + "create", {"name": "v", "source": "/tmp/x", "run_id": "f" * 32})
    r.post("local with model", V + "create", {"name": "v", "source": "/tmp/x", "model_id": "{lm}"})
    r.post("missing model", V + "create", {"name": "nope", "source": "s3://b/c"})
    r.post("bad name", V + "create", {"name": "a/b", "source": "s3://b/c"})
    r.post("no source", V + "create", {"name": "v"})
    r.post("no name", V + "create", {"source": "s3://b/c"})
    r.post("bad tag", V + "create", {"name": "v", "source": "s3://b/c", "tags": [{"key": "..", "value": "x"}]})
    r.post("prompt", C + "create", {"name": "pv", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    r.post("prompt version", V + "create", {"name": "pv", "source": "prompt-template", "tags": [
        {"key": "mlflow.prompt.is_prompt", "value": "true"}, {"key": "mlflow.prompt.text", "value": "Hi {{name}}"}]})
    r.post("prompt file", V + "create", {"name": "pv", "source": "file:///x", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    r.post("prompt path", V + "create", {"name": "pv", "source": "/x", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
    for n, q in {"1": "1", "3": "3", "missing": "99", "word": "abc", "zero": "0", "negative": "-1", "empty": ""}.items():
        r.get("get " + n, V + "get", {"name": "v", "version": q})
        r.get("uri " + n, V + "get-download-uri", {"name": "v", "version": q})
    r.get("get missing model", V + "get", {"name": "nope", "version": "1"})
    r.get("get none", V + "get", {})
    r.get("uri none", V + "get-download-uri", {})
    r.get("uri of version", V + "get-download-uri", {"name": "v", "version": "4"})
    r.patch("update", V + "update", {"name": "v", "version": "1", "description": "new"})
    r.patch("update missing", V + "update", {"name": "v", "version": "77", "description": "new"})
    r.patch("update number", V + "update", {"name": "v", "version": 1, "description": "new"})
    T = V + "transition-stage"
    for s in ("Staging", "production", "ARCHIVED", "None", "nope", "", 5):
        r.post("stage %s" % s, T, {"name": "v", "version": "1", "stage": s})
    r.post("stage 2", T, {"name": "v", "version": "2", "stage": "Production"})
    r.post("stage archive", T, {"name": "v", "version": "1", "stage": "Production", "archive_existing_versions": True})
    r.get("archived", V + "get", {"name": "v", "version": "2"})
    r.post("stage archive none", T, {"name": "v", "version": "1", "stage": "Archived", "archive_existing_versions": True})
    r.post("stage archive word", T, {"name": "v", "version": "1", "stage": "Production", "archive_existing_versions": "yes"})
    r.post("stage missing", T, {"name": "v", "version": "55", "stage": "Production"})
    r.post("latest", C + "get-latest-versions", {"name": "v"})
    r.get("latest get", C + "get-latest-versions", {"name": "v"})
    r.post("latest production", C + "get-latest-versions", {"name": "v", "stages": ["Production"]})
    r.post("latest bad", C + "get-latest-versions", {"name": "v", "stages": ["nope"]})
    r.post("latest text", C + "get-latest-versions", {"name": "v", "stages": "Production"})
    A = C + "alias"
    r.post("alias", A, {"name": "v", "alias": "champion", "version": "1"})
    r.post("alias moves", A, {"name": "v", "alias": "champion", "version": "2"})
    r.post("alias 2", A, {"name": "v", "alias": "Other_1-x", "version": "2"})
    for n, a in {"latest": "latest", "Latest": "Latest", "v1": "v1", "V22": "V22", "blank": "a b", "dot": "a.b", "empty": "", "long": "x" * 256,
                 "number": 5, "digits": "123", "unicode": "é"}.items():
        r.post("alias bad " + n, A, {"name": "v", "alias": a, "version": "1"})
    r.post("alias no version", A, {"name": "v", "alias": "x"})
    r.post("alias bad version", A, {"name": "v", "alias": "x", "version": "abc"})
    r.post("alias missing version", A, {"name": "v", "alias": "x", "version": "88"})
    r.post("alias missing model", A, {"name": "nope", "alias": "x", "version": "1"})
    r.get("alias get", A, {"name": "v", "alias": "champion"})
    r.get("alias get missing", A, {"name": "v", "alias": "nope"})
    r.get("alias get missing model", A, {"name": "nope", "alias": "champion"})
    r.get("alias get none", A, {"name": "v"})
    r.get("with aliases", V + "get", {"name": "v", "version": "2"})
    r.get("model with aliases", C + "get", {"name": "v"})
    r.delete("alias delete", A, {"name": "v", "alias": "Other_1-x"})
    r.delete("alias delete twice", A, {"name": "v", "alias": "Other_1-x"})
    r.delete("alias delete missing model", A, {"name": "nope", "alias": "a"})
    r.post("tag", V + "set-tag", {"name": "v", "version": "1", "key": "k", "value": "v"})
    r.post("tag missing", V + "set-tag", {"name": "v", "version": "66", "key": "k", "value": "v"})
    r.post("tag bad version", V + "set-tag", {"name": "v", "version": "x", "key": "k", "value": "v"})
    r.post("tag none", V + "set-tag", {"name": "v", "version": "1", "value": "v"})
    r.post("tag bad key", V + "set-tag", {"name": "v", "version": "1", "key": "a//", "value": "v"})
    r.post("tag long prompt", V + "set-tag", {"name": "v", "version": "1", "key": "mlflow.prompt.text", "value": "v" * 100001})
    r.delete("tag delete", V + "delete-tag", {"name": "v", "version": "1", "key": "k"})
    r.delete("tag delete twice", V + "delete-tag", {"name": "v", "version": "1", "key": "k"})
    r.delete("tag delete missing", V + "delete-tag", {"name": "v", "version": "66", "key": "k"})
    r.delete("delete", V + "delete", {"name": "v", "version": "2"})
    r.delete("delete twice", V + "delete", {"name": "v", "version": "2"})
    r.delete("delete none", V + "delete", {"name": "v"})
    r.get("get deleted", V + "get", {"name": "v", "version": "2"})
    r.get("alias of deleted", A, {"name": "v", "alias": "champion"})
    r.post("create after delete", V + "create", {"name": "v", "source": "s3://b/last"})


def registry_search(r):
    C, V = "/registered-models/", "/model-versions/"
    for i in range(4):
        r.post("model %d" % i, C + "create", {"name": "rs-%d" % i, "tags": [{"key": "team", "value": "Red" if i % 2 else "blue"}]})
        r.pause()
        r.post("version %d" % i, V + "create", {"name": "rs-%d" % i, "source": "s3://b/%d" % i, "run_id": "abc%d" % i, "tags": [{"key": "k", "value": str(i)}]})
        r.pause()
    r.post("version more", V + "create", {"name": "rs-1", "source": "s3://b/more"})
    S = C + "search"
    for f in ("name = 'rs-1'", "name LIKE 'rs-%'", "name ILIKE 'RS-%'", "name like 'rs-%'", "name != 'rs-1' AND name LIKE 'rs%'", "tags.team = 'Red'",
              "tags.team != 'Red'", "tag.team = 'blue'", "tags.`team` ILIKE 'r%'", "name > 'a'", "name IN ('rs-1')", "tags.team > 'a'", "nope = 'x'",
              "foo.bar = 'x'", "name = 5", "name", "name = 'rs-1' OR name = 'rs-2'", "tags.mlflow.prompt.is_prompt = 'true'",
              "tags.`mlflow.prompt.is_prompt` = 'true'", "tags.`mlflow.prompt.is_prompt` != 'true'", "tags.`mlflow.prompt.is_prompt` = 'false' AND name LIKE 'rs%'",
              "attribute.name = 'rs-1'", "name IS NULL"):
        r.get("models " + f, S, {"filter": f, "order_by": ["name ASC"]})
    for o in ("name", "name DESC", "timestamp", "last_updated_timestamp DESC", "creation_timestamp", "nope", "name sideways", ""):
        r.get("models order " + o, S, {"filter": "name LIKE 'rs-%'", "order_by": [o]})
    r.get("models page", S, {"filter": "name LIKE 'rs-%'", "max_results": "2"}, save={"tok": "next_page_token"})
    r.get("models page 2", S, {"filter": "name LIKE 'rs-%'", "max_results": "2", "page_token": "{tok}"})
    r.get("models all", S, {})
    for m in ("0", "-1", "1001", "x"):
        r.get("models max " + m, S, {"max_results": m})
    r.get("models bad token", S, {"page_token": "???"})
    S = V + "search"
    for f in ("name = 'rs-1'", "name='rs-1'", "name LIKE 'rs-%'", "name ILIKE 'RS%' AND version_number > 1", "run_id = 'abc1'", "run_id IN ('abc1','abc2')", "run_id NOT IN ('abc1')",
              "source_path = 's3://b/1'", "source_path LIKE 's3://b/%'", "version_number = 1 AND name LIKE 'rs%'", "version_number >= 2", "version_number = '1'", "version_number LIKE '1'",
              "tags.k = '1'", "tags.k != '1'", "tag.k ILIKE '1'", "tags.k > '1'", "name > 'a'", "name IN ('a')", "name = 5", "nope = 'x'", "foo.k = 'x'", "name", "run_id = 5",
              "name = 'rs-1' OR name = 'x'", "tags.`mlflow.prompt.is_prompt` = 'true'", "current_stage = 'None'"):
        r.get("versions " + f, S, {"filter": f, "order_by": ["name ASC", "version_number ASC"]})
    for o in (["name"], ["name DESC"], ["version_number DESC", "name"], ["creation_timestamp"], ["last_updated_timestamp DESC"], ["nope"], ["name", "name"]):
        r.get("versions order %s" % o, S, {"filter": "name LIKE 'rs-%'", "order_by": o})
    r.get("versions page", S, {"filter": "name LIKE 'rs-%'", "max_results": "2", "order_by": ["name"]}, save={"tok": "next_page_token"})
    r.get("versions page 2", S, {"filter": "name LIKE 'rs-%'", "max_results": "2", "order_by": ["name"], "page_token": "{tok}"})
    for m in ("0", "200001", "x"):
        r.get("versions max " + m, S, {"filter": "name LIKE 'rs-%'", "max_results": m})


def artifacts(r):
    A = "!/api/2.0/mlflow-artifacts/artifacts"
    r.put("put", A + "/d/a.txt", b"hello")
    r.put("put bytes", A + "/d/sub/b.bin", bytes(range(256)) * 10)
    r.put("put empty", A + "/d/empty.json", b"")
    r.put("put again", A + "/d/a.txt", b"hello again")
    r.get("get", A + "/d/a.txt", {})
    r.get("get bytes", A + "/d/sub/b.bin", {})
    r.get("get empty", A + "/d/empty.json", {})
    r.get("get missing", A + "/d/nope", {})
    r.get("get folder", A + "/d", {})
    r.get("list", A, {"path": "d"})
    r.get("list root", A, {})
    r.get("list sub", A, {"path": "d/sub"})
    r.get("list slash", A, {"path": "d/"})
    r.get("list missing", A, {"path": "nope"})
    r.get("list file", A, {"path": "d/a.txt"})
    for p in ("..", "../x", "/etc", "d/../../x", "%2e%2e/x", "a#b", "%252e%252e/x"):
        r.get("list bad " + p, A, {"path": p})
    for p in ("%2e%2e/x", "d/%2e%2e/%2e%2e/x", "%252e%252e/x", "..%2fx", "a%23b", "%2fetc/passwd"):
        r.get("get bad " + p, A + "/" + p, {})
        r.put("put bad " + p, A + "/" + p, b"x")
        r.delete("delete bad " + p, A + "/" + p, {})
    r.put("put over folder", A + "/d/sub", b"x")
    r.delete("delete", A + "/d/a.txt", {})
    r.delete("delete twice", A + "/d/a.txt", {})
    r.delete("delete folder", A + "/d/sub", {})
    r.get("list after", A, {"path": "d"})
    r.post("mpu", "!/api/2.0/mlflow-artifacts/mpu/create/d/x", {"path": "x", "num_parts": 0})
    r.get("presigned", "!/api/2.0/mlflow-artifacts/presigned/d/x", {})
    r.post("experiment", "/experiments/create", {"name": "artifacts"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    r.put("put run", A + "/{x}/{r}/artifacts/model/MLmodel", b"flavors: {}\n")
    r.put("put run 2", A + "/{x}/{r}/artifacts/top.png", b"png")
    r.get("run list", "/artifacts/list", {"run_id": "{r}"})
    r.get("run list folder", "/artifacts/list", {"run_id": "{r}", "path": "model"})
    r.get("run list file", "/artifacts/list", {"run_id": "{r}", "path": "top.png"})
    r.get("page get", "!/get-artifact", {"run_id": "{r}", "path": "model/MLmodel"})
    r.get("page get uuid", "!/get-artifact", {"run_uuid": "{r}", "path": "top.png"})
    r.get("page bad", "!/get-artifact", {"run_id": "{r}", "path": "../x"})


def codec(r):
    P = "/experiments/create"
    r.raw("no type", "POST", P, b"{}", None)
    r.raw("text type", "POST", P, b"{}", "text/plain")
    r.raw("charset", "POST", P, b"{\"name\": \"c1\"}", "application/json; charset=utf-8")
    r.raw("upper type", "POST", P, b"{}", "Application/JSON")
    r.raw("not json", "POST", P, b"{name: 1", "application/json")
    r.raw("empty", "POST", P, b"", "application/json")
    r.raw("null", "POST", P, b"null", "application/json")
    r.raw("double encoded", "POST", P, b"\"{\\\"name\\\": \\\"c2\\\"}\"", "application/json")
    r.raw("get with nothing", "GET", "/experiments/get", None, None)
    r.raw("patch no type", "PATCH", "/registered-models/update", b"{}", None)
    r.raw("put no type", "PUT", "/runs/create", b"{}", "application/json")
    r.get("server info", "!/api/3.0/mlflow/server-info", {})
    r.get("server info ajax", "!/ajax-api/3.0/mlflow/server-info", {})
    r.get("ajax", "!/ajax-api/2.0/mlflow/experiments/get", {"experiment_id": "0"})
    r.get("health", "!/health", {})
    r.get("version", "!/version", {})


AREAS = [experiments, experiment_search, runs, logging, batch, history, run_search, inputs, logged_models, models, versions, registry_search, artifacts, codec] + mlflow_more_cases.AREAS + mlflow_grammar_cases.AREAS
