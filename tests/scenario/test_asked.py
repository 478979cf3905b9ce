# SPDX-License-Identifier: Apache-2.0
"""Trash with undo, purging, moved and copied runs, aliases in time, renaming under load, search by
parts of metrics, and the garbage collection of blobs: by the command line and beside a server."""
import os
import time

from test_story import Loop


def latest(cli):
    return cli.ok("exp", "show", "latest", "--json").json["run_id"]


def test_experiments_go_and_come_back(trained):
    c = trained.cli
    run = latest(c)
    c.ok("exp", "create", "side", "--description", "for tests")
    c.ok("exp", "mv", run, "side")
    copy = c.ok("exp", "cp", run, "side", "--json").json
    assert copy["experiment"] == "side" and copy["tags"]["slipway.copied_from"] == run
    assert copy["metrics"] == c.ok("exp", "show", f"run/{run}", "--json").json["metrics"]
    rows = c.ok("exp", "ls", "--experiments", "--json").json
    assert {r["name"]: r["run_count"] for r in rows}["side"] == 2
    c.ok("exp", "rm", "side", "--reason", "over")
    assert [r["kind"] for r in c.ok("trash", "--json").json] == ["experiment"]
    assert c.ok("exp", "ls", "side", "--json").json == []
    c.ok("exp", "create", "side")  # the name is free
    old = c.ok("trash", "--json").json[0]
    assert old["name"].startswith("side~")
    c.ok("exp", "restore", old["name"])
    assert len(c.ok("exp", "ls", old["name"], "--json").json) == 2
    c.ok("exp", "rename", old["name"], "back")
    c.ok("exp", "tag", "back", "team=blue", "why=test")
    c.ok("exp", "tag", "back", "why", "--delete")
    c.ok("exp", "note", f"run/{run}", "a note")
    assert c.ok("exp", "ls", "--experiments", "--filter", "tags.team = 'blue' AND run_count = 2", "--json").json
    assert c.ok("exp", "ls", "--filter", "tags.`mlflow.note.content` = 'a note'", "--json").json[0]["run_id"] == run
    log = c.ok("audit", "log", "--json").json
    kinds = {e["kind"] for e in log}
    assert {"run.moved", "run.copied", "experiment.deleted", "experiment.restored", "experiment.renamed"} <= kinds
    assert [e for e in log if e["kind"] == "experiment.deleted"][0]["reason"] == "over"


def test_purge_asks_for_the_name(trained):
    c = trained.cli
    run = latest(c)
    c.ok("exp", "create", "side")
    copy = c.ok("exp", "cp", run, "side", "--json").json["run_id"]
    r = c.fails(2, "exp", "purge", "side")
    assert "--confirm=side" in r.err
    c.fails(5, "exp", "purge", "side", "--confirm=side")  # not in the trash
    c.ok("exp", "rm", f"run/{copy}")
    c.ok("exp", "restore", f"run/{copy[:8]}")
    c.ok("exp", "rm", f"run/{copy}")
    c.fails(2, "exp", "purge", f"run/{copy}", "--confirm=yes")
    c.ok("exp", "purge", f"run/{copy}", f"--confirm={copy}")
    c.fails(3, "exp", "show", f"run/{copy}")
    c.ok("exp", "rm", "side")
    c.ok("exp", "purge", "side", "--confirm=side")
    assert c.ok("trash", "--json").json == []
    c.ok("exp", "show", f"run/{run}")
    c.fails(5, "exp", "rm", "Default")


