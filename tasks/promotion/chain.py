"""Whether the history of aliases is whole: what was changed, taken out or put in. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.promotion.history import AliasRecord, carried_out, in_order, is_joined, parsed, readable, tips

Marks = Mapping[int, Mapping[str, str]]
"""By version of the registry, the hashes of the records that it bears the marks of, by their labels."""


@dataclass(frozen=True, kw_only=True)
class ChainReport:
    """What is wrong with a chain, a sentence each; how many records it has, and the hashes of the last ones."""

    problems: tuple[str, ...]
    num_records: int
    heads: tuple[str, ...]


def verify(kept: Mapping[str, str], marks: Marks, known: tuple[str, ...] = ()) -> ChainReport:
    """Judges the texts of records by their labels. `known` are hashes, or their beginnings, that the chain must hold.

    A record that somebody appends as this tool would is none that was put in: whoever may write to the registry can
    make one. What was there before it cannot be changed without being found.
    """
    records: list[AliasRecord] = []
    problems: list[str] = []
    for label, text in sorted(kept.items()):
        record = readable(text)
        is_itself = record is not None and record.label == label
        if not is_itself or parsed(text) is None:
            problems.append(f"record {label} was changed: it is not what its hash was made of")
        # By the hash that it still says, so that a change is told once, and not of its neighbours.
        if record is not None and is_itself:
            records.append(record)
    ordered = in_order(records)
    for record in ordered:
        problems += _faults(record, ordered)
    problems += _faults_of_marks(ordered, marks)
    for beginning in known:
        if not any(record.hash.startswith(beginning) for record in ordered):
            problems.append(
                f"no record has the hash {beginning}, which the chain is to hold: it was taken out or changed"
            )
    heads = tuple(record.hash for record in in_order(tips(ordered)))
    return ChainReport(problems=tuple(problems), num_records=len(kept), heads=heads)


def _faults(record: AliasRecord, records: list[AliasRecord]) -> list[str]:
    """What is wrong with its links, before and behind it."""
    numbers = {other.hash: other.number for other in records}
    faults = [
        f"record {record.label} goes on from {digest[:8]}, which is not there: that one was taken out or changed"
        for digest in record.previous
        if digest not in numbers
    ]
    before = [numbers.get(digest, record.number - 1) for digest in record.previous]
    if record.number != 1 + max(before, default=0):
        faults.append(f"record {record.label} was put in: its number does not follow on those before it")
    if not is_joined(record, records):
        faults.append(f"record {record.label} was put in: no later record goes on from it")
    return faults


def _faults_of_marks(records: list[AliasRecord], marks: Marks) -> list[str]:
    by_hash = {record.hash: record for record in records}
    faults = [
        f"version {version} bears the mark of record {label}, which is not there: that one was taken out or changed"
        for version, borne in sorted(marks.items())
        for label, digest in sorted(borne.items())
        if digest not in by_hash
    ]
    for record in carried_out(records):
        # Of a version that was deleted nobody can read the mark.
        borne = None if record.subject is None else marks.get(record.subject)
        if borne is not None and record.hash not in borne.values():
            faults.append(f"record {record.label} was put in: version {record.subject} does not bear its mark")
    return faults
