"""The best values written into params.yaml, and what that changes there."""

from __future__ import annotations

import difflib
from typing import Any

from tasks import files
from tasks.drafting.params_lock import editing
from tasks.drafting.settings_text import with_settings_of
from tasks.paths import Project


def apply(project: Project, pipeline: str, changes: dict[str, Any]) -> list[str]:
    """Writes the settings into the pipeline's block. Returns the lines of a diff; none where nothing is to change."""
    if not changes:
        return []
    file = project.params
    with editing(project):
        with file.open(encoding="utf-8", newline="") as opened:
            before = opened.read()
        after = with_settings_of(file, pipeline, changes)
        files.write_text(file, after)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file.name, file.name, lineterm="", n=1)
    return [*lines]
