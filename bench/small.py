# SPDX-License-Identifier: Apache-2.0
"""Start-up, memory and the diabetes run, with nothing but Python's standard library.

Usage: small.py SLIPWAY WORK_DIR"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time


def clocked(fn, times):
    took = []
    for i in range(times):
        began = time.perf_counter()
        fn(i)
        took.append((time.perf_counter() - began) * 1e3)
    return took


def say(what, took, unit, target):
    mid, low, high = statistics.median(took), min(took), max(took)
    print(f"{what:<44} {mid:8.2f} {unit:<3} (of {len(took)}: {low:.2f} to {high:.2f}; target {target})")


def quiet(binary, *args, cwd=None):
    subprocess.run([binary, *args], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(port, request):
    """One exchange; None while nobody listens or the answer is not 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(request)
            answer = s.recv(65536)
            return answer if b" 200 " in answer.split(b"\r\n", 1)[0] else None
    except OSError:
        return None


def http(method, path, body=b""):
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body


def first_answer(binary, data, request):
    """Milliseconds from spawn to the first 200, and the resident memory two seconds later."""
    port = free_port()
    began = time.perf_counter()
    p = subprocess.Popen([binary, "server", "--data", data, "--listen", f"127.0.0.1:{port}", "--serve", "off"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ask(port, request):
            if p.poll() is not None:
                sys.exit(f"the server ended with {p.returncode}")
            time.sleep(0.0005)
        took = (time.perf_counter() - began) * 1e3
        time.sleep(2)
        rss = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{p.pid}/status").read_text())[1]) / 1024
    finally:
        p.send_signal(signal.SIGTERM)
        p.wait()
    return took, rss


def main():
    binary, work = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    os.environ["HOME"] = str(work)
    shutil.rmtree(work / "small", ignore_errors=True)
    (work / "small").mkdir(parents=True)
    say("slipway version", clocked(lambda i: quiet(binary, "version"), 100), "ms", "5")

    def fresh(i):
        quiet(binary, "init", f"d{i}", "--template", "regression", cwd=work / "small")
        return work / "small" / f"d{i}"

    projects = [fresh(i) for i in range(9)]
    say("slipway run, diabetes, nothing cached", clocked(lambda i: quiet(binary, "run", cwd=projects[i]), 9), "ms", "500")
    say("slipway run again, nothing changed", clocked(lambda i: quiet(binary, "run", cwd=projects[i]), 9), "ms", "-")
    quiet(binary, "deploy", "d0", cwd=projects[0])
    out = subprocess.run([binary, "model", "show", "d0:1", "--json"], cwd=projects[0], stdout=subprocess.PIPE, check=True).stdout
    row = {i["name"]: 1 for i in json.loads(out)["signature"]["inputs"]}
    predict = http("POST", "/v1/models/d0:predict", json.dumps({"instances": [row]}).encode())
    health = [first_answer(binary, str(work / "small" / f"empty{i}"), http("GET", "/health")) for i in range(5)]
    served = [first_answer(binary, str(projects[0] / ".slipway"), predict) for _ in range(5)]
    say("server, new data folder: first answer", [t for t, _ in health], "ms", "50")
    say("server, one endpoint: first prediction", [t for t, _ in served], "ms", "50")
    say("resident idle, new data folder", [m for _, m in health], "MiB", "30")
    say("resident idle, one endpoint", [m for _, m in served], "MiB", "30")


if __name__ == "__main__":
    main()
