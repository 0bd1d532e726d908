"""Any record that is changed, taken out or put in is found, whatever the chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.promotion.chain import verify
from tasks.promotion.history import AliasRecord, carried_out, new_record

BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
VERSIONS = range(1, 6)


@st.composite
def chains(draw: st.DrawFn) -> list[AliasRecord]:
    """Records by one or two writers at a time, some of them annulled by the next."""
    records: list[AliasRecord] = []
    for minute in range(draw(st.integers(1, 7))):
        annuls = ()
        if records and draw(st.booleans()):
            annuls = (draw(st.sampled_from(records)).hash,)
        now = BEGIN + timedelta(minutes=minute)
        before = list(records)
        for writer in range(draw(st.integers(1, 2))):
            moves = {draw(st.sampled_from(["champion", "challenger"])): (None, draw(st.sampled_from(VERSIONS)))}
            who = f"writer {writer}"
            records.append(new_record(before, moves, who=who, reason="because", annuls=annuls, now=now))
    return records


def kept(records: Sequence[AliasRecord]) -> dict[str, str]:
    return {record.label: record.text() for record in records}


def marked(records: Sequence[AliasRecord]) -> dict[int, dict[str, str]]:
    """The marks of a registry in which all versions stand, and all that was carried out was marked."""
    return {
        version: {record.label: record.hash for record in carried_out(records) if record.subject == version}
        for version in VERSIONS
    }


@given(chains())
def test_a_chain_as_it_was_written_is_whole(records: list[AliasRecord]) -> None:
    report = verify(kept(records), marked(records), tuple(record.hash for record in records))
    assert report.problems == ()
    assert report.num_records == len(records)
    last = max(record.number for record in records)
    assert set(report.heads) == {record.hash for record in records if record.number == last}


@given(chains(), st.data())
def test_a_record_that_is_changed_is_found(records: list[AliasRecord], data: st.DataObject) -> None:
    texts = kept(records)
    label = data.draw(st.sampled_from(sorted(texts)))
    place = data.draw(st.integers(0, len(texts[label]) - 1))
    sign = data.draw(st.characters(min_codepoint=32, max_codepoint=126))
    changed = texts[label][:place] + sign + texts[label][place + 1 :]
    assume(changed != texts[label])
    problems = verify({**texts, label: changed}, marked(records)).problems
    assert any(f"record {label} was changed" in problem for problem in problems)


@given(chains(), st.data())
def test_a_change_is_told_of_no_other_record(records: list[AliasRecord], data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(records))
    changed = victim.text().replace("because", "beCause")
    report = verify({**kept(records), victim.label: changed}, marked(records))
    assert report.problems == (f"record {victim.label} was changed: it is not what its hash was made of",)


@given(chains(), st.data())
def test_a_record_that_is_changed_with_its_hash_is_found(records: list[AliasRecord], data: st.DataObject) -> None:
    """Somebody who knows how a record is made, and makes another one in its place."""
    victim = data.draw(st.sampled_from(carried_out(records)))
    forged = victim.model_copy(update={"reason": "another one"})
    forged = forged.model_copy(update={"hash": forged.digest()})
    others = [record for record in records if record != victim]
    problems = verify(kept([*others, forged]), marked(records)).problems
    assert any(victim.hash[:8] in problem for problem in problems)


@given(chains(), st.data())
def test_a_record_that_is_taken_out_is_found(records: list[AliasRecord], data: st.DataObject) -> None:
    """The last one, too: the version that it was about bears its mark."""
    victim = data.draw(st.sampled_from(carried_out(records)))
    left = [record for record in records if record != victim]
    problems = verify(kept(left), marked(records)).problems
    assert any(victim.hash[:8] in problem and "taken out or changed" in problem for problem in problems)
    assert verify(kept(left), {}, (victim.hash,)).problems


@given(chains(), st.data())
def test_all_records_taken_out_from_one_on_are_found(records: list[AliasRecord], data: st.DataObject) -> None:
    number = data.draw(st.integers(1, max(record.number for record in records)))
    taken_out = [record for record in carried_out(records) if record.number >= number]
    assume(taken_out)
    left = [record for record in records if record.number < number]
    problems = verify(kept(left), marked(records)).problems
    assert all(any(record.label in problem for problem in problems) for record in taken_out)


@given(chains(), st.data())
def test_a_record_that_is_put_in_is_found(records: list[AliasRecord], data: st.DataObject) -> None:
    """Wherever: made as if it had been written when the chain was so long, or with links and a number of choice."""
    length = data.draw(st.integers(0, len(records)))
    moves = {"champion": (None, data.draw(st.sampled_from(VERSIONS)))}
    forged = new_record(records[:length], moves, who="Mallory", reason="because", now=BEGIN)
    if data.draw(st.booleans()):
        forged = forged.model_copy(update={"number": data.draw(st.integers(1, 9))})
        forged = forged.model_copy(update={"hash": forged.digest()})
    problems = verify(kept([*records, forged]), marked(records)).problems
    assert any(f"record {forged.label} was put in" in problem for problem in problems)


@given(chains(), st.data())
def test_the_links_alone_find_what_is_put_in_before_the_last(records: list[AliasRecord], data: st.DataObject) -> None:
    last = max(record.number for record in records)
    assume(last > 1)
    before = [record for record in records if record.number < data.draw(st.integers(1, last - 1))]
    forged = new_record(before, {}, who="Mallory", reason="because", now=BEGIN)
    problems = verify(kept([*records, forged]), {}).problems
    assert problems == (f"record {forged.label} was put in: no later record goes on from it",)


@given(chains(), st.data())
def test_a_copy_of_a_record_under_another_label_is_found(records: list[AliasRecord], data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(records))
    texts = {**kept(records), "000099.00000000": record.text()}
    assert "record 000099.00000000 was changed" in verify(texts, marked(records)).problems[0]


def test_a_version_that_was_deleted_takes_its_marks_along() -> None:
    first = new_record([], {"champion": (None, 1)}, who="register", reason="because")
    second = new_record([first], {"champion": (1, 2)}, who="register", reason="because")
    assert verify(kept([first, second]), {2: {second.label: second.hash}}).problems == ()


@pytest.mark.parametrize("text", ["", "nonsense", "{}", json.dumps({"number": 1})])
def test_what_is_no_record_is_said_and_stops_nothing(text: str) -> None:
    first = new_record([], {"champion": (None, 1)}, who="register", reason="because")
    report = verify({**kept([first]), "000002.12345678": text}, {1: {first.label: first.hash}})
    assert [*report.problems] == ["record 000002.12345678 was changed: it is not what its hash was made of"]
    assert report.heads == (first.hash,)


def test_no_history_is_whole() -> None:
    assert verify({}, {1: {}}).problems == ()
    assert verify({}, {1: {}}, ("0" * 64,)).problems
