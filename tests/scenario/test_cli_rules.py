# SPDX-License-Identifier: Apache-2.0
"""The rules of the command line that need no data; one test a rule."""
import json
import os
import pty
import re
import select
import subprocess

import pytest

from conftest import BINARY, clean_env

COMMANDS = ["init", "run", "server", "deploy", "predict", "promote", "rollback", "status", "model ls", "model show", "model compare",
            "data ls", "data show", "exp ls", "exp show", "exp compare", "audit log", "schema", "doctor", "version", "help"]
READ = ["model ls", "data ls", "exp ls", "audit log", "status", "doctor"]


def on_terminal(args, env, columns=80):
    """Runs on a pseudo terminal and returns what a person would see."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(BINARY, [str(BINARY), *args], {**env, "COLUMNS": str(columns)})
    out = b""
    while True:
        ready, _, _ = select.select([fd], [], [], 60)
        if not ready:
            raise AssertionError("no output within 60 s")
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), out.decode()


@pytest.mark.sanitize
def test_bare_command_is_a_short_summary(cli):
    r = cli.ok()
    assert 10 <= len(r.out.splitlines()) <= 15 and r.err == ""
    for word in ("init", "run", "server", "deploy", "predict", "status", "doctor"):
        assert word in r.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_anywhere(cli, command):
    words = command.split()
    expected = cli.ok(*words, "--help").out
    assert cli.ok(*words, "-h").out == expected
    assert cli.ok("-h", *words).out == expected
    assert cli.ok("--help", *words).out == expected
    assert cli.ok("help", *words).out == expected
    examples, usage = expected.index("Examples"), expected.index("Usage")
    common, rest = expected.index("Common flags"), expected.index("All other flags")
    assert examples < usage < common < rest
    assert expected.rstrip().splitlines()[-1].startswith("Docs: ")


def test_help_of_a_group_and_of_nothing_known(cli):
    assert "model compare" in cli.ok("help", "model").out
    assert "model compare" in cli.ok("model", "--help").out
    r = cli.fails(2, "model")
    assert r.out == "" and "needs a command" in r.err
    assert "did you mean" in cli.fails(2, "help", "modle ls").err


@pytest.mark.parametrize("wrong, right", [("modle", "model"), ("sevrer", "server"), ("serve", "server"), ("train", "run"),
                                          ("model lst", "model ls"), ("exp shwo", "exp show"), ("docter", "doctor")])
def test_did_you_mean_and_never_run(cli, wrong, right):
    r = cli.fails(2, *wrong.split())
    assert f"did you mean 'slipway {right}'?" in r.err and r.out == ""


def test_flags_did_you_mean(cli):
    assert "did you mean '--force'?" in cli.fails(2, "run", "--forse").err
    assert "did you mean 'json'?" in cli.fails(2, "model", "ls", "-o", "jsno").err
    assert "for 'slipway run'" in cli.fails(2, "--to", "3", "run").err


def test_no_abbreviations(cli):
    for word in ("mod", "ver", "stat", "dep"):
        assert cli(word).rc == 2
    assert cli("version", "--js").rc == 2


def test_only_the_allowed_letters_are_flags(cli):
    reference = cli.ok("_docs", "cli").out
    letters = set(re.findall(r"`-(\w)`", reference))
    assert letters <= set("hqvofpynCe"), letters


@pytest.mark.sanitize
def test_version(cli):
    text = cli.ok("version").out
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", text)
    assert cli.ok("--version").out == text
    about = cli.ok("version", "--json").json
    assert about["version"] == text.strip() and about["api"] == 1 and about["mlflow_version"] == "3.11.1"
    assert cli.ok("version", "--field", "mlflow_version").out == "3.11.1\n"


@pytest.mark.sanitize
@pytest.mark.parametrize("command", READ)
@pytest.mark.parametrize("fmt", ["table", "wide", "json", "jsonl", "csv", "tsv", "name", "md"])
def test_every_read_command_has_every_format(cli, command, fmt):
    r = cli.ok(*command.split(), "-o", fmt)
    if fmt == "json":
        json.loads(r.out)
    elif fmt == "jsonl":
        for line in r.out.splitlines():
            json.loads(line)
    elif fmt in ("csv", "tsv", "md"):
        assert r.out.strip(), "a header at least"


def test_reading_makes_no_folder(cli):
    cli.ok("model", "ls")
    cli.ok("status")
    assert not (cli.home / ".local").exists()


def test_json_fields(cli):
    rows = cli.ok("doctor", "--json=name,state").json
    assert all(set(r) == {"name", "state"} for r in rows)
    assert cli.ok("doctor", "--json", "name,state").json == rows
    r = cli.fails(2, "doctor", "--json=name,stat")
    assert "did you mean 'state'?" in r.error["message"] and "fields: state, name" in r.error["hint"]
    assert cli.ok("doctor", "--field", "state").out.split()[0] == "ok"
    assert cli.ok("doctor", "--plain").out.count("\t") >= 3


def test_errors_are_json_when_data_is(cli):
    for args in (("model", "show", "nope", "--json"), ("-o", "json", "model", "show", "nope"), ("model", "show", "nope", "-ojsonl")):
        e = cli.fails(3, *args)
        assert e.out == ""
        assert set(e.error) == {"code", "message", "hint", "docs", "request_id"}
        assert e.error["code"] == "NOT_FOUND" and "nope" in e.error["message"] and "NOT_FOUND" in e.error["docs"]
    assert cli.fails(2, "run", "--forse", "--json").error["code"] == "INVALID"
    assert cli.fails(2, "--json", "modle").error["code"] == "INVALID"


def test_exit_codes(cli, tmp_path):
    assert cli("version").rc == 0
    assert cli("nonsense").rc == 2
    assert cli("model", "show", "x").rc == 3
    assert cli("server", "--listen", "0.0.0.0:0").rc == 4
    assert cli("model", "ls", "--server", "http://127.0.0.1:1").rc == 7
    assert cli("run").rc == 3  # no project here


def test_colour(cli, tmp_path):
    env = clean_env(cli.home, {"TERM": "xterm-256color"})
    esc = "\033["
    assert esc in on_terminal(["help", "run"], env)[1]
    assert esc not in on_terminal(["help", "run"], {**env, "NO_COLOR": "1"})[1]
    assert esc not in on_terminal(["help", "run"], {**env, "TERM": "dumb"})[1]
    assert esc not in on_terminal(["help", "run", "--color=never"], env)[1]
    assert esc not in cli.ok("help", "run").out
    assert esc in cli.ok("help", "run", "--color", "always").out
    assert esc in cli.ok("help", "run", env={"CLICOLOR_FORCE": "1"}).out
    assert esc not in cli.ok("help", "run", env={"CLICOLOR_FORCE": "0"}).out
    assert cli.fails(2, "help", "--color=sometimes").out == ""
    # The two streams are judged separately: stderr is a pipe here, stdout is not coloured by force.
    assert esc not in cli("nonsense").err


def test_table_fits_the_terminal(cli):
    env = clean_env(cli.home, {"TERM": "dumb"})
    _, text = on_terminal(["audit", "log"], env, columns=40)
    assert all(len(line.rstrip("\r")) <= 40 for line in text.splitlines() if not line.startswith(("nothing", "slipway"))), text


def test_ascii_fallback(cli):
    r = cli.ok("doctor", env={"LANG": "C"})
    assert r.out.isascii() and "ok version" in r.out
    assert "✓" in cli.ok("doctor").out


def test_precedence_of_settings(cli, tmp_path):
    config = cli.home / ".config" / "slipway"
    config.mkdir(parents=True)
    (config / "config").write_text("# mine\noutput: json\n")
    json.loads(cli.ok("model", "ls").out)
    assert cli.ok("model", "ls", env={"SLIPWAY_OUTPUT": "csv"}).out.startswith("name,")
    assert cli.ok("model", "ls", "-o", "tsv", env={"SLIPWAY_OUTPUT": "csv"}).out.startswith("name\t")
    (config / "config").write_text("ouput: json\n")
    r = cli.fails(2, "model", "ls")
    assert "config:1: unknown setting 'ouput'; did you mean 'output'?" in r.err
    (config / "config").write_text("server: http://127.0.0.1:1\n")
    assert cli("model", "ls").rc == 7
    assert cli("model", "ls", "--data", tmp_path / "d").rc == 0  # the flag is nearer than the file
    (config / "config").unlink()
    assert cli("model", "ls", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}).rc == 7
    assert cli("model", "ls", env={"MLFLOW_TRACKING_URI": "sqlite:///x.db"}).rc == 0
    assert cli("model", "ls", env={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1", "SLIPWAY_SERVER": "ftp://x"}).rc == 2


def test_data_folder_rules(cli, tmp_path):
    assert str(cli.home / ".local/share/slipway") in cli.ok("status", "--field", "data_dir").out
    assert cli.ok("status", "--field", "data_dir", env={"XDG_DATA_HOME": "/x/y"}).out == "/x/y/slipway\n"
    project = tmp_path / "p"
    (project / "deep").mkdir(parents=True)
    (project / "slipway.yaml").write_text("")
    for where in (project, project / "deep"):
        assert cli.at(where).ok("status", "--field", "data_dir").out == f"{project}/.slipway\n"
    assert cli.ok("status", "--field", "data_dir", "-C", project).out == f"{project}/.slipway\n"
    assert cli.ok("status", "--field", "data_dir", "--data", "rel").out == f"{cli.home}/rel\n"
    r = cli.fails(3, "status", "-C", tmp_path / "absent")
    assert "absent" in r.err


def test_stdout_that_cannot_be_written(cli):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BINARY, "doctor"], stdout=full, stderr=subprocess.PIPE, env=clean_env(cli.home))
    assert p.returncode == 6 and b"standard output" in p.stderr
    p = cli.popen("_docs", "cli")
    p.stdout.close()
    assert p.wait(60) == 0 and p.stderr.read() == b""


def test_secrets_never_as_flag_values(cli):
    reference = cli.ok("_docs", "cli").out
    assert "--token-file" in reference and not re.search(r"`--(token|password|secret)\b[^-]", reference)
    empty = cli.home / "t"
    empty.write_text("# none\n")
    assert "holds no token" in cli.fails(2, "model", "ls", "--token-file", empty).err
    assert "t2" in cli.fails(3, "model", "ls", "--token-file", cli.home / "t2").err


@pytest.mark.parametrize("name", ["null", "True", "FALSE", "1e5", "a b", "it's", "é"])
def test_init_makes_only_projects_that_run(cli, tmp_path, name):
    """A name that YAML would read as a value, or that no project may have, makes nothing."""
    assert name in cli.at(tmp_path).fails(2, "init", name, "--template", "regression").err
    assert not (tmp_path / name / "slipway.yaml").exists()


def test_quiet_has_no_advice(cli):
    assert cli.ok("status").err != ""
    assert cli.ok("status", "-q").err == ""


def test_doctor(cli):
    rows = {r["name"]: r for r in cli.ok("doctor", "--json").json}
    for name in ("version", "data folder", "disk", "database", "server", "processor", "libcurl", "open files"):
        assert name in rows, rows
        assert rows[name]["state"] in ("ok", "warning", "error")
    for row in rows.values():
        assert row["state"] == "ok" or row["fix"], row


def test_reference_page_is_current(cli):
    page = BINARY.parent.parent / "docs" / "reference" / "cli.md"
    if not page.exists():
        pytest.skip("docs/reference/cli.md is not in this tree")
    assert cli.ok("_docs", "cli").out == page.read_text()


def test_man_page_is_man(cli):
    text = cli.ok("_docs", "man").out
    assert text.startswith(".TH SLIPWAY 1") and "slipway model show" in text
