"""`modelwright expect NAME`: drafts a suite anew from the data, and says how it differs from the one that is kept.

With `--write` it adds what is missing and updates what is still as it was drafted. An expectation that a person edited
is never overwritten, and one that a person took out does not come back: the suite's `drafted` remembers both. A column
whose type is another one now keeps its expectations, unless `--retype` says that the new type is right; so do the two
classes of a binary target, as a third one asks for another task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tasks import files
from tasks.columns.base import Expectation
from tasks.params.file import load_pipeline
from tasks.params.ingest import Ingest
from tasks.paths import Paths, Project
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.validation.expectations import columns_of, digest_of, draft_suite, key_of, read_suite
from tasks.validation.shown import shown
from tasks.validation.suite_file import read_suite_json
from tasks.wording import quoted

ChangeKind = Literal["new", "changed", "dropped", "edited", "left out"]

_PHRASES: dict[ChangeKind, str] = {
    "new": "is new",
    "changed": "would be drafted otherwise now",
    "dropped": "would not be drafted any more",
    "edited": "was edited, and stays as it is",
    "left out": "was taken out, and stays out",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one expectation of the suite differs from the one drafted now; either may be missing."""

    kind: ChangeKind
    key: str
    kept: Expectation | None
    drafted: Expectation | None

    def sentence(self) -> str:
        """Such as `expect_column_values_to_be_between(age) is new: min_value 0, max_value 90; critical`."""
        demands = [_demanded(entry) for entry in (self.kept, self.drafted) if entry is not None]
        return f"{self.key} {_PHRASES[self.kind]}: {' -> '.join(demands)}"


