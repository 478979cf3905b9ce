# SPDX-License-Identifier: Apache-2.0
"""The monitor through the front door: real rows in windows of two seconds, shifted rows, labels that come
late, twice and for nobody, kill -9 in mid-window, and what Prometheus' own tools say about /metrics."""
import csv
import http.client
import json
import random
import shutil
import subprocess
import time
import urllib.parse

import pytest

from conftest import PATIENCE, until

TARGET = "progression"


@pytest.fixture
def watched(trained, server):
    """A server that watches endpoint "diabetes" in windows of two seconds."""
    trained.cli.ok("deploy", "diabetes")
    s = server(trained.data, cli=trained.cli)
    s.project = trained
    until("the endpoint", lambda: s.get("/v1/models/diabetes").status == 200)
    r = s.request("PUT", "/api/v1/endpoints/diabetes/monitor", {"window": "2s"})
    assert r.status == 200 and r.json["window_ms"] == 2000, r
    s.example = s.get("/api/v1/endpoints/diabetes").json["input_example"]
    return s


def rows_of(project):
    files = sorted(project.path.glob("data/*.csv"))
    assert files, list(project.path.iterdir())
    rows = [{k: float(v) for k, v in r.items()} for r in csv.DictReader(files[0].open())]
    return rows


class Traffic:
    """Sends rows over one connection; remembers ids, predictions and truths."""

    def __init__(self, s):
        self.s, self.rows = s, rows_of(s.project)
        self.names = list(s.example)
        u = urllib.parse.urlsplit(s.url)
        self.c = http.client.HTTPConnection(u.hostname, u.port, timeout=PATIENCE)
        self.random = random.Random(5)
        self.sent = []

    def send(self, n, shift=None):
        for _ in range(n):
            row = self.random.choice(self.rows)
            body = {k: row[k] + (shift or {}).get(k, 0) for k in self.names}
            self.c.request("POST", "/v1/models/diabetes:predict", json.dumps({"instances": [body]}))
            r = self.c.getresponse()
            answer = json.loads(r.read())
            assert r.status == 200, answer
            target = next(k for k in row if k not in self.names)
            self.sent.append((r.headers["x-prediction-id"], answer["predictions"][0], row[target]))

    def labels(self, sent=None):
        return [{"prediction_id": i, "label": y} for i, _, y in (self.sent if sent is None else sent)]


def windows(s, **query):
    r = s.get("/api/v1/endpoints/diabetes/monitor/windows?" + urllib.parse.urlencode(query))
    assert r.status == 200, r
    return r.json


def rows_counted(s):
    closed = sum(w["rows"] for w in windows(s)["windows"])
    return closed + s.get("/api/v1/endpoints/diabetes/monitor").json["open"]["rows"]


