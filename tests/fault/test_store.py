# SPDX-License-Identifier: Apache-2.0
"""The store under kill -9, failing I/O, a full disk, a folder that cannot be written, and damage."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

import pytest

BUILD = pathlib.Path(os.environ.get("SLIPWAY_BIN", pathlib.Path(__file__).parents[2] / "build" / "slipway")).parent
DRIVER = BUILD / "tests" / "fault" / "store-driver"
KILLS = int(os.environ.get("SLIPWAY_KILLS", "500"))
SQLITE_FULL, IOERR_WRITE, IOERR_FSYNC = 13, 10 | 3 << 8, 10 | 4 << 8


def run(*args, driver=DRIVER, **kw):
    return subprocess.run([driver, *map(str, args)], capture_output=True, text=True, timeout=60, **kw)


def verify(folder):
    out = run("verify", folder)
    lines = out.stdout.split()
    assert out.returncode == 0 and lines[-1] == "whole", out.stdout[-300:] + out.stderr
    return set(lines[:-1])


def test_kill_minus_nine(tmp_path):
    """Every acknowledged write is there, and nothing half done, after each of many kills."""
    folder, acknowledged = tmp_path / "data", set()
    dice = random.Random(20240501)
    for kill in range(KILLS):
        with subprocess.Popen([DRIVER, "write", folder, str(dice.choice([1, 4, 16]))], stdout=subprocess.PIPE) as p:
            # Half die at any moment from the start on, half in the midst of writing, some after a checkpoint.
            text = p.stdout.readline() if kill % 2 else b""
            time.sleep(dice.uniform(0.0, 0.03) if kill % 10 else dice.uniform(0.05, 0.25))
            p.send_signal(signal.SIGKILL)
            text = (text + p.stdout.read()).decode()
        assert "error" not in text, text[-300:]
        acknowledged.update(text[: text.rfind("\n") + 1].split())
        if kill % 25 == 24 or kill == KILLS - 1:
            missing = acknowledged - verify(folder)
            assert not missing, f"{len(missing)} acknowledged writes are gone after kill {kill}"
    assert len(acknowledged) >= KILLS // 2
    print(f"{KILLS} kills, {len(acknowledged)} acknowledged writes, all there")


@pytest.mark.parametrize("code, name", [(SQLITE_FULL, "-14"), (IOERR_WRITE, "-12"), (IOERR_FSYNC, "-12")])
def test_failing_io(tmp_path, code, name):
    """The n-th write or sync fails, for every n until none does: told clearly, nothing lost, works again."""
    folder, acknowledged, fired = tmp_path / "data", set(), 0
    verify(folder)
    for n in range(1, 60):
        out = run("io", folder, n, code)
        lines = out.stdout.splitlines()
        acknowledged.update(line.split()[1] for line in lines if line.startswith("ok "))
        for line in lines:
            if line.startswith("error"):
                assert line.split()[1] == name and "slipway.db" in line, line
        assert acknowledged <= verify(folder)
        if lines[-1] == "fired 0":
            break
        assert sum(line.startswith("error") for line in lines) <= 1, lines
        fired += 1
    assert fired >= 3


def tiny_disk(tmp_path):
    mount = tmp_path / "tiny"
    mount.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", mount],
                                           capture_output=True).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root and is not allowed here")
    return mount


def test_full_disk(tmp_path):
    mount = tiny_disk(tmp_path)
    try:
        folder = mount / "data"
        out = run("fill", folder, 50000, 100)
        lines = out.stdout.splitlines()
        errors = [line for line in lines if line.startswith("error")]
        assert errors and all(line.startswith("error -14 ") for line in errors), errors[:3]
        acknowledged = {line.split()[1] for line in lines if line.startswith("ok")}
        assert acknowledged
        assert any("full" in line or "space" in line.lower() for line in errors)
        subprocess.run(["mount", "-o", "remount,size=16m", mount], check=True)
        assert acknowledged <= verify(folder)
        assert run("fill", folder, 10, 1).stdout.startswith("ok")
    finally:
        subprocess.run(["umount", mount], check=True)


def as_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def test_folder_that_cannot_be_written(tmp_path):
    if os.geteuid() == 0:
        for p in [tmp_path, *tmp_path.parents]:
            if p != pathlib.Path("/tmp") and str(p).startswith("/tmp"):
                p.chmod(0o755)
    drop = {}
    if os.geteuid() == 0:  # the checkout may lie in a folder that others cannot enter
        driver = shutil.copy(DRIVER, tmp_path / "store-driver")
        drop = {"preexec_fn": as_nobody, "driver": driver}
    folder = tmp_path / "data"
    keys = {line.split()[1] for line in run("fill", folder, 10, 3).stdout.splitlines()}
    for p in folder.rglob("*"):
        p.chmod(0o555 if p.is_dir() else 0o444)
    folder.chmod(0o555)
    try:
        out = run("open", folder, "ro", **drop)
        assert out.returncode == 0 and keys <= set(out.stdout.split()), out.stdout + out.stderr
        out = run("fill", folder, 10, 1, **drop)
        assert out.stdout.startswith("error -15 ") and str(folder) in out.stdout, out.stdout
        out = run("open", tmp_path / "absent", "ro", **drop)
        assert out.stdout.startswith("error -2 ") and "absent" in out.stdout
    finally:
        folder.chmod(0o755)
        for p in folder.rglob("*"):
            p.chmod(0o755 if p.is_dir() else 0o644)


@pytest.mark.parametrize("what", ["header", "middle", "cut", "text"])
def test_damaged_database(tmp_path, what):
    """Damage is named, with the file and the way out; never a crash."""
    folder = tmp_path / "data"
    run("fill", folder, 2000, 50)
    db = folder / "slipway.db"
    raw = bytearray(db.read_bytes())
    if what == "header":
        raw[:100] = os.urandom(100)
    elif what == "middle":
        raw[4096 * 2:] = b"\xa5" * (len(raw) - 4096 * 2)
    elif what == "cut":
        raw = raw[: len(raw) // 2]
    else:
        raw = bytearray(b"Dear reader, this is a letter.\n" * 100)
    db.write_bytes(raw)
    for mode in ("rw", "ro"):
        out = run("open", folder, mode)
        assert out.returncode == 1, out.stdout[-300:] + out.stderr
        last = out.stdout.splitlines()[-1]
        assert last.startswith("error -10 ") and str(db) in last and "backup" in last, last


def test_two_processes_write(tmp_path):
    """Two writers at once (which the lock of the folder prevents) still lose nothing."""
    folder = tmp_path / "data"
    verify(folder)
    ps = [subprocess.Popen([DRIVER, "fill", folder, "10", "100"], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    lines = [line for p in ps for line in p.communicate(timeout=60)[0].splitlines()]
    assert len(lines) == 300 and all(line.startswith("ok") for line in lines), [x for x in lines if x[:2] != "ok"][:2]
    assert {line.split()[1] for line in lines} <= verify(folder)
