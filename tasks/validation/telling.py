"""How a verdict is told: the pages to read, the words of a refusal, and no notes of the judge's own."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks import files
from tasks.paths import Paths

_RULES_NAMED = 5

_OF_COLUMNS = ("expect_table_columns_to_match_set", "expect_table_columns_to_match_ordered_list")


@contextmanager
def quiet_judge() -> Iterator[None]:
    """Great Expectations' and its libraries' notes to developers stay off the user's console; errors do not."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # They are about the libraries' own code, and no user can do anything about them.
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def write_pages(pages: dict[str, str], folder: Path) -> None:
    """The findings as pages, whole or not at all."""
    with files.aside(folder) as draft:
        draft.mkdir()
        for name, page in pages.items():
            files.write_text(draft / name, page)


def refusal_message(content: dict[str, Any], paths: Paths) -> str:
    """Why the data may not pass, rule by rule with values and places, where to look, and what to do."""
    rules = content["failing_rules"]
    lines = [f"  {rule}" for rule in rules[:_RULES_NAMED]]
    if len(rules) > _RULES_NAMED:
        lines.append(f"  and {len(rules) - _RULES_NAMED} more rules that rows fail")
    head = f"validate: {paths.pipeline}: the data may not pass: {'; '.join(content['refusals'])}"
    findings = f"the findings are in {paths.relative(paths.data_docs / 'index.html')}; {_advice(content, paths)}"
    if content["num_quarantined"]:
        findings = (
            f"{content['num_quarantined']:,} rows, each with its reason, are in {content['quarantine']}, {findings}"
        )
    return "\n".join([head, *lines, findings])


def _advice(content: dict[str, Any], paths: Paths) -> str:
    failed = [entry["type"] for entry in content["expectations"] if not entry["success"]]
    if any(name in _OF_COLUMNS for name in failed):
        return (
            f"where the columns are right, `modelwright expect {paths.pipeline} --write` takes them over into "
            f"{paths.relative(paths.suite)}; else mend the data"
        )
    types = [f"{entry['type']} ({entry['limits']['type']})" for entry in content["unread"]]
    of_types = f", or {' and '.join(types)} in params.yaml where that is wrong" if types else ""
    return f"mend the data, or {paths.relative(paths.suite)} where it asks too much{of_types}"
