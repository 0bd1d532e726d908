"""The stage `register`: the gate, the passport, and a version in MLflow with the aliases champion or challenger."""

from __future__ import annotations

from typing import Any

from tasks import files, reports
from tasks.digests import file_digest
from tasks.errors import GateError
from tasks.params.file import load_pipeline
from tasks.params.register import Register
from tasks.paths import Paths
from tasks.promotion.gate import Verdict, judge, value_of
from tasks.promotion.passport import passport
from tasks.recipe.recipe import read_recipe
from tasks.reports import Report
from tasks.tables import storage
from tasks.tables.dataset import read_dataset
from tasks.tracking.registry import VersionCandidate, register_version
from tasks.trainers import requirements


def run(config: Register, paths: Paths) -> Report:
    """Judges the model, and registers it when it passes.

    Raises GateError with each rule that failed; verdict.json is written by then, and nothing is registered. Raises
    UserError when the registry cannot be reached.
    """
    metrics = files.read_json(paths.metrics)
    verdict = judge(config.gate, metrics)
    # Refused before anything is written: the registry compares versions by this metric.
    value_of(metrics, config.metric, "metric")
    # Written either way: who is refused wants the numbers, too.
    files.write_json(paths.verdict, verdict.model_dump(mode="json"))
    if not verdict.passed:
        raise GateError(_refusal(verdict, paths))
    record = files.read_json(paths.run)
    content = _passport(paths, record, metrics)
    files.write_json(paths.passport, content)
    sample = next(storage.read_parts(paths.clean("test")))
    candidate = VersionCandidate(metrics=metrics, verdict=verdict, passport=content, sample=sample, record=record)
    registration = register_version(config, paths, candidate)
    files.write_json(paths.registration, registration.model_dump(mode="json"))
    return reports.register(paths)


def _passport(paths: Paths, record: dict[str, Any], metrics: dict[str, float]) -> dict[str, Any]:
    dataset = read_dataset(paths.cleaned)
    libraries = read_recipe(paths.model / paths.recipe.name).libraries
    return passport(
        paths.pipeline,
        pipeline=load_pipeline(paths.project.params, paths.pipeline),
        dataset=dataset,
        digests={
            "data": dataset.source.digest,
            "suite": file_digest(paths.suite),
            "recipe": file_digest(paths.model / paths.recipe.name),
            "model": record["model"],
        },
        rows={
            "ingest": dataset.num_rows,
            "validate": _rows(files.read_json(paths.validation_report)),
            "split": files.read_json(paths.split_report)["num_rows"],
            "clean": _rows(files.read_json(paths.cleaning_report)),
        },
        metrics=metrics,
        requirements=(*requirements(paths.model), *libraries),
        root=paths.project.root,
    )


def _rows(content: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in content.items() if name.startswith("num_")}


def _refusal(verdict: Verdict, paths: Paths) -> str:
    rules = "\n".join(f"  {rule.sentence()}" for rule in verdict.failed)
    return (
        f"register: the gate says no to this version of {paths.pipeline}, and nothing was registered:\n{rules}\n"
        f"The verdict is in {paths.relative(paths.verdict)}; "
        "train a better model, or change register.gate in params.yaml"
    )
