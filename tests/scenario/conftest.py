# SPDX-License-Identifier: Apache-2.0
"""Fixtures that start the real binary: Cli runs a command, Server a server, Project a project.

The binary is $SLIPWAY_BIN or build/slipway. Everything lives under pytest's tmp_path; HOME and the XDG
folders point there, so that no test sees the developer's own data. Nothing asserts a duration; waits
have generous limits that only a hang meets."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SLIPWAY_BIN", ROOT / "build" / "slipway")).resolve()
SANITIZED = bool(os.environ.get("SLIPWAY_SANITIZED"))
PATIENCE = 120 if SANITIZED else 60


def pytest_configure(config):
    config.addinivalue_line("markers", "sanitize: also run with the ASan and TSan builds")


def until(what, probe, patience=PATIENCE):
    """Polls until probe() is true; a hang fails with the name of what was waited for."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        value = probe()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience} s for {what}")


class Result:
    def __init__(self, args, rc, out, err):
        self.args, self.rc, self.out, self.err = args, rc, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The JSON error on stderr (the last line that is an object)."""
        for line in reversed(self.err.strip().splitlines()):
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError(f"no JSON error in {self.err!r}")

    def __repr__(self):
        return f"{' '.join(map(str, self.args))} -> {self.rc}\nstdout: {self.out}\nstderr: {self.err}"


def clean_env(home, extra=None):
    keep = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "SLIPWAY_ENGINES", "TMPDIR", "VIRTUAL_ENV")
    env = {k: os.environ[k] for k in keep if k in os.environ}
    env.update(HOME=str(home), LANG="C.UTF-8", TERM="dumb", USER="tester")
    env.update(extra or {})
    return {k: v for k, v in env.items() if v is not None}


class Cli:
    """Runs `slipway …`; ok() wants exit 0, fails(rc) another one."""

    def __init__(self, home, cwd=None, env=None):
        self.home, self.cwd, self.env = pathlib.Path(home), pathlib.Path(cwd or home), env or {}

    def at(self, cwd):
        return Cli(self.home, cwd, self.env)

    def popen(self, *args, env=None, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        kw.setdefault("cwd", self.cwd)
        return subprocess.Popen([str(BINARY), *map(str, args)], env=clean_env(self.home, {**self.env, **(env or {})}), **kw)

    def __call__(self, *args, input=None, env=None, timeout=PATIENCE, cwd=None):
        data = input.encode() if isinstance(input, str) else input
        p = subprocess.run([str(BINARY), *map(str, args)], input=data, stdin=None if data is not None else subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, cwd=cwd or self.cwd,
                           env=clean_env(self.home, {**self.env, **(env or {})}))
        return Result(args, p.returncode, p.stdout.decode(), p.stderr.decode())

    def ok(self, *args, **kw):
        r = self(*args, **kw)
        assert r.rc == 0, r
        return r

    def fails(self, rc, *args, **kw):
        r = self(*args, **kw)
        assert r.rc == rc, r
        return r


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:2000]!r}"


class Server:
    """A running `slipway server` on free ports; stopped at the end of the test."""

    def __init__(self, cli, data, *args, env=None, serve="off", listen="127.0.0.1:0"):
        self.cli, self.data = cli, pathlib.Path(data)
        self.log = open(cli.home / f"server-{time.monotonic_ns()}.log", "w+b")
        self.process = cli.popen("server", "--listen", listen, "--serve", serve, "--data", data, "--json", *args, env=env,
                                 stderr=self.log)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait(PATIENCE)
            raise AssertionError(f"the server did not start: {self.process.returncode} {self.stderr}")
        about = json.loads(line)
        self.url, self.predict_url, self.pid = about["url"], about["predict_url"], about["pid"]

    @property
    def stderr(self):
        self.log.seek(0)
        return self.log.read().decode()

    def request(self, method, path, body=None, headers=None, url=None, timeout=PATIENCE):
        u = urllib.parse.urlsplit(url or self.url)
        c = http.client.HTTPConnection(u.hostname, u.port, timeout=timeout)
        try:
            h = dict(headers or {})
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
                h.setdefault("Content-Type", "application/json")
            c.request(method, u.path + path, body, h)
            r = c.getresponse()
            return Reply(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
        finally:
            c.close()

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def post(self, path, body=None, **kw):
        return self.request("POST", path, body, **kw)

    def stop(self, sig=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        rc = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return rc

    def kill(self):
        return self.stop(signal.SIGKILL)

    def is_up(self):
        return self.process.poll() is None and self.get("/health").text == "OK"


@pytest.fixture
def cli(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Cli(home)


@pytest.fixture
def server(cli, tmp_path):
    """server(data=…, *args) starts one; all that were started are stopped, and must end well."""
    started = []

    def start(data=None, *args, **kw):
        s = Server(kw.pop("cli", cli), data or tmp_path / "data", *args, **kw)
        started.append(s)
        return s

    yield start
    codes = [(s.stop(), s) for s in started]
    for rc, s in codes:
        assert rc in (0, -signal.SIGKILL), f"server ended with {rc}: {s.stderr}"
        assert "ERROR: AddressSanitizer" not in s.stderr and "WARNING: ThreadSanitizer" not in s.stderr, s.stderr
        s.log.close()


class Project:
    """A project folder from the template; every command runs in it."""

    def __init__(self, cli, path):
        self.path, self.cli = pathlib.Path(path), cli.at(path)
        self.yaml, self.data = self.path / "slipway.yaml", self.path / ".slipway"

    def edit(self, old, new):
        text = self.yaml.read_text()
        assert old in text, f"{old!r} is not in slipway.yaml"
        self.yaml.write_text(text.replace(old, new))

    def run(self, *args, **kw):
        return self.cli.ok("run", "--json", *args, **kw).json


@pytest.fixture
def project(cli, tmp_path):
    """A fresh project from `slipway init`; nothing has run yet."""
    cli.at(tmp_path).ok("init", "diabetes", "--template", "regression")
    return Project(cli, tmp_path / "diabetes")


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory):
    base = tmp_path_factory.mktemp("trained")
    home = base / "home"
    home.mkdir()
    cli = Cli(home, base)
    cli.ok("init", "diabetes", "--template", "regression")
    p = Project(cli, base / "diabetes")
    p.run()
    return p


@pytest.fixture
def trained(trained_once, cli, tmp_path):
    """A project with one registered version; a copy for each test."""
    to = tmp_path / "diabetes"
    shutil.copytree(trained_once.path, to, symlinks=True)
    return Project(cli, to)
