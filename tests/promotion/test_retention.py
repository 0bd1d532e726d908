"""Which versions stay: whatever the policy, all that were used of late, and all that a version which stays needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.promotion.history import AliasRecord, Moves, new_record, removals
from tasks.promotion.retention import NEEDS_IN_WORDS, VersionKey, VersionPolicy, VersionUse, last_borne, needs

LIMIT = 1_000.0
OLD = VersionUse(created=1.0)
STRICT = {"churn": VersionPolicy(before=LIMIT), "other": VersionPolicy(before=LIMIT)}


def churn(number: int) -> VersionKey:
    return ("churn", number)


def test_each_kind_of_version_stays_for_its_reason() -> None:
    versions = {
        churn(1): OLD,
        churn(2): OLD,
        churn(3): replace(OLD, parents=frozenset({churn(1)})),
        churn(4): replace(OLD, aliases=("champion",), rival=5, parents=frozenset({churn(3), ("other", 1)})),
        churn(5): replace(OLD, rival=2),
        churn(6): replace(OLD, aliases=("previous",)),
        churn(7): replace(OLD, last_borne=LIMIT),
        churn(8): replace(OLD, last_borne=LIMIT - 1),
        churn(9): replace(OLD, last_answered=LIMIT + 1),
        churn(10): replace(OLD, is_named=True),
        churn(11): replace(OLD, created=LIMIT),
        churn(12): OLD,
        churn(13): OLD,
        ("other", 1): OLD,
        ("other", 2): OLD,
        ("unknown", 1): OLD,
    }
    policies = {**STRICT, "churn": VersionPolicy(before=LIMIT, last=1)}
    assert needs(versions, policies) == {
        churn(1): "began from",
        churn(3): "began from",
        churn(4): "alias",
        # What champion 4 was compared with stays; what that one was compared with, 2, goes.
        churn(5): "compared with",
        churn(6): "alias",
        churn(7): "alias of late",
        churn(9): "answered of late",
        churn(10): "named",
        churn(11): "young",
        churn(13): "newest",
        ("other", 1): "began from",
        ("unknown", 1): "no policy",
    }


def test_without_an_age_none_goes() -> None:
    versions = {churn(number): OLD for number in range(5)}
    assert set(needs(versions, {"churn": VersionPolicy()}).values()) == {"no policy"}
    assert needs(versions, {}) == needs(versions, {"churn": VersionPolicy(before=None, last=2)})


MOMENTS = st.one_of(st.none(), st.integers(0, 6).map(float))
NUMBERS = st.integers(1, 6)
KEYS = st.tuples(st.sampled_from(["churn", "other"]), NUMBERS)
USES = st.builds(
    VersionUse,
    created=st.integers(0, 6).map(float),
    aliases=st.sampled_from([(), (), (), (), ("champion",), ("challenger", "mine")]),
    is_named=st.sampled_from([False, False, False, True]),
    last_borne=MOMENTS,
    last_answered=MOMENTS,
    parents=st.frozensets(KEYS, max_size=1),
    rival=st.one_of(st.none(), NUMBERS),
)
POLICIES = st.dictionaries(
    st.sampled_from(["churn", "other"]), st.builds(VersionPolicy, before=MOMENTS, last=st.integers(0, 3))
)


@given(st.dictionaries(KEYS, USES, max_size=9), POLICIES)
def test_whatever_the_policy_nothing_that_is_needed_goes(
    versions: dict[VersionKey, VersionUse], policies: dict[str, VersionPolicy]
) -> None:
    kept = needs(versions, policies)
    assert kept.keys() <= versions.keys()
    assert set(kept.values()) <= NEEDS_IN_WORDS.keys()
    for name, number in versions.keys() - kept.keys():
        use, policy = versions[name, number], policies[name]
        assert policy.before is not None
        assert not use.aliases
        assert not use.is_named
        assert all(moment is None or moment < policy.before for moment in (use.created, use.last_borne))
        assert use.last_answered is None or use.last_answered < policy.before
        assert sum(other > number for of, other in versions if of == name) >= policy.last
    for key, need in kept.items():
        # All that its weights came from, however far back, and what its own standing was judged by.
        assert versions[key].parents & versions.keys() <= kept.keys()
        rival = (key[0], versions[key].rival)
        assert need in ("compared with", "began from") or rival not in versions or rival in kept
    # The next call finds nothing more: what is left is kept for the same reasons.
    assert needs({key: versions[key] for key in kept}, policies) == kept


def records_of(*moves: Moves, first_day: int = 1) -> list[AliasRecord]:
    records: list[AliasRecord] = []
    for day, move in enumerate(moves, first_day):
        moment = datetime(2026, 1, day, tzinfo=UTC)
        records.append(new_record(records, move, who="Ada", reason="why", now=moment))
    return records


def test_an_alias_was_borne_until_it_moved_on() -> None:
    records = records_of({"champion": (None, 1)}, {"champion": (1, 2), "previous": (None, 1)}, {"previous": (1, None)})
    days = [datetime(2026, 1, day, tzinfo=UTC).timestamp() for day in (1, 2, 3)]
    assert last_borne(records, {"champion": 2}, now=9e9) == {1: days[2], 2: 9e9}
    # Somebody moved it in MLflow itself, and nobody knows when.
    assert last_borne(records, {"champion": 3}, now=9e9) == {1: days[2], 2: 9e9, 3: 9e9}
    # What was never carried out is no move.
    annulled = [*records, new_record(records, {}, who="modelwright", reason="why", annuls=[records[2].hash])]
    assert last_borne(annulled, {"champion": 2, "previous": 1}, now=9e9) == {1: 9e9, 2: 9e9}


def test_a_removal_is_kept_until_the_version_bears_an_alias_again() -> None:
    records = records_of({"champion": (None, 3)})
    removal = new_record(records, {}, who="gc", reason="old", removes=[2, 1])
    assert removal.removes == (1, 2)
    assert removals([*records, removal]) == {1: removal, 2: removal}
    later = new_record([*records, removal], {"champion": (3, 2)}, who="Ada", reason="why")
    assert removals([*records, removal, later]) == {1: removal}


@pytest.mark.parametrize("removes", [(), (7,)])
def test_a_record_of_before_removals_keeps_its_hash(removes: tuple[int, ...]) -> None:
    record = new_record([], {"champion": (None, 1)}, who="Ada", reason="why", removes=removes)
    assert ("removes" in record.content()) == bool(removes)
    assert record.hash == record.digest()