@dataclass(frozen=True, kw_only=True)
class Redraft:
    """How a suite differs from its new draft, and whether the suite's file was written."""

    suite: str
    changes: tuple[Change, ...]
    written: bool
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Columns whose type is another one now, with the old and the new: what is expected of them stays as it is."""
    new_classes: tuple[str, ...] = ()
    """Of a binary target, that would make it one of more classes: those that are expected stay."""

    def as_dict(self) -> dict[str, Any]:
        """For programs: plain values, ready for JSON."""
        return {
            "suite": self.suite,
            "written": self.written,
            "changes": [
                {"kind": change.kind, "expectation": change.key, "sentence": change.sentence()}
                for change in self.changes
            ],
            "retyped": {column: {"before": before, "now": now} for column, (before, now) in self.retyped.items()},
            "new_classes": list(self.new_classes),
        }

    def lines(self) -> list[str]:
        """For people: a line per difference, and what may be done."""
        if not (self.changes or self.retyped or self.new_classes):
            return [f"{self.suite}: as it would be drafted now"]
        open_ones = sum(change.kind in ("new", "changed", "dropped") for change in self.changes)
        lines = [f"  {change.sentence()}" for change in self.changes]
        lines += [_of_type(column, *types) for column, types in self.retyped.items()]
        lines += [_of_classes(self.new_classes)] if self.new_classes else []
        if self.written:
            return [f"wrote {self.suite}:", *lines]
        advice = "nothing was written; --write takes over what nobody edited" if open_ones else "nothing to take over"
        return [f"{self.suite} differs from what would be drafted now:", *lines, advice]


def _of_type(column: str, before: str, now: str) -> str:
    return (
        f"  {column} was of type {before}, and is {now} in the data: its expectations stay. Where {before} is right, "
        f"write ingest.columns.{column}.type: {before} in params.yaml, and cells that are none become rows in "
        f"quarantine; where {now} is, give --retype"
    )


def _of_classes(new: tuple[str, ...]) -> str:
    return (
        f"  the task is binary, and the target has {quoted(new)} besides in the data: its two classes stay, and "
        "rows of others go to quarantine. Where they are right, write ingest.task: multiclass in params.yaml"
    )


def redraft(project: Project, name: str, *, write: bool = False, retype: bool = False) -> Redraft:
    """Compares the pipeline's suite with a new draft, from data/NAME/raw where it is, else from the source.

    Rows with a cell that could not be read are left out, as they never pass. What is expected of a column whose type
    is another one now changes only with `retype`. Where there is no suite, all of it is new. Raises UserError when
    there is no such pipeline, or no data.
    """
    paths = project.pipeline(name)
    config = load_pipeline(project.params, name).ingest
    if not paths.suite.exists():
        return _first_draft(paths, _drafted(paths, config), write=write)
    # For its complaints alone: what is compared and written back is the JSON, with all that a person added.
    read_suite(paths.suite)
    kept = read_suite_json(paths.suite)
    drafted = _drafted(paths, config)
    retyped = {} if retype else _retyped(kept, drafted)
    drafted = _with_kept(kept, drafted, retyped)
    new_classes: tuple[str, ...] = ()
    if config.task == "binary":
        drafted, new_classes = _with_two_classes(kept, drafted, config.target)
    changes = differences(kept, drafted)
    merged = merge(kept, drafted, changes)
    written = write and merged != kept
    if written:
        files.write_json(paths.suite, merged)
    return Redraft(
        suite=paths.relative(paths.suite),
        changes=tuple(changes),
        written=written,
        retyped=retyped,
        new_classes=new_classes,
    )


def _drafted(paths: Paths, config: Ingest) -> dict[str, Any]:
    # Rows that were ingested are at hand, typed; a source may be a download or a database.
    if paths.raw.is_dir():
        return draft_suite(paths.pipeline, read_dataset(paths.dataset), storage.read_whole_rows(paths.raw))
    from tasks.drafting.suite import suite_of_source

    return suite_of_source(paths.project, paths.pipeline, config)


def _first_draft(paths: Paths, drafted: dict[str, Any], *, write: bool) -> Redraft:
    """Of a pipeline without a suite, as when its block was copied by hand: all of it is new."""
    if write:
        files.write_json(paths.suite, drafted)
    changes = tuple(
        Change(kind="new", key=key_of(entry), kept=None, drafted=entry) for entry in drafted["expectations"]
    )
    return Redraft(suite=paths.relative(paths.suite), changes=changes, written=write)


def _retyped(kept: dict[str, Any], drafted: dict[str, Any]) -> dict[str, tuple[str, str]]:
    before, now = kept.get("types", {}), drafted["types"]
    return {name: (before[name], now[name]) for name in now if before.get(name, now[name]) != now[name]}


def _with_kept(kept: dict[str, Any], drafted: dict[str, Any], columns: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """The draft with what is kept of these columns in place of its own."""

    def is_about(entry: Expectation) -> bool:
        return any(name in columns for name in columns_of(entry.get("kwargs", {})))

    own = [entry for entry in drafted["expectations"] if not is_about(entry)]
    return {
        **drafted,
        "types": drafted["types"] | {name: before for name, (before, _) in columns.items()},
        "expectations": own + [entry for entry in kept["expectations"] if is_about(entry)],
        # Else the next draft would take what is not here for taken out by a person.
        "drafted": {key_of(entry): digest_of(entry) for entry in own},
    }


def _with_two_classes(
    kept: dict[str, Any], drafted: dict[str, Any], target: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The draft with the kept classes of the target where its own are more than two, and those that are new."""
    key = f"expect_column_values_to_be_in_set({target})"
    before, now = _by_key(kept["expectations"]).get(key), _by_key(drafted["expectations"]).get(key)
    if before is None or now is None or len(now["kwargs"]["value_set"]) <= 2:
        return drafted, ()
    expectations = [before if key_of(entry) == key else entry for entry in drafted["expectations"]]
    new = [name for name in now["kwargs"]["value_set"] if name not in before["kwargs"]["value_set"]]
    return {**drafted, "expectations": expectations, "drafted": drafted["drafted"] | {key: digest_of(before)}}, tuple(
        new
    )


