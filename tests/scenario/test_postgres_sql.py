# SPDX-License-Identifier: Apache-2.0
"""Every migration runs and every registered statement is prepared on a real PostgreSQL 15."""
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

BUILD = pathlib.Path(os.environ.get("SLIPWAY_BIN", pathlib.Path(__file__).parents[2] / "build" / "slipway")).parent
DRIVER = BUILD / "tests" / "fault" / "store-driver"


def binaries():
    found = sorted(glob.glob("/usr/lib/postgresql/15/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL 15 is not installed (Debian package postgresql-15)")
    return pathlib.Path(found[-1]).parent


def as_user():
    """initdb refuses to run as root."""
    if os.geteuid() != 0:
        return [], None
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("running as root and there is no user postgres to start the server as")
    return ["runuser", "-u", "postgres", "--"], user


@pytest.fixture
def socket():
    bin_dir, (prefix, user) = binaries(), as_user()
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-pg-"))
    try:
        if user:
            os.chown(root, user.pw_uid, user.pw_gid)
        subprocess.run([*prefix, bin_dir / "initdb", "-D", root / "db", "-A", "trust", "-U", "slipway", "--no-sync",
                        "-E", "UTF8", "--locale=C"], check=True, capture_output=True, timeout=120, cwd=root)
        options = f"-k {root} -c listen_addresses='' -c fsync=off"
        subprocess.run([*prefix, bin_dir / "pg_ctl", "-D", root / "db", "-w", "-l", root / "log", "-o", options,
                        "start"], check=True, capture_output=True, timeout=60, cwd=root)
        try:
            yield root
        finally:
            subprocess.run([*prefix, bin_dir / "pg_ctl", "-D", root / "db", "-m", "immediate", "stop"],
                           capture_output=True, timeout=60, cwd=root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_every_statement_is_prepared(socket, tmp_path):
    script = subprocess.run([DRIVER, "sql"], check=True, capture_output=True, text=True).stdout
    file = tmp_path / "all.sql"
    file.write_text(script)
    out = subprocess.run(["psql", "-X", "-h", str(socket), "-U", "slipway", "-d", "postgres", "-At", "-f", str(file)],
                         capture_output=True, text=True, timeout=120)
    assert "ERROR" not in out.stderr, out.stderr[:4000]
    assert out.returncode == 0, out.stderr[:4000]
    lines = out.stdout.split("\n")
    want = [line[2:] for line in lines if line.startswith("= ")][0]
    assert want in lines[-4:], out.stdout[-500:]
    assert int(want) > 10
