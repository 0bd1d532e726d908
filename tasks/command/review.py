"""`modelwright review`: what a change does to the pipelines, as Markdown for a pull request."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tasks.errors import GateError, UserError
from tasks.paths import Project
from tasks.root import find_root


def review(options: argparse.Namespace) -> int:
    """Sets the project as it lies here against a commit, and prints what differs; 3 where the gate says no to it."""
    from tasks.memo.chain import announced
    from tasks.review.gathering import review as reviewed
    from tasks.review.markdown import as_markdown

    if options.pictures is not None and not options.pictures.startswith(("https://", "http://")):
        raise UserError(f"--pictures {options.pictures}: give an address, such as https://example.org/reports")
    project = Project(root=find_root())
    with announced("reviewing"):
        outcome = reviewed(project, options.against, options.pipelines)
    text = json.dumps(outcome.as_dict()) if options.json else as_markdown(outcome, options.pictures).rstrip("\n")
    if options.output is None:
        print(text)  # noqa: T201
    else:
        from tasks import files

        files.write_text(Path(options.output).absolute(), f"{text}\n")
    return GateError.exit_code if outcome.refused else 0