def test_drift_is_seen_in_windows_and_features(watched):
    s, t = watched, Traffic(watched)
    t.send(600)
    until("a judged window", lambda: any(w["rows"] >= 300 for w in windows(s)["windows"]))
    calm = [w for w in windows(s)["windows"] if w["rows"] >= 300][-1]
    assert calm["drifted"] == 0 and calm["has_reference"] and calm["gap_ms"] == 0, calm
    shift = {"bmi": 12}
    until("a drifted window", lambda: t.send(200, shift) or [w for w in windows(s)["windows"] if w["state"] == "drifted"])
    v = windows(s)
    features = [f["name"] for f in v["versions"][0]["features"]]
    assert set(t.names) <= set(features) and v["versions"][0]["features"][-1]["output"]
    worst = [w for w in v["windows"] if w["state"] == "drifted"][-1]
    assert len(worst["states"]) == len(features) and worst["states"][features.index("bmi")] == "d", (worst, v["versions"])
    assert "levels" not in worst
    same = next(w for w in windows(s, levels="true")["windows"] if w["start_ms"] == worst["start_ms"])
    assert same["states"] == worst["states"] and len(same["levels"]) == len(features)
    assert int(same["levels"][features.index("bmi")], 36) >= 10, same  # in tenths of its threshold
    view = s.get("/api/v1/view/monitor?name=diabetes&limit=1").json
    assert len(view["windows"]["windows"]) == 1 and view["monitor"]["endpoint"] == "diabetes" and view["alerts"]["rules"]
    series = windows(s, feature="bmi")["windows"][-1]
    assert series["feature_state"] in ("drifted", "insufficient_data") and "states" not in series
    page = s.get(f"/api/v1/endpoints/diabetes/monitor/features/bmi?at={worst['start_ms']}").json
    assert page["state"] == "drifted" and page["tests"][page["method"]]["statistic"] > page["tests"][page["method"]]["threshold"]
    assert len(page["edges"]) + 1 == len(page["reference"]["counts"]) == len(page["window"]["counts"])
    assert sum(page["window"]["counts"]) == page["window"]["n"] == worst["rows"]
    r = s.get("/api/v1/endpoints/diabetes/monitor/features/bmj")
    assert r.status == 404 and "did you mean 'bmi'" in r.text, r
    out = s.project.cli.ok("monitor", "status", "diabetes").out
    assert "reference" in out and "rows" in out
    table = s.project.cli.ok("monitor", "windows", "diabetes", "--json").json
    assert table, table
    until("no row is lost", lambda: rows_counted(s) == len(t.sent))
    kinds = [e["kind"] for e in s.get("/api/v1/audit?limit=200").json["items"]]
    assert "monitor.settings" in kinds and "monitor.window_closed" not in kinds, kinds
    assert s.get("/api/v1/audit?limit=5&kind=monitor.window_closed").json["items"]


def test_labels_late_twice_unknown_and_wrong(watched, tmp_path):
    s, t = watched, Traffic(watched)
    t.send(300)
    answer = s.post("/api/v1/endpoints/diabetes/labels", {"labels": t.labels(t.sent[:100])}).json
    assert answer == {"accepted": 100, "unknown": 0}, answer
    until("the windows close", lambda: sum(w["rows"] for w in windows(s)["windows"]) == 300)
    wrong = [dict(x, label=x["label"] + 50) for x in t.labels()]
    body = "".join(json.dumps(x) + "\n" for x in wrong)
    r = s.post("/api/v1/endpoints/diabetes/labels", body, headers={"Content-Type": "application/x-ndjson"})
    assert r.status == 200 and r.json["accepted"] == 300, r
    file = tmp_path / "truth.csv"
    file.write_text("label,prediction_id,note\n" + "".join(f'{y},"{i}",x\n' for i, _, y in t.sent))
    out = s.project.cli.ok("monitor", "labels", "diabetes", file).out
    assert out.startswith("300 labels kept, 0 of them"), out

    def realised():
        ws = s.get("/api/v1/endpoints/diabetes/monitor/performance").json["windows"]
        return ws if sum(w["labelled"] for w in ws) == 300 and sum(w["n"] for w in ws) == 300 else None

    ws = until("labels reach their windows", realised)
    want = sum((p - y) ** 2 for _, p, y in t.sent)

    def settled():
        ws = realised()
        return ws and abs(sum(w["rmse"] ** 2 * w["labelled"] for w in ws if w["labelled"]) - want) < 1e-6 * want

    until("the last label holds", settled)
    assert all(w["coverage"] == 1 for w in ws if w["n"])
    unknown = [{"prediction_id": "0192f3a0-7b1c-7000-8000-2f3a5c6d7e8f", "label": 1},
               {"prediction_id": t.sent[0][0] + ":9", "label": 1}]
    assert s.post("/api/v1/endpoints/diabetes/labels", {"labels": unknown}).json == {"accepted": 2, "unknown": 2}
    for bad, text in [
        ({"labels": t.labels(t.sent[:1]) + [{"prediction_id": t.sent[1][0], "label": "high"}]}, "labels[1]: 'label'"),
        ({"labels": [{"prediction_id": "x", "label": 1}]}, "labels[0]: 'x' is no prediction id"),
        ({"labels": [{"label": 1}]}, "labels[0]: 'prediction_id'"),
        ({"labels": [{"prediction_id": t.sent[0][0], "label": 1, "time": "soon"}]}, "labels[0]: 'time'"),
        ({"label": 1}, "'labels'"),
    ]:
        r = s.post("/api/v1/endpoints/diabetes/labels", bad)
        assert r.status == 400 and text in r.text, r
    r = s.post("/api/v1/endpoints/diabetse/labels", {"labels": []})
    assert r.status == 404 and "did you mean 'diabetes'" in r.text, r
    file.write_text("id,label\n1,2\n")
    assert "prediction_id" in s.project.cli.fails(2, "monitor", "labels", "diabetes", file).err


