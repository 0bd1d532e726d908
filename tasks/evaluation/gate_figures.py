"""What the gate has to say of the version that lies in the pipeline's folders, before any registry is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tasks import files
from tasks.evaluation.judge import judge_of
from tasks.evaluation.judged_rows import judged_rows
from tasks.evaluation.slice_rules import bounds_in_slices, p_values_of_metrics, ruled_partitions
from tasks.measures import Measure, measures_of_metrics
from tasks.model_input.decision import read_decision
from tasks.params.pipeline import Pipeline
from tasks.paths import Paths
from tasks.promotion.gate import Verdict, judge
from tasks.recipe.recipe import read_recipe
from tasks.tables.dataset import read_dataset


def gate_verdict(config: Pipeline, paths: Paths, measures: Mapping[str, Measure]) -> Verdict:
    """By the rules of the gate, and by how the metric keeps its bound in each kind of test rows, where it has one.

    Raises UserError for a bound of what was not measured.
    """
    register, slices = config.register_, config.register_.slices
    has_slices = slices.min is not None or slices.max is not None
    if not has_slices and all(bound.surely != "broken" for bound in register.gate.values()):
        return judge(register.gate, measures, alpha=register.refusal_alpha)
    dataset, recipe = read_dataset(paths.cleaned), read_recipe(paths.model / paths.recipe.name)
    decision = read_decision(paths.decision, recipe.target.classes)
    of_rows = replace(judge_of(config.evaluate, recipe.target, decision), metric=register.metric)
    rows = judged_rows(paths, dataset, recipe.target.classes)
    partitions = ruled_partitions(slices, paths, dataset, recipe) if has_slices else []
    in_slices = bounds_in_slices(of_rows, rows, partitions, slices) if has_slices else ()
    p_values = p_values_of_metrics(of_rows, rows, register.gate)
    return judge(register.gate, measures, in_slices, alpha=register.refusal_alpha, p_values=p_values)


def measures_of_version(paths: Paths) -> dict[str, Measure]:
    """All that evaluate has left for the gate to bound; how fast the version answers is measured by register."""
    metrics, evaluation = files.read_json(paths.metrics), files.read_json(paths.evaluation)
    beside = files.read_json(paths.assessment("measures"))
    return {
        **measures_of_metrics(metrics, evaluation["intervals"], evaluation["num_rows"]),
        **{name: Measure(**content) for name, content in beside.items()},
    }
