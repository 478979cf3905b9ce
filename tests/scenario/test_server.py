# SPDX-License-Identifier: Apache-2.0
"""The server command: listeners, guards, tokens, signals, start-up errors."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import PATIENCE, clean_env, until


@pytest.mark.sanitize
def test_front_door(server):
    s = server()
    assert s.get("/health").text == "OK"
    assert s.get("/version").text == "3.11.1"
    assert s.get("/api/v1/version").json["api"] == 1
    assert s.get("/livez").text == "OK"
    assert s.get("/readyz?verbose").status == 200
    assert "# TYPE" in s.get("/metrics").text
    doc = s.get("/openapi.json").json
    assert doc["openapi"].startswith("3.1") and "/api/v1/models" in doc["paths"]
    assert s.get("/api/v1/status").json["server"]["url"] == s.url


def test_defaults_and_lock_file(server, tmp_path):
    s = server(tmp_path / "d")
    lock = json.loads((tmp_path / "d" / "lock").read_text())
    assert lock == {"pid": s.pid, "role": "server", "url": s.url}
    r = s.cli.fails(5, "server", "--data", tmp_path / "d", "--listen", "127.0.0.1:0", "--serve", "off")
    assert str(s.pid) in r.err and s.url in r.err and "--data" in r.err
    s.stop()
    s2 = server(tmp_path / "d")
    assert s2.is_up()


def test_prediction_listener(server):
    s = server(serve="127.0.0.1:0")
    assert s.predict_url and s.predict_url != s.url
    assert s.get("/health", url=s.predict_url).text == "OK"
    assert s.get("/api/v1/models", url=s.predict_url).status == 404


def test_grpc_says_so(cli):
    assert "not built yet" in cli.fails(2, "server", "--grpc", "127.0.0.1:8500").err
    reference = cli.ok("help", "server").out
    assert "only 'off' is accepted" in reference


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", ":0"])
def test_open_listener_needs_a_token(cli, listen):
    r = cli.fails(4, "server", "--listen", listen, "--serve", "off")
    assert "--token-file" in r.err and "--insecure" in r.err
    r = cli.fails(4, "server", "--listen", "127.0.0.1:0", "--serve", listen)
    assert "--token-file" in r.err


def test_bad_addresses(cli):
    for listen in ("nonsense", "127.0.0.1:99999", "127.0.0.1", "127.0.0.1:-1"):
        r = cli.fails(2, "server", "--listen", listen, "--serve", "off")
        assert listen in r.err, r
    for base in ("x", "x/", "/", "/x/", "", "/a//b", "/a/../b", "/a b", "/a?b", "/%2e"):
        assert "--base-path" in cli.fails(2, "server", "--base-path", base, "--listen", "127.0.0.1:0", "--serve", "off").err


def test_busy_port(cli, server):
    s = server()
    port = s.url.rsplit(":", 1)[1]
    r = cli.fails(5, "server", "--data", cli.home / "other", "--listen", f"127.0.0.1:{port}", "--serve", "off")
    assert port in r.err and "--listen" in r.err
    assert s.is_up()
    # The folder of the one that failed is free again.
    assert cli.ok("model", "ls", "--data", cli.home / "other").rc == 0


def test_tokens(cli, server, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("reader-secret-0123456789 reader dashboards\nadmin-secret-0123456789 admin\n")
    s = server(None, "--token-file", tokens)
    assert s.get("/health").status == 200
    r = s.get("/api/v1/models")
    assert r.status == 401 and "bearer" in r.headers["www-authenticate"].lower() and r.json["code"] == "DENIED"
    assert s.get("/api/v1/models", headers={"Authorization": "Bearer wrong-secret-0123456789"}).status == 401
    reader = {"Authorization": "Bearer reader-secret-0123456789"}
    assert s.get("/api/v1/models", headers=reader).status == 200
    assert s.post("/api/v1/endpoints/x:promote", {}, headers=reader).status == 403
    mine = tmp_path / "mine"
    mine.write_text("admin-secret-0123456789\n")
    assert cli.ok("model", "ls", "--server", s.url, "--token-file", mine).rc == 0
    assert cli.ok("model", "ls", "--server", s.url, env={"SLIPWAY_TOKEN": "admin-secret-0123456789"}).rc == 0
    assert cli.fails(4, "model", "ls", "--server", s.url).rc == 4
    # HUP reads the file again; a bad file leaves what was in force.
    tokens.write_text("fresh-secret-0123456789 reader\n")
    s.process.send_signal(signal.SIGHUP)
    until("the new token", lambda: s.get("/api/v1/models", headers={"Authorization": "Bearer fresh-secret-0123456789"}).status == 200)
    assert s.get("/api/v1/models", headers=reader).status == 401
    tokens.write_text("short\n")
    s.process.send_signal(signal.SIGHUP)
    until("the complaint", lambda: "SIGHUP" in s.stderr and "stay" in s.stderr)
    assert s.get("/api/v1/models", headers={"Authorization": "Bearer fresh-secret-0123456789"}).status == 200


def test_host_and_origin_guard(server):
    s = server()
    port = s.url.rsplit(":", 1)[1]
    assert s.get("/api/v1/models", headers={"Host": "evil.example"}).status == 403
    assert s.get("/api/v1/models", headers={"Host": f"localhost:{port}"}).status == 200
    evil = {"Origin": "http://evil.example"}
    assert s.request("PUT", "/api/v1/endpoints/x", {"model": "m"}, headers=evil).status == 403


def test_base_path(server):
    s = server(None, "--base-path", "/slip")
    assert s.url.endswith("/slip") and s.get("/health").text == "OK"
    assert s.get("/health", url=s.url[: -len("/slip")]).status == 404
    assert s.cli.ok("model", "ls", "--server", s.url).rc == 0
    assert s.cli.ok("model", "ls", "--data", s.data).rc == 0


@pytest.mark.sanitize
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_graceful_stop(server, sig):
    s = server()
    assert s.is_up()
    assert s.stop(sig) == 0
    assert s.cli.ok("status", "--data", s.data, "--json").json["server"] is None


def test_draining_answers_what_runs_and_second_signal_ends_at_once(server):
    s = server(env={"SLIPWAY_DRAIN_MS": "60000"})
    s.process.send_signal(signal.SIGTERM)
    until("readiness to go", lambda: s.get("/readyz").status == 503)
    assert s.get("/health").status == 200
    s.process.send_signal(signal.SIGTERM)
    assert s.process.wait(PATIENCE) == -signal.SIGTERM
    s.process.returncode = 0  # as wanted here


def test_notify_socket(server, tmp_path):
    path = str(tmp_path / "n.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as n:
        n.bind(path)
        n.settimeout(PATIENCE)
        s = server(env={"NOTIFY_SOCKET": path})
        assert b"READY=1" in n.recv(4096)
        s.stop()
        assert b"STOPPING=1" in n.recv(4096)


def test_prints_the_url_once_ready(cli, tmp_path):
    p = cli.popen("server", "--listen", "127.0.0.1:0", "--serve", "off", "--data", tmp_path / "d")
    url = p.stdout.readline().decode().strip()
    assert url.startswith("http://127.0.0.1:")
    assert cli.ok("status", "--server", url).rc == 0
    p.terminate()
    assert p.wait(PATIENCE) == 0


def test_kill_leaves_a_folder_that_opens(server, tmp_path):
    for _ in range(3):
        s = server(tmp_path / "d")
        s.kill()
    assert server(tmp_path / "d").is_up()


def test_half_a_request_does_not_hold_the_others(server):
    s = server()
    host, port = s.url[len("http://"):].split(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(30)]
    for c in slow:
        c.sendall(b"POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
    assert s.is_up()
    for c in slow:
        c.close()
    assert s.is_up()


def test_schema_is_served_as_the_command_prints_it(server, cli):
    s = server()
    assert json.loads(s.request("GET", "/schema/v1.json").body) == json.loads(cli.ok("schema").out)
