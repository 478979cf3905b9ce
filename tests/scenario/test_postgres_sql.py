# SPDX-License-Identifier: Apache-2.0
"""Every migration runs and every registered statement is prepared on a real PostgreSQL 15."""
import os
import pathlib
import subprocess

import pytest
import postgres

BUILD = pathlib.Path(os.environ.get("SLIPWAY_BIN", pathlib.Path(__file__).parents[2] / "build" / "slipway")).parent
DRIVER = BUILD / "tests" / "fault" / "store-driver"


@pytest.fixture
def server():
    with postgres.running() as p:
        yield p


def test_every_statement_is_prepared(server, tmp_path):
    script = subprocess.run([DRIVER, "sql"], check=True, capture_output=True, text=True).stdout
    file = tmp_path / "all.sql"
    file.write_text(script)
    out = subprocess.run(["psql", "-X", "-h", str(server.socket), "-p", str(server.port), "-U", postgres.USER, "-d", "postgres", "-At", "-f", str(file)],
                         capture_output=True, text=True, timeout=120)
    assert "ERROR" not in out.stderr, out.stderr[:4000]
    assert out.returncode == 0, out.stderr[:4000]
    lines = out.stdout.split("\n")
    want = [line[2:] for line in lines if line.startswith("= ")][0]
    assert want in lines[-4:], out.stdout[-500:]
    assert int(want) > 10
