# SPDX-License-Identifier: Apache-2.0
"""The second half of the demo: an endpoint that keeps itself fit. The world changes under it; the
monitor notices, retrains, and brings the new version in; a version that misbehaves goes back by itself.
scripts/demo gives its own helpers as `d`."""
import atexit
import http.client
import json
import signal
import subprocess
import sys
import time
import urllib.parse

PATIENCE = 120


class Loop:
    """What the server says about the endpoint."""

    def __init__(self, d, url, project):
        self.d, self.host, self.project = d, urllib.parse.urlsplit(url).netloc, project

    def get(self, path):
        c = http.client.HTTPConnection(self.host, timeout=30)
        c.request("GET", path)
        r = c.getresponse()
        text = r.read()
        c.close()
        return json.loads(text) if r.status == 200 else None

    def until(self, what, probe):
        """Waits for what the server does by itself; says how long it took."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            value = probe()
            if value:
                self.d.say(f"  {time.monotonic() - began:5.1f} s  {what}")
                return value
            time.sleep(0.1)
        self.d.say(self.d.slipway("monitor", "explain", "diabetes", quiet=True, cwd=self.project))
        self.d.die(f"{what} did not happen within {PATIENCE} s")

    def alerts(self, name=None):
        items = (self.get("/api/v1/alerts") or {"items": []})["items"]
        return [a for a in items if name in (None, a["alert"])]

    def windows(self, version):
        """Those of a version whose realised error is known: start_ms and rmse."""
        w = self.get("/api/v1/endpoints/diabetes/monitor/windows") or {"windows": []}
        known = [dict(x["realised"], version=x["version"]) for x in w["windows"] if x["version"] == version and x.get("realised")]
        return [x for x in known if isinstance(x["rmse"], float)]

    def attempts(self):
        return (self.get("/api/v1/endpoints/diabetes/loop") or {"attempts": []})["attempts"]

    def rollout(self):
        r = self.get("/api/v1/endpoints/diabetes/rollout")
        return r["rollout"] if r else None


def with_care(root, project):
    """The project file with the settings of the example in place of its last line."""
    path = project / "slipway.yaml"
    lines = path.read_text().splitlines()
    kept = [l for l in lines if not l.startswith("deploy:")]
    path.write_text("\n".join(kept) + "\n" + (root / "examples" / "drift" / "care.yaml").read_text())


def start_traffic(d, root, url, project):
    args = [sys.executable, str(root / "examples" / "drift" / "traffic.py"), url, "diabetes", "data/diabetes.csv", "--target",
            "progression", "--rate", "300", "--shift", "bmi=+6", "--shift", "bp=+15", "--truth", "1.5,60"]
    log = open(project / ".slipway" / "traffic.log", "wb")
    d.say(d.paint("1", "\n$ examples/drift/traffic.py … --shift bmi=+6 --shift bp=+15 --truth 1.5,60 &"))
    p = subprocess.Popen(args, cwd=project, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    atexit.register(lambda: p.poll() is None and p.kill())
    return p


def rmse(window):
    return f"{window['rmse']:.1f}"


def the_world_changes(d, loop, traffic, project):
    before = loop.until("windows with true values, the error as in evaluation", lambda: loop.windows("1")[-3:] if len(loop.windows("1")) > 3 else None)
    d.check(not [a for a in loop.alerts("Decay")], "a quiet start")
    traffic.send_signal(signal.SIGUSR1)
    d.say(d.paint("1", "\nThe world changes: bmi and bp shift, and so does what they mean for the target"))
    loop.until("the inputs have drifted: alert FeatureDrift", lambda: loop.alerts("FeatureDrift"))
    loop.until("the error has grown: alert Decay", lambda: loop.alerts("Decay"))
    loop.until("a retraining on the newest labelled rows", lambda: [t for t in loop.attempts() if t["run_id"]])
    version = loop.until("its version passed the gates against the one that serves", lambda: [t for t in loop.attempts() if t["version"]])[0]["version"]
    loop.until("shadow passed, 5 % of the requests", lambda: (loop.rollout() or {}).get("percent", 0) >= 5)
    loop.until("25 %", lambda: (loop.rollout() or {}).get("percent", 0) >= 25)
    loop.until("100 %", lambda: (loop.rollout() or {}).get("percent", 0) >= 100)
    loop.until("promoted", lambda: [t for t in loop.attempts() if t["state"] == "promoted"])
    d.check(d.data("status", "endpoint/diabetes", cwd=project)["serving_version"] == version, f"serving version {version}")
    after = loop.until("the error fell back", lambda: [w for w in loop.windows(version) if w["rmse"] < 90][-1:])
    worst = max(loop.windows("1"), key=lambda w: w["rmse"])
    d.check(len(loop.alerts("Decay")) == 1, "one alert, not one a window")
    d.say(f"  rmse by window: {rmse(before[0])} before, {rmse(worst)} at its worst, {rmse(after[0])} now")
    return version


def one_misbehaves(d, loop, traffic, project, version):
    d.say(d.paint("1", "\nA version that passes its gates and fails under traffic: it was made without `impute`"))
    path = project / "slipway.yaml"
    path.write_text(path.read_text().replace("      - impute: { bmi: median, bp: median }\n", ""))
    d.slipway("run", cwd=project)
    traffic.send_signal(signal.SIGUSR2)
    d.slipway("deploy", "diabetes", cwd=project)
    r = loop.until("sent back by itself", lambda: (lambda r: r if r and r["state"] == "rolled_back" else None)(loop.rollout()))
    d.say(f"         {r['reason']}")
    d.check(d.data("status", "endpoint/diabetes", cwd=project)["serving_version"] == version, f"version {version} still serving")


def keeps_itself_fit(d, root, url, project):
    with_care(root, project)
    d.slipway("deploy", "diabetes:1", cwd=project)
    loop, traffic = Loop(d, url, project), start_traffic(d, root, url, project)
    version = the_world_changes(d, loop, traffic, project)
    one_misbehaves(d, loop, traffic, project, version)
    traffic.send_signal(signal.SIGTERM)
    traffic.wait(30)
    last = (project / ".slipway" / "traffic.log").read_text().strip().splitlines()[-1]
    d.slipway("monitor", "explain", "diabetes", cwd=project)
    d.say(f"\n  traffic: {last.strip()}")
    d.check(" 0 failed " in last, "traffic without a failed answer")
