"""One stage of one pipeline, without a memo: what `dvc repro` runs. `python -P -m tasks STAGE PIPELINE`.

`python -P -m tasks code` comes before them: it writes what the code means, on which the stages depend. So does
`python -P -m tasks own_code PIPELINE`, of the user's own code.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

from tasks.command.exits import end_on_signals, exit_code
from tasks.environment import collect_old_objects_rarely
from tasks.errors import UserError, did_you_mean, printable
from tasks.memo.by_dvc import refusing_edits
from tasks.memo.code import CODE, Code
from tasks.memo.code_record import check_own_code, check_tool
from tasks.memo.mlflow_news import tell_mlflow
from tasks.memo.one_set import check_one_set
from tasks.memo.own_code import STAGE as OWN_CODE
from tasks.memo.own_code import CodeLists, list_own_files
from tasks.params.file import block_in, check_pipeline, pipelines_in
from tasks.paths import STAGES, Paths, Project
from tasks.reports import Report
from tasks.root import find_root


def main(arguments: list[str]) -> int:
    """Runs the stage and says its figure. Returns the exit code."""
    collect_old_objects_rarely()
    return exit_code(partial(_perform, arguments))


def _perform(arguments: list[str]) -> int:
    if arguments == [CODE]:
        project = _project()
        code = Code(project)
        check_tool(project, code)
        code.write()
        return 0
    stage, pipeline = _parsed(arguments)
    if stage == OWN_CODE:
        _write_own_code(_project().pipeline(pipeline))
        return 0
    report = _run(stage, _project().pipeline(pipeline))
    print(printable(f"{stage}: {report.figure}"))  # noqa: T201
    return 0


def _project() -> Project:
    project = Project(root=find_root())
    check_own_code(project)
    return project


def _write_own_code(paths: Paths) -> None:
    project, name, file = paths.project, paths.pipeline, paths.project.params
    blocks = pipelines_in(file)
    reference = check_pipeline(file, name, block_in(file, blocks, name)).normalize.features_from
    if reference:
        from tasks.recipe.frame_function import read_function

        read_function(project.root, reference)
    code = Code(project)
    check_tool(project, code)
    CodeLists(code, paths, blocks).write_own()
    code.check()
    list_own_files(project, blocks)


def _run(stage: str, paths: Paths) -> Report:
    file = paths.project.params
    block = block_in(file, pipelines_in(file), paths.pipeline)
    config = check_pipeline(file, paths.pipeline, block).stage(stage)
    with refusing_edits(paths, stage, block):
        if stage == "register":
            check_one_set(paths, block)
        report: Report = importlib.import_module(f"tasks.{stage}").run(config, paths)
        tell_mlflow(paths, stage, block)
    return report


def _parsed(arguments: list[str]) -> tuple[str, str]:
    if len(arguments) != 2:
        raise UserError("usage: python -m tasks STAGE PIPELINE")
    stage, pipeline = arguments
    if stage not in (OWN_CODE, *STAGES):
        raise UserError(f"there is no stage {stage}{did_you_mean(stage, STAGES)}")
    return stage, pipeline


if __name__ == "__main__":
    end_on_signals()
    sys.exit(main(sys.argv[1:]))
