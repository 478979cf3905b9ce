# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own: in a temporary folder, on a socket and on a port of the loopback interface."""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

import pytest

USER, PASSWORD = "slipway", "pa:ss/w%rd@1"


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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postgres:
    def __init__(self, root, port):
        self.root, self.port, self.socket = root, port, root

    def sql(self, text, database="postgres"):
        """Runs a script; its last answer as text."""
        out = subprocess.run(["psql", "-X", "-q", "-h", str(self.socket), "-p", str(self.port), "-U", USER, "-d", database, "-At",
                              "-v", "ON_ERROR_STOP=1"], input=text, capture_output=True, text=True, timeout=120)
        assert out.returncode == 0, out.stderr[:4000]
        return out.stdout.strip()


@contextlib.contextmanager
def running():
    """Trusts who comes by the socket, asks the others for PASSWORD."""
    bin_dir, (prefix, user) = binaries(), as_user()
    root = pathlib.Path(tempfile.mkdtemp(prefix="slipway-pg-"))
    try:
        (root / "password").write_text(PASSWORD)
        if user:
            for path in (root, root / "password"):
                os.chown(path, user.pw_uid, user.pw_gid)
        subprocess.run([*prefix, bin_dir / "initdb", "-D", root / "db", "--auth-local=trust", "--auth-host=scram-sha-256",
                        f"--pwfile={root / 'password'}", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, capture_output=True, timeout=120, cwd=root)
        port = free_port()
        options = f"-k {root} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"
        subprocess.run([*prefix, bin_dir / "pg_ctl", "-D", root / "db", "-w", "-l", root / "log", "-o", options, "start"],
                       check=True, capture_output=True, timeout=60, cwd=root)
        try:
            yield Postgres(root, port)
        finally:
            subprocess.run([*prefix, bin_dir / "pg_ctl", "-D", root / "db", "-m", "immediate", "stop"],
                           capture_output=True, timeout=60, cwd=root)
    finally:
        shutil.rmtree(root, ignore_errors=True)
