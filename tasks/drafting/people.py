"""What columns mean for rows that belong together: people and their traits, entities with many rows, and time."""

from __future__ import annotations

import re
from collections.abc import Collection

import polars as pl

from tasks.columns.words import words
from tasks.drafting.findings import Finding, listed
from tasks.drafting.profile import Facts
from tasks.drafting.roles import ID_WORDS
from tasks.wording import counted

_SENSITIVE = """
    age birth birthdate birthday caste citizen citizenship disability disabled dob ethnic ethnicity faith foreign
    foreigner gender genetic immigrant marital marriage married nationality native political pregnancy
    pregnant race racial religion religious sex sexual tribe veteran
    """
_SENSITIVE_WORDS = frozenset(_SENSITIVE.split())
_ENTITY = """
    account applicant author borrower buyer client customer device driver employee family household member merchant
    owner participant patient person player respondent seller session speaker student subject subscriber user visitor
    writer
    """
_ENTITY_WORDS = frozenset(_ENTITY.split())
_TIME_WORDS = frozenset("at created date datetime day dt epoch moment time timestamp when".split())  # noqa: SIM905
_BIRTH_WORDS = frozenset("birth birthdate birthday born dob".split())  # noqa: SIM905

FEWEST_ENTITIES = 3
"""As many as there are parts, none of which may be without one."""
_FEW_ENTITIES = 20
"""From as many on, a word that repeats is rather a name than a kind."""
_EPOCH = (6e8, 2.5e9)
"""Seconds since 1970 from 1989 to 2049."""
_ROUNDED = r"^[0-9](\.[0-9]+)?[eE]\+?1[1-9]$"
"""From twelve digits on, more than are shown."""
_SEXES = (("male", "female"), ("m", "f"), ("man", "woman"), ("men", "women"))
# A few late entries do not unmake a log.
_IN_ORDER = 0.98


