from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks import files
from tasks.drafting import rename
from tasks.drafting.belongings import belongings
from tasks.drafting.expect import redraft
from tasks.drafting.remove import remove_pipeline, what_goes
from tasks.drafting.rename import rename_pipeline
from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.params.file import pipeline_names
from tasks.paths import STAGES, Project
from tasks.tracking import names
from tests.drafting.params_writes import held_at_each_write
from tests.projects import modelwright

NAMED_INSIDE = ("validate", "evaluate", "register")


@pytest.fixture
def copied(finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project of its own in which everything has run."""
    root = tmp_path / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    monkeypatch.chdir(root)
    return Project(root=root)


def outcomes(project: Project, name: str) -> dict[str, str]:
    return {result.stage: result.outcome for result in run_plain(project, name)}


def by_hand(project: Project, old: str, new: str) -> None:
    text = project.params.read_text()
    project.params.write_text(text.replace(f"  {old}:", f"  {new}:"))


def assert_renamed(project: Project, old: str, new: str) -> None:
    assert not any(path.exists() for path in belongings(project.pipeline(old)))
    assert names.champions(project, [old, new]) == {old: None, new: 1}
    expected = {stage: "ran" if stage in NAMED_INSIDE else "unchanged" for stage in STAGES}
    assert outcomes(project, new) == expected
    assert files.read_json(project.pipeline(new).registration)["version"] == 1
    assert f"@{old}:" not in project.lock.read_text()


def test_params_yaml_is_written_while_no_other_command_writes_it(
    copied: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = held_at_each_write(copied, monkeypatch)
    rename_pipeline(copied, "notes", "letters")
    remove_pipeline(copied, "letters")
    assert held == [True, True]


def test_a_renamed_pipeline_makes_anew_only_what_carries_its_name(copied: Project) -> None:
    before = copied.params.read_text()
    done = rename_pipeline(copied, "notes", "letters-2")
    assert copied.params.read_text() == before.replace("  notes: #", "  letters-2: #")
    assert "renamed the registered model notes, with all its versions and aliases" in done
    assert_renamed(copied, "notes", "letters-2")
    assert outcomes(copied, "masses") == dict.fromkeys(STAGES, "unchanged")


def test_a_block_that_was_renamed_by_hand_is_followed_by_the_rest(copied: Project) -> None:
    by_hand(copied, "notes", "letters")
    # As the message of the run says, which goes as far as ingest.
    with pytest.raises(UserError, match="`modelwright rename OLD letters`"):
        run_plain(copied, "letters")
    rename_pipeline(copied, "notes", "letters")
    assert_renamed(copied, "notes", "letters")


@pytest.mark.parametrize("step", ["names", "lock", "params"])
def test_what_a_kill_cut_off_is_gone_on_with(copied: Project, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        target: dict[str, tuple[object, str]] = {
            "names": (names, "rename"),
            "lock": (rename, "_rename_in_lock"),
            "params": (rename, "with_name"),
        }
        patched.setattr(*target[step], killed)
        with pytest.raises(KeyboardInterrupt):
            rename_pipeline(copied, "notes", "letters")
    assert "notes" in pipeline_names(copied.params)
    rename_pipeline(copied, "notes", "letters")
    assert_renamed(copied, "notes", "letters")


def test_a_copied_block_gets_its_suite_by_the_command_that_its_run_names(copied: Project) -> None:
    text = copied.params.read_text()
    copied.params.write_text(text + text[text.index("  notes:") :].replace("  notes:", "  letters:"))
    with pytest.raises(UserError, match="`modelwright expect letters --write` drafts one"):
        run_plain(copied, "letters", last="validate")
    assert redraft(copied, "letters", write=True).written
    assert {result.outcome for result in run_plain(copied, "letters", last="clean")} == {"unchanged", "ran"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nots", "letters", "there is no pipeline nots; did you mean notes"),
        ("notes", "masses", "already has a pipeline masses; take another name, or `modelwright remove masses`"),
        ("notes", "Letters!", "Letters!"),
    ],
)
def test_what_cannot_be_renamed_changes_nothing(copied: Project, old: str, new: str, message: str) -> None:
    before = copied.params.read_bytes(), copied.lock.read_bytes()
    with pytest.raises(UserError, match=message):
        rename_pipeline(copied, old, new)
    assert (copied.params.read_bytes(), copied.lock.read_bytes()) == before
    assert copied.pipeline("notes").data.is_dir()


def test_what_is_left_under_the_new_name_is_in_the_way_until_it_is_removed(copied: Project) -> None:
    files.write_text(copied.pipeline("letters").suite, "{}\n")
    with pytest.raises(UserError, match="`modelwright remove letters` takes out"):
        rename_pipeline(copied, "notes", "letters")
    remove_pipeline(copied, "letters")
    rename_pipeline(copied, "notes", "letters")
    assert "letters" in pipeline_names(copied.params)


@pytest.mark.parametrize(
    "change", [lambda project: rename_pipeline(project, "notes", "letters"), lambda p: remove_pipeline(p, "notes")]
)
def test_while_a_run_is_at_work_nothing_is_moved(copied: Project, change: Callable[[Project], object]) -> None:
    # Another process, as its number is what tells a living run.
    held = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = copied.root / ".dvc" / "tmp" / "rwlock"
    info = f'{{"pid": {held.pid}, "cmd": "modelwright train@notes"}}'
    lock.write_text(f'{{"write": {{"{copied.pipeline("notes").model}": {info}}}, "read": {{}}}}')
    try:
        with pytest.raises(UserError, match="a run is at work on this pipeline"):
            change(copied)
        assert copied.pipeline("notes").model.is_dir()
    finally:
        held.communicate(b"\n")
    change(copied)
    assert "notes" not in pipeline_names(copied.params)


def test_a_removed_pipeline_leaves_the_others_and_the_registry_alone(copied: Project) -> None:
    assert "data/notes" in what_goes(copied, "notes")
    remove_pipeline(copied, "notes")
    assert pipeline_names(copied.params) == ["scans", "masses"]
    assert not any(path.exists() for path in belongings(copied.pipeline("notes")))
    assert "@notes" not in copied.lock.read_text()
    assert names.champions(copied, ["notes"]) == {"notes": 1}
    assert StageRunner(copied, "masses").out_of_date() == dict.fromkeys(STAGES, ())
    with pytest.raises(UserError, match="there is no pipeline notes"):
        what_goes(copied, "notes")


def test_remove_asks_before_and_does_nothing_where_nobody_answers(copied: Project) -> None:
    refused = modelwright(copied.root, "remove", "notes", check=False)
    assert refused.returncode == 2
    assert "give --yes" in refused.stderr
    assert copied.pipeline("notes").data.is_dir()
    modelwright(copied.root, "remove", "notes", "--yes")
    assert pipeline_names(copied.params) == ["scans", "masses"]


def test_who_names_the_pipeline_elsewhere_is_told(copied: Project) -> None:
    deployments = copied.deployments.read_text().replace("pipeline: digits\n", "pipeline: notes\n")
    copied.deployments.write_text(deployments)
    assert f"{copied.deployments.name} still names notes: write letters there" in rename_pipeline(
        copied, "notes", "letters"
    )