def test_kill_in_mid_window(trained, server):
    trained.cli.ok("deploy", "diabetes")
    s = server(trained.data, cli=trained.cli)
    s.project = trained
    until("the endpoint", lambda: s.get("/v1/models/diabetes").status == 200)
    s.example = s.get("/api/v1/endpoints/diabetes").json["input_example"]
    t = Traffic(s)
    t.send(200)
    until("they are counted", lambda: s.get("/api/v1/endpoints/diabetes/monitor").json["open"]["rows"] == 200)
    time.sleep(1.2)  # the turn that counted them is on disk
    t.send(20)
    assert s.post("/api/v1/endpoints/diabetes/labels", {"labels": t.labels(t.sent[:150])}).json["accepted"] == 150
    s.kill()
    s2 = server(trained.data, cli=trained.cli)
    s2.project, s2.example = trained, s.example
    until("the endpoint again", lambda: s2.get("/v1/models/diabetes").status == 200)
    until("the window goes on",
          lambda: 200 <= s2.get("/api/v1/endpoints/diabetes/monitor").json["open"]["rows"] <= 220)
    r = s2.request("PUT", "/api/v1/endpoints/diabetes/monitor", {"window": "2s"})  # ends the hour
    assert r.status == 200, r
    w = until("the window ends", lambda: windows(s2)["windows"])[0]
    assert 200 <= w["rows"] <= 220 and w["gap_ms"] > 0, w
    until("acknowledged labels", lambda: windows(s2)["windows"][0]["realised"]["labelled"] == 150)


PROMTOOL = shutil.which("promtool")


def families(text):
    return {l.split()[2] for l in text.splitlines() if l.startswith("# TYPE")}


