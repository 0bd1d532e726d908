"""Records of aliases: one form, one hash, room in the registry, and the state that they lead to."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.promotion.history import (
    AliasRecord,
    carried_out,
    difference,
    has_room,
    is_joined,
    new_record,
    parsed,
    shortened,
    state,
    tips,
)

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
ALIASES = st.dictionaries(st.text(min_size=1, max_size=20), st.integers(1, 99), max_size=5)


def one(records: list[AliasRecord], who: str = "register", **moves: tuple[int | None, int | None]) -> AliasRecord:
    return new_record(records, moves, who=who, reason="because", now=NOW)


def test_a_record_names_all_of_the_highest_number() -> None:
    first = one([], champion=(None, 1))
    left, right = one([first], champion=(1, 2)), one([first], who="Ada", champion=(1, 3))
    last = one([right, first, left], champion=(3, 4))
    assert [record.number for record in (first, left, right, last)] == [1, 2, 2, 3]
    assert first.previous == ()
    assert left.previous == right.previous == (first.hash,)
    assert last.previous == tuple(sorted((left.hash, right.hash)))
    assert tips([last, first, left, right]) == [last]
    assert last.label == f"000003.{last.hash[:8]}"
    assert last.time == "2026-10-01T12:00:00.000+00:00"


def test_one_that_came_late_is_joined_by_its_writer_alone() -> None:
    first = one([], champion=(None, 1))
    second = one([first], champion=(1, 2))
    third = one([first, second], champion=(2, 3))
    late = one([first], who="Ada", challenger=(None, 5))
    chain = [first, second, third, late]
    assert [is_joined(record, chain) for record in chain] == [True, True, True, False]
    joining = new_record(chain, {}, who="modelwright", reason="late", joins=[late.hash])
    assert set(joining.previous) == {third.hash, late.hash}
    assert all(is_joined(record, [*chain, joining]) for record in chain)


def test_what_was_never_carried_out_moves_nothing() -> None:
    first = one([], champion=(None, 1))
    second = one([first], champion=(1, 2), previous=(None, 1))
    annulled = new_record([first, second], {}, who="modelwright", reason="cut off", annuls=[second.hash])
    assert state([first, second]) == {"champion": 2, "previous": 1}
    assert state([annulled, second, first]) == {"champion": 1}
    assert carried_out([annulled, second, first]) == [first, annulled]


@given(ALIASES, ALIASES)
def test_the_difference_of_two_states_leads_from_one_to_the_other(
    before: dict[str, int], after: dict[str, int]
) -> None:
    first = one([], **difference({}, before))
    assert state([first]) == before
    second = one([first], **difference(before, after))
    assert state([second, first]) == after
    assert (difference(before, after) == {}) == (before == after)


@given(
    who=st.text(max_size=3000),
    reason=st.text(max_size=3000),
    verdict=st.none() | st.text(max_size=3000),
    aliases=st.dictionaries(st.text(min_size=1, max_size=255), st.integers(1, 10**9), max_size=12),
)
def test_a_record_has_one_form_and_room_in_the_registry(
    who: str, reason: str, verdict: str | None, aliases: dict[str, int]
) -> None:
    # As in JSON: an alias in the registry is of letters that need no escape.
    aliases = {alias.encode("ascii", "replace").decode(): version for alias, version in aliases.items()}
    moves = shortened(difference({}, aliases))
    ends = [one([], who=str(number), champion=(None, number)) for number in range(5)]
    record = new_record(ends, moves, who=who, reason=reason, verdict=verdict, annuls=[ends[0].hash])
    text = record.text()
    assert len(text) < 5000
    assert text.isascii()
    assert parsed(text) == record
    # All of it, in the end: what one record has no room for, the next one takes.
    assert moves or not aliases


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        one([], champion=(None, 1)).text() + " ",
        one([], champion=(None, 1)).text().replace('"number":1', '"number":"1"'),
        one([], champion=(None, 1)).text().replace("because", "beCause"),
        one([], champion=(None, 1)).text().replace("+00:00", ""),
    ],
)
def test_what_is_no_record_to_the_last_sign_is_none(text: str) -> None:
    assert parsed(text) is None


def test_a_field_that_a_later_version_adds_changes_no_earlier_hash() -> None:
    class LaterRecord(AliasRecord):
        ticket: str | None = None

    record = one([], champion=(None, 1))
    later = LaterRecord.model_validate_json(record.text())
    assert (later.text(), later.digest()) == (record.text(), record.hash)


def test_the_champion_comes_first_in_what_is_moved_and_in_what_is_kept() -> None:
    record = one([], alpha=(None, 3), champion=(1, 2), challenger=(2, None))
    assert [alias for alias, _ in record.ordered_moves] == ["champion", "alpha", "challenger"]
    assert (record.lead, record.subject) == (("champion", 2), 2)
    assert one([], challenger=(2, None)).subject is None
    many = {f"{'a' * 250}{number}": (None, number) for number in range(20)} | {
        "champion": (1, 2),
        "previous": (None, 1),
    }
    assert list(shortened(many))[:2] == ["champion", "previous"]
    assert 2 < len(shortened(many)) < 10
    assert len(json.dumps(shortened(many))) <= 1200


def test_a_reason_has_room_or_has_not() -> None:
    assert has_room("a" * 1000)
    assert not has_room("a" * 1300)
    assert not has_room("\N{GRINNING FACE}" * 120)
