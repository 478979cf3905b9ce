#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays the rows of a CSV file against an endpoint and reports their true values later, as the world
would. After a while the world changes: two features shift, and so does what they mean for the target.

    traffic.py http://127.0.0.1:5000 diabetes data/diabetes.csv --target progression \\
        --shift bmi=+6 --shift bp=+15 --truth 1.5,60 --shift-after 20

SIGUSR1 brings the shift at once, SIGUSR2 lets every tenth row come without the first shifted feature.
It prints a line a second and ends on SIGTERM or after --seconds. Standard library only."""
import argparse
import collections
import csv
import http.client
import json
import random
import signal
import threading
import time
import urllib.parse

THREADS = 4
LABELS_AT_ONCE = 5000


class World:
    """The rows, and how they look at the moment."""

    def __init__(self, args):
        with open(args.csv, newline="") as f:
            self.rows = [{k: number(v) for k, v in row.items()} for row in csv.DictReader(f)]
        self.target = args.target
        self.shifts = dict(s.split("=", 1) for s in args.shift)
        self.scale, self.offset = (float(v) for v in args.truth.split(","))
        self.shifted, self.gaps = threading.Event(), threading.Event()

    def draw(self, rng):
        """A row as it is sent, and its true value."""
        row = dict(rng.choice(self.rows))
        truth = row.pop(self.target)
        if self.shifted.is_set():
            for name, by in self.shifts.items():
                row[name] += float(by)
            truth = truth * self.scale + self.offset
        if self.gaps.is_set() and rng.random() < 0.1:
            row[next(iter(self.shifts))] = None
        return row, truth


def number(text):
    value = float(text)
    return int(value) if value == int(value) else value


class Counts:
    def __init__(self):
        self.lock, self.answers, self.failed, self.last = threading.Lock(), 0, 0, ""
        self.unlabelled, self.labels = collections.deque(), 0

    def add(self, prediction_id, truth):
        with self.lock:
            self.answers += 1
            self.unlabelled.append((time.monotonic(), prediction_id, truth))

    def fail(self, why):
        with self.lock:
            self.failed += 1
            self.last = why

    def due(self, delay):
        now, out = time.monotonic(), []
        with self.lock:
            while self.unlabelled and now - self.unlabelled[0][0] >= delay and len(out) < LABELS_AT_ONCE:
                out.append(self.unlabelled.popleft()[1:])
        return out


class Sender(threading.Thread):
    """Asks for one prediction after the other over a kept connection, at its share of the rate."""

    def __init__(self, host, endpoint, world, counts, rate, seed):
        super().__init__(daemon=True)
        self.host, self.path = host, f"/v1/models/{endpoint}:predict"
        self.world, self.counts, self.pause, self.rng = world, counts, THREADS / rate, random.Random(seed)
        self.over = threading.Event()

    def run(self):
        c, next_at = http.client.HTTPConnection(self.host, timeout=10), time.monotonic()
        while not self.over.is_set():
            row, truth = self.world.draw(self.rng)
            try:
                c.request("POST", self.path, json.dumps({"instances": [row]}), {"Content-Type": "application/json"})
                r = c.getresponse()
                text = r.read()
                if r.status == 200:
                    self.counts.add(r.getheader("prediction_id"), truth)
                else:
                    self.counts.fail(f"{r.status} {text[:120].decode(errors='replace')}")
            except (OSError, http.client.HTTPException) as e:
                self.counts.fail(repr(e))
                c.close()
                time.sleep(0.1)
            next_at = max(next_at + self.pause, time.monotonic() - 1)
            self.over.wait(max(next_at - time.monotonic(), 0))


def report(host, endpoint, labels):
    """Sends true values; those that did not arrive are tried again by the caller."""
    body = json.dumps({"labels": [{"prediction_id": i, "label": y} for i, y in labels]})
    c = http.client.HTTPConnection(host, timeout=30)
    try:
        c.request("POST", f"/api/v1/endpoints/{endpoint}/labels", body, {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read()
        if r.status != 200:
            raise OSError(f"labels: {r.status} {text[:200]!r}")
    finally:
        c.close()


def arguments():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("url")
    p.add_argument("endpoint")
    p.add_argument("csv")
    p.add_argument("--target", required=True)
    p.add_argument("--rate", type=float, default=300, help="requests a second")
    p.add_argument("--shift", action="append", default=[], metavar="FEATURE=+X")
    p.add_argument("--truth", default="1,0", metavar="SCALE,OFFSET", help="of the target after the shift")
    p.add_argument("--shift-after", type=float, metavar="SECONDS")
    p.add_argument("--label-delay", type=float, default=2, metavar="SECONDS")
    p.add_argument("--seconds", type=float, help="end after so long")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def main():
    args = arguments()
    world, counts, over = World(args), Counts(), threading.Event()
    host = urllib.parse.urlsplit(args.url).netloc
    signal.signal(signal.SIGUSR1, lambda *_: world.shifted.set())
    signal.signal(signal.SIGUSR2, lambda *_: world.gaps.set())
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    signal.signal(signal.SIGINT, lambda *_: over.set())
    senders = [Sender(host, args.endpoint, world, counts, args.rate, args.seed * 1000 + i) for i in range(THREADS)]
    for s in senders:
        s.start()
    began = time.monotonic()
    while not over.wait(1):
        elapsed = time.monotonic() - began
        if args.shift_after is not None and elapsed >= args.shift_after:
            world.shifted.set()
        due = counts.due(args.label_delay)
        try:
            if due:
                report(host, args.endpoint, due)
                counts.labels += len(due)
        except (OSError, http.client.HTTPException) as e:
            counts.last = repr(e)
            with counts.lock:
                counts.unlabelled.extendleft((0, *x) for x in reversed(due))
        state = "shifted" if world.shifted.is_set() else "as ever"
        print(f"{elapsed:6.1f} s  {counts.answers} answers  {counts.failed} failed  {counts.labels} labels  {state}  {counts.last}", flush=True)
        if args.seconds and elapsed >= args.seconds:
            break
    for s in senders:
        s.over.set()
    for s in senders:
        s.join(15)


main()