def test_metrics_in_both_forms(watched):
    s, t = watched, Traffic(watched)
    t.send(400)
    until("a judged window", lambda: any(w["rows"] >= 100 for w in windows(s)["windows"]))
    s.post("/api/v1/endpoints/diabetes/labels", {"labels": t.labels()})
    until("realised", lambda: any(w["realised"]["labelled"] >= 30 for w in windows(s)["windows"]))
    r = s.get("/metrics")
    assert r.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in ("slipway_feature_drift_score", "slipway_feature_drift_threshold", "slipway_feature_drift_alert",
                 "slipway_feature_missing_ratio", "slipway_realized_performance", "slipway_label_coverage_ratio",
                 "slipway_monitor_last_run_timestamp_seconds", "slipway_predictions_total", "slipway_labels_total"):
        assert name in families(r.text) and f"\n{name}{{" in r.text, name
    assert 'feature="bmi",method="psi"}' in r.text
    accept = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
              "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
    o = s.get("/metrics", headers={"Accept": accept})
    assert o.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert o.text.endswith("\n# EOF\n") and "\n\n" not in o.text
    assert "slipway_predictions" in families(o.text) and "\nslipway_predictions_total{" in o.text
    assert not any(f.endswith("_total") for f in families(o.text))
    seen, last = set(), None
    for line in o.text.splitlines():  # families stand together
        if line.startswith("# TYPE "):
            last = line.split()[2]
            assert last not in seen, last
            seen.add(last)
        elif not line.startswith("#"):
            assert line.startswith(last), line
    assert s.get("/metrics", headers={"Accept": "text/plain;q=1,application/openmetrics-text;q=0.1"}).headers[
        "content-type"].startswith("text/plain")
    parser = pytest.importorskip("prometheus_client.openmetrics.parser")
    assert list(parser.text_string_to_metric_families(o.text))


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed")
def test_promtool_has_nothing_to_say(watched, tmp_path):
    s, t = watched, Traffic(watched)
    t.send(200)
    until("a judged window", lambda: any(w["rows"] >= 100 for w in windows(s)["windows"]))
    p = subprocess.run([PROMTOOL, "check", "metrics"], input=s.get("/metrics").body, capture_output=True)
    assert p.returncode == 0, p
    rules = tmp_path / "slipway.rules.yml"
    rules.write_text(s.project.cli.ok("monitor", "rules").out)
    p = subprocess.run([PROMTOOL, "check", "rules", rules], capture_output=True)
    if b"keep_firing_for not found" in p.stderr:  # a word of 2.42 and later
        rules.write_text("".join(l for l in rules.read_text().splitlines(True) if "keep_firing_for" not in l))
        p = subprocess.run([PROMTOOL, "check", "rules", rules], capture_output=True)
    assert p.returncode == 0, p
    labels = 'endpoint="e",model="m",version="1"'
    test = tmp_path / "test.yml"
    test.write_text(f"""
rule_files: [slipway.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'slipway_feature_drift_alert{{{labels},feature="bmi",method="psi"}}', values: '0 1 1 1 1'}}
      - {{series: 'slipway_feature_drift_alert{{{labels},feature="age",method="psi"}}', values: '0 0 0 0 0'}}
      - {{series: 'slipway_realized_performance{{{labels},metric="rmse_low"}}', values: '50 70 70 70 70'}}
      - {{series: 'slipway_reference_performance{{{labels},metric="rmse"}}', values: '54 54 54 54 54'}}
    promql_expr_test:
      - {{expr: 'model:slipway_feature_drift:ratio', eval_time: 2m,
         exp_samples: [{{labels: 'model:slipway_feature_drift:ratio{{{labels}}}', value: 0.5}}]}}
    alert_rule_test:
      - eval_time: 3m
        alertname: SlipwayFeatureDrift
        exp_alerts:
          - exp_labels: {{severity: warning, endpoint: e, model: m, version: "1", feature: bmi, method: psi}}
            exp_annotations: {{summary: "bmi of m:1 on e drifted (psi)"}}
      - eval_time: 0m
        alertname: SlipwayModelDecay
        exp_alerts: []
      - eval_time: 3m
        alertname: SlipwayModelDecay
        exp_alerts:
          - exp_labels: {{severity: critical, endpoint: e, model: m, version: "1"}}
            exp_annotations: {{summary: "m:1 on e errs more than 1.2 times what it was registered with"}}
""")
    p = subprocess.run([PROMTOOL, "test", "rules", test.name], cwd=tmp_path, capture_output=True)
    assert p.returncode == 0, p


PROMETHEUS = shutil.which("prometheus")


@pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not installed")
def test_a_real_prometheus_scrapes_it(watched, tmp_path):
    s, t = watched, Traffic(watched)
    t.send(200)
    until("a judged window", lambda: any(w["rows"] >= 100 for w in windows(s)["windows"]))
    u = urllib.parse.urlsplit(s.url)
    (tmp_path / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: slipway, static_configs: [{{targets: ['{u.netloc}']}}]}}]
""")
    log = (tmp_path / "prometheus.log").open("wb")
    port = 20000 + random.SystemRandom().randrange(20000)
    p = subprocess.Popen([PROMETHEUS, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
                          f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def ask():
            t.send(40)  # an idle window has no score
            try:
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                c.request("GET", "/api/v1/query?query=" +
                          urllib.parse.quote('slipway_feature_drift_score{feature="bmi"}'))
                found = json.loads(c.getresponse().read())["data"]["result"]
                return found if found and found[0]["value"][1] != "NaN" else None
            except (OSError, ValueError, http.client.HTTPException):
                return None

        found = until("the scrape", ask)
        assert found[0]["metric"]["endpoint"] == "diabetes" and float(found[0]["value"][1]) >= 0, found
    finally:
        p.kill()
        p.wait()
        log.close()
