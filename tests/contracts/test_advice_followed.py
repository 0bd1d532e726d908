"""Advice of messages, followed: what they tell a person to type is typed, and the pipeline runs again.

A project in which everything has run is put into the state that a message is about. The command that the message names
is taken from its text, so that a message cannot name another one than the one that helps.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.command.cli import main
from tasks.errors import GateError, UserError
from tasks.memo.chain import run_plain
from tasks.paths import STAGES, Project
from tests.projects import command, write_notes

COMMAND = re.compile(r"`((?:modelwright|dvc) [^`]+)`")


def message(project: Project, first: str | None = None, last: str | None = None) -> str:
    """What the run of the stages says, which must fail."""
    with pytest.raises(UserError) as caught:
        run_plain(project, "notes", first, last)
    return str(caught.value)


def follow(project: Project, text: str, number: int = 0) -> None:
    """Gives a command that the message names, as a person would type it; ours in this process."""
    program, *arguments = shlex.split(COMMAND.findall(text)[number])
    if program == "modelwright":
        plain = ["--plain"] if arguments[0] == "run" else []
        assert main([*arguments, *plain]) == 0
    else:
        command(project.root, sys.executable, "-m", program, *arguments)


def spoil(path: Path, content: bytes) -> None:
    # Anew: it may be a link into DVC's cache, of which nobody else may see anything.
    path.unlink()
    path.write_bytes(content)


def assert_runs(project: Project) -> None:
    assert [result.stage for result in run_plain(project, "notes")] == [*STAGES]


@pytest.mark.parametrize("content", [b"", b'{"a"', b"[1]"])
@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("data/notes/dataset.json", "validate"),
        ("data/notes/cleaned.json", "normalize"),
        ("data/notes/recipe.json", "train"),
        ("models/notes/model.json", "evaluate"),
        ("models/notes/recipe.json", "evaluate"),
    ],
)
def test_a_damaged_file_of_a_stage_is_made_again_by_the_command_that_is_named(
    copied: Project, file: str, reader: str, content: bytes
) -> None:
    spoil(copied.root / file, content)
    text = message(copied, reader, reader)
    assert file in text
    follow(copied, text)
    assert (copied.root / file).read_bytes() != content
    assert_runs(copied)


@pytest.mark.parametrize(
    ("file", "reader"),
    [
        ("data/notes/raw", "validate"),
        ("data/notes/split/train", "clean"),
        ("data/notes/augmented", "train"),
        ("models/notes", "evaluate"),
        ("reports/notes/metrics.json", "register"),
    ],
)
def test_a_missing_result_is_made_again_by_the_command_that_is_named(copied: Project, file: str, reader: str) -> None:
    path = copied.root / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    follow(copied, message(copied, reader, reader))
    assert path.exists()
    assert_runs(copied)


@pytest.mark.parametrize("way", ["checkout", "remove"])
@pytest.mark.parametrize("content", [b"", b'{"a"', b"[1]", b"\xff\xfe"])
def test_a_damaged_memory_of_accepted_data_is_taken_back_or_removed(copied: Project, content: bytes, way: str) -> None:
    accepted = copied.pipeline("notes").accepted
    spoil(accepted, content)
    text = message(copied)
    if way == "checkout":
        follow(copied, text)
    else:
        assert "or remove it" in text
        accepted.unlink()
    assert_runs(copied)


@pytest.mark.parametrize("content", [b"", b'{"name"', b"[1]"])
def test_a_damaged_suite_is_removed_and_drafted_anew(copied: Project, content: bytes) -> None:
    suite = copied.pipeline("notes").suite
    spoil(suite, content)
    text = message(copied)
    assert "or remove the file" in text
    suite.unlink()
    follow(copied, text)
    assert_runs(copied)


def new_column(project: Project) -> None:
    rows = (project.root / "notes.csv").read_text().splitlines()
    new = [f"{row},{'extra' if number == 0 else number}" for number, row in enumerate(rows)]
    (project.root / "notes.csv").write_text("\n".join(new) + "\n")


def other_type(project: Project) -> None:
    text = (project.root / "notes.csv").read_text().splitlines()
    rows = [text[0], *(row.replace("red", "1").replace("blue", "2").replace("green", "3") for row in text[1:])]
    (project.root / "notes.csv").write_text("\n".join(rows) + "\n")


def no_suite(project: Project) -> None:
    project.pipeline("notes").suite.unlink()


@pytest.mark.parametrize("change", [new_column, other_type, no_suite])
def test_a_suite_that_does_not_fit_any_more_is_mended_by_the_command(
    copied: Project, change: Callable[[Project], None]
) -> None:
    change(copied)
    follow(copied, message(copied))
    assert_runs(copied)


def test_the_first_type_may_be_kept_as_the_message_says(copied: Project) -> None:
    other_type(copied)
    setting, kind = re.findall(r"write ingest\.columns\.(\w+)\.type: (\w+) in params\.yaml", message(copied))[0]
    params = copied.params.read_text()
    copied.params.write_text(params.replace("note: {type: text}", f"note: {{type: text}}, {setting}: {{type: {kind}}}"))
    assert_runs(copied)


def test_parameters_that_were_edited_since_train_are_told_with_a_command_that_trains_anew(copied: Project) -> None:
    params = copied.params.read_text()
    copied.params.write_text(params.replace("kind: logistic_regression", "kind: logistic_regression, C: 0.5"))
    with pytest.raises(UserError) as caught:
        run_plain(copied, "notes", "register", "register")
    follow(copied, str(caught.value))
    assert_runs(copied)


def test_a_gate_that_says_no_passes_when_its_setting_is_changed(copied: Project) -> None:
    params = copied.params.read_text()
    copied.params.write_text(params.replace("accuracy: {min: 0.5}", "accuracy: {max: 0.1}"))
    with pytest.raises(GateError, match=r"change register\.gate in params\.yaml"):
        run_plain(copied, "notes")
    copied.params.write_text(params)
    assert_runs(copied)


def test_a_source_that_lost_its_rows_passes_when_the_limit_is_raised_or_the_data_are_mended(copied: Project) -> None:
    source = copied.root / "notes.csv"
    source.write_text(re.sub(r",(order)$", ",offer", source.read_text(), count=40, flags=re.MULTILINE))
    text = message(copied)
    assert "kind must be one of complaint, order (expect_column_values_to_be_in_set): 40 rows do not: offer" in text
    limit = re.findall(r"validate\.(max_quarantined) allows", text)[0]
    params = copied.params.read_text()
    head, notes = params.split("  notes:")
    copied.params.write_text(f"{head}  notes:{notes.replace('validate: {}', f'validate: {{{limit}: 0.3}}')}")
    assert_runs(copied)
    copied.params.write_text(params)
    write_notes(source)
    assert_runs(copied)
