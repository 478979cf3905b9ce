# SPDX-License-Identifier: Apache-2.0
"""`slipway model convert` with a Python that is none: what hangs, crashes, floods, calls out or stays behind is ended, and
nothing is attached. The conversion itself, with scikit-learn, is in tests/clients/convert."""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys

import pytest

from conftest import PATIENCE, SANITIZED, until

API = "/api/2.0/mlflow"


@pytest.fixture
def world(server, cli, tmp_path):
    s = server(tmp_path / "data")

    def call(method, path, body):
        r = s.request(method, API + path, json.dumps(body), {"Content-Type": "application/json"})
        assert r.status == 200, r

    assert s.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/m/MLmodel", b"flavors: {}\n").status == 200
    call("POST", "/registered-models/create", {"name": "m"})
    call("POST", "/model-versions/create", {"name": "m", "source": "mlflow-artifacts:/m"})
    call("POST", "/registered-models/alias", {"name": "m", "alias": "best", "version": "1"})

    class World:
        tmp, pids = tmp_path, tmp_path / "pids"

        def python(self, text):
            path = tmp_path / "python"
            path.write_text(text)
            path.chmod(0o755)
            return path

        def args(self, *more, ref="models:/m/1", python=None):
            return ("--data", tmp_path / "data", "model", "convert", ref, "--python", python or tmp_path / "python", *more)

        def convert(self, *more, **kw):
            r = cli(*self.args(*more, **kw), timeout=PATIENCE)
            v = s.request("GET", "/api/v1/models/m/versions/1").json
            assert v["digest"] is None and v["conversion"] is None
            return r

        def alive(self):
            return [p for p in map(int, self.pids.read_text().split()) if is_alive(p)]

    w = World()
    w.cli, w.server = cli, s
    return w


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def sleeper(world):
    """It and a child of its own, both for ever."""
    return world.python(f"#!/bin/sh\nsleep 100000 &\necho $! $$ > {world.pids}.new\nmv {world.pids}.new {world.pids}\nwait\n")


@pytest.mark.sanitize
def test_what_hangs_is_ended_with_its_children(world):
    sleeper(world)
    r = world.convert("--time-limit", "1")
    assert r.rc != 0 and "longer than 1 s" in r.err, r
    until("its end", lambda: not world.alive())


@pytest.mark.sanitize
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_does_not_outlive_the_command(world, sig):
    sleeper(world)
    p = world.cli.popen(*world.args(), start_new_session=True)
    until("its start", lambda: world.pids.exists() or p.poll() is not None)
    assert len(world.alive()) == 2, p.communicate()
    p.send_signal(sig)
    p.communicate(timeout=PATIENCE)
    assert p.returncode != 0
    until("its end", lambda: not world.alive())


def test_what_ignores_every_signal_does_not_outlive_it_either(world):
    world.python(f"#!/bin/sh\ntrap '' HUP INT TERM QUIT PIPE\n(trap '' HUP INT TERM QUIT PIPE; exec sleep 100000) &\n"
                 f"echo $! $$ > {world.pids}.new\nmv {world.pids}.new {world.pids}\nwhile :; do sleep 1000; done\n")
    p = world.cli.popen(*world.args())
    until("its start", lambda: world.pids.exists() or p.poll() is not None)
    p.kill()
    p.communicate(timeout=PATIENCE)
    until("its end", lambda: not world.alive())


@pytest.mark.parametrize("ref", ["models:/m/1", "models:/m@best", "m@best", "m:1", "m@latest", "models:/m/latest", "m:latest"])
def test_what_crashes_is_told(world, ref):
    world.python("#!/bin/sh\nkill -ABRT $$\n")
    r = world.convert(ref=ref)
    assert r.rc != 0 and f"signal {int(signal.SIGABRT)}" in r.err and "nothing is attached" in r.err, r


