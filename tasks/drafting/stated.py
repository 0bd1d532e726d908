"""What the user says of the columns when `modelwright init` looks at them: `--task`, `--metric`, `--ignore` and
`--retype`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, get_args

from tasks.columns import TYPE_NAMES, column_type
from tasks.columns.category.column import MAX_CATEGORIES
from tasks.drafting.findings import Finding
from tasks.drafting.profile import Facts
from tasks.drafting.target import TargetGuess
from tasks.errors import UserError, did_you_mean
from tasks.ingestion.survey import Survey
from tasks.params.config import ColumnTypeName, Metric, Task, metrics_of

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """Columns that are left out, types by column, the task and the metric; nothing of it is found out then."""

    task: Task | None = None
    metric: Metric | None = None
    ignored: tuple[str, ...] = ()
    types: Mapping[str, ColumnTypeName] = field(default_factory=dict)

    def typed(
        self, types: Mapping[str, ColumnTypeName], surveys: Mapping[str, Survey], location: str
    ) -> dict[str, ColumnTypeName]:
        """The types with those that are stated. Raises UserError for a column that is not there, or cannot be that."""
        for option, names in (("--ignore", self.ignored), ("--retype", self.types)):
            unknown = next((name for name in names if name not in types), None)
            if unknown is not None:
                raise UserError(
                    f"{option}: {location} has no column {unknown}{did_you_mean(unknown, types)}; correct it"
                )
        for name, kind in self.types.items():
            if surveys[name].num_present and column_type(kind).is_media != surveys[name].is_bytes:
                raise UserError(
                    f"--retype {name}={kind}: the column holds {'files' if surveys[name].is_bytes else 'no files'}; "
                    "give another type"
                )
        return {**types, **self.types}

    def left_out(self) -> list[Finding]:
        """The ignored columns, which stay in the data and are no input."""
        return [
            Finding(kind="ignored", columns=(name,), message=f"{name} is left out, as --ignore says.", role="id")
            for name in self.ignored
        ]

    def with_task(self, facts: Facts, target: TargetGuess) -> TargetGuess:
        """The target with the task that is stated. Raises UserError when its values are none for it, or for the
        metric that is stated."""
        target = self._with_task(facts, target)
        self._check_metric(facts, target)
        return target

    def _with_task(self, facts: Facts, target: TargetGuess) -> TargetGuess:
        if self.task is None:
            # Few whole numbers are classes, unless they are to be judged as numbers.
            is_number = self.metric in metrics_of("regression") and facts.is_number(target.name)
            return replace(target, task="regression") if is_number else target
        name, num_distinct = target.name, facts.state(target.name).num_distinct
        given = f"--task {self.task}: column {name}"
        if self.task == "regression" and not facts.is_number(name):
            what, cure = _no_numbers(facts, name)
            raise UserError(f"{given} holds {what}; {cure or 'name another --target'}, or leave --task out")
        if self.task == "binary" and num_distinct != 2:
            raise UserError(
                f"{given} has {num_distinct:,} different values; give --task multiclass, or another --target"
            )
        if self.task == "multiclass" and num_distinct == 2:
            raise UserError(f"{given} has two different values; give --task binary, or leave --task out")
        if self.task == "multiclass" and num_distinct > MAX_CATEGORIES:
            raise UserError(f"{given} has {num_distinct:,} different values, too many to be classes; leave --task out")
        return replace(target, task=self.task)

    def _check_metric(self, facts: Facts, target: TargetGuess) -> None:
        if self.metric is None:
            return
        known = [metric for metric in metrics_of(target.task) if metric != "expected_cost"]
        if self.metric not in known:
            raise UserError(f"--metric {self.metric}: {self._why_not(facts, target)} one of {', '.join(known)}")
        if self.metric == "rmsle" and facts.state(target.name).extremes.low < 0:
            least = facts.state(target.name).extremes.low
            raise UserError(
                f"--metric rmsle: column {target.name} goes down to {least:g}, and only amounts have logarithms; give "
                "rmse or mae"
            )

    def _why_not(self, facts: Facts, target: TargetGuess) -> str:
        """Why the metric is none for the target, and what to give in place of it, up to the metrics that are."""
        name, num_distinct = target.name, facts.state(target.name).num_distinct
        if target.task != "regression":
            is_number = facts.is_number(name)
            if is_number:
                return (
                    f"it judges numbers, and --task {target.task} makes classes of column {name}; give --task "
                    "regression, or"
                )
            what, cure = _no_numbers(facts, name)
            return f"it judges numbers, and column {name} holds {what}; {f'{cure}, or ' if cure else ''}give"
        task = "binary" if num_distinct == 2 else "multiclass"
        advice = f" --task {task} where its values are classes, or" if num_distinct <= MAX_CATEGORIES else ""
        return f"it judges classes, and column {name} is taken for a number; give{advice}"

    def check_target(self, target: str | None) -> None:
        """Raises UserError when the target itself is to be left out."""
        if target in self.ignored:
            raise UserError(f"--ignore {target}: it is the --target; take one of the two back")


def stated(task: Task | None, ignored: Sequence[str], retyped: Sequence[str], metric: str | None = None) -> Stated:
    """From the command line; `retyped` are COLUMN=TYPE. Raises UserError for a text that is none, for no type, and for
    no metric."""
    types: dict[str, ColumnTypeName] = {}
    for text in retyped:
        # A name may hold the sign, a type does not.
        name, sign, kind = text.rpartition("=")
        if not sign or not name:
            raise UserError(f"--retype {text}: write COLUMN=TYPE, such as --retype postcode=category")
        types[name] = _known(kind, TYPE_NAMES, f"--retype {name}={kind}: there is no type {kind}")
    known = None if metric is None else _known(metric, get_args(Metric), f"--metric: there is no metric {metric}")
    if known == "expected_cost":
        raise UserError(
            "--metric expected_cost: what mistakes cost is for params.yaml to say, which is not there yet; leave "
            "--metric out, and then write evaluate.costs and register.metric: expected_cost into it"
        )
    return Stated(task=task, metric=known, ignored=tuple(dict.fromkeys(ignored)), types=types)


def _no_numbers(facts: Facts, name: str) -> tuple[str, str]:
    """What a column that is not read as a number holds, and what makes it one, if anything does."""
    survey = facts.profile.surveys[name]
    if survey.is_whole and not survey.is_exact:
        what = "whole numbers of more digits than a number keeps"
        return what, f"give --retype {name}=number to have them rounded"
    return "values that are no numbers", ""


def _known(text: str, known: Sequence[Name], refusal: str) -> Name:
    for name in known:
        if name == text:
            return name
    raise UserError(f"{refusal}{did_you_mean(text, known)}")
