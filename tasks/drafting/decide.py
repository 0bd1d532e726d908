"""What the pipeline will be: the target, each column's role, what to warn of, the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from tasks.drafting import distributions, given_test, labels, later, people, roles
from tasks.drafting.candidates import Candidate, candidates
from tasks.drafting.findings import Finding, Kind, by_weight, gathered
from tasks.drafting.inspection import Inspection
from tasks.drafting.leaks import find_leaks
from tasks.drafting.missing import find_sentinels
from tasks.drafting.model import ModelChoice, choose_model, one_picture
from tasks.drafting.nearly import with_places
from tasks.drafting.profile import Facts
from tasks.drafting.spellings import find_spellings, spellings_of
from tasks.drafting.splits import SplitChoice, Splittable, choose_split, with_consequences
from tasks.drafting.target import Classes, TargetGuess, classes_of, first_part, given_target, guess_target, values_of
from tasks.errors import UserError

_TOGETHER: dict[Kind, str] = {
    "heavy_tail": "have heavy tails",
    "capped": "stop at a value that is frequent",
    "near_constant": "are the same in nearly all rows",
    "mostly_empty": "are missing in more than half of the rows",
}


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What was chosen, and all that was found, by weight. `share_quarantined`: rows that `clean` will take out, besides
    the `share_repeated`, which may be events of their own; `key`: what tells rows apart."""

    target: TargetGuess
    features: tuple[str, ...]
    findings: tuple[Finding, ...]
    bare_findings: tuple[Finding, ...]
    """Those without what the split makes of them."""
    choice: ModelChoice
    candidates: tuple[Candidate, ...]
    """What may be better, to be measured."""
    split: SplitChoice
    key: tuple[str, ...]
    share_repeated: float
    repeats_are_events: bool
    share_quarantined: float
    of_source: Mapping[str, str]
    """The roles of the columns that the source adds."""
    clean: Mapping[str, Any] = field(default_factory=dict)
    """Settings of `clean` without which a part would lack a class."""

    def role(self, name: str) -> str:
        """What the column is for."""
        if name == self.target.name:
            return "target"
        if name in self.of_source:
            return self.of_source[name]
        return next((finding.role for finding in self.findings if finding.role and name in finding.columns), "feature")


def decide(inspection: Inspection, target_name: str | None, from_names: bool) -> Decisions:
    """Everything from the facts alone. Raises UserError when there is nothing to predict, or nothing to learn from."""
    facts = inspection.facts
    inspection.stated.check_target(target_name)
    taken = inspection.roles_of_source
    target, one_hot = _target(inspection, target_name, {*taken, *inspection.stated.ignored}, from_names)
    target = inspection.stated.with_task(facts, target)
    classes, merged = _merged(inspection, target)
    if len(classes.counts) == 1:
        raise UserError(
            f"{inspection.location}: column {target.name} has one class only, {next(iter(classes.counts))!r}, but for "
            "blanks around it; choose another --target"
        )
    findings = _given_roles(inspection, target, one_hot, taken, from_names)
    features = _features(facts, target, taken, findings)
    if not features:
        raise UserError(f"{inspection.location}: no column is left to learn from; leave out less with --ignore")
    findings += _spellings(inspection, target, features, is_merged=bool(merged))
    rare = [_as_cells(finding, classes) for finding in labels.find_rare_classes(facts, target, classes.counts)]
    findings += [*inspection.findings, *rare, *_remarks(facts, target, features, findings)]
    findings += given_test.find_known(inspection, findings, features, target.name)
    # By now rare classes are cells that mean missing, so the task is that of the classes left.
    target = _task_without(target, classes, rare)
    left = {name: count for name, count in classes.counts.items() if not _is_set_aside(name, classes, rare)}
    key = _key(facts, target, features, taken, findings)
    losses = labels.find_losses(facts, target.name, key, features, sum(classes.counts.values()) - sum(left.values()))
    rows = Splittable(
        num_rows=round(facts.num_rows * (1 - losses.total)),
        classes=left if target.task != "regression" else {},
        key=key,
        repeats_are_events=losses.are_events and not _has_entities(findings),
    )
    split = choose_split(facts, inspection.source, findings, rows, later.test_is_later(inspection, findings))
    choice = choose_model(facts, target, features, left, inspection.side, inspection.stated.metric)
    return Decisions(
        target=target,
        features=tuple(features),
        findings=tuple(by_weight(with_consequences(findings, split, facts))),
        bare_findings=tuple(findings),
        choice=choice,
        candidates=tuple(candidates(facts, target, features, left, choice.metric)),
        split=split,
        of_source=taken,
        key=key,
        share_repeated=losses.repeated,
        repeats_are_events=rows.repeats_are_events,
        share_quarantined=losses.others,
        clean=merged,
    )


