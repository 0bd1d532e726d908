"""The stage `validate`: Great Expectations says whether the raw data may pass.

The only module that imports Great Expectations, which takes seconds: inside the functions that use it. The
whole table goes to it as one pandas batch, encoded images as their size in bytes.
"""

from __future__ import annotations

import html
import json
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from tasks import storage
from tasks.dataset import read_dataset
from tasks.errors import GateError, UserError, did_you_mean
from tasks.expectations import Rule, Suite, check_columns, read_suite
from tasks.findings import NUM_SAMPLED, Finding, failing_values, reasons, shown, shown_together, summarize
from tasks.params import Validate
from tasks.paths import Paths
from tasks.quarantine import split_rows
from tasks.report import Report

PAGES = [("index.html", "Results"), ("suite.html", "Expectations")]
"""The files of Data Docs with their titles."""


def run(config: Validate, paths: Paths) -> Report:
    """Checks raw/ against the suite; rows that fail a critical expectation go to quarantine.

    Raises GateError when too many rows would go, or a critical expectation about the whole table fails: the
    reports and the quarantine are complete by then. Raises UserError when the suite cannot be used.
    """
    suite, dataset = read_suite(paths.suite), read_dataset(paths.dataset)
    check_columns(paths.suite, suite, [column.name for column in dataset.columns])
    parts = list(storage.read_parts(paths.raw))
    table = pl.concat(parts)
    with _quiet():
        findings, result = examine(table, suite, where=str(paths.suite))
        content = summarize(findings, table, config, paths.relative(paths.quarantine("validate")))
        pages = render_pages(result, content, findings, table, paths.pipeline)
    _write_rows(parts, reasons(findings, table), paths)
    storage.write_json(paths.validation_report, content)
    _write_pages(pages, paths.data_docs)
    if content["refusals"]:
        raise GateError(_refusal_message(content, paths))
    return report(paths)


def report(paths: Paths) -> Report:
    """What validation.json says, in small."""
    content = storage.read_json(paths.validation_report)
    warned = sum(not entry["success"] for entry in content["expectations"] if entry["severity"] == "warning")
    figure = f"{content['num_rows']:,} rows, {content['num_quarantined']:,} quarantined"
    if warned:
        figure += f", {warned} warning{'s' if warned > 1 else ''}"
    numbers = {key: content[key] for key in ("num_rows", "num_quarantined", "success")}
    return Report(stage="validate", figure=figure, numbers={**numbers, "num_warnings": warned})


def examine(table: pl.DataFrame, suite: Suite, where: str) -> tuple[list[Finding], Any]:
    """A finding per rule, in the suite's order, and Great Expectations' own result for Data Docs.

    Raises UserError, beginning with `where`, when an expectation's arguments are wrong or do not fit its column.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    asset = context.data_sources.add_pandas("modelwright").add_dataframe_asset("raw")
    batch = asset.add_batch_definition_whole_dataframe("table").get_batch({"dataframe": _for_great_expectations(table)})
    expectations = [_build(rule, where) for rule in suite.rules]
    result = batch.validate(gx.ExpectationSuite(name=suite.name, expectations=expectations), result_format="COMPLETE")
    rules = {rule.number: rule for rule in suite.rules}
    # Great Expectations returns the results grouped by column.
    result.results.sort(key=_number)
    return [_finding(rules[_number(one)], one, where) for one in result.results], result


def render_pages(
    result: Any, content: dict[str, Any], findings: list[Finding], table: pl.DataFrame, pipeline: str
) -> dict[str, str]:
    """Data Docs by file name: Great Expectations' renderers and views in a page of our own.

    Its own page fetches styles and scripts from eight hosts, and bears times and random ids. Ours needs neither
    network nor scripts, and is the same bytes for the same result. Changes `result` to what a page can show.
    """
    from great_expectations.core import ExpectationSuite
    from great_expectations.render.renderer.page_renderer import (
        ExpectationSuitePageRenderer,
        ValidationResultsPageRenderer,
    )
    from great_expectations.render.view.view import DefaultJinjaPageView
    from jinja2 import ChoiceLoader, PackageLoader

    for one, finding in zip(result.results, findings, strict=True):
        one.result = _for_display(one.result, finding, table)
        one.expectation_config.notes = _notes(finding.rule)
    result.success = content["success"]
    result.meta = {"batch_spec": {"data_asset_name": f"{pipeline} / raw"}}
    suite = ExpectationSuite(name=result.suite_name, expectations=[one.expectation_config for one in result.results])
    of_results: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    of_suite: Any = ExpectationSuitePageRenderer()
    documents = {"index.html": of_results.render(result), "suite.html": of_suite.render(suite)}
    view: Any = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([PackageLoader("tasks", "templates/data_docs"), view.env.loader])
    summaries = {"index.html": _page_summary(content)}
    return {
        file: _render_page(view, document, pipeline, file, summaries.get(file)) for file, document in documents.items()
    }


def _render_page(view: Any, document: Any, pipeline: str, file: str, summary: dict[str, Any] | None) -> str:
    document.page_title = f"{pipeline}: data validation"
    # The last section of the results holds nothing but the run's time and the like.
    document.sections = [section for section in document.sections if section.section_name != "Run Info"]
    page = view.render(document, pages=PAGES, this_page=file, summary=summary)
    page = re.sub(r'href="(?:\.\./)+expectations/[^"]*"', 'href="suite.html"', page)
    return re.sub(r"[ \t]*\n(?:[ \t]*\n)*", "\n", page)


def _page_summary(content: dict[str, Any]) -> dict[str, Any]:
    sentence = (
        f"{content['num_rows']:,} rows, {content['num_quarantined']:,} of them quarantined in {content['quarantine']}."
    )
    failed = [entry for entry in content["expectations"] if not entry["success"]]
    return {**content, "sentence": sentence, "failed": failed}


@contextmanager
def _quiet() -> Iterator[None]:
    """Great Expectations' and its libraries' notes to developers stay off the user's console; errors do not."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _for_great_expectations(table: pl.DataFrame) -> Any:
    """A pandas frame, rows numbered from 0. Bytes would end up in results: their number stands in for them."""
    images = [name for name, dtype in table.schema.items() if dtype == pl.Binary]
    return table.with_columns(pl.col(name).bin.size().cast(pl.Float64) for name in images).to_pandas()