def test_other_ends(world):
    world.python("#!/bin/sh\necho this is why >&2\nexit 7\n")
    r = world.convert()
    assert r.rc != 0 and "status 7 and without a report" in r.err and "this is why" in r.err, r
    world.python("#!/bin/sh\nhead -c 30000000 /dev/zero | tr '\\0' x\nexit 7\n")
    r = world.convert()
    assert r.rc != 0 and "status 7" in r.err and len(r.err) < 10000, len(r.err)
    world.python("#!/bin/sh\ncd \"$3\"; echo '[' > report.json; exit 0\n")
    r = world.convert()
    assert r.rc != 0 and "report" in r.err, r
    world.python("#!/bin/sh\ncd \"$3\"; echo '{}' > report.json; echo not onnx > model.onnx; exit 0\n")
    r = world.convert()
    assert r.rc != 0 and "onnx" in r.err.lower(), r
    r = world.convert(python="/no/such/python")
    assert r.rc != 0 and "/no/such/python" in r.err, r
    r = world.convert(python="no-such-python-anywhere")
    assert r.rc != 0 and "no-such-python-anywhere" in r.err, r
    assert world.server.is_up()


def test_limits_and_no_network(world):
    """Its limits, and, where the kernel gives it an empty network, nobody is reached."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        world.python(f"""#!{sys.executable}
import json, os, resource, socket, sys
os.chdir(sys.argv[3])
try:
    socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 5).close()
    net = "reached"
except OSError as e:
    net = "refused"
json.dump({{"error": json.dumps([net, resource.getrlimit(resource.RLIMIT_CORE)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0],
                                resource.getrlimit(resource.RLIMIT_CPU)[0], os.read(0, 1).decode(), os.geteuid()])}}, open("report.json", "w"))
""")
        r = world.convert("--time-limit", "60")
    told = json.loads(r.err[r.err.index("["):r.err.index("]") + 1])
    assert told[1:] == [0, 1 << 30, 60 * os.cpu_count(), "", os.geteuid()], r
    if os.geteuid() == 0:
        assert told[0] == "refused" or not pathlib.Path("/proc/self/ns/net").exists() or no_namespaces()


def no_namespaces():
    return subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0


@pytest.mark.sanitize
def test_damaged_files_are_not_attached_or_do_no_harm(world):
    """Bytes of real conversions, changed at random, and metadata that is none: a 4xx that says why, or a version that
    says whether it can be served; never a 5xx."""
    rng = random.Random(5)
    fixtures = [p.read_bytes() for p in sorted((pathlib.Path(__file__).resolve().parents[1] / "clients/convert/fixtures").glob("*.onnx"))]
    statuses = set()
    for n in range(60 if SANITIZED else 300):
        data = bytearray(rng.choice(fixtures))
        for _ in range(rng.choice((1, 3, 30))):
            how, at = rng.randrange(4), rng.randrange(len(data))
            if how == 0:
                data[at] = rng.randrange(256)
            elif how == 1:
                del data[at:at + rng.randrange(1, 40)]
            elif how == 2:
                data[at:at] = data[rng.randrange(len(data)):][:rng.randrange(1, 60)]
            else:
                data[at:at + 1] = rng.choice((b'"', b"{", b"[" * 100, b"\xff\xff\xff\xff\x0f", b"\x00", b"1e999", b"\\u0000"))
        r = world.server.request("PUT", "/api/v1/models/m/versions/1/onnx", bytes(data), {"Content-Type": "application/octet-stream"})
        assert r.status in (200, 400, 409, 413, 422), (n, r)
        assert r.json.get("message") or isinstance(r.json["conversion"]["deployable"], bool), r
        statuses.add(r.status)
    assert {200, 400} <= statuses
    for body in (b"", b"\0", b"{}", b"x" * 1000, os.urandom(5000)):
        assert world.server.request("PUT", "/api/v1/models/m/versions/1/onnx", body).status == 400
    assert world.server.request("PUT", "/api/v1/models/m/versions/99/onnx", fixtures[0]).status == 404
    good = world.server.request("PUT", "/api/v1/models/m/versions/1/onnx", fixtures[0])
    assert good.status == 200 and good.json["conversion"]["deployable"], good