def _given_roles(
    inspection: Inspection, target: TargetGuess, one_hot: tuple[str, ...], taken: Mapping[str, str], from_names: bool
) -> list[Finding]:
    """The columns that are no features, each with its reason. Raises UserError when none is left to learn from."""
    facts = inspection.facts
    # Each step sees only the features that those before it left: a column gets one role, by the first reason.
    ignored = inspection.stated.ignored
    findings = inspection.stated.left_out()
    findings += roles.describe_opaque(name for name in inspection.opaque if name not in (target.name, *ignored))
    findings += _roles(facts, target, {*taken, *inspection.opaque, *ignored}, from_names)
    findings += labels.describe_one_hot(facts, one_hot, target)
    findings += find_leaks(facts, target, _features(facts, target, taken, findings))
    findings += roles.find_wordless(facts, _features(facts, target, taken, findings))
    findings += one_picture(facts, _features(facts, target, taken, findings))
    # After the leaks: what these take out may be all there was.
    return with_places(_some_feature_left(facts, target, taken, findings), inspection.rows)


def _has_entities(findings: Sequence[Finding]) -> bool:
    """Rows of one entity are no events of their own to a model that is asked of others."""
    return any(finding.kind == "group" for finding in findings)


def _merged(inspection: Inspection, target: TargetGuess) -> tuple[Classes, dict[str, Any]]:
    """The classes with their spellings made one, and the setting that does it, where a part would lack one of these."""
    classes = classes_of(inspection.facts, target)
    spellings = spellings_of(classes.counts)
    if spellings is None:
        return classes, {}
    spelled = {*spellings.replace, *spellings.replace.values()}
    # Each of two files has its own way of writing; and rows of a class that is rare would be set aside.
    if not inspection.split_column and min(classes.counts[one] for one in spelled) >= labels.TOO_FEW:
        return classes, {}
    cells: dict[str, tuple[str, ...]] = {}
    for one, own in classes.cells.items():
        new = spellings.replace.get(one, one)
        cells[new] = (*cells.get(new, ()), *own)
    return Classes(counts=spellings.merged, cells=cells), {"columns": {target.name: spellings.setting}}


def _spellings(
    inspection: Inspection, target: TargetGuess, features: Sequence[str], *, is_merged: bool
) -> list[Finding]:
    facts, rows = inspection.facts, inspection.rows
    findings = find_spellings(target.name, classes_of(facts, target), rows, is_merged=is_merged)
    for name in features:
        # Words of yes and no are read as such, however they are spelled.
        if facts.has_categories(name) and facts.of_type(name).dtype == pl.String:
            findings += find_spellings(name, values_of(facts, name), rows)
    return findings


def _key(
    facts: Facts, target: TargetGuess, features: list[str], taken: Mapping[str, str], findings: list[Finding]
) -> tuple[str, ...]:
    """What tells rows apart now, and will whatever columns come: pictures and sounds, or the id, or all but the target.

    With the target, rows of the same features would be parted by their answers.
    """
    media = tuple(name for name in features if facts.is_media(name))
    # Before ids: a picture is the same under every name.
    ids = [name for name, role in taken.items() if role == "id"]
    named = [finding.columns[0] for finding in findings if finding.kind == "identifier" and finding.role == "id"]
    # All rows without one would be one row to the split, and go to one part.
    ids += [name for name in named if not facts.state(name).num_missing]
    kept = [name for finding in findings if finding.role in ("time", "group") for name in finding.columns]
    return media or tuple(ids[:1]) or (*features, *kept)


def _task_without(target: TargetGuess, classes: Classes, rare: list[Finding]) -> TargetGuess:
    """Of three classes, when one is set aside, two are left."""
    num_left = sum(not _is_set_aside(name, classes, rare) for name in classes.counts)
    return replace(target, task="binary") if target.task == "multiclass" and num_left == 2 else target


def _target(
    inspection: Inspection, name: str | None, taken: Collection[str], from_names: bool
) -> tuple[TargetGuess, tuple[str, ...]]:
    """The target and, if the label lies over several columns, these."""
    facts, one_hot = inspection.facts, labels.one_hot_label(inspection.facts)
    if name is not None:
        return given_target(facts, name, inspection.location), one_hot
    if one_hot:
        # One column can be predicted; the largest has the most rows to learn from.
        best = labels.largest(facts, one_hot)
        return TargetGuess(
            name=best, task="binary", why="guessed: of a label over several columns the largest"
        ), one_hot
    if from_names:
        return first_part(facts, taken), ()
    # A number of its own in each row makes a poor target, also when it stands last.
    identifiers = {name for finding in roles.find_identifiers(facts, taken) for name in finding.columns}
    return guess_target(facts, {*taken, *identifiers}, inspection.location), ()


