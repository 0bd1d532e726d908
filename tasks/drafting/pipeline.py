"""From data to a pipeline: inspect, decide, write; nothing is written unless all of it is right."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tasks import files
from tasks.drafting.block import Draft, block_text, indented
from tasks.drafting.conformal import CONFORMAL, offer
from tasks.drafting.decide import Decisions, decide
from tasks.drafting.findings import Finding, share
from tasks.drafting.given_settings import advised, parted, with_given
from tasks.drafting.inspection import Inspection, inspect_source
from tasks.drafting.location import Pointed, point, with_test
from tasks.drafting.measured import Tell, measured
from tasks.drafting.mirrors import with_flips
from tasks.drafting.params_lock import editing
from tasks.drafting.params_text import check_name_is_free, with_block, with_settings
from tasks.drafting.profile import Facts, SourceProfile
from tasks.drafting.readings import Read, likely, with_readings
from tasks.drafting.refits import with_refits
from tasks.drafting.rehearsal import settled
from tasks.drafting.stated import Stated
from tasks.drafting.suite import drafted_suite
from tasks.errors import UserError
from tasks.ingestion.description import check_own_names
from tasks.params.file import check_pipeline
from tasks.paths import Project
from tasks.sources.base import Place
from tasks.wording import counted

if TYPE_CHECKING:
    from tasks.params.pipeline import Pipeline

# It becomes the name of folders, DVC stages and MLflow's experiments, and all of these allow it.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


_MOST_REPEATED = 0.5
_LITTLE_LOST = 0.1
_MOST_LOST = 0.99


@dataclass(frozen=True, kw_only=True)
class DraftedPipeline:
    """What `modelwright init` drafted, and why: all that it prints. `written` is empty after a dry run."""

    name: str
    location: str
    facts: Facts
    decisions: Decisions
    block: str
    written: tuple[Path, ...]
    kept_suite: Path | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.decisions.findings

    @property
    def summary(self) -> str:
        return _summary(self.location, self.facts)

    def as_dict(self, project: Project) -> dict[str, Any]:
        """Plain values, ready for JSON; files as a person in the project's folder would write them."""
        target, choice, facts = self.decisions.target, self.decisions.choice, self.facts
        return {
            "pipeline": self.name,
            "summary": self.summary,
            "target": {"name": target.name, "task": target.task, "why": target.why},
            "model": {"train": choice.train, "why": choice.reason, "tried": list(choice.tried)},
            "columns": {name: {"type": facts.types[name], "role": self.decisions.role(name)} for name in facts.names},
            "findings": [
                {"kind": one.kind, "columns": one.columns, "message": one.message, "is_warning": one.is_warning}
                for one in self.findings
            ],
            "block": self.block,
            "written": [str(path.relative_to(project.root)) for path in self.written],
        }


def init_pipeline(
    project: Project,
    name: str,
    location: str,
    target: str | None = None,
    *,
    test: str | None = None,
    query: str | None = None,
    settings: Sequence[str] = (),
    stated: Stated | None = None,
    minutes: float = 0.0,
    deep: bool = False,
    tell: Tell = lambda _: None,
    dry_run: bool = False,
) -> DraftedPipeline:
    """Looks at the data, and adds a commented block to params.yaml and a drafted suite to expectations/.

    `test` names the test rows when they are files of their own; `query` says which rows of a database; `settings` are
    KEY=VALUE, what the user says of how the source is written, or of a stage; `stated` is what is said of columns.
    Models are compared for so many `minutes`, of which `tell` hears, and ways to read columns if `deep`; in none the
    facts alone decide. Raises UserError for a name that is taken or wrong, and where nothing can be read or predicted.
    """
    _check_name(project, name)  # First: reading the data may take an hour.
    of_source, of_stages = parted(settings)
    pointed = with_given(_pointed(project, location, query, test), of_source)
    with _place(project, dry_run) as place:
        inspection = _inspected(pointed, place, target, stated)

        def configured(decisions: Decisions, read: Inspection = inspection) -> Pipeline:
            return _checked(project, name, written(decisions, read), is_given=bool(of_stages))

        def written(decisions: Decisions, read: Inspection) -> str:
            return with_settings(block_text(_draft(name, pointed, read, decisions)), of_stages)

        decisions = settled(decide(inspection, target, pointed.from_names), inspection, configured)
        decisions, inspection = _compared(decisions, inspection, configured, minutes, tell, deep=deep, given=of_stages)
        pipeline, text = configured(decisions, inspection), written(decisions, inspection)
    facts = inspection.facts
    paths, kept = ((), None) if dry_run else _write(project, name, pipeline, text, facts.profile)
    return DraftedPipeline(
        name=name,
        location=location,
        facts=facts,
        decisions=decisions,
        block=indented(text, 2),
        written=paths,
        kept_suite=kept,
    )


def _pointed(project: Project, location: str, query: str | None, test: str | None) -> Pointed:
    pointed = point(location, project.root, query)
    return pointed if test is None else with_test(pointed, test, project.root)


