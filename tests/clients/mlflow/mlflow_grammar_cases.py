# SPDX-License-Identifier: Apache-2.0
"""Filters and orders as people mistype them, pages that are not here, values of odd types: what the
other files do not ask."""

# With {a} for an attribute of the dialect and {t} for a name with a prefix that it knows.
FILTERS = ["{a} = 'x', {a} = 'y'", "{a} = 'x' AND {a} = 'y', {a} = 'z'", "{a} = 'x' , ", ", {a} = 'x'", "{a} = f ('x')",
           "{a} = 'x' /* c */", "{a} /* c */ = 'x'", "{a} = /* c */ 'x'", "{a} = 'x' -- c", "{a} = 'x' --c\n AND {a} = 'y'", "{a} = 'x' #c",
           "{a} = 'x' AND (({a} = 'y'))", "{a} = 'x' AND({a} = 'y')", "NOT({a} = 'x')", "{a} = 'x' OR {a} = 'y'", "{a} = 'x' or {a} = 'y'", "{a} = 'x' XOR {a} = 'y'",
           "{a} = 'x' && {a} = 'y'", "{a} = 'x' {a} = 'y'", "{a} = 'x' AND AND {a} = 'y'", "{a} 'x'", "= 'x'", "{a} =", "{a}", "'x'", "AND", "{a} = 'x' AND {a}", "{a} = 'x' AND 'y'",
           "{a} == 'x'", "{a} <> 'x'", "{a} =! 'x'", "{a} => 'x'", "{a} := 'x'", "{a} ~ 'x'", "{a} <=> 'x'", "{a} IS 'x'", "{a} IS NOT 'x'", "{a} LIKE x", "{a} LIKE 5", "{a} like 'x%'", "{a} Ilike 'X%'",
           "{a} NOT LIKE 'x'", "{a} RLIKE 'x'", "{a} REGEXP 'x'", "{a} SIMILAR TO 'x'", "{a} BETWEEN 'a' AND 'b'", "{a} IN 'x'", "{a} IN ['x']", "{a} IN ('x',)", "{a} IN ('x', 'y')", "{a} NOT IN ('x', 'y')",
           "{a} IN ('x', 5)", "{a} IN (\"x\")", "{a} IN ('x'", "{a} IN x", "{a} = TRUE", "{a} = true", "{a} = NULL", "{a} = None", "{a} = 5", "{a} = -5", "{a} = 5.5", "{a} = 1e3", "{a} > 'x'", "{a} >= 'x'",
           "{a} = `x`", "{a} = \"x\"", "{a} = x", "{a} = 'it''s'", "{a} = 'it\\'s'", "{a} = \"it's\"", "{a} = 'x", "{a} = x'", "{a} = ''", "{a} = '%'", "{a}='x'", "{a}  =  'x'", "{a}\n=\n'x'", "\t{a} = 'x'\t", "({a} = 'x')",
           "{a} = 'ü☃'", "ü = 'x'", "`{a}` = 'x'", "\"{a}\" = 'x'", "'{a}' = 'x'", "{t}.a = 'x'", "{t}.`a b` = 'x'", "{t}.\"a b\" = 'x'", "{t}.'a b' = 'x'", "{t}.a b = 'x'", "{t}.a.b = 'x'", "{t}.a-b = 'x'", "{t}.a/b = 'x'",
           "{t}.`a`.`b` = 'x'", "{t}.`` = 'x'", "{t} = 'x'", "{t}.key = 'x'", "{t}.value = 'x'", "{t}.count = 'x'", "{t}.count(a) = 'x'", "{t}.1 = 'x'", "{t}.1a = 'x'", "{t}. a = 'x'", "{t} .a = 'x'", "{t}..a = 'x'", "{t}[a] = 'x'", "{t}.a[0] = 'x'",
           "{t}.ü = 'x'", "{t}.$a = 'x'", "{t}.a:b = 'x'", "{t}.a@b = 'x'", "{t}.a = 5", "{t}.a > 5", "{t}.a != 'x'", "{t}.a LIKE '%x'", "{t}.a IN ('x')", "{t}.a = b.c", "5 = {a}", "'x' = {a}", "{a} = {a}", "{a} = {t}.a", "SELECT 1", "{a} = 'x' LIMIT 1",
           "{a} = 'x' ORDER BY {a}", "{a} = 'x' WHERE {a} = 'y'", "WHERE {a} = 'x'", "{a} = 'x';", "{a} = 'x'; {a} = 'y'", "nope = 'x'", "nope.a = 'x'", "{a}.b = 'x'", "attribute.{a} = 'x'", "attributes.{a} = 'x'", "attr.{a} = 'x'", "run.{a} = 'x'",
           "case = 'x'", "end = 'x'", "date = 'x'", "{a} = date 'x'", "{a} = 0x1F", "{a} = 1_000", "{a} = .5", "{a} = 5.", "{a} = +5", "{a} = - 5", "{a} = 1/2", "{a} = CASE WHEN 1 THEN 'x' END", "{a} = 'x'::text", "{a} = :x", "{a} = %s", "{a} = @x", "{a} -> 'x' = 'y'"]
