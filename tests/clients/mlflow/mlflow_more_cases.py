# SPDX-License-Identifier: Apache-2.0
"""More requests for the differential test: wrong types field by field, the corners of the search
grammar, forged page tokens, odd URLs, webhooks and prompts. See mlflow_cases.py."""

ODD = {"number": 5, "float": 1.5, "true": True, "null": None, "empty": "", "word": "x", "list": [], "list of number": [1],
       "list of object": [{}], "object": {}, "nested": {"key": "a", "value": "b"}}


def wrong(r, method, path, good, skip=()):
    """Each field of a good request in turn with each odd value."""
    send = {"POST": r.post, "PATCH": r.patch, "DELETE": r.delete}[method]
    for field in good:
        if field in skip:
            continue
        for name, value in ODD.items():
            send("%s %s: %s" % (path, field, name), path, dict(good, **{field: value}))


def types_of_tracking(r):
    r.post("experiment", "/experiments/create", {"name": "types"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    wrong(r, "POST", "/experiments/update", {"experiment_id": "{x}", "new_name": "types"}, skip=("new_name",))
    wrong(r, "POST", "/experiments/delete-experiment-tag", {"experiment_id": "{x}", "key": "k"})
    wrong(r, "POST", "/experiments/search", {"filter": "name = 'types'", "order_by": ["name"], "view_type": 1, "max_results": 5, "page_token": ""})
    wrong(r, "POST", "/runs/update", {"run_id": "{r}", "status": "RUNNING", "end_time": 5}, skip=())
    wrong(r, "POST", "/runs/log-parameter", {"run_id": "{r}", "key": "p", "value": "1"}, skip=("value", "key"))
    wrong(r, "POST", "/runs/set-tag", {"run_id": "{r}", "key": "t", "value": "1"})
    wrong(r, "POST", "/runs/delete-tag", {"run_id": "{r}", "key": "t"})
    wrong(r, "POST", "/runs/log-metric", {"run_id": "{r}", "key": "m", "value": 1, "timestamp": 1, "step": 0}, skip=("value",))
    wrong(r, "POST", "/runs/log-batch", {"run_id": "{r}", "metrics": [], "params": [], "tags": []})
    wrong(r, "POST", "/runs/search", {"experiment_ids": ["{x}"], "filter": "", "run_view_type": 1, "max_results": 5, "order_by": [], "page_token": ""})
    wrong(r, "POST", "/runs/log-model", {"run_id": "{r}", "model_json": "{}"})
    r.get("run after", "/runs/get", {"run_id": "{r}"})
    wrong(r, "POST", "/runs/log-inputs", {"run_id": "{r}", "datasets": [], "models": []})
    wrong(r, "POST", "/runs/outputs", {"run_id": "{r}", "models": []})


def types_of_models(r):
    r.post("experiment", "/experiments/create", {"name": "types of models"}, save={"x": "experiment_id"})
    r.post("model", "/logged-models", {"experiment_id": "{x}", "name": "lm"}, save={"m": "model.info.model_id"})
    wrong(r, "POST", "/logged-models/search", {"experiment_ids": ["{x}"], "filter": "", "max_results": 5, "order_by": [], "datasets": [], "page_token": ""})
    wrong(r, "POST", "/logged-models", {"experiment_id": "{x}", "name": "lm2", "model_type": "t", "source_run_id": "", "params": [], "tags": []})
    wrong(r, "PATCH", "/logged-models/{m}", {"status": "LOGGED_MODEL_READY"})
    wrong(r, "PATCH", "/logged-models/{m}/tags", {"tags": []})
    wrong(r, "POST", "/logged-models/{m}/params", {"params": []})
    r.post("registered", "/registered-models/create", {"name": "ty"})
    r.post("version", "/model-versions/create", {"name": "ty", "source": "s3://b/1"})
    wrong(r, "PATCH", "/registered-models/update", {"name": "ty", "description": "d"})
    wrong(r, "POST", "/registered-models/set-tag", {"name": "ty", "key": "k", "value": "v"})
    wrong(r, "DELETE", "/registered-models/delete-tag", {"name": "ty", "key": "k"})
    wrong(r, "POST", "/registered-models/alias", {"name": "ty", "alias": "a", "version": "1"})
    wrong(r, "DELETE", "/registered-models/alias", {"name": "ty", "alias": "a"})
    wrong(r, "POST", "/registered-models/get-latest-versions", {"name": "ty", "stages": []})
    wrong(r, "PATCH", "/model-versions/update", {"name": "ty", "version": "1", "description": "d"})
    wrong(r, "POST", "/model-versions/transition-stage", {"name": "ty", "version": "1", "stage": "Staging", "archive_existing_versions": False})
    wrong(r, "POST", "/model-versions/set-tag", {"name": "ty", "version": "1", "key": "k", "value": "v"})
    wrong(r, "DELETE", "/model-versions/delete-tag", {"name": "ty", "version": "1", "key": "k"})
    wrong(r, "POST", "/model-versions/create", {"name": "ty", "source": "s3://b/2", "run_id": "", "tags": [], "run_link": "", "description": "", "model_id": ""},
          skip=("source",))
    r.get("after", "/model-versions/get", {"name": "ty", "version": "1"})


# Corners that each dialect has: words of SQL, quotes, blanks, comments, brackets, joins.
CORNERS = [
    "name = true", "name = TRUE", "name = null", "name = NULL", "name = current_date", "nope = true", "true = 'x'", "null = 'x'",
    "name = 'a\" b'", "name = \"a' b\"", "name = 'a", "name = a'", "name = ''", "name = '%'", "name LIKE '%'", "name LIKE ''", "name LIKE '_%'",
    "name   =   'x'", "name\t=\t'x'", "name\n=\n'x'", " name = 'x' ", "name='x'AND name='y'", "name = 'x' AND AND name = 'y'", "name = 'x' AND",
    "name = 'x',", "name = 'x' name = 'y'", "name = 'x';", "; name = 'x'", "name = 'x' -- c", "/* c */ name = 'x'", "name = 'x' # c",
    "(name = 'x')", "((name = 'x'))", "name = ('x')", "name = 'x' AND (name = 'y')", "NOT name = 'x'", "name NOT LIKE 'x'", "name NOT ILIKE 'x'",
    "name = 'x' or name = 'y'", "name BETWEEN 'a' AND 'b'", "name IS 'x'", "name IS NOT 'x'", "name IS null", "name is not NULL", "name IN ()", "name IN 'x'",
    "name IN ('x', 'y')", "name IN ('x',)", "name NOT IN ('x')", "name IN (1)", "`name` = 'x'", "\"name\" = 'x'", "'name' = 'x'", "name = `x`", "name = x", "name = x.y",
    "name = 5", "name = -5", "name = 5.5", "name = 'é☃'", "NAME = 'x'", "Name = 'x'", "name = N'x'", "name <=> 'x'", "name !== 'x'", "name =! 'x'", "name ~ 'x'",
    "name <> 'x'", "name == 'x'", "'x' = name", "name", "name =", "= 'x'", "5 = 5", "name.a = 'x'", "a.b.c = 'x'", ".name = 'x'", "name. = 'x'",
    "tags.a = 'x'", "tags.a != 'x'", "tags.`a b` = 'x'", "tags.\"a b\" = 'x'", "tags.'a b' = 'x'", "tags.a b = 'x'", "tags.a-b = 'x'", "tags.a.b = 'x'", "tags. = 'x'", "tags.`a = 'x'",
    "tags.user = 'x'", "tags.type = 'x'", "tags.order = 'x'", "tags.group = 'x'", "tags.select = 'x'", "tags.end = 'x'", "tags.a = true", "tags.a = 5", "tags.a = NULL",
    "tags.a IS NULL", "tags.a IS NOT NULL", "tags.a IN ('x')", "tags.a < 'x'", "tags.a LIKE 'x%' AND tags.b ILIKE 'Y%'", "TAGS.a = 'x'", "Tag.a = 'x'", "tag.a = 'x'",
    "order = 'x'", "user = 'x'", "type = 'x'", "key = 'x'", "value = 'x'", "count(name) = 'x'", "name = lower('x')", "name = 'x' UNION SELECT 1", "SELECT name", "DROP TABLE runs",
    "1 = 1", "name = 'x' AND 1 = 1", "name || 'x' = 'y'", "name + 1 = 2", "name = 'x' || 'y'", "name = :x", "name = ?", "name = @x", "name = $1", "*", "name = *",
]

RUN_CORNERS = [
    "metrics.m = NULL", "metrics.m = true", "metrics.m = nan", "metrics.m = 'nan'", "metrics.m = inf", "metrics.m > -1", "metrics.m > - 1", "metrics.m > 1.", "metrics.m > 1e5",
    "metrics.m > 1E-5", "metrics.m > 0x10", "metrics.m > 1_000", "metrics.m IN (1)", "metrics.user > 1", "metrics.`m` > 1", "metrics.'m' > 1", "metrics.m.n > 1", "metrics.m/n > 1",
    "metrics.m > params.p", "params.p = metrics.m", "params.p LIKE 5", "params.p = NULL", "params.p IS null", "params.`p q` = 'x'", "params.p/q = 'x'", "params.type = 'x'",
    "status = finished", "status = 'finished'", "status = NULL", "status IS NULL", "end_time IS NULL", "end_time = NULL", "start_time > '1000'", "start_time > 1e3", "start_time > 1000.5",
    "start_time IN (1000)", "run_id LIKE 'zz%'", "run_id != 'x'", "run_id IS NULL", "run_id NOT IN ('x','y')", "run_id in ('x')", "run_id IN ('x' 'y')", "run_id IN ('x','y'",
    "run_id IN (x)", "run_id IN (\"x\")", "run_id IN (`x`)", "artifact_uri = 's3:x'", "user_id IS NULL", "user_id LIKE 'u%'", "run_name IN ('a','b')", "run_name IS NULL",
    "`Run name` = 'x'", "attributes.`Run name` = 'x'", "attributes.run_name = 'x'", "attr.run_id = 'x'", "run.run_id = 'x'", "attribute.start_time > 0", "attributes.nope = 'x'",
    "dataset.name = NULL", "dataset.name IS NULL", "dataset.name LIKE 'd%' AND dataset.digest = 'x'", "dataset.digest IN ('a')", "dataset.digest NOT IN ('a')", "datasets.context LIKE 'tr%'",
    "dataset.`name` = 'x'", "dataset.source = 'x'", "model.name = 'x'", "experiment_id = '0'", "experiment_id = 0", "lifecycle_stage = 'deleted'", "deleted_time > 0", "tags.`mlflow.runName` = 'x'",
    "tags.mlflow.runName = 'x'", "metrics.m > 1 AND metrics.m < 2 AND metrics.m != 1.5 AND params.p = 'x' AND tags.t = 'y'", "metrics.m>1", "metrics.m>=1 and params.p='x'", "metrics.m =1",
]

LOGGED_CORNERS = [
    "model_id = 'x'", "model_id IN ('x')", "model_id LIKE 'm-%'", "model_id IS NULL", "model_type = 'x'", "status = 'READY'", "status = 'LOGGED_MODEL_READY'", "status = 'ready'", "status != 'PENDING'",
    "status IN ('READY','PENDING')", "status LIKE 'R%'", "source_run_id = 'x'", "source_run_id IS NULL", "experiment_id = '1'", "artifact_location LIKE '%x'", "creation_timestamp > 0",
    "creation_timestamp_ms > 0", "creation_timestamp = 'x'", "last_updated_timestamp > 5", "last_updated_timestamp_ms > 5", "creation_time > 0", "attributes.name = 'lm'", "attribute.model_type = 'x'",
    "metrics.acc > 0", "metrics.acc = '1'", "metrics.acc > NULL", "metrics.acc", "params.p = 'x'", "params.p > 'x'", "params.p IS NULL", "params.p = 5", "tags.t IS NOT NULL", "metrics.`acc b` > 0",
    "name = 'lm' AND metrics.acc > 0.1 AND params.p = '1' AND tags.t = 'v'", "name = 'lm' OR name = 'x'", "name NOT IN ('x')", "nope.a = 'x'", "dataset.name = 'x'",
]

VERSION_CORNERS = [
    "version_number = NULL", "version_number = true", "version_number = 1.5", "version_number = -1", "version_number > '1'", "version_number IN (1)", "version_number != 1", "version_number <> 1",
    "version = 1", "version_number <= 1 AND version_number >= 1", "run_id IN ()", "run_id IN ('')", "run_id IN ('a', 'b', 'c')", "run_id IN ('A')", "run_id NOT IN ('a','b')", "run_id != 'a'", "run_id LIKE 'a'",
    "run_id IS NULL", "source_path IN ('a')", "source_path != 's3://b/1'", "source_path ILIKE 'S3%'", "source = 'x'", "creation_timestamp > 0", "last_updated_timestamp > 0", "description = 'x'", "aliases = 'x'",
    "name = 'ty' AND run_id IN ('a') AND tags.k = 'v'", "attribute.name = 'ty'", "attributes.version_number = 1", "status = 'READY'",
]


def corners(r):
    r.post("experiment", "/experiments/create", {"name": "x", "tags": [{"key": "a", "value": "x"}, {"key": "user", "value": "x"}, {"key": "type", "value": "x"}]}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "x", "start_time": 1000, "user_id": "u1",
                                   "tags": [{"key": "a", "value": "x"}, {"key": "a b", "value": "x"}, {"key": "order", "value": "x"}, {"key": "t", "value": "y"}]}, save={"r": "run.info.run_id"})
    r.post("fill", "/runs/log-batch", {"run_id": "{r}", "metrics": [{"key": "m", "value": 1.2, "timestamp": 1, "step": 0}, {"key": "user", "value": 2, "timestamp": 1, "step": 0}],
                                       "params": [{"key": "p", "value": "x"}, {"key": "type", "value": "x"}, {"key": "p q", "value": "x"}]})
    r.post("model", "/logged-models", {"experiment_id": "{x}", "name": "lm", "model_type": "x", "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "v"}]}, save={"m": "model.info.model_id"})
    r.post("metric of model", "/runs/log-metric", {"run_id": "{r}", "key": "acc", "value": 0.5, "timestamp": 1, "model_id": "{m}"})
    r.post("registered", "/registered-models/create", {"name": "x", "tags": [{"key": "a", "value": "x"}]})
    r.post("version", "/model-versions/create", {"name": "x", "source": "s3://b/1", "tags": [{"key": "a", "value": "x"}]})
    for f in CORNERS:
        r.post("experiments " + f, "/experiments/search", {"max_results": 5, "filter": "%s" % f, "order_by": ["name"]})
    for f in CORNERS + RUN_CORNERS:
        r.post("runs " + f, "/runs/search", {"experiment_ids": ["{x}"], "filter": f})
    for f in CORNERS + LOGGED_CORNERS:
        r.post("logged models " + f, "/logged-models/search", {"experiment_ids": ["{x}"], "filter": f})
    for f in CORNERS:
        r.get("models " + f, "/registered-models/search", {"filter": f, "max_results": "3"})
    for f in CORNERS + VERSION_CORNERS:
        r.get("versions " + f, "/model-versions/search", {"filter": f, "max_results": "3"})


ORDERS = ["name", "name asc", "name Asc", "name DESC", "NAME", "Name desc", " name", "name ", "name  DESC", "name DESC ", "name,experiment_id", "name ASC, name DESC", "`name`", "\"name\"", "'name'", "name DESC NULLS LAST",
          "name;", "name --", "tags.a", "tags.`a`", "tags.\"a\" DESC", "tags.a b", "params.p", "params.`p q` DESC", "metrics.m", "metrics.m DESC", "metrics.`m` ASC", "metrics.\"m\"", "metrics.'m'", "metrics.m desc",
          "metrics.", "metrics", "attribute.name", "attributes.name DESC", "attr.name", "start_time ASC", "attributes.start_time", "Created", "created DESC", "end_time",
          "last_update_time", "last_update_time DESC", "creation_time", "creation_timestamp", "creation_timestamp DESC", "last_updated_timestamp", "timestamp DESC", "timestamp_ms", "version_number", "version_number ASC",
          "experiment_id", "status", "user_id", "run_name ASC", "`Run name`", "Run name", "lifecycle_stage", "dataset.name", "foo.bar DESC", "true", "null", "1", "1 DESC", "*", "DESC", "ASC", "name ASCENDING"]


def orders(r):
    for i in range(3):
        r.post("experiment %d" % i, "/experiments/create", {"name": "order-%d" % i, "tags": [{"key": "a", "value": str(9 - i)}]}, save={"x%d" % i: "experiment_id"})
        r.post("registered %d" % i, "/registered-models/create", {"name": "order-%d" % i})
        r.post("version %d" % i, "/model-versions/create", {"name": "order-%d" % i, "source": "s3://b/%d" % i})
        r.post("run %d" % i, "/runs/create", {"experiment_id": "{x0}", "run_name": "r%d" % (2 - i), "start_time": 1000 + i, "user_id": "u%d" % (i % 2)}, save={"r%d" % i: "run.info.run_id"})
        r.post("fill %d" % i, "/runs/log-batch", {"run_id": "{r%d}" % i, "metrics": [{"key": "m", "value": [2, "NaN", "Infinity"][i], "timestamp": 1, "step": 0}],
                                                  "params": [{"key": "p", "value": str(i * 7)}] if i else []})
        r.post("model %d" % i, "/logged-models", {"experiment_id": "{x0}", "name": "lm%d" % i})
        r.pause()
    for o in ORDERS:
        r.post("experiments " + o, "/experiments/search", {"max_results": 50, "filter": "name LIKE 'order-%'", "order_by": [o]})
        r.post("runs " + o, "/runs/search", {"experiment_ids": ["{x0}"], "order_by": [o]})
        r.get("models " + o, "/registered-models/search", {"filter": "name LIKE 'order-%'", "order_by": o})
        r.get("versions " + o, "/model-versions/search", {"filter": "name LIKE 'order-%'", "order_by": o})
        r.post("logged models " + o, "/logged-models/search", {"experiment_ids": ["{x0}"], "order_by": [{"field_name": o}]})
    for name, o in {"down": {"field_name": "name", "ascending": False}, "no field": {}, "dataset": {"field_name": "metrics.m", "dataset_name": "d"}, "dataset and digest": {"field_name": "metrics.m", "dataset_name": "d", "dataset_digest": "1"},
                    "digest alone": {"field_name": "metrics.m", "dataset_digest": "1"}, "text": "name", "ascending word": {"field_name": "name", "ascending": "x"}, "dataset of name": {"field_name": "name", "dataset_name": "d"}}.items():
        r.post("logged models by " + name, "/logged-models/search", {"experiment_ids": ["{x0}"], "order_by": [o]})


# Tokens that look like those of the Python server: base64 of a number, of JSON, of rubbish.
TOKENS = {"zero": "MA==", "one": "MQ==", "negative": "LTE=", "word": "YWJj", "float": "MS41", "json": "eyJvZmZzZXQiOiAxfQ==", "json word": "eyJvZmZzZXQiOiAieCJ9", "json negative": "eyJvZmZzZXQiOiAtMX0=",
          "no padding": "MQ", "bad letters": "@@@@", "empty": "", "blank": " ", "null text": "null", "huge": "OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "utf-8": "4piD", "plain number": "1", "url safe": "-_-_"}


def tokens(r):
    r.post("experiment", "/experiments/create", {"name": "tokens"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    for i in range(3):
        r.post("metric %d" % i, "/runs/log-metric", {"run_id": "{r}", "key": "m", "value": i, "timestamp": i, "step": i})
    r.post("registered", "/registered-models/create", {"name": "tokens"})
    for name, t in TOKENS.items():
        r.post("experiments " + name, "/experiments/search", {"max_results": 1, "page_token": t, "order_by": ["name DESC"], "filter": "name LIKE 'tok%'"})
        r.post("runs " + name, "/runs/search", {"experiment_ids": ["{x}"], "page_token": t})
        r.get("models " + name, "/registered-models/search", {"filter": "name = 'tokens'", "page_token": t})
        r.get("versions " + name, "/model-versions/search", {"filter": "name = 'tokens'", "page_token": t})
        r.post("logged models " + name, "/logged-models/search", {"experiment_ids": ["{x}"], "page_token": t})
        r.get("history " + name, "/metrics/get-history", {"run_id": "{r}", "metric_key": "m", "max_results": "2", "page_token": t})
        r.get("webhooks " + name, "/webhooks", {"page_token": t})


def urls(r):
    r.post("experiment", "/experiments/create", {"name": "urls"}, save={"x": "experiment_id"})
    for p in ("/experiments/get/", "/experiments/get//", "//experiments/get", "/experiments//get", "/Experiments/get", "/experiments/GET", "/experiments/get%20", "/experiments/get;x=1", "/experiments", "/experiments/", "/", "",
              "/experiments/list", "/nope", "/runs", "/runs/get/x", "/metrics", "/logged-models/", "/logged-models/x/y", "/registered-models/list", "/artifacts", "/users/get", "/model-versions"):
        r.get("get " + p, p, {"experiment_id": "{x}"})
    for p in ("/experiments/create/", "/runs/search/", "/experiments/get", "/runs/get", "/metrics/get-history", "/model-versions/get", "/registered-models/get", "/artifacts/list"):
        r.post("post " + p, p, {"experiment_id": "{x}"})
    for p in ("!/api/1.0/mlflow/experiments/get", "!/api/3.0/mlflow/experiments/get", "!/ajax-api/3.0/mlflow/experiments/get", "!/ajax-api/2.0/mlflow/experiments/get", "!/api/2.0/preview/mlflow/experiments/get",
              "!/ajax-api/2.0/preview/mlflow/experiments/get", "!/api/2.0/mlflow/experiments/get", "!/API/2.0/mlflow/experiments/get", "!/api/2.0//mlflow/experiments/get", "!/mlflow/experiments/get", "!/api/2.0/mlflow-artifacts",
              "!/api/2.0/mlflow-artifacts/nope", "!/ajax-api/2.0/mlflow-artifacts/artifacts", "!/api/3.0/mlflow/server-info/", "!/health/", "!/version/", "!/api"):
        r.get("prefix " + p, p, {"experiment_id": "{x}"})
    for name, q in {"twice": [("experiment_id", "{x}"), ("experiment_id", "0")], "empty first": [("experiment_id", ""), ("experiment_id", "0")], "unknown": [("experiment_id", "0"), ("nope", "1")],
                    "camel": [("experimentId", "0")], "blank": [("experiment_id", " 0 ")], "plus": [("experiment_id", "+0")], "zeros": [("experiment_id", "000")], "list": [("experiment_id[]", "0")], "none": [],
                    "huge": [("experiment_id", "9" * 30)], "minus": [("experiment_id", "-1")], "hex": [("experiment_id", "0x1")], "json": [("experiment_id", "[0]")]}.items():
        target = "/experiments/get?" + "&".join("%s=%s" % (k, v.replace("+", "%2B").replace(" ", "+")) for k, v in q)
        r.get("query " + name, target, {})
    for p in ("/experiments/search", "/runs/search", "/registered-models/create", "/model-versions/create", "/logged-models/search", "/webhooks"):
        for name, body in {"empty": b"", "null": b"null", "list": b"[]", "number": b"5", "text": b"\"x\"", "true": b"true", "object": b"{}", "twice": b"{\"name\": \"a\", \"name\": 5}", "cut": b"{\"name\":", "tail": b"{} x",
                           "comment": b"{/* */}", "single": b"{'name': 'x'}", "nan": b"{\"max_results\": NaN}", "bom": b"\xef\xbb\xbf{}", "comma": b"{\"name\": \"x\",}", "unknown": b"{\"nope\": {\"a\": [1]}}"}.items():
            r.raw("body %s %s" % (p, name), "POST", p, body, "application/json")
    for m in ("PUT", "DELETE", "PATCH", "POST"):
        r.raw("%s of a GET route" % m, m, "/experiments/get", b"{}", "application/json")
    for m in ("PUT", "DELETE", "PATCH"):
        r.raw("%s of a POST route" % m, m, "/runs/create", b"{}", "application/json")


EVENT = {"entity": "MODEL_VERSION", "action": "CREATED"}


def webhooks(r):
    W, ok = "/webhooks", {"name": "w", "url": "https://example.com/h", "events": [EVENT]}
    r.post("create", W, ok, save={"w": "webhook.webhook_id"})
    r.post("create all", W, dict(ok, name="w2", description="what for", secret="s", status="DISABLED", events=[EVENT, {"entity": "PROMPT", "action": "CREATED"}]), save={"w2": "webhook.webhook_id"})
    r.post("same name", W, ok, save={"w3": "webhook.webhook_id"})
    for field in ok:
        r.post("without " + field, W, {k: v for k, v in ok.items() if k != field})
    for field, values in {"name": ["", " ", "a b", "a/b", "x" * 63, "x" * 64, "x" * 256, "-a", "a-", "ü", "a.b", "a_b", 5, None, []],
                          "url": ["", " ", "x", "http://example.com", "ftp://example.com", "https://", "https:///x", "HTTPS://example.com", "https://[x", "example.com", "https://example.com:99999/", 5, None],
                          "events": [[], {}, "x", None, [{}], [{"entity": "MODEL_VERSION"}], [{"action": "CREATED"}], [{"entity": "MODEL_VERSION", "action": "EXCEEDED"}], [{"entity": "REGISTERED_MODEL", "action": "SET"}], [5], [{"entity": 2, "action": 1}]],
                          "status": ["ACTIVE", "DISABLED", 5, None, ""], "secret": ["", "x", 5, None], "description": ["", "x" * 5000, 5, None]}.items():
        for v in values:
            r.post("create %s %.60r" % (field, v), W, dict(ok, **{field: v}), save={"n": "webhook.webhook_id"})
            r.delete("clean %s %.60r" % (field, v), W + "/{n}", {})
    r.get("get", W + "/{w}", {})
    r.get("get all", W + "/{w2}", {})
    r.get("get missing", W + "/nope", {})
    for name, body in {"name": {"name": "renamed"}, "description": {"description": "d"}, "url": {"url": "https://example.com/2"}, "bad url": {"url": "nope"}, "bad name": {"name": "a b"}, "events": {"events": [{"entity": "MODEL_VERSION_TAG", "action": "SET"}]},
                       "no events": {"events": []}, "secret": {"secret": "t"}, "nothing": {}, "empty name": {"name": ""}, "empty url": {"url": ""}, "number": {"name": 5}, "empty description": {"description": ""}, "status": {"status": "DISABLED"}}.items():
        r.patch("update " + name, W + "/{w}", body)
    r.patch("update missing", W + "/nope", {"name": "x"})
    r.get("updated", W + "/{w}", {})
    r.get("list", W, {})
    for m in ("1", "0", "-1", "1000", "1001", "x", ""):
        r.get("list max " + m, W, {"max_results": m}, save={"tok": "next_page_token"})
    r.get("list page 1", W, {"max_results": "2"}, save={"tok": "next_page_token"})
    r.get("list page 2", W, {"max_results": "2", "page_token": "{tok}"})
    r.delete("delete", W + "/{w}", {})
    r.delete("delete twice", W + "/{w}", {})
    r.post("test missing", W + "/nope/test", {})
    r.get("list after", W, {})


def prompts(r):
    C, V = "/registered-models/", "/model-versions/"
    is_prompt = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    text = {"key": "mlflow.prompt.text", "value": "Hello {{name}}"}
    r.post("create", C + "create", {"name": "p1", "tags": [is_prompt, {"key": "lang", "value": "en"}]})
    r.post("create twice", C + "create", {"name": "p1", "tags": [is_prompt]})
    r.post("model of the name", C + "create", {"name": "p1"})
    r.post("plain model", C + "create", {"name": "pm"})
    r.post("prompt of a model's name", C + "create", {"name": "pm", "tags": [is_prompt]})
    for n in ("a/b", "a:b", "", "..", "q" * 251, "ü", "a b"):
        r.post("name " + n, C + "create", {"name": n, "tags": [is_prompt]})
    r.post("not a prompt", C + "create", {"name": "np", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "false"}]})
    r.post("version", V + "create", {"name": "p1", "source": "dummy-source", "tags": [is_prompt, text], "description": "first"})
    r.post("version 2", V + "create", {"name": "p1", "source": "dummy-source", "tags": [is_prompt, dict(text, value="Hi {{name}}"), {"key": "mlflow.prompt.response_format", "value": "{}"}]})
    r.post("version no text", V + "create", {"name": "p1", "source": "dummy-source", "tags": [is_prompt]})
    r.post("version of a plain model", V + "create", {"name": "pm", "source": "dummy-source", "tags": [is_prompt, text]})
    r.post("plain version of a prompt", V + "create", {"name": "p1", "source": "s3://b/x"})
    r.post("version file source", V + "create", {"name": "p1", "source": "file:///etc/passwd", "tags": [is_prompt, text]})
    r.post("version absolute source", V + "create", {"name": "p1", "source": "/etc/passwd", "tags": [is_prompt, text]})
    r.post("version dots", V + "create", {"name": "p1", "source": "../x", "tags": [is_prompt, text]})
    r.post("long text", V + "create", {"name": "p1", "source": "dummy-source", "tags": [is_prompt, dict(text, value="x" * 100001)]})
    r.post("text of 5001", V + "create", {"name": "p1", "source": "dummy-source", "tags": [is_prompt, dict(text, value="x" * 5001)]})
    r.get("get", C + "get", {"name": "p1"})
    r.get("get version", V + "get", {"name": "p1", "version": "1"})
    for a in ("prod", "latest", "v1", "1", "a b", "ü", "a" * 257, "champion"):
        r.post("alias " + a, C + "alias", {"name": "p1", "alias": a, "version": "1"})
        r.get("by alias " + a, C + "alias", {"name": "p1", "alias": a})
    r.post("alias of no version", C + "alias", {"name": "p1", "alias": "x", "version": "99"})
    r.post("alias of no prompt", C + "alias", {"name": "nope", "alias": "x", "version": "1"})
    r.get("no alias", C + "alias", {"name": "p1", "alias": "nope"})
    r.post("tag", C + "set-tag", {"name": "p1", "key": "k", "value": "v"})
    r.post("tag of version", V + "set-tag", {"name": "p1", "version": "1", "key": "k", "value": "v"})
    r.post("text again", V + "set-tag", {"name": "p1", "version": "1", "key": "mlflow.prompt.text", "value": "other"})
    r.delete("delete tag", C + "delete-tag", {"name": "p1", "key": "k"})
    r.post("stage", V + "transition-stage", {"name": "p1", "version": "1", "stage": "Staging"})
    for f in ("", "name = 'p1'", "tags.`mlflow.prompt.is_prompt` = 'true'", "tags.`mlflow.prompt.is_prompt` = 'true' AND name LIKE 'p%'", "tags.`mlflow.prompt.is_prompt` = 'True'", "tags.`mlflow.prompt.is_prompt` != 'true' AND name LIKE 'p%'",
              "tags.lang = 'en'", "tags.lang = 'en' AND tags.`mlflow.prompt.is_prompt` = 'true'", "tags.\"mlflow.prompt.is_prompt\" = 'true'", "tags.mlflow.prompt.is_prompt = 'true' AND name = 'p1'", "tags.`mlflow.prompt.is_prompt` = 'false'"):
        r.get("search " + f, C + "search", {"filter": (f + " AND " if f and "name" not in f else "") + ("name LIKE 'p%'" if "name" not in f else f) if f else "name LIKE 'p%'"})
        r.get("search versions " + f, V + "search", {"filter": f if "name" in f else "name = 'p1'" + (" AND " + f if f else "")})
    r.patch("describe", V + "update", {"name": "p1", "version": "2", "description": "new"})
    r.delete("delete version", V + "delete", {"name": "p1", "version": "2"})
    r.get("latest", C + "get-latest-versions", {"name": "p1"})
    r.post("rename", C + "rename", {"name": "p1", "new_name": "p1b"})
    r.get("renamed", C + "get", {"name": "p1b"})
    r.delete("delete", C + "delete", {"name": "p1b"})
    r.get("gone", C + "get", {"name": "p1b"})


def intervals(r):
    r.post("experiment", "/experiments/create", {"name": "intervals"}, save={"x": "experiment_id"})
    for i in range(2):
        r.post("run %d" % i, "/runs/create", {"experiment_id": "{x}", "run_name": "n%d" % i, "start_time": i}, save={"r%d" % i: "run.info.run_id"})
    r.post("fill", "/runs/log-batch", {"run_id": "{r0}", "metrics": [{"key": "m", "value": i, "timestamp": i, "step": i * 3} for i in range(40)]})
    r.post("fill repeats", "/runs/log-batch", {"run_id": "{r0}", "metrics": [{"key": "m", "value": -i, "timestamp": 100 + i, "step": 30} for i in range(4)]})
    r.post("fill other", "/runs/log-batch", {"run_id": "{r1}", "metrics": [{"key": "m", "value": v, "timestamp": i, "step": -5 + i} for i, v in enumerate([1, "NaN", "Infinity", "-Infinity", 1e300, 5e-324])]})
    P = "/metrics/get-history-bulk-interval"
    for m in ("1", "2", "3", "5", "7", "10", "39", "40", "41", "100", "2500", "2501", "0", "-1", "x", "1.5", ""):
        r.get("max " + m, P, {"run_ids": ["{r0}", "{r1}"], "metric_key": "m", "max_results": m})
    for a, b in ((0, 10), (10, 10), (30, 30), (10, 0), (-10, 0), (-5, 120), (115, 500), (1000, 2000), (-1, -1), ("x", 5), ("", ""), (1.5, 3)):
        r.get("from %s to %s" % (a, b), P, {"run_ids": ["{r0}", "{r1}"], "metric_key": "m", "start_step": a, "end_step": b, "max_results": "4"})
    r.get("only start", P, {"run_ids": ["{r0}"], "metric_key": "m", "start_step": 3})
    r.get("only end", P, {"run_ids": ["{r0}"], "metric_key": "m", "end_step": 3})
    r.get("same run twice", P, {"run_ids": ["{r0}", "{r0}"], "metric_key": "m", "max_results": "3"})
    r.get("no such run", P, {"run_ids": ["f" * 32], "metric_key": "m"})
    r.get("one of two", P, {"run_ids": ["{r0}", "f" * 32], "metric_key": "m", "max_results": "2"})
    r.get("no such metric", P, {"run_ids": ["{r0}"], "metric_key": "nope"})
    r.get("empty run", P, {"run_ids": [""], "metric_key": "m"})
    r.get("100 runs", P, {"run_ids": ["r%d" % i for i in range(100)], "metric_key": "m"})
    r.get("101 runs", P, {"run_ids": ["r%d" % i for i in range(101)], "metric_key": "m"})
    B = "!/ajax-api/2.0/mlflow/metrics/get-history-bulk"
    for m in ("1", "3", "0", "-1", "25000", "25001", "x", ""):
        r.get("bulk max " + m, B, {"run_id": ["{r0}"], "metric_key": "m", "max_results": m})
    r.get("bulk unknown", B, {"run_id": ["f" * 32], "metric_key": "m"})
    r.get("bulk no metric", B, {"run_id": ["{r0}"], "metric_key": "nope"})
    H = "/metrics/get-history"
    for m in ("1", "0", "-1", "x", "25000", "50001", ""):
        r.get("history max " + m, H, {"run_id": "{r1}", "metric_key": "m", "max_results": m})
    r.get("history empty key", H, {"run_id": "{r1}", "metric_key": ""})
    r.get("history no run", H, {"metric_key": "m"})
    r.get("history missing run", H, {"run_id": "f" * 32, "metric_key": "m"})


def io(r):
    r.post("experiment", "/experiments/create", {"name": "io"}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})
    r.post("model", "/logged-models", {"experiment_id": "{x}", "name": "lm"}, save={"m": "model.info.model_id"})
    D = {"name": "d", "digest": "1", "source_type": "local", "source": "s"}
    for field in D:
        r.post("without " + field, "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": {k: v for k, v in D.items() if k != field}}]})
        for name, v in {"number": 5, "null": None, "empty": "", "list": [], "object": {}}.items():
            r.post("%s %s" % (field, name), "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": dict(D, **{field: v})}]})
    for name, tags in {"no key": [{"value": "v"}], "no value": [{"key": "k"}], "empty key": [{"key": "", "value": "v"}], "number": [{"key": 5, "value": "v"}], "twice": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}],
                       "object": {}, "long value": [{"key": "k", "value": "v" * 501}], "odd key": [{"key": "a#b", "value": "v"}]}.items():
        r.post("tags " + name, "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"tags": tags, "dataset": dict(D, name="t" + name)}]})
    r.post("no dataset", "/runs/log-inputs", {"run_id": "{r}", "datasets": [{}]})
    r.post("long schema", "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": dict(D, name="ls", schema="s" * 1048576)}]})
    r.post("longer schema", "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": dict(D, name="ls2", schema="s" * 1048577)}]})
    r.post("long profile", "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": dict(D, name="lp", profile="s" * 16777217)}]})
    for name, models in {"good": [{"model_id": "{m}"}], "twice": [{"model_id": "{m}"}, {"model_id": "{m}"}], "no id": [{}], "empty id": [{"model_id": ""}], "number": [{"model_id": 5}], "missing": [{"model_id": "m-nope"}], "text": ["x"]}.items():
        r.post("model input " + name, "/runs/log-inputs", {"run_id": "{r}", "models": models})
    for name, models in {"good": [{"model_id": "{m}", "step": 1}], "other step": [{"model_id": "{m}", "step": 2}], "no step": [{"model_id": "{m}"}], "negative": [{"model_id": "{m}", "step": -1}], "text step": [{"model_id": "{m}", "step": "3"}],
                         "word": [{"model_id": "{m}", "step": "x"}], "float": [{"model_id": "{m}", "step": 1.5}], "no id": [{"step": 1}], "missing": [{"model_id": "m-nope", "step": 1}], "huge": [{"model_id": "{m}", "step": 2 ** 63}]}.items():
        r.post("model output " + name, "/runs/outputs", {"run_id": "{r}", "models": models})
    r.post("outputs of no run", "/runs/outputs", {"run_id": "f" * 32, "models": [{"model_id": "{m}", "step": 1}]})
    r.post("outputs without run", "/runs/outputs", {"models": [{"model_id": "{m}", "step": 1}]})
    r.post("delete run", "/runs/delete", {"run_id": "{r}"})
    r.post("inputs of deleted", "/runs/log-inputs", {"run_id": "{r}", "datasets": [{"dataset": D}]})
    r.post("outputs of deleted", "/runs/outputs", {"run_id": "{r}", "models": [{"model_id": "{m}", "step": 9}]})
    r.get("after", "/runs/get", {"run_id": "{r}"})


AREAS = [types_of_tracking, types_of_models, corners, orders, tokens, urls, webhooks, prompts, intervals, io]
