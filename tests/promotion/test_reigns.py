"""Who was champion when, by a history with a known truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tasks.errors import UserError
from tasks.promotion.history import OUTSIDE, AliasRecord, new_record
from tasks.promotion.reigns import (
    champion_further_back,
    former_champion,
    moment_of,
    reign_after,
    reign_at,
    reigns,
    shown,
)

BEGIN = datetime(2026, 10, 1, 12, tzinfo=UTC)


@pytest.fixture
def records() -> list[AliasRecord]:
    """Champion 1 at noon, 2 a minute later, 3 never carried out, none (seen) after five, 2 again after six."""
    chain: list[AliasRecord] = []

    def add(minute: int, who: str = "register", annuls: tuple[str, ...] = (), **moves: tuple[int | None, int | None]):
        now = BEGIN + timedelta(minutes=minute)
        chain.append(new_record(chain, moves, who=who, reason="because", annuls=annuls, now=now))

    add(0, champion=(None, 1))
    add(1, champion=(1, 2), previous=(None, 1))
    add(2, challenger=(None, 4))
    add(3, champion=(2, 3))
    add(4, who="modelwright", annuls=(chain[-1].hash,))
    add(5, who=OUTSIDE, champion=(2, None))
    add(6, champion=(None, 2))
    return chain


@pytest.mark.parametrize(
    ("champions", "further"),
    [([], None), ([1], None), ([1, 2, 3], None), ([1, 2, 3, 2], 1), ([1, 2, 1], None), ([1, 2, 3, 2, 1, 2], 3)],
)
def test_one_step_further_back_than_a_rollback(champions: list[int], further: int | None) -> None:
    chain: list[AliasRecord] = []
    for before, after in pairwise([None, *champions]):
        chain.append(new_record(chain, {"champion": (before, after)}, who="register", reason="because", now=BEGIN))
    assert champion_further_back(chain) == further


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def test_reigns_are_those_that_were(records: list[AliasRecord]) -> None:
    assert [(reign.version, reign.record.number, reign.is_guessed) for reign in reigns(records)] == [
        (1, 1, False),
        (2, 2, False),
        (None, 6, True),
        (2, 7, False),
    ]


@pytest.mark.parametrize(
    ("minutes", "version"), [(0, 1), (0.9, 1), (1, 2), (3.5, 2), (4.9, 2), (5, None), (6, 2), (600, 2)]
)
def test_the_champion_at_a_time(records: list[AliasRecord], minutes: float, version: int | None) -> None:
    reign = reign_at(records, at(minutes))
    assert reign is not None
    assert reign.version == version


def test_before_the_first_there_is_none(records: list[AliasRecord]) -> None:
    assert reign_at(records, at(-0.1)) is None
    assert reign_at([], BEGIN) is None


def test_what_ended_a_reign(records: list[AliasRecord]) -> None:
    first, second, none, last = reigns(records)
    assert [reign_after(records, reign) for reign in (None, first, second, none, last)] == [
        first,
        second,
        none,
        last,
        None,
    ]


def test_the_former_champion_is_the_last_other_version(records: list[AliasRecord]) -> None:
    assert former_champion(records, 2) == 1
    assert former_champion(records[:6], None) == 2
    assert former_champion(records, 9) == 2
    assert former_champion(records[:1], 1) is None
    assert former_champion([], None) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-01", "2026-10-01 00:00:00 UTC"),
        ("2026-10-01T12:00", "2026-10-01 12:00:00 UTC"),
        ("2026-10-01 12:00:30", "2026-10-01 12:00:30 UTC"),
        ("2026-10-01T12:00Z", "2026-10-01 12:00:00 UTC"),
        ("2026-10-01T12:00+02:00", "2026-10-01 10:00:00 UTC"),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    assert shown(moment_of(text, now=at(10**6))) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "12:00", "2026-10-01T25:00"])
def test_what_is_no_time_is_said_with_what_is(text: str) -> None:
    with pytest.raises(UserError, match=r"is no time; write 2026-10-01, 2026-10-01T12:00"):
        moment_of(text)


def test_a_time_that_lies_ahead_is_no_time_to_ask_for() -> None:
    with pytest.raises(UserError, match="2026-10-01 13:00:00 UTC has not come yet"):
        moment_of("2026-10-01T13:00", now=BEGIN)