METRICS = ["metrics.m > 0", "metrics.m > '0'", "metrics.m > x", "metrics.m > -1", "metrics.m > - 1", "metrics.m > +1", "metrics.m > 1.", "metrics.m > .1", "metrics.m > 1e-3", "metrics.m > 1E5", "metrics.m > inf", "metrics.m > 0x1F", "metrics.m > 1_0",
           "metrics.m LIKE '1'", "metrics.m IN (1)", "metrics.m IS NULL", "metrics.m = TRUE", "metrics.m = NULL", "metric.m = 1", "metrics.`m` = 1", "metrics.\"m\" = 1", "metrics.m == 1", "metrics.m <> 1", "metrics.m = 1 + 1", "metrics.m BETWEEN 1 AND 2", "metrics.m = 1 AND params.p = 'x'",
           "params.p = 1", "params.p = 'x'", "params.p > 'x'", "param.p = 'x'", "parameters.p = 'x'", "parameter.p = 'x'", "params.p IN ('x')", "params.p IS NULL", "params.p IS NOT NULL", "params.p is null", "datasets.name = 'd'", "dataset.digest = 'd'", "datasets.context = 'train'",
           "datasets.name IN ('d', 'e')", "datasets.nope = 'd'", "datasets.name > 'd'", "start_time > 5", "start_time > '5'", "start_time = x", "end_time < 5", "end_time IS NULL", "status = 'RUNNING'", "status = RUNNING", "status != 'running'", "status IN ('RUNNING')",
           "attributes.status = 'RUNNING'", "attributes.nope = 'x'", "run_id = 'x'", "run_id IN ('x', 'y')", "run_id NOT IN ('x')", "run_id IN ()", "run_id IN (1)", "run_id IN ('A', 'b')", "`run id` = 'x'", "\"Run name\" = 'x'", "`Run Name` LIKE 'x%'", "Created > 5", "created > 5",
           "creation_time > 5", "last_update_time > '5'", "version_number > 0", "version_number = '1'", "version_number LIKE '1'", "source_path = 's'", "source_path IN ('s')", "creation_timestamp > 5", "creation_timestamp_ms > 5", "last_updated_timestamp > 5", "model_type = 'x'", "model_id IN ('A', 'b')",
           "name IN ('Lm-A', 'x')", "name NOT IN ('Lm-A')", "status = 'LOGGED_MODEL_READY'", "status = 'READY'", "experiment_id = '0'", "source_run_id = 'x'", "prompt = 'x'", "tags.mlflow.source.type = 'x'", "tags.`mlflow.user` = 'x'", "artifact_uri LIKE '%'", "user_id = 'x'"]
