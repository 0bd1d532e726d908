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
    """Why the data may not pass, where to look, and what to do."""
    return (
        f"validate: {paths.pipeline}: the data may not pass: {'; '.join(content['refusals'])}. "
        f"{content['num_quarantined']:,} rows, each with its reason, are in {content['quarantine']}, the findings in "
        f"{paths.relative(paths.data_docs / 'index.html')}; "
        f"mend the data, or {paths.relative(paths.suite)} where it asks too much"
    )
