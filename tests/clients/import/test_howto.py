# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/howto/from-mlflow.md, in their order, where their sources lie."""
import pathlib
import re
import shlex
import shutil

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[2] / "docs" / "howto" / "from-mlflow.md"


def test_the_commands_of_the_page(cli, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    shutil.copy(HERE / "fixtures" / "mlflow.db", work)
    shutil.copytree(HERE / "fixtures" / "mlruns", work / "mlruns")
    commands = [line for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S) for line in block.splitlines()]
    ours = [shlex.split(c)[1:] for c in commands if c.startswith("slipway ") and c != "slipway server" and "http:" not in c]
    assert len(ours) == 4
    data = ["--data", str(tmp_path / "data")]
    assert "6 runs added" in cli.at(work).ok(*data, *ours[0]).out
    second = cli.at(work)(*data, *ours[1])  # the same names once more: they merge, models of the same name do not
    assert second.rc == 1 and "6 runs added" in second.out and "Registered Model (name=house) already exists." in second.out
    third = cli.at(work)(*data, *ours[2])
    assert "6 here before" in third.out
    cli.at(work).ok(*data, *ours[3])
    assert (work / "out" / "0" / "meta.yaml").exists()
