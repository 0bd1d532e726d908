from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.errors import UserError
from tasks.tracking.trainings import TrackedVersion
from tasks.trials.trial import Trial, Trials
from tests.trials.test_board import trial


def registered(one: Trial, number: int, *aliases: str) -> Trial:
    version = TrackedVersion(number=number, run_id=one.training.run_id, model=None, source="", aliases=aliases)
    return replace(one, version=version)


TRIALS = Trials(
    pipeline="churn",
    newest_first=(
        trial("0123456789abcdef", None),
        registered(trial("fedcba9876543210", None), 12, "challenger"),
        registered(trial("00112233445566", None), 1, "champion"),
    ),
)


@pytest.mark.parametrize(
    ("text", "place"),
    [("12", 1), ("v12", 1), (":1", 2), ("@champion", 2), ("challenger", 1), ("01234567", 0), ("fedcba9876543210", 1)],
)
def test_a_trial_is_found_by_what_people_call_it(text: str, place: int) -> None:
    assert TRIALS.named(text) is TRIALS.newest_first[place]


def test_who_is_not_there_is_told_with_what_is() -> None:
    with pytest.raises(UserError, match=r"churn: there is no run or version 2; give one of 01234567, 12/@challenger/"):
        TRIALS.named("2")
    twice = replace(TRIALS, newest_first=(TRIALS.newest_first[0], TRIALS.newest_first[0]))
    with pytest.raises(UserError, match="2 runs are called 0123456789abcdef"):
        twice.named("0123456789abcdef")


def test_a_label_has_version_and_aliases() -> None:
    assert [one.label for one in TRIALS.newest_first] == [
        "run 01234567",
        "version 12 (challenger)",
        "version 1 (champion)",
    ]
