# SPDX-License-Identifier: Apache-2.0
"""Replays what a real MLflow server answered and compares; needs no MLflow."""

import pytest

import mlflow_cases as cases
import differential


@pytest.fixture(scope="module")
def both():
    return differential.load_recorded(), differential.run_ours()


@pytest.mark.parametrize("area", [a.__name__ for a in cases.AREAS])
def test_area(both, area):
    theirs, ours = ([a for a in side if a["case"].startswith(area + ": ")] for side in both)
    assert ours, "the area has no cases"
    found = differential.compare(theirs, ours, differential.load_differences())
    assert not found, "\n".join("%s\n  theirs %s\n  ours   %s" % f for f in found[:5])


def test_every_listed_difference_has_a_reason_and_a_case(both):
    cases_of = {a["case"] for a in both[1]}
    for case, entry in differential.load_differences().items():
        assert case in cases_of, case
        assert len(entry["reason"]) > 20, case
