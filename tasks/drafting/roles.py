"""Columns that nothing can be learnt from: identifiers, constants, columns without values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import numpy as np
import polars as pl

from tasks.columns.words import words
from tasks.drafting.findings import Finding
from tasks.drafting.profile import Facts

ID_WORDS = frozenset("id ids uid uuid guid key pk idx index nr no number num ref reference code serial rowid".split())  # noqa: SIM905
"""Words of column names are English here and elsewhere, as most column names are."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_PARTS = frozenset(("train", "test", "validation", "valid", "val"))
FEWEST_ROWS = 20
"""With fewer rows every column looks like an identifier."""
FEWEST_VALUES = 10
"""A column with fewer values than this in all rows may have none among those to learn from."""
_RISK = 0.01
"""How likely it may be that a column of text has no term to learn from."""
_LONGEST_CODE = 40
_MOST_REPEATS = 0.01
"""Share of values that may have been entered twice: groups repeat in most rows."""


def describe_opaque(names: Iterable[str]) -> list[Finding]:
    """Columns of bytes in which there is nothing to see or to hear."""
    statement = (
        "holds bytes that are no picture and no sound: left out; to learn from them, write them as text or numbers."
    )
    return [Finding(kind="opaque", columns=(name,), message=f"{name} {statement}", role="id") for name in names]


def find_identifiers(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns with a value of its own in each row, which say which row it is and nothing else."""
    findings = []
    for name in facts.names:
        why = _why_identifier(facts, name) if name not in skip else None
        if why:
            message, again = f"{name} {why}.", _repeated(facts, name)
            findings.append(Finding(kind="identifier", columns=(name,), message=message, role="id", cells=again))
    return findings


def find_wordless(facts: Facts, names: Collection[str]) -> list[Finding]:
    """Columns of text in which next to no word comes again: there is nothing to learn from their words."""
    texts = [name for name in names if facts.is_free_text(name)]
    # Rows that were entered twice do not make a word common.
    rows = facts.sample.unique(maintain_order=True) if texts else facts.sample
    return [
        Finding(
            kind="identifier",
            columns=(name,),
            message=f"{name} is text in which hardly any word comes again, such as {_shown(facts, name)}: left out.",
            role="id",
        )
        for name in texts
        if _may_have_no_term(rows[name].drop_nulls())
    ]


def _may_have_no_term(texts: pl.Series) -> bool:
    """Whether by chance no word may stand in two training rows, which are 7 of 10: `min_documents` asks for it."""
    words = texts.str.to_lowercase().str.extract_all(r"\w\w+").list.unique().explode(empty_as_null=False)
    num_rows = words.drop_nulls().alias("value").value_counts()["count"].cast(pl.Float64).to_numpy()
    # The binomial probabilities that none of a word's rows is a training row, and that one is.
    too_few = 0.3**num_rows + num_rows * 0.7 * 0.3 ** (num_rows - 1)
    # Of a word in thousands of rows it is zero, which has no logarithm.
    return bool(np.log(np.maximum(too_few, 1e-300)).sum() > np.log(_RISK))


def find_constants(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns with one value, or with next to none."""
    findings = []
    for name in facts.names:
        state = facts.state(name)
        # Files are not counted by value.
        if name in skip or facts.is_media(name):
            continue
        if state.num_present < min(FEWEST_VALUES, facts.num_rows):
            message = f"{name} has a value in {state.num_present:,} of {facts.num_rows:,} rows: too few to learn from"
        # With gaps, whether there is a value may itself tell something.
        elif state.num_distinct == 1 and not state.num_missing:
            message = f"{name} has the same value in all rows, {_shown(facts, name)}"
        else:
            continue
        findings.append(Finding(kind="constant", columns=(name,), message=f"{message}.", role="id"))
    return findings


def find_split(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """The column that says which rows are for training and which for the test."""
    for name in facts.names:
        values = {str(value).strip().lower() for value in facts.state(name).counts or ()}
        if name not in skip and {"train", "test"} <= values <= _PARTS and not facts.state(name).num_missing:
            message = f"{name} says which rows are for the test: taken as it is."
            return [Finding(kind="given_split", columns=(name,), message=message, role="split")]
    return []


def _why_identifier(facts: Facts, name: str) -> str | None:
    state, dtype = facts.state(name), facts.of_type(name).dtype
    if facts.num_rows < FEWEST_ROWS or not (dtype.is_numeric() or dtype == pl.String):
        return None
    if not facts.is_unique(name):
        return _why_nearly_unique(facts, name) if dtype == pl.String else None
    if dtype.is_numeric():
        # A measurement has a value of its own in each row, too.
        if not facts.is_whole(name):
            return None
        if _counts_up(facts, name):
            return f"counts the rows, {state.extremes.low:.0f} to {state.extremes.high:.0f}"
        return "names each row by a number of its own" if ID_WORDS & set(words(name)) else None
    values = facts.present(name).cast(pl.String)
    # A hundred are proof enough; a pattern on every text takes long.
    if values.head(100).str.contains(f"^{_UUID.pattern}$").all():
        return "names each row by a UUID"
    is_code = not values.str.contains(r"\s").any() and bool((values.str.len_chars() <= _LONGEST_CODE).all())
    if is_code:
        return f"has another value in each row, such as {values[0]}"
    return None if _words_repeat(values) else f"has words of its own in each row, such as {_shown(facts, name)}"


def _why_nearly_unique(facts: Facts, name: str) -> str | None:
    """A code with next to no repeat was entered twice by mistake: it names rows, and is no text to learn from."""
    state = facts.state(name)
    num_again = state.num_present - state.num_distinct
    if not state.is_exact or not 0 < num_again <= _MOST_REPEATS * state.num_present:
        return None
    values = facts.present(name).cast(pl.String)
    if not values.str.contains(rf"^\S{{1,{_LONGEST_CODE}}}$").all() or not values.str.contains(r"\d").all():
        return None
    times = "one value stands" if num_again == 1 else f"{num_again:,} values stand"
    again = values.filter(values.is_duplicated())
    named = f": {again[0]}" if len(again) else ""
    return f"has a code of its own in nearly each row, such as {values[0]}; {times} there before{named}"


def _repeated(facts: Facts, name: str) -> tuple[str, ...]:
    """A code of text that stands there twice, of the sample; none of numbers, which may be written in other ways."""
    values = facts.present(name)
    again = values.filter(values.is_duplicated()).head(1) if values.dtype == pl.String else values.head(0)
    return tuple(again.to_list())


def _words_repeat(texts: pl.Series) -> bool:
    """Whether any word stands in two of the texts: of others, nothing can be learnt."""
    # Of two signs and more: single letters repeat in any text.
    words = texts.str.to_lowercase().str.extract_all(r"\w\w+").list.unique().explode(empty_as_null=False)
    return words.n_unique() < len(words)


def _counts_up(facts: Facts, name: str) -> bool:
    """Whether the whole numbers lie side by side: as many as there are rows, with next to no gap."""
    extremes = facts.state(name).extremes
    # Rows that were deleted leave gaps in a running number.
    return extremes.high - extremes.low + 1 <= 1.01 * facts.state(name).num_present


def _shown(facts: Facts, name: str) -> str:
    value = str(facts.present(name)[0])
    return repr(value if len(value) <= 40 else value[:40] + "...")
