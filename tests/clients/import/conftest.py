# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the scenarios: Cli, Server, waiting."""
import importlib.util
import pathlib
import sys

_path = pathlib.Path(__file__).resolve().parents[2] / "scenario" / "conftest.py"
_spec = importlib.util.spec_from_file_location("scenario_conftest", _path)
_module = importlib.util.module_from_spec(_spec)
sys.modules["scenario_conftest"] = _module
_spec.loader.exec_module(_module)
cli, server = _module.cli, _module.server
pytest_configure = _module.pytest_configure
_spec = importlib.util.spec_from_file_location("postgres", _path.parent / "postgres.py")
sys.modules["postgres"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["postgres"])