def test_models_go_and_come_back(trained):
    c = trained.cli
    assert c.ok("model", "register", "diabetes", "s3://bucket/m", "--description", "elsewhere", "--json").json["version"] == "2"
    c.ok("model", "alias", "diabetes", "tested", "1", "--reason", "first")
    time.sleep(0.01)
    between = int(time.time() * 1000)
    time.sleep(0.01)
    c.ok("model", "alias", "diabetes", "tested", "2")
    assert c.ok("model", "alias", "diabetes", "tested").out == "diabetes:2\n"
    assert c.ok("model", "alias", "diabetes", "tested", "--at", str(between)).out == "diabetes:1\n"
    assert c.ok("model", "alias", "diabetes", "tested", "--at", "2001-09-09T01:46:40Z").out == "nowhere\n"
    assert c.ok("model", "alias", "diabetes", "tested", "--at", "2001-09-09T01:46:40Z", "--json").json["at_ms"] == 1000000000000
    assert "first" in c.ok("model", "alias", "diabetes", "tested", "--history").out
    c.fails(2, "model", "alias", "diabetes", "tested", "--at", "yesterday")
    c.ok("model", "rm", "diabetes:2")
    c.fails(3, "model", "show", "diabetes@tested")
    c.ok("model", "restore", "diabetes:2")
    assert c.ok("model", "show", "diabetes@tested", "--json").json["version"] == "2"
    c.ok("model", "tag", "diabetes:2", "reviewed=yes")
    c.ok("model", "tag", "diabetes", "team=blue")
    assert c.ok("model", "ls", "--filter", "tags.team IN ('blue') OR name LIKE 'x%'", "--json").json[0]["name"] == "diabetes"
    c.ok("model", "rm", "diabetes")
    assert c.ok("model", "ls", "--json").json == []
    c.ok("model", "restore", "diabetes")
    assert c.ok("model", "show", "diabetes@tested", "--json").json["tags"]["reviewed"] == "yes"
    c.ok("model", "alias", "diabetes", "tested", "--delete")
    c.ok("model", "rm", "diabetes:2")
    c.ok("model", "purge", "diabetes:2", "--confirm=diabetes:2")
    c.fails(3, "model", "restore", "diabetes:2")
    assert c.ok("model", "register", "diabetes", "s3://bucket/m", "--json").json["version"] == "3"


def test_search_by_parts_of_metrics(trained):
    c = trained.cli
    run = c.ok("exp", "show", "latest", "--json").json
    rmse = run["metrics"]["rmse"]
    yes = [f"metrics.rmse.min = {rmse!r}", f"metrics.rmse.best <= {rmse!r} AND metrics.rmse.count = 1",
           "metrics.rmse.max < 0 OR (NOT status = 'FAILED' AND status IN ('FINISHED', 'KILLED'))"]
    for text in yes:
        assert [r["run_id"] for r in c.ok("exp", "ls", "--filter", text, "--order-by", "metrics.rmse.best", "--json").json] == [run["run_id"]]
    assert c.ok("exp", "ls", "--filter", "NOT metrics.rmse.best > 0", "--json").json == []


def test_renaming_a_served_model_fails_no_request(trained, server):
    c = trained.cli
    version = c.ok("model", "show", "diabetes:1", "--json").json
    c.ok("deploy", "diabetes")
    s = server(trained.data, cli=c)
    loop = Loop(s, version["input_example"])
    loop.until(50)
    c.fails(5, "model", "rm", "diabetes")
    c.fails(5, "model", "rm", "diabetes:1")
    for name in ("sugar", "salt", "diabetes-2"):
        c.ok("model", "rename", c.ok("model", "ls", "--json").json[0]["name"], name)
        loop.until(50)
    loop.end()
    endpoint = c.ok("status", "endpoint/diabetes", "--json").json
    assert endpoint["model"] == "diabetes-2"
    assert len(loop.values) == 1
    assert s.get("/api/v1/audit?kind=endpoint.model_renamed").json["items"]


def blob_files(project):
    return [p for p in (project.data / "blobs" / "sha256").rglob("*") if p.is_file()]


def age(project):
    for p in blob_files(project):
        os.utime(p, (1000000000, 1000000000))


