"""Data Docs: Great Expectations' renderers and views in a page of our own, which needs no network and no scripts."""

from __future__ import annotations

import html
import re
from typing import Any

from great_expectations.core import ExpectationSuite
from great_expectations.render.components import RenderedHeaderContent, RenderedStringTemplateContent
from great_expectations.render.renderer.page_renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.view.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, PackageLoader

from tasks.pages.rendering import as_page
from tasks.validation.expectations import Rule
from tasks.validation.findings import NUM_SAMPLED, ExpectationResult
from tasks.validation.gx.checks import plain
from tasks.validation.shown import shown
from tasks.wording import counted

PAGES = [("index.html", "Results"), ("suite.html", "Expectations")]
"""The files of Data Docs with their titles."""


def render_pages(
    result: Any, content: dict[str, Any], findings: list[ExpectationResult], pipeline: str
) -> dict[str, str]:
    """Data Docs by file name, the same bytes for the same result. Changes `result` to what a page can show.

    Great Expectations' own page fetches styles and scripts from eight hosts, and bears times and random ids.
    """
    for one, finding in zip(result.results, findings, strict=True):
        one.result = _for_display(one.result, finding)
        one.expectation_config.notes = _notes(finding.rule)
    result.success = content["success"]
    result.meta = {"batch_spec": {"data_asset_name": f"{pipeline} / raw"}}
    suite = ExpectationSuite(name=result.suite_name, expectations=[one.expectation_config for one in result.results])
    of_results: Any = ValidationResultsPageRenderer(run_info_at_end=True)
    of_suite: Any = ExpectationSuitePageRenderer()
    documents = {"index.html": of_results.render(result), "suite.html": of_suite.render(suite)}
    view: Any = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([PackageLoader("tasks.validation.gx", "templates"), view.env.loader])
    summaries = {"index.html": _page_summary(content)}
    return {
        file: _render_page(view, document, pipeline, file, summaries.get(file)) for file, document in documents.items()
    }


def _render_page(view: Any, document: Any, pipeline: str, file: str, summary: dict[str, Any] | None) -> str:
    document.page_title = f"{pipeline}: data validation"
    # The last section of the results holds nothing but the run's time and the like.
    document.sections = [section for section in document.sections if section.section_name != "Run Info"]
    _escape_headings(document)
    page = view.render(document, pages=PAGES, this_page=file, summary=summary)
    page = re.sub(r'href="(?:\.\./)+expectations/[^"]*"', 'href="suite.html"', page)
    return as_page(re.sub(r"[ \t]*\n(?:[ \t]*\n)*", "\n", page))


def _escape_headings(document: Any) -> None:
    """A section's heading is a column's name, which may hold HTML; Great Expectations escapes dollar signs alone."""
    for block in (block for section in document.sections for block in section.content_blocks):
        if isinstance(block, RenderedHeaderContent) and isinstance(block.header, RenderedStringTemplateContent):
            template = block.header.string_template
            # Doubled for a template that puts in values; headings put in none, and would show both.
            name = template["template"].replace("$$", "$")
            block.header.string_template = {**template, "template": html.escape(name)}


def _page_summary(content: dict[str, Any]) -> dict[str, Any]:
    rows = counted(content["num_rows"], "row")
    sentence = f"{rows}, {content['num_quarantined']:,} of them quarantined in {content['quarantine']}."
    failed = [*content["unread"], *(entry for entry in content["expectations"] if not entry["success"])]
    return {**content, "sentence": sentence, "failed": failed}


def _for_display(result: dict[str, Any], finding: ExpectationResult) -> dict[str, Any]:
    """The part of a result that its page shows; values escaped, because Great Expectations' templates do not."""
    if finding.tally is None:
        return {"observed_value": _escaped(finding.observed), "details": _escaped(plain(result)).get("details", {})}
    counts = finding.tally.values.most_common(NUM_SAMPLED)
    sampled = [{"value": html.escape(value), "count": count} for value, count in counts]
    figures = {key: value for key, value in _escaped(plain(result)).items() if not isinstance(value, list | str)}
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