@contextmanager
def _place(project: Project, dry_run: bool) -> Iterator[Place]:
    """Where the source is looked for: what a dry run fetches goes when it ends."""
    with TemporaryDirectory(prefix="modelwright-") if dry_run else nullcontext(project.downloads) as downloads:
        yield Place(root=project.root, downloads=Path(downloads))


def _inspected(pointed: Pointed, place: Place, target: str | None, stated: Stated | None) -> Inspection:
    try:
        inspection = inspect_source(pointed, place, target, stated)
    except UserError as error:
        raise advised(error) from None
    check_own_names(inspection.facts.profile.columns, inspection.location)
    return inspection


def _compared(
    decisions: Decisions,
    inspection: Inspection,
    read: Read,
    minutes: float,
    tell: Tell,
    *,
    deep: bool,
    given: Collection[str],
) -> tuple[Decisions, Inspection]:
    """With the model, what is done to pictures, and how columns are read, that are best on rows held out."""

    def configured(decided: Decisions) -> Pipeline:
        return read(decided, inspection)

    began = time.monotonic()
    decisions = with_refits(decisions, inspection.facts.num_rows, configured)
    # Readings of `deep` have minutes of their own.
    num_readings = 0 if deep else len(likely(decisions, inspection))
    decisions = measured(decisions, inspection, configured, minutes, tell, num_readings=num_readings)
    decisions = with_flips(decisions, inspection, configured, minutes, tell)
    # The few readings that are tried always have the minutes that the models have left.
    left = minutes if deep else minutes - (time.monotonic() - began) / 60
    return with_readings(decisions, inspection, read, left, tell, deep=deep, given=given)


def _checked(project: Project, name: str, text: str, *, is_given: bool) -> Pipeline:
    """The text itself is checked, as it will be read: a block that fails is a fault of ours, or `is_given` by --set."""
    try:
        return check_pipeline(project.params, name, _parsed(text)[name])
    except UserError as error:
        # It stands in no file.
        raise UserError(str(error).replace(f"{project.params}: ", "--set: ")) if is_given else error from None


def _check_name(project: Project, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name!r}: a pipeline's name has lower-case letters, digits, - and _ only, 64 at most; give another name"
        )
    check_name_is_free(project.params, name)


def _draft(name: str, pointed: Pointed, inspection: Inspection, decisions: Decisions) -> Draft:
    clean, reason = _clean(decisions)
    is_offered, conformal_reason = offer(decisions, inspection.facts)
    return Draft(
        name=name,
        summary=_summary(inspection.location, inspection.facts),
        source=inspection.source,
        test=pointed.test,
        target=decisions.target,
        findings=decisions.findings,
        pins=inspection.pins,
        choice=decisions.choice,
        clean={**clean, **decisions.clean},
        clean_reason=reason,
        conformal=CONFORMAL if is_offered else {},
        conformal_reason=conformal_reason,
        split=decisions.split,
    )


def _clean(decisions: Decisions) -> tuple[dict[str, Any], str]:
    """Rows that repeat are taken out, unless most do, or chance makes as many: then that is how the data are."""
    clean: dict[str, Any] = {}
    repeated, others = decisions.share_repeated, decisions.share_quarantined
    reasons = [f"{share(repeated, 1)} of the rows repeat an earlier one"] if repeated else []
    if repeated > _MOST_REPEATED or decisions.repeats_are_events:
        clean, repeated, reasons = {"duplicates": "keep"}, 0.0, [f"{reasons[0]}: that is how these data are"]
    if others:
        reasons.append(f"{share(others, 1)} have no target, or no value to learn from")
    # Half of what `clean` lets go by default: one part may lose more than the whole, and the block must go through.
    if repeated + others > _LITTLE_LOST:
        # What is expected, and some room: it is an estimate from a sample.
        clean["max_quarantined"] = round(min(_MOST_LOST, 1.2 * (repeated + others) + 0.1), 2)
    return clean, "; ".join(reasons) if clean else ""


def _summary(location: str, facts: Facts) -> str:
    return f"{location}: {counted(facts.num_rows, 'row')}, {counted(len(facts.names), 'column')}"


def _write(
    project: Project, name: str, pipeline: Pipeline, block: str, profile: SourceProfile
) -> tuple[tuple[Path, ...], Path | None]:
    """The suite first, then params.yaml: whoever sees the block finds its suite. What is there already is kept."""
    paths = project.pipeline(name)
    suite = drafted_suite(project, name, pipeline.ingest, profile)
    with editing(project):
        params = with_block(project.params, name, block)
        kept = paths.suite if paths.suite.exists() else None
        if kept is None:
            files.write_json(paths.suite, suite)
        files.write_text(project.params, params)
    return ((project.params,) if kept else (paths.suite, project.params)), kept


def _parsed(text: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML

    content: Mapping[str, Any] = YAML(typ="safe").load(text)
    return content
