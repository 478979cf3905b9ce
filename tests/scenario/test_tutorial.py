# SPDX-License-Identifier: Apache-2.0
"""Executes every command block of the READMEs and the tutorials, in order, in one shell, and compares the output shown.

```console``` blocks: lines that begin with "$ " are commands, the rest is what they print. "…" alone on a line
stands for any lines. Times, run numbers, other hexadecimal names, "just now" and blanks may differ; the ports are
replaced by free ones. A command must succeed unless the next one is `echo $?`. "terminal=2" behind the word: the
command goes on in the background. ```sh``` blocks are executed as they stand and must succeed."""
import difflib
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import BINARY, PATIENCE, ROOT, clean_env

PAGES = [ROOT / "README.md", ROOT / "docs" / "zh-CN" / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
MARK = "__end_of_command__"
PROGRESS = re.compile(r"^\s+\S+ …\s+[\d.]+ (s|min)$")  # a slow machine is told how long it takes


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def plain(line):
    """What may differ from day to day is made equal."""
    line = re.sub(r"\b\d+(\.\d+)? (ms|s|min|h|µs)\b", "TIME", line)
    line = re.sub(r"\bjust now\b|\bTIME ago\b", "WHEN", line)
    line = re.sub(r"\b(run/|show )[0-9a-f]{8,32}\b", r"\1RUN", line)
    line = re.sub(r"^ *\d+ (?=WHEN)", "N ", line)  # sequence numbers of the audit log
    line = re.sub(r"\b(anonymous|user:\S+)\b", "ACTOR", line)
    return re.sub(r"\s+", " ", line).strip()


def matches(wanted, got):
    """Lines against lines; "…" takes any number of them."""
    if not wanted:
        return not got
    if wanted[0].strip() == "…":
        return any(matches(wanted[1:], got[i:]) for i in range(len(got) + 1))
    return bool(got) and plain(wanted[0]) == plain(got[0]) and matches(wanted[1:], got[1:])


class Shell:
    def __init__(self, folder, home):
        self.ports = {"5000": str(free_port()), "8501": str(free_port())}
        env = clean_env(home, {"PATH": f"{home / 'bin'}:{os.environ['PATH']}"})
        (home / "bin").mkdir(parents=True)
        # The server of the page listens where the page says, here on free ports.
        (home / "bin" / "slipway").write_text(
            f'#!/bin/sh\n[ "$1" != server ] || set -- "$@" --listen 127.0.0.1:{self.ports["5000"]} --serve 127.0.0.1:{self.ports["8501"]}\n'
            f'exec "{BINARY}" "$@"\n')
        (home / "bin" / "slipway").chmod(0o755)
        self.env, self.folder, self.background = env, folder, []
        self.shell = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, env=env, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def here(self, text):
        for page, mine in self.ports.items():
            text = text.replace(f"127.0.0.1:{page}", f"127.0.0.1:{mine}")
        return text

    def page(self, text):
        for page, mine in self.ports.items():
            text = text.replace(f"127.0.0.1:{mine}", f"127.0.0.1:{page}")
        return text

    def run(self, command, status="__rc"):
        """Output and exit status; $? of the command before is kept for `echo $?`."""
        self.shell.stdin.write(f"(exit ${{{status}:-0}})\n{self.here(command)}\n__rc=$?; printf '\\n%s %s\\n' {MARK} $__rc\n")
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.startswith(MARK):
                text = self.page("".join(lines)).removesuffix("\n")
                return text.splitlines(), int(line.split()[1])
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}")

    def start(self, command):
        """In the background, until it has printed its first line."""
        folder = self.run("pwd")[0][0]
        p = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, env=self.env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.background.append(p)
        return [self.page(p.stdout.readline().rstrip("\n"))]

    def end(self):
        for p in self.background:
            p.send_signal(signal.SIGTERM)
            assert p.wait(PATIENCE) == 0
            p.stdout.close()
        self.shell.stdin.close()
        self.shell.wait(PATIENCE)
        self.shell.stdout.close()


def commands_of(block):
    """(command, lines shown) in order."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            assert found, f"output before a command: {line}"
            found[-1][1].append(line)
    return found


def check_console(shell, block, options):
    commands = commands_of(block)
    for i, (command, shown) in enumerate(commands):
        if "terminal=2" in options:
            got, rc = shell.start(command), 0
        else:
            got, rc = shell.run(command)
        got = [line for line in got if not PROGRESS.match(line)]
        same = matches(shown, got)
        assert same, f"$ {command}\n" + "\n".join(difflib.unified_diff(shown, got, "the page", "the program", lineterm=""))
        may_fail = i + 1 < len(commands) and commands[i + 1][0] == "echo $?"
        told = [line for line in got if line.startswith("error: ")]  # shown as a mistake on purpose
        assert rc == 0 or may_fail or told, f"$ {command}\nended with {rc}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tutorial(page, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    shell = Shell(folder, tmp_path / "home")
    n = 0
    try:
        for kind, options, block in FENCE.findall(page.read_text()):
            if kind == "console":
                check_console(shell, block, options)
                n += 1
            elif kind == "sh":
                got, rc = shell.run(block)
                assert rc == 0, f"{block}\n{got}"
                n += 1
    finally:
        shell.end()
    assert n >= 3
