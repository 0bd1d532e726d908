"""The examples in docstrings of what people extend do what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

PLACES = [
    "tasks.columns.base.ColumnType",
    "tasks.sources.base.Source",
    "tasks.trainers.base.Trainer",
    "tasks.networks.base.InputNetwork",
]


@pytest.mark.parametrize("place", PLACES)
def test_the_example_runs_and_shows_what_it_says(place: str) -> None:
    module, name = place.rsplit(".", 1)
    base = getattr(importlib.import_module(module), name)
    examples = [test for test in doctest.DocTestFinder(recurse=False).find(base, name) if test.examples]
    assert examples, f"{place} has no example"
    for example in examples:
        outcome = doctest.DocTestRunner().run(example)
        assert outcome.failed == 0, f"{place}: {outcome.failed} of {outcome.attempted} examples fail"