def _roles(facts: Facts, target: TargetGuess, taken: Collection[str], from_names: bool) -> list[Finding]:
    """Columns that are no features: which row, whose row, since when; and those that say nothing."""
    # Whatever a column looks like, the target and what the source added keep their roles.
    known = {target.name, *taken}
    findings = roles.find_constants(facts, known)
    findings += roles.find_split(facts, known)
    if from_names:
        findings += _parts_of_names(facts, known)
    # Time and entities go first: a date or a customer may as well be unique in each row.
    for find in (people.find_time, people.find_entities, roles.find_identifiers):
        findings += find(facts, {*known, *(name for finding in findings for name in finding.columns)})
    return findings


def _parts_of_names(facts: Facts, known: Collection[str]) -> list[Finding]:
    """Parts of files' names are no input; one of words that come again and again may be whose recording it is."""
    findings: list[Finding] = []
    for name in facts.names:
        if name in known or not name.startswith("part_"):
            continue
        names_something = facts.has_categories(name) and facts.of_type(name).dtype == pl.String
        is_enough = names_something and facts.state(name).num_distinct >= people.FEWEST_ENTITIES
        if is_enough and not any(finding.role == "group" for finding in findings):
            findings.append(people.group_finding(facts, name))
        else:
            message = f"{name} is a part of the files' names, and no input."
            findings.append(Finding(kind="pattern", columns=(name,), message=message, role="id"))
    return findings


def _features(facts: Facts, target: TargetGuess, taken: Collection[str], findings: list[Finding]) -> list[str]:
    excluded = {target.name, *taken, *(name for finding in findings if finding.role for name in finding.columns)}
    return [name for name in facts.names if name not in excluded]


def _some_feature_left(
    facts: Facts, target: TargetGuess, taken: Collection[str], findings: list[Finding]
) -> list[Finding]:
    """Without any feature there is nothing to learn from: then what says little is kept after all."""
    # In the order in which something may still be learnt: constants say nothing at all.
    for kind in ("identifier", "time", "group", "constant"):
        if _features(facts, target, taken, findings):
            break
        findings = [_kept(finding) if finding.kind == kind else finding for finding in findings]
    return findings


def _kept(finding: Finding) -> Finding:
    return replace(finding, role=None, message=f"{finding.message} It is kept all the same, as nothing else is left.")


def _remarks(facts: Facts, target: TargetGuess, features: list[str], findings: list[Finding]) -> list[Finding]:
    """What a colleague would say of the columns that are used."""
    # Nobody needs advice on columns that are left out anyway.
    unused = [name for name in facts.names if name not in features]
    but_target = [name for name in unused if name != target.name]
    identifiers = tuple(name for finding in findings if finding.kind == "identifier" for name in finding.columns)
    # A model would learn a sign in the target as an amount, and score well on it.
    asked = {*features, target.name}
    sentinels = [finding for finding in find_sentinels(facts, target.name) if finding.columns[0] in asked]
    doubtful = {name for finding in sentinels for name in finding.columns}
    remarks = [
        *labels.find_too_few_rows(facts),
        *labels.find_duplicates(facts, identifiers, asked),
        *sentinels,
        *distributions.find_gaps(facts, unused),
        *distributions.find_near_constant(facts, unused),
        # Of a regression, the target too: a limit there is a limit of what can be predicted.
        *distributions.find_capped(facts, [*(but_target if target.task == "regression" else unused), *doubtful]),
        *distributions.find_heavy_tails(facts, but_target if target.task == "regression" else unused),
        *people.find_sensitive(facts, unused),
        *distributions.find_codes(facts, unused),
    ]
    # Of a hundred columns with heavy tails, a hundred sentences would hide all the others.
    for kind, statement in _TOGETHER.items():
        remarks = gathered(remarks, kind, statement)
    return remarks


def _as_cells(finding: Finding, classes: Classes) -> Finding:
    """Rare classes by their cells as the source writes them."""
    cells = tuple(cell for name in finding.missing for cell in classes.cells[name])
    return replace(finding, missing=cells) if finding.missing else finding


def _is_set_aside(name: str, classes: Classes, rare: list[Finding]) -> bool:
    return any(classes.cells[name][0] in finding.missing for finding in rare)
