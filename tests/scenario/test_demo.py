# SPDX-License-Identifier: Apache-2.0
"""The demo ends well when everything happened, and only then."""
import subprocess
import sys

from conftest import BINARY, PATIENCE, ROOT, clean_env


def demo(home, **env):
    return subprocess.run([sys.executable, ROOT / "scripts" / "demo"], cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE * 3, env=clean_env(home, {"CI": "true", **env}))


def test_demo(tmp_path):
    p = demo(tmp_path, SLIPWAY_BIN=str(BINARY), TMPDIR=str(tmp_path))
    assert p.returncode == 0, p.stdout[-3000:]
    for part in ("registered diabetes:2", "refused", "0 failed", "The web page: http://127.0.0.1:"):
        assert part in p.stdout
    assert not list(tmp_path.glob("slipway-demo-*")), "the folder stays only on a terminal"


def test_demo_notices_what_did_not_happen(tmp_path):
    fake = tmp_path / "slipway"
    fake.write_text(f'#!/bin/sh\ncase "$1" in rollback) exit 0;; *) exec {BINARY} "$@";; esac\n')
    fake.chmod(0o755)
    p = demo(tmp_path, SLIPWAY_BIN=str(fake), TMPDIR=str(tmp_path), SLIPWAY_ENGINES=str(BINARY.parent.parent / "engines"))
    assert p.returncode != 0 and "rolling back to version 1 did not happen" in p.stdout, p.stdout[-2000:]
    assert demo(tmp_path, SLIPWAY_BIN="/absent").returncode != 0
