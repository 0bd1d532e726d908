"""One stage of one pipeline, without a memo: what `dvc repro` runs. `python -m tasks STAGE PIPELINE`."""

from __future__ import annotations

import importlib
import sys

from tasks.environment import collect_old_objects_rarely
from tasks.errors import UserError, did_you_mean, printable
from tasks.params.file import load_pipeline
from tasks.paths import STAGES, Project, find_root


def main(arguments: list[str]) -> int:
    """Runs the stage and says its figure. Returns the exit code."""
    collect_old_objects_rarely()
    try:
        stage, pipeline = _parsed(arguments)
        project = Project(root=find_root())
        config = load_pipeline(project.params, pipeline).stage(stage)
        report = importlib.import_module(f"tasks.{stage}").run(config, project.pipeline(pipeline))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    print(printable(f"{stage}: {report.figure}"))  # noqa: T201
    return 0


def _parsed(arguments: list[str]) -> tuple[str, str]:
    if len(arguments) != 2:
        raise UserError("usage: python -m tasks STAGE PIPELINE")
    stage, pipeline = arguments
    if stage not in STAGES:
        raise UserError(f"there is no stage {stage}{did_you_mean(stage, STAGES)}")
    return stage, pipeline


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
