# SPDX-License-Identifier: Apache-2.0
"""Tracking at size: start-up on many runs and points, searches over 100,000 runs, and what 20 million points leave behind.

Usage: track_scale.py SLIPWAY BENCH_RUNS WORK_DIR [--points N]
Each line names its target. "cpu" is processor time of the server's threads a request, which neighbours on the machine do not
disturb; "first" is the first search after the start, which reads what later ones keep."""
import argparse
import concurrent.futures
import glob
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import time

API = "/api/2.0/mlflow/"


class Server:
    def __init__(self, binary, data):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        began = time.perf_counter()
        self.process = subprocess.Popen([binary, "server", "--data", str(data), "--listen", "127.0.0.1:%d" % self.port, "--serve", "off"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                c.request("GET", "/health")
                if c.getresponse().status == 200:
                    break
            except OSError:
                if self.process.poll() is not None or time.perf_counter() - began > 60:
                    raise RuntimeError("the server did not start") from None
                time.sleep(0.001)
        self.start_ms = (time.perf_counter() - began) * 1e3

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def post(self, c, path, body):
        c.request("POST", API + path, body if isinstance(body, str) else json.dumps(body), {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        if r.status != 200:
            raise RuntimeError("%s: %d %s" % (path, r.status, text[:300]))
        return text

    def cpu_ms(self):
        total = 0
        for name in glob.glob("/proc/%d/task/*/schedstat" % self.process.pid):
            try:
                total += int(pathlib.Path(name).read_text().split()[0])
            except OSError:
                pass
        return total / 1e6

    def resident_mib(self):
        return int(pathlib.Path("/proc/%d/statm" % self.process.pid).read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def say(what, text, target=""):
    print("%-58s %s%s" % (what, text, "  (target %s)" % target if target else ""), flush=True)


def clocked(server, c, body, times):
    """(median wall, cpu a request) in ms."""
    took, before = [], server.cpu_ms()
    for _ in range(times):
        began = time.perf_counter()
        server.post(c, "runs/search", body)
        took.append((time.perf_counter() - began) * 1e3)
    return statistics.median(took), (server.cpu_ms() - before) / times


def search(server, c, what, body, target="", times=20):
    wall, cpu = clocked(server, c, body, 1)
    again, cpu_again = clocked(server, c, body, times)
    say(what, "first %.1f ms (cpu %.1f), then %.2f ms (cpu %.2f)" % (wall, cpu, again, cpu_again), target)


def make(bench_runs, folder, *numbers):
    shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    subprocess.run([bench_runs, folder, *map(str, numbers)], check=True)
    size = sum(p.stat().st_size for p in folder.glob("slipway.db*"))
    say("made %d runs, %d metrics, %d points each" % numbers, "%.0f s, %.0f MiB" % (time.perf_counter() - began, size / 2**20))


def starts(args, folder):
    make(args.bench_runs, folder, 20000, 8, 50)
    took = []
    for _ in range(7):
        with Server(args.slipway, folder) as s:
            took.append(s.start_ms)
    say("start on 20,000 runs and 8 million points", "%.0f ms (%.0f to %.0f)" % (statistics.median(took), min(took), max(took)), "100 ms")


def searches(args, folder):
    make(args.bench_runs, folder, 100000, 50, 1)
    body = {"experiment_ids": ["1"], "max_results": 100, "filter": "metrics.metric_7 > 0.5", "order_by": ["metrics.metric_9 DESC"]}
    with Server(args.slipway, folder) as s:
        c = s.connect()
        search(s, c, "filter and order by metrics, 100,000 runs", body, "50 ms")
        search(s, c, "metric and parameter, order by a third",
               dict(body, filter="metrics.metric_3 < 0.9 and params.alpha = '0.3'", order_by=["metrics.metric_4 ASC"]), "50 ms")
        search(s, c, "newest 100 finished", dict(body, filter="attributes.status = 'FINISHED'", order_by=[]))
        search(s, c, "1,000 newest runs whole", dict(body, filter="", order_by=[], max_results=1000))
        runs = json.loads(s.post(c, "runs/search", dict(body, max_results=8)))["runs"]
        took = []
        for i in range(50):
            s.post(c, "runs/log-metric", {"run_id": runs[i % 8]["info"]["run_id"], "key": "metric_9", "value": i, "timestamp": 1800000000000 + i, "step": 100 + i})
            took.append(clocked(s, c, body, 1)[0])
        say("the first again, a metric logged before each", "%.2f ms" % statistics.median(took), "50 ms")
        say("resident", "%.0f MiB" % s.resident_mib())


def batch(run, at, n):
    return '{"run_id":"%s","metrics":[%s]}' % (run, ",".join(
        '{"key":"loss_%d","value":%r,"timestamp":%d,"step":%d}' % (i % 4, 1 / (at + i + 1), 1700000000000 + (at + i) * 7, at + i) for i in range(n)))


def trainer(server, run, points):
    c, took = server.connect(), []
    for at in range(0, points, 1000):
        body = batch(run, at, 1000)
        began = time.perf_counter()
        server.post(c, "runs/log-batch", body)
        took.append((time.perf_counter() - began) * 1e3)
    return took


def points(args, folder):
    make(args.bench_runs, folder, 1000, 20, 1)
    body = {"experiment_ids": ["1"], "max_results": 100, "filter": "metrics.metric_3 > 0.5", "order_by": ["metrics.metric_5 DESC"]}
    whole = dict(body, filter="", order_by=[], max_results=1000)
    with Server(args.slipway, folder) as s:
        c = s.connect()
        runs = [json.loads(s.post(c, "runs/create", {"experiment_id": "1", "start_time": 1}))["run"]["info"]["run_id"] for _ in range(8)]
        search(s, c, "search over 1,000 runs before", body)
        before = clocked(s, c, body, 30)[1], clocked(s, c, whole, 10)[1]
        size = sum(p.stat().st_size for p in folder.glob("slipway.db*"))
        began = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            work = [pool.submit(trainer, s, r, args.points // 8) for r in runs]
            beside = []
            while not all(w.done() for w in work):
                beside.append(clocked(s, c, body, 1)[0])
                time.sleep(0.5)
            took = sorted(t for w in work for t in w.result())
        spent = time.perf_counter() - began
        say("%d points by 8 trainers, 1,000 a batch" % args.points, "%.0f s, %.0f points/s; a batch p50 %.1f, p99 %.1f ms" %
            (spent, args.points / spent, took[len(took) // 2], took[len(took) * 99 // 100]))
        say("a search beside them", "median %.1f ms, worst %.1f" % (statistics.median(beside), max(beside)))
        after = clocked(s, c, body, 30)[1], clocked(s, c, whole, 10)[1]
        say("search after / before, cpu", "%.2f / %.2f ms; whole runs %.1f / %.1f" % (after[0], before[0], after[1], before[1]), "at most twice")
        say("resident", "%.0f MiB" % s.resident_mib())
    grown = sum(p.stat().st_size for p in folder.glob("slipway.db*")) - size
    say("bytes a point on disk, indexes included", "%.1f" % (grown / args.points), "40")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("slipway")
    p.add_argument("bench_runs")
    p.add_argument("work", type=pathlib.Path)
    p.add_argument("--points", type=int, default=20000000)
    p.add_argument("--only", choices=["starts", "searches", "points"])
    args = p.parse_args()
    for part in (starts, searches, points):
        if args.only in (None, part.__name__):
            part(args, args.work / "scale")
    shutil.rmtree(args.work / "scale", ignore_errors=True)


if __name__ == "__main__":
    main()