ORDERS = ["name", "name ASC", "name asc", "name DESC", "name descending", "name DESC NULLS LAST", "name, run_id", "name;", "name -- c", "(name)", "name + 1", "-name", "lower(name)", "'name'", "'name' DESC", "`name` DESC", "\"name\" DESC", "name  DESC", " name", "name ", "",
          " ", "metrics.m", "metrics.`m` DESC", "metrics.a b", "metrics.`a b` DESC", "metrics.a-b", "metrics.a/b DESC", "params.p ASC", "tags.t", "tag.name", "tags.name DESC", "tags.nope", "attribute.name", "attributes.name", "attr.name", "datasets.name", "nope", "nope.x", "timestamp", "timestamp DESC",
          "last_updated_timestamp DESC", "creation_timestamp", "creation_time", "last_update_time DESC", "experiment_id", "version_number DESC", "version", "start_time DESC", "status", "run_name", "Run Name", "`Run Name`", "Created DESC", "created", "count", "count DESC", "date", "1", "1 ASC", "5.5 DESC", "NULL", "name DESC, start_time", "ü", "metrics.ü DESC"]
SEARCHES = (("experiments", "name", "tags", lambda r, n, b: r.post(n, "/experiments/search", dict(b, max_results=3))),
            ("runs", "run_name", "params", lambda r, n, b: r.post(n, "/runs/search", dict(b, experiment_ids=["{x}"]))),
            ("logged models", "name", "tags", lambda r, n, b: r.post(n, "/logged-models/search", dict(b, experiment_ids=["{x}"]))),
            ("models", "name", "tags", lambda r, n, b: r.get(n, "/registered-models/search", dict(b, max_results=3))),
            ("versions", "name", "tags", lambda r, n, b: r.get(n, "/model-versions/search", dict(b, max_results=3))))


def _home(r, name):
    r.post("experiment", "/experiments/create", {"name": name}, save={"x": "experiment_id"})
    r.post("run", "/runs/create", {"experiment_id": "{x}", "run_name": "n", "start_time": 1}, save={"r": "run.info.run_id"})


def filters(r):
    _home(r, "filters")
    for kind, a, t, send in SEARCHES:
        for f in FILTERS:
            text = f.replace("{a}", a).replace("{t}", t)
            send(r, "%s %s" % (kind, text), {"filter": text})


def filters_of_values(r):
    _home(r, "filters of values")
    r.post("logged model", "/logged-models", {"experiment_id": "{x}", "name": "Lm-A"})
    for kind, _, _, send in SEARCHES:
        for f in METRICS:
            send(r, "%s %s" % (kind, f), {"filter": f})


def more_orders(r):
    _home(r, "more orders")
    for kind, _, _, send in SEARCHES:
        if kind == "logged models":
            continue
        for o in ORDERS:
            send(r, "%s %s" % (kind, o), {"order_by": [o], "filter": "name = 'none'" if kind != "runs" else ""})


def pages(r):
    r.post("experiment", "/experiments/create", {"name": "pages"}, save={"x": "experiment_id"})
    r.get("gateway", "!/ajax-api/2.0/mlflow/gateway-proxy", {"gateway_path": "api/2.0/endpoints/"})
    r.post("gateway post", "!/ajax-api/2.0/mlflow/gateway-proxy", {"gateway_path": "x", "json_data": {}})
    lab = {"experiment_id": "{x}", "prompt_template": "t {a}", "prompt_parameters": [{"key": "a", "value": "b"}], "model_route": "m", "model_input": "i", "mlflow_version": "1"}
    for key in lab:
        r.post("prompt lab without " + key, "!/ajax-api/2.0/mlflow/runs/create-promptlab-run", {k: v for k, v in lab.items() if k != key})
        r.post("prompt lab empty " + key, "!/ajax-api/2.0/mlflow/runs/create-promptlab-run", dict(lab, **{key: ""}))


AREAS = [filters, filters_of_values, more_orders, pages]