def test_garbage_beside_a_server(trained, server):
    c = trained.cli
    example = c.ok("model", "show", "diabetes:1", "--json").json["input_example"]
    trained.run("-p", "alpha=0.7", "--force")
    c.ok("deploy", "diabetes:2")
    s = server(trained.data, cli=c)
    loop = Loop(s, example)
    loop.until(20)
    age(trained)
    assert c.ok("admin", "gc", "--json").json["blobs"] == 0
    first = c.ok("model", "show", "diabetes:1", "--json").json["run_id"]
    c.ok("model", "rm", "diabetes:1")
    assert c.ok("admin", "gc", "--json").json["blobs"] == 0  # the trash keeps its bytes
    c.ok("model", "purge", "diabetes:1", "--confirm=diabetes:1")
    c.ok("exp", "rm", f"run/{first}")
    c.ok("exp", "purge", f"run/{first}", f"--confirm={first}")
    plan = c.ok("admin", "gc", "--json").json
    before = len(blob_files(trained))
    assert plan["blobs"] > 0 and plan["bytes"] > 0 and plan["folders"] == 1 and plan["removed"] is False
    assert (trained.data / "runs" / first).exists() and len(blob_files(trained)) == before
    assert "would remove" in c.ok("admin", "gc").out
    done = c.ok("admin", "gc", "--yes", "--json").json
    assert done["blobs"] == plan["blobs"] and done["removed"] is True
    assert not (trained.data / "runs" / first).exists()
    assert len(blob_files(trained)) == before - plan["blobs"]
    loop.until(20)
    loop.end()
    s.stop()
    c.ok("doctor", "--quick")
    assert c.ok("predict", "diabetes").out  # loads its file again
    assert "data.collected" in c.ok("audit", "log").out


def test_garbage_and_a_killed_server(trained, server):
    """Killed in the middle of collecting, nothing that is in use is gone."""
    c = trained.cli
    s = server(trained.data, cli=c)
    for i in range(300):
        name = f"{i:064x}"
        folder = trained.data / "blobs" / "sha256" / name[:2]
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x" * 100)
    age(trained)
    p = c.popen("admin", "gc", "--yes")
    time.sleep(0.02)
    s.kill()
    p.communicate()
    done = c.ok("admin", "gc", "--yes", "--json").json
    assert done["removed"] and c.ok("admin", "gc", "--json").json["blobs"] == 0
    assert c.ok("model", "show", "diabetes:1", "--json").json["files"]
    c.ok("deploy", "diabetes:1")
    assert c.ok("predict", "diabetes").out


def test_garbage_of_a_lost_database_stays(trained):
    """A database made anew refers to nothing; the blobs of the lost one are not its garbage."""
    for p in trained.data.glob("slipway.db*"):
        p.unlink()
    trained.cli.ok("exp", "create", "again")
    age(trained)
    before = len(blob_files(trained))
    r = trained.cli.fails(5, "admin", "gc", "--yes")
    assert "made anew" in r.err and len(blob_files(trained)) == before > 0


def test_saved_views(trained, server):
    s = server(trained.data, cli=trained.cli)
    state = {"filter": "metrics.rmse.best < 60", "columns": ["metrics.rmse", "params.alpha"]}
    assert s.request("PUT", "/api/v1/saved-views/runs/good%20ones", {"state": state}).status == 200
    assert s.request("PUT", "/api/v1/saved-views/runs/mine", {"state": {}, "private": True}).status == 200
    assert s.request("PUT", "/api/v1/saved-views/models/m", {"state": {"a": 1}}).status == 200
    items = s.get("/api/v1/saved-views?page=runs").json["items"]
    assert [(v["name"], v["private"]) for v in items] == [("good ones", False), ("mine", True)]
    assert items[0]["state"] == state
    s.request("PUT", "/api/v1/saved-views/runs/good%20ones", {"state": {"filter": ""}})
    assert s.get("/api/v1/saved-views?page=runs").json["items"][0]["state"] == {"filter": ""}
    for body in ({}, {"state": 3}, {"state": {"x": "y" * 70000}}):
        assert s.request("PUT", "/api/v1/saved-views/runs/bad", body).status in (400, 413, 422), body
    assert s.request("DELETE", "/api/v1/saved-views/runs/mine").status == 404  # that one is private
    assert s.request("DELETE", "/api/v1/saved-views/runs/mine?private=true").status == 200
    assert len(s.get("/api/v1/saved-views").json["items"]) == 2
    kinds = [e["kind"] for e in s.get("/api/v1/audit?kind=view").json["items"]]
    assert kinds.count("view.saved") == 4 and kinds.count("view.deleted") == 1
