"""Before a draft is written, its own rows go through split, clean and normalize: what they refuse is drafted otherwise.

By chance a small part may lack a class, or all rows with a value of some column: no rule of thumb knows that. Of many
rows a hash gives enough to each part, and they are not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.drafting.decide import Decisions
from tasks.drafting.findings import Finding, by_weight
from tasks.drafting.inspection import Inspection
from tasks.drafting.splits import SplitChoice, counted_split, drawn_by_key, reseeded, with_consequences
from tasks.errors import UserError
from tasks.paths import Project

if TYPE_CHECKING:
    from tasks.params.clean import Clean
    from tasks.params.pipeline import Pipeline
    from tasks.paths import Paths

_MOST_ROWS = 20_000
_SEEDS = 6
_ALL = 0.99


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the stages said: a complaint, or None; and the share of rows that clean took out, repeats aside."""

    complaint: str | None
    share: float = 0.0


def settled(decisions: Decisions, inspection: Inspection, configured: Callable[[Decisions], Pipeline]) -> Decisions:
    """The decisions, changed until the stages take them; told where no change helps."""
    facts = inspection.facts
    if facts.num_rows > _MOST_ROWS or any(map(facts.is_media, facts.names)):
        return decisions
    complaint = None
    with TemporaryDirectory(prefix="modelwright-") as folder:
        paths = Project(root=Path(folder)).pipeline("rehearsal")
        ingest_rows(configured(decisions), inspection, paths, paths.valid)
        for choice in _choices(decisions, facts.num_rows):
            candidate = replace(decisions, split=choice)
            outcome = _outcome(configured(candidate), paths)
            if outcome.complaint is None:
                findings = by_weight(with_consequences(decisions.bare_findings, choice, facts))
                share = max(outcome.share, decisions.share_quarantined)
                return replace(candidate, findings=tuple(findings), share_quarantined=share)
            complaint = complaint or outcome.complaint
    message = f"a run will stop, as these rows are not enough: {complaint}."
    finding = Finding(kind="too_few_rows", columns=(), message=message)
    return replace(decisions, findings=tuple(by_weight([*decisions.findings, finding])))


def _choices(decisions: Decisions, num_rows: int) -> Iterator[SplitChoice]:
    """The split as it was chosen, and what is tried in its place: exact counts, other seeds, a hash of the rows."""
    chosen = decisions.split
    yield chosen
    # What the data say of parts is theirs to say; of validation rows they say nothing here.
    if chosen.kind == "given":
        yield from [drawn_by_key(chosen, decisions.key)] if chosen.goes_by_time else []
        return
    num_left = round(num_rows * (1 - decisions.share_quarantined))
    exact = counted_split(chosen, num_left, decisions.key)
    for choice in (exact, chosen):
        yield from (reseeded(choice, seed) for seed in range(_SEEDS) if choice.kind != "time")
    if chosen.kind != "hash":
        by_hash = counted_split(SplitChoice(settings={"kind": "hash"}), num_left, decisions.key)
        why = f"by {chosen.kind} a part would lack a class, or be empty: {by_hash.reason}"
        yield replace(by_hash, reason=why)


def ingest_rows(config: Pipeline, inspection: Inspection, paths: Paths, folder: Path) -> None:
    """The source's rows as a table of typed columns in `folder`, with their description."""
    from tasks import ingest
    from tasks.tables.dataset import write_dataset

    write_dataset(paths.dataset, ingest.write_rows(config.ingest, inspection.rows, "", folder))


def lenient(config: Clean) -> Clean:
    """The same, but for how many rows may go: that is for the run to say."""
    return config.model_copy(update={"max_quarantined": _ALL})


def _outcome(config: Pipeline, paths: Paths) -> Outcome:
    from tasks import clean, normalize, split

    try:
        split.run(config.split, paths)
        clean.run(lenient(config.clean), paths)
        normalize.run(config.normalize, paths)
    except UserError as error:
        return Outcome(complaint=str(error).replace(f"{paths.project.root}/", ""))
    counted: dict[str, Any] = files.read_json(paths.cleaning_report)
    repeated = counted["rules"].get("duplicate", {}).get("num_quarantined", 0)
    return Outcome(complaint=None, share=(counted["num_quarantined"] - repeated) / max(counted["num_rows_in"], 1))
