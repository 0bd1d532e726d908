"""What `dvc repro` writes down of a stage is what the stage was given, or the stage fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks.memo.chain import StageRunner, run_plain
from tasks.memo.one_set import recorded_parameters
from tasks.paths import Project
from tests.projects import command

pytestmark = pytest.mark.chain

EDITING = '''

_run = run


def run(config, paths):
    """Somebody edits a file while the stage is at work: the one that the environment names."""
    import os
    from pathlib import Path

    report = _run(config, paths)
    if "EDITED" in os.environ:
        file = Path(os.environ["EDITED"])
        file.write_text(file.read_text().replace(os.environ["BEFORE"], os.environ["AFTER"]))
    return report
'''

SPLIT = "split: {}\n    normalize: {}\n    augment: {}\n    train: {kind: lightgbm"
SEEDED = SPLIT.replace("split: {}", "split: {seed: 7}")


def edited_in(project: Project, stage: str, file: Path, before: str, after: str) -> subprocess.CompletedProcess[str]:
    """`dvc repro` up to the stage, in which `before` in the file becomes `after`."""
    arguments = ("dvc", "repro", f"{stage}@masses")
    return command(project.root, *arguments, check=False, EDITED=str(file), BEFORE=before, AFTER=after)


@pytest.fixture
def split_edits(project: Project) -> Project:
    """A project whose stage `split` edits a file, and is the next to run."""
    with (project.root / "tasks" / "split.py").open("a") as code:
        code.write(EDITING)
    # In this process, as `dvc repro` starts one a stage.
    run_plain(project, "masses", last="validate")
    return project


def test_parameters_that_are_edited_while_the_stage_runs_are_not_written_down(split_edits: Project) -> None:
    project, params = split_edits, split_edits.params
    original = params.read_text()
    done = edited_in(project, "split", params, SPLIT, SEEDED)
    assert done.returncode == 255
    assert "params.yaml: edited while split ran (split.seed (not set) -> 7)" in done.stderr
    assert recorded_parameters(project.pipeline("masses"), "split") is None
    # The advice: the old values back, and what was made is kept ...
    params.write_text(original)
    command(project.root, "dvc", "commit", "-f", "split@masses")
    assert StageRunner(project, "masses").out_of_date()["split"] == ()
    # ... or run again, with the new ones.
    params.write_text(original.replace(SPLIT, SEEDED))
    command(project.root, "dvc", "repro", "split@masses")
    assert recorded_parameters(project.pipeline("masses"), "split") == {"seed": 7}


def test_another_stages_parameters_may_be_edited_but_not_what_the_stage_reads(split_edits: Project) -> None:
    project = split_edits
    assert edited_in(project, "split", project.params, "num_leaves: 7", "num_leaves: 8").returncode == 0
    (project.root / "tasks" / "splitting" / "new.py").write_text("A = 1\n")
    code = project.root / "tasks" / "splitting" / "new.py"
    done = edited_in(project, "split", code, "A = 1", "A = 2")
    assert done.returncode == 255
    assert "split: tasks/splitting edited while it ran" in done.stderr
    assert StageRunner(project, "masses").out_of_date()["split"]
    command(project.root, "dvc", "repro", "split@masses")
    assert StageRunner(project, "masses").out_of_date()["split"] == ()


@pytest.mark.long
def test_register_refuses_what_was_edited_between_two_stages(project: Project) -> None:
    with (project.root / "tasks" / "evaluate.py").open("a") as code:
        code.write(EDITING)
    run_plain(project, "masses", last="train")
    original = project.params.read_text()
    done = edited_in(project, "register", project.params, SPLIT, SEEDED)
    assert done.returncode == 255
    assert "edited since the stages ran (split.seed None -> 7)" in done.stderr or "(not set) -> 7" in done.stderr
    assert not project.pipeline("masses").passport.exists()
    project.params.write_text(original)
    assert "register@masses" in command(project.root, "dvc", "repro", "register@masses").stdout
    assert project.pipeline("masses").passport.exists()