def find_sensitive(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """Columns that by their names say what nobody should be judged by."""
    names = [name for name in facts.names if name not in skip and (_is_named_so(name) or _holds_sexes(facts, name))]
    return [
        Finding(
            kind="sensitive",
            columns=(name,),
            message=f"{name} may be a sensitive attribute: it is learnt from, unless it gets the role sensitive.",
            proposal="role: sensitive",
        )
        for name in names
    ]


def _is_named_so(name: str) -> bool:
    """`age` among many words is that of a house or a machine."""
    name_words = words(name)
    return bool(_SENSITIVE_WORDS & set(name_words)) and ("age" not in name_words or len(name_words) <= 2)


def _holds_sexes(facts: Facts, name: str) -> bool:
    values = {str(value).strip().lower() for value in facts.state(name).counts or ()}
    # With `other`, `unknown` and the like beside the two.
    return any({*pair} <= values and len(values) <= 5 for pair in _SEXES)


def find_entities(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """The column that says whose row it is, when most have several: one, the likeliest, gets the role group."""
    named = [name for name in facts.names if name not in skip and _is_entity(facts, name)]
    coded = [name for name in facts.names if name not in skip and name not in named and _is_repeated_id(facts, name)]
    rounded = [name for name in (*named, *coded) if _is_rounded(facts, name)]
    named, coded = ([name for name in names if name not in rounded] for names in (named, coded))
    warnings = [_rounded_ids(facts, name) for name in rounded]
    candidates = named or coded
    if not candidates:
        return warnings
    # A named entity is taken as it comes; of mere codes the finest groups keep the most rows apart.
    best = max(candidates, key=lambda name: facts.state(name).num_distinct) if not named else candidates[0]
    if _may_be_kinds(facts, best):
        return [*warnings, _doubtful_group(facts, best)]
    return [*warnings, group_finding(facts, best, [name for name in (*named, *coded) if name != best])]


def _is_rounded(facts: Facts, name: str) -> bool:
    """Whether these are long numbers as a spreadsheet shows them, 5.70306E+17, and saves them in a CSV."""
    written = facts.profile.sample[name].drop_nulls()
    return written.dtype == pl.String and bool(written.str.contains(_ROUNDED).all())


def _rounded_ids(facts: Facts, name: str) -> Finding:
    message = (
        f"{name} holds numbers such as {facts.profile.sample[name].drop_nulls()[0]}: a spreadsheet has rounded them, "
        "and different ones look alike, so that it is left out. Export the column as text to have whole ones."
    )
    return Finding(kind="rounded", columns=(name,), message=message, role="id")


def group_finding(facts: Facts, name: str, others: Collection[str] = ()) -> Finding:
    """The warning that rows belong together; what the split makes of it is added by `splits.with_consequences`."""
    state = facts.state(name)
    about = "" if state.is_exact else "about "
    also = f" As often repeated: {listed(others)}." if others else ""
    message = (
        f"{name} names {about}{state.num_distinct:,} entities with {state.num_present / state.num_distinct:.1f} rows "
        f"each: left out as a feature.{also}"
    )
    return Finding(kind="group", columns=(name,), message=message, role="group")


def _doubtful_group(facts: Facts, name: str) -> Finding:
    counts = {str(value): count for value, count in sorted((facts.state(name).counts or {}).items(), key=str)}
    values = listed(f"{value}: {counted(count, 'row')}" for value, count in counts.items())
    message = (
        f"{name} may say whose rows these are, but with {counted(facts.state(name).num_distinct, 'value')} "
        f"({values}) it is taken "
        "for a feature; where rows of one of them belong together, give it the role group."
    )
    return Finding(kind="group", columns=(name,), message=message, proposal="role: group", cells=tuple(counts))


def _may_be_kinds(facts: Facts, name: str) -> bool:
    """Few words without a number, under a name that speaks of no id: kinds of devices rather than devices."""
    values = [str(value) for value in facts.state(name).counts or ()]
    is_few = 0 < len(values) < _FEW_ENTITIES
    return is_few and not ID_WORDS & set(words(name)) and not any(sign.isdigit() for value in values for sign in value)


def find_time(facts: Facts, skip: Collection[str]) -> list[Finding]:
    """The column that says when a row came to be: it gets the role time, and is no feature."""
    candidates = [name for name in facts.names if name not in skip and _is_time(facts, name)]
    if not candidates:
        return []
    # Rows that stand in its order speak louder than a name.
    best = max(candidates, key=lambda name: (_in_order(facts, name), bool(_TIME_WORDS & set(words(name)))))
    order = "and the rows stand in its order" if _in_order(facts, best) else "by its name and values"
    message = f"{best} says when a row came to be, {order}: left out as a feature.{_part_of(facts, best)}"
    return [Finding(kind="time", columns=(best,), message=message, role="time")]


def _part_of(facts: Facts, name: str) -> str:
    """How to keep what comes again of such a time, the hour or the weekday, where rows differ in it."""
    if not facts.is_time(name):
        return ""
    times = facts.present(name).dt
    part, field = ("hour", "hour") if times.hour().n_unique() > 1 else ("weekday", "isodow")
    if (part == "weekday" and times.weekday().n_unique() == 1) or part in facts.names:
        return ""
    quoted = name if re.fullmatch(r"[A-Za-z_]\w*", name) else f'"{name}"'
    return (
        f" Where the {part} matters, make a feature of it: normalize: {{features: {{{part}: "
        f"'extract({field} from {quoted})'}}}}."
    )


def _is_entity(facts: Facts, name: str) -> bool:
    name_words = words(name)
    return (
        bool(_ENTITY_WORDS & set(name_words))
        and set(name_words) <= _ENTITY_WORDS | ID_WORDS | {"name"}
        and _repeats(facts, name)
    )


def _is_repeated_id(facts: Facts, name: str) -> bool:
    has_id = bool({"id", "uid", "uuid", "guid"} & set(words(name)))
    return has_id and _repeats(facts, name) and facts.state(name).num_distinct > 20


def _repeats(facts: Facts, name: str) -> bool:
    state = facts.state(name)
    # An amount repeats as well, and names nobody.
    fits = facts.of_type(name).dtype == pl.String or facts.is_whole(name)
    return fits and state.num_distinct >= FEWEST_ENTITIES and state.num_present >= 1.5 * state.num_distinct


def _is_time(facts: Facts, name: str) -> bool:
    name_words = set(words(name))
    # When a person was born says nothing of when the row was written.
    if name_words & _BIRTH_WORDS or facts.state(name).num_distinct < FEWEST_ENTITIES:
        return False
    if facts.is_time(name):
        return bool(name_words & _TIME_WORDS) or _in_order(facts, name)
    extremes = facts.state(name).extremes
    # Some write milliseconds.
    is_epoch = any(_EPOCH[0] <= extremes.low / unit <= extremes.high / unit <= _EPOCH[1] for unit in (1, 1_000))
    return facts.is_whole(name) and bool(name_words & _TIME_WORDS) and is_epoch


def _in_order(facts: Facts, name: str) -> bool:
    """Whether the sampled rows, which stand in the file's order, hardly ever step back."""
    values = facts.present(name)
    if len(values) < 3:
        return False
    steps = values.cast(pl.Int64, strict=False).diff().drop_nulls()
    return bool((steps >= 0).mean() >= _IN_ORDER and (steps > 0).any())  # type: ignore[operator]