def differences(kept: dict[str, Any], drafted: dict[str, Any]) -> list[Change]:
    """How the suites differ, in the order of the kept one, then of the drafted one."""
    old, new = _by_key(kept["expectations"]), _by_key(drafted["expectations"])
    columns = _known_columns(drafted["expectations"])
    changes = [_of_kept(key, entry, new.get(key), kept, columns) for key, entry in old.items()]
    changes += [_of_missing(key, entry, kept) for key, entry in new.items() if key not in old]
    return [change for change in changes if change is not None]


def merge(kept: dict[str, Any], drafted: dict[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """The kept suite with what is new, changed or dropped taken over, and all that was drafted remembered."""
    taken = {change.key: change for change in changes if change.kind in ("new", "changed", "dropped")}
    entries = [_replaced(entry, taken.get(key_of(entry))) for entry in kept["expectations"]]
    entries += [change.drafted for change in taken.values() if change.kind == "new"]
    # The older digest wins: only against it does an edit show as an edit.
    remembered = {**drafted["drafted"], **kept.get("drafted", {})}
    now = {key: digest for key, digest in drafted["drafted"].items() if key in taken}
    dropped = {key for key, change in taken.items() if change.kind == "dropped"}
    record = {key: digest for key, digest in {**remembered, **now}.items() if key not in dropped}
    # An entry that was never drafted must not pass for a draft the next time.
    edited = {change.key for change in changes if change.kind == "edited"} - kept.get("drafted", {}).keys()
    return {
        **kept,
        "types": drafted["types"],
        "expectations": [entry for entry in entries if entry is not None],
        "drafted": {key: digest for key, digest in record.items() if key not in edited},
    }


def _of_kept(
    key: str, entry: Expectation, drafted: Expectation | None, kept: dict[str, Any], columns: set[str]
) -> Change | None:
    """None where there is nothing to say: as drafted, or a person's own."""
    untouched = kept.get("drafted", {}).get(key) == digest_of(entry)
    if drafted is None:
        # A person's own expectation stays without a word, unless its column went away.
        lost_column = not set(columns_of(entry.get("kwargs", {}))) <= columns
        if not lost_column and not untouched:
            return None
        kind: ChangeKind = "dropped" if untouched else "edited"
        return Change(kind=kind, key=key, kept=entry, drafted=None)
    if digest_of(entry) == digest_of(drafted):
        return None
    return Change(kind="changed" if untouched else "edited", key=key, kept=entry, drafted=drafted)


def _of_missing(key: str, drafted: Expectation, kept: dict[str, Any]) -> Change:
    """A suite from before drafts were remembered: what it lacks of columns that it knows, a person took out."""
    if "drafted" in kept:
        taken_out = key in kept["drafted"]
    else:
        taken_out = set(columns_of(drafted["kwargs"])) <= _known_columns(kept["expectations"])
    return Change(kind="left out" if taken_out else "new", key=key, kept=None, drafted=drafted)


def _replaced(entry: Expectation, change: Change | None) -> Expectation | None:
    """The entry as it is to be; a note that a person wrote stays with it."""
    if change is None:
        return entry
    if change.drafted is None:
        return None
    return {**change.drafted, **({"notes": entry["notes"]} if "notes" in entry else {})}


def _by_key(entries: Iterable[Expectation]) -> dict[str, Expectation]:
    """By what names them; of several of one name, the first: the others can only be a person's."""
    by_key: dict[str, Expectation] = {}
    for entry in entries:
        by_key.setdefault(key_of(entry), entry)
    return by_key


def _known_columns(entries: Iterable[Expectation]) -> set[str]:
    known: set[str] = set()
    for entry in entries:
        kwargs = entry.get("kwargs", {})
        known |= {*columns_of(kwargs), *kwargs.get("column_set", ())}
    return known


def _demanded(entry: Expectation) -> str:
    # The key names these already.
    columns = ("column", "column_A", "column_B", "column_list")
    limits = [f"{key} {shown(value)}" for key, value in entry.get("kwargs", {}).items() if key not in columns]
    return f"{', '.join(limits) or 'no limits'}; {entry.get('severity', 'critical')}"