def _build(rule: Rule, where: str) -> Any:
    from great_expectations.compatibility.pydantic import ValidationError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import get_expectation_impl

    entry = ExpectationConfiguration(type=rule.type, kwargs=rule.kwargs, meta={"number": rule.number})
    try:
        return entry.to_domain_obj()
    except ValidationError as error:
        fields = sorted(get_expectation_impl(rule.type).__fields__)
        raise UserError(
            f"{where}: expectation {rule.number} ({rule.type}): {_complaint(error.errors()[0], fields)}"
        ) from None


def _complaint(error: Any, fields: list[str]) -> str:
    key = ".".join(str(step) for step in error["loc"] if step != "__root__")
    if error["type"] == "value_error.extra":
        return f"{key} is unknown{did_you_mean(key, fields)}"
    if error["type"] == "value_error.missing":
        return f"{key} is missing in kwargs; give it"
    return f"{key}: {error['msg']}; mend it" if key else f"{error['msg']}; mend its kwargs"


def _number(result: Any) -> int:
    return int(result.expectation_config.meta["number"])


def _finding(rule: Rule, result: Any, where: str) -> Finding:
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )
    from great_expectations.expectations.registry import get_expectation_impl

    about_rows = issubclass(
        get_expectation_impl(rule.type), (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
    )
    if message := _exception_message(result.exception_info):
        raise UserError(
            f"{where}: expectation {rule.number}, {rule.label}, cannot be checked: {message}; mend it or take it out"
        )
    rows = tuple(sorted(int(row) for row in result.result.get("unexpected_index_list") or ())) if about_rows else None
    observed = None if about_rows else _observed(result.result)
    return Finding(rule=rule, success=bool(result.success), rows=rows, observed=observed)


def _observed(result: dict[str, Any]) -> Any:
    """What was found in the table; where Great Expectations leaves that out, what should not be there."""
    found = result.get("observed_value")
    return _plain(result.get("partial_unexpected_list") if found is None else found)


def _exception_message(info: dict[str, Any]) -> str | None:
    """Great Expectations keeps one exception, or one for each metric that raised."""
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry["raised_exception"]), None)


def _plain(value: Any) -> Any:
    """Numpy values as Python's, which JSON and Great Expectations' own renderers need."""
    from great_expectations.util import convert_to_json_serializable

    return json.loads(json.dumps(convert_to_json_serializable(value)))


def _for_display(result: dict[str, Any], finding: Finding, table: pl.DataFrame) -> dict[str, Any]:
    """The part of a result that its page shows; values escaped, because Great Expectations' templates do not."""
    plain = _escaped(_plain(result))
    if finding.rows is None:
        return {"observed_value": _escaped(finding.observed), "details": plain.get("details", {})}
    counts = Counter(shown_together(values) for values in failing_values(table, finding)).most_common(NUM_SAMPLED)
    sampled = [{"value": html.escape(value), "count": count} for value, count in counts]
    figures = {key: value for key, value in plain.items() if not isinstance(value, list | str)}
    # Its pages call this a share of all rows, and Great Expectations leaves the missing values out.
    figures["unexpected_percent"] = figures.get("unexpected_percent_total", figures.get("unexpected_percent"))
    return {
        **figures,
        "partial_unexpected_list": [entry["value"] for entry in sampled],
        "partial_unexpected_counts": sampled,
    }


def _escaped(value: Any) -> Any:
    if isinstance(value, list):
        return [_escaped(one) for one in value[:NUM_SAMPLED]]
    if isinstance(value, dict):
        return {key: _escaped(one) for key, one in value.items()}
    return html.escape(shown(value)) if isinstance(value, str) else value


def _notes(rule: Rule) -> str:
    severity = f"Severity: {rule.severity}."
    return f"{severity} {html.escape(rule.notes)}" if rule.notes else severity


def _write_rows(parts: list[pl.DataFrame], found: pl.DataFrame, paths: Paths) -> None:
    kept, taken, start = [], [], 0
    for part in parts:
        stays, goes = split_rows(part, found[start : start + part.height], "validate")
        kept.append(stays)
        taken.append(goes)
        start += part.height
    storage.write_parts(paths.valid, kept)
    storage.write_parts(paths.quarantine("validate"), taken)


def _write_pages(pages: dict[str, str], folder: Path) -> None:
    with storage.aside(folder) as draft:
        draft.mkdir()
        for name, page in pages.items():
            storage.write_text(draft / name, page)


def _refusal_message(content: dict[str, Any], paths: Paths) -> str:
    return (
        f"validate: {paths.pipeline}: the data may not pass: {'; '.join(content['refusals'])}. "
        f"{content['num_quarantined']:,} rows, each with its reason, are in {content['quarantine']}, the findings in "
        f"{paths.relative(paths.data_docs / PAGES[0][0])}; "
        f"mend the data, or {paths.relative(paths.suite)} where it asks too much"
    )
