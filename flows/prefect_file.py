"""prefect.yaml kept in step with the schedules of params.yaml: `prefect deploy --all` reads it, for work pools."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from flows.pipeline_schedules import OF_PARAMS, Block, pipeline_deployments
from tasks.paths import Project

_WIDTH = 120
_EMPTY = "name: modelwright\n\ndeployments: []\n"


def step_of(project: Project) -> tuple[str, str]:
    """prefect.yaml as it is, and as params.yaml asks for it; the first is empty where there is no such file.

    Raises UserError for a schedule that is wrong, or a deployment of both files.
    """
    before = project.deployments.read_text(encoding="utf-8") if project.deployments.exists() else ""
    return before, with_deployments(before or _EMPTY, pipeline_deployments(project))


def difference(before: str, after: str, name: str) -> str:
    """The change as a unified diff; empty where there is none."""
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, name))


def with_deployments(text: str, blocks: Sequence[Block]) -> str:
    """The file's text with these deployments in the place of those that params.yaml asked for before.

    What is a person's own, comments among it, stays as it is; so does a deployment that has not changed.
    """
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    content = yaml.load(text) or CommentedMap()
    # One that is an empty list has the layout of an inline one.
    deployments = content.get("deployments") or []
    kept = [block for block in deployments if OF_PARAMS not in (block.get("tags") or ())]
    same = [block for block in deployments if block not in kept]
    if same == [*blocks]:
        return text
    if not deployments:
        content["deployments"] = deployments
    for block in same:
        deployments.remove(block)
    deployments.extend(map(_written, blocks))
    output = StringIO()
    yaml.dump(content, output)
    return output.getvalue()


def _written(block: Block) -> CommentedMap:
    """With cron in quotes: without them `* * * * *` is no YAML."""
    schedules = [
        {key: DoubleQuotedScalarString(value) if key == "cron" else value for key, value in schedule.items()}
        for schedule in block["schedules"]
    ]
    return CommentedMap({**block, "schedules": schedules})
