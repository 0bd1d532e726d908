"""What stands for code in the memo: what is no change of meaning runs nothing, what is one runs what depends on it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import UserError
from tasks.memo.chain import StageRunner, run_plain
from tasks.memo.code import Code, meaning, source_of
from tasks.paths import CODE_DIGESTS, STAGES, Project
from tests.opened_files import LONG_AGO
from tests.projects import REPOSITORY, command, modelwright

SOURCE = '''"""A module."""

import os

SQL = """
SELECT 1 -- one
"""


class Row:
    """A row."""

    size: int = 3
    """In bytes."""

    def double(self, by=2):
        """Twice as much."""
        text = f"{self.size!r:>{by}} {by=}"
        if by:
            return self.size * by  # by two
        return (text, "a" "b")
'''

SAME: dict[str, Callable[[str], str]] = {
    "a comment": lambda text: text.replace("# by two", "# by three"),
    "no comment": lambda text: text.replace("  # by two", ""),
    "a module's docstring": lambda text: text.replace("A module.", "Something."),
    "no docstring": lambda text: text.replace('"""A row."""', ""),
    "a function's docstring": lambda text: text.replace("Twice as much.", "Two times as much."),
    "a field's docstring": lambda text: text.replace("In bytes.", "In rows."),
    "blank lines": lambda text: text.replace("\n\n", "\n\n\n\n"),
    "line ends": lambda text: text.replace("\n", "\r\n"),
    "quotes": lambda text: text.replace('"a"', "'a'"),
    "layout": lambda text: text.replace('(text, "a" "b")', '(\n            text,\n            "ab",\n        )'),
    "a byte order mark": lambda text: f"\ufeff{text}",
}

OTHER: dict[str, Callable[[str], str]] = {
    "a constant": lambda text: text.replace("= 3", "= 4"),
    "the type of a constant": lambda text: text.replace("= 3", "= 3.0"),
    "a text that is no docstring": lambda text: text.replace("SELECT 1 -- one", "SELECT 1 -- two"),
    "blanks in a text": lambda text: text.replace("SELECT 1", "SELECT  1"),
    "an operator": lambda text: text.replace("size * by", "size + by"),
    "a default": lambda text: text.replace("by=2", "by=3"),
    "a name": lambda text: text.replace("double", "twice"),
    "a format": lambda text: text.replace("!r:>", "!s:>"),
    "indentation": lambda text: text.replace('        return (text, "a"', '            return (text, "a"'),
    "the order of statements": lambda text: text.replace("import os\n", "") + "\nimport os\n",
    "an annotation": lambda text: text.replace("size: int", "size: float"),
}


@pytest.mark.parametrize("change", SAME)
def test_what_python_does_not_run_is_no_meaning(change: str) -> None:
    edited = SAME[change](SOURCE)
    assert edited != SOURCE
    assert meaning(edited.encode()) == meaning(SOURCE.encode())


@pytest.mark.parametrize("change", OTHER)
def test_what_python_runs_is_meaning(change: str) -> None:
    edited = OTHER[change](SOURCE)
    assert edited != SOURCE
    assert meaning(edited.encode()) != meaning(SOURCE.encode())


def test_docstrings_are_meaning_in_a_file_that_reads_them() -> None:
    reading = f"{SOURCE}\nDESCRIPTION = __doc__\n"
    assert meaning(reading.encode()) != meaning(reading.replace("A module.", "Something.").encode())


def test_no_code_of_the_stages_reads_the_docstrings_of_another_file() -> None:
    files = [file for file in (REPOSITORY / "tasks").rglob("*.py") if file.name != "code.py"]
    readers = ("__doc__", "getdoc", "getsource", "use_attribute_docstrings")
    assert not [file for file in files if any(reader in file.read_text() for reader in readers)]


def test_a_meaning_is_the_same_text_in_every_version_of_python() -> None:
    """Versions differ in what `ast.dump` shows of empty fields, and in which characters they can print."""
    text = meaning('def f(x: int) -> None:\n    return "\U0001fae9"\n'.encode())
    assert text == (
        "Module(body=[FunctionDef(name='f' args=arguments(args=[arg(arg='x' annotation=Name(id='int' ctx=Load()))]) "
        "body=[Return(value=Constant(value='\\U0001fae9'))] returns=Constant())])"
    )


@pytest.fixture
def package(tmp_path: Path) -> Project:
    # As in the tool's own repository, by the code that runs.
    (tmp_path / "tasks").symlink_to(REPOSITORY / "tasks")
    deps = "[.modelwright/code/lib, .modelwright/code/one.py]"
    (tmp_path / "dvc.yaml").write_text(f"stages: {{code: {{cmd: x}}, split: {{foreach: x, do: {{deps: {deps}}}}}}}")
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "lib" / "deep" / "a.py").write_text(SOURCE)
    (tmp_path / "lib" / "page.html").write_text("<p>")
    (tmp_path / "one.py").write_text(SOURCE)
    return Project(root=tmp_path)


def leave_beside(file: Path) -> None:
    """What Python, Vim, Emacs and macOS leave beside a file of code that somebody edits."""
    (file.parent / "__pycache__").mkdir(exist_ok=True)
    for name in ("__pycache__/x.pyc", f".{file.name}.swp", f"{file.name}~", f"#{file.name}#", ".DS_Store"):
        (file.parent / name).write_text("left")
    (file.parent / f".#{file.name}").symlink_to("me@here.1234:5678")


def test_a_list_has_every_file_and_not_what_python_and_editors_leave(package: Project) -> None:
    leave_beside(package.root / "lib" / "deep" / "a.py")
    (package.root / "lib" / "loop").symlink_to("loop")
    (package.root / "lib" / "nothing.py").symlink_to("/nope")
    Code(package).write()
    lines = (package.root / CODE_DIGESTS / "lib").read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["lib/deep/a.py", "lib/page.html"]
    assert (package.root / CODE_DIGESTS / "one.py").read_text() == lines[0].replace("lib/deep/a.py", "one.py") + "\n"
    assert source_of(f"{CODE_DIGESTS}/lib") == "lib"
    assert source_of("data/P/raw") is None


def test_what_is_no_python_counts_by_its_bytes(package: Project) -> None:
    first = Code(package).digests("lib")
    (package.root / "lib" / "page.html").write_text("<p> ")
    assert Code(package).digests("lib") != first


def test_code_that_stands_as_it_stood_is_read_once(package: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    file, code = package.root / "one.py", Code(package)
    opened: list[Path] = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or read(path))
    first = code.digests("one.py")
    # It was written a moment ago, and could be once more within a step of the file system's clock.
    assert code.digests("one.py") == first
    assert opened == [file, file]
    monkeypatch.setattr("tasks.memo.code.TIME_STEP", LONG_AGO)
    assert {code.digests("one.py") for _ in range(3)} == {first}
    assert opened == [file] * 3
    file.write_text(SOURCE.replace("= 3", "= 4"))
    assert code.digests("one.py") == Code(package).digests("one.py") != first


@pytest.mark.parametrize(("text", "message"), [("x = 1\ndef (", ", line 2: invalid syntax; mend"), ("\0", ".*; mend")])
def test_what_cannot_be_parsed_is_named_before_any_stage_runs(package: Project, text: str, message: str) -> None:
    path = package.root / "lib" / "broken.py"
    path.write_text(text)
    for _ in range(2):
        with pytest.raises(UserError, match=f"{path}{message} it, and run again: no stage was begun"):
            Code(package).write()
    assert not (package.root / CODE_DIGESTS).exists()
    # While a stage runs, somebody may be typing: what it made is not lost.
    assert "lib/broken.py" in Code(package).digests("lib")


@pytest.mark.chain
def test_a_syntax_error_leaves_the_outputs(project: Project) -> None:
    outcomes = [result.outcome for result in run_plain(project, "masses", last="split")]
    assert outcomes == ["ran"] * 3
    with (project.root / "tasks" / "split.py").open("a") as code:
        code.write("def (\n")
    for arguments in (("run", "masses", "--plain", "--to", "split"), ("status", "masses")):
        done = modelwright(project.root, *arguments, check=False)
        assert done.returncode == 2
        assert re.search(r"^error: \S+/tasks/split.py, line \d+: invalid syntax; mend it", done.stderr)
        assert done.stderr.count("\n") == 1
    assert project.pipeline("masses").split("train").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"a": "b"}', '{"a": 3}', "[" * 100_000, None])
def test_meanings_that_are_kept_save_time_and_nothing_else(package: Project, content: str | None) -> None:
    Code(package).write()
    before = Code(package).digests("lib")
    meanings = package.root / ".modelwright" / "meanings.json"
    assert len(json.loads(meanings.read_text())) == 2  # a.py and one.py are the same bytes
    meanings.unlink()
    if content is None:
        meanings.mkdir()
    else:
        meanings.write_text(content)
    assert Code(package).digests("lib") == before
    Code(package).write()
    assert len(json.loads(meanings.read_text())) == 2


def comment(project: Project) -> None:
    """Edits comments and docstrings of all code, without a change of what it does."""
    for file in sorted((project.root / "tasks").rglob("*.py")):
        text = file.read_text()
        # Where docstrings may be read, a text that stands alone counts.
        alone = "" if "__doc__" in text else '"Edited"  # too\n'
        file.write_text(f"# Edited.\n\n{text}\n\n{alone}")


def outcomes(project: Project) -> dict[str, str]:
    return {result.stage: result.outcome for result in run_plain(project, "masses", last="evaluate")}


def by_dvc(project: Project, stage: str = "evaluate") -> set[str]:
    """The stages that `dvc repro` runs or restores up to this one."""
    lines = command(project.root, "dvc", "repro", f"{stage}@masses").stdout.splitlines()
    started = [
        line.split("'")[1] for line in lines if line.startswith(("Running stage", "Stage")) and "skip" not in line
    ]
    return {name.split("@")[0] for name in started}


@pytest.mark.long
@pytest.mark.chain
def test_comments_run_nothing_and_code_runs_what_depends_on_it(copied: Project) -> None:
    # DVC finds what a run in one process has written: nothing to do.
    assert by_dvc(copied) == set()
    lock = copied.lock.read_text()
    comment(copied)
    assert not any(StageRunner(copied, "masses").out_of_date()[stage] for stage in STAGES[:-1])
    assert copied.lock.read_text() == lock
    assert set(outcomes(copied).values()) == {"unchanged"}
    assert by_dvc(copied) == set()
    # Nothing is different but what DVC has of the source itself.
    before, after = lock.partition("  ingest@masses:")[2], copied.lock.read_text().partition("  ingest@masses:")[2]
    assert before == after != ""
    comment(copied)
    assert by_dvc(copied) == {"code"}
    assert set(outcomes(copied).values()) == {"unchanged"}
    for file in ("tasks/training/job.py", "tasks/train.py"):
        with (copied.root / file).open("a") as code:
            code.write("\nEDITED = 1\n")
    reasons = {stage: StageRunner(copied, "masses").out_of_date()[stage] for stage in ("augment", "train", "evaluate")}
    assert reasons == {"augment": (), "train": ("tasks/train.py changed", "tasks/training changed"), "evaluate": ()}
    assert {stage for stage, outcome in outcomes(copied).items() if outcome == "ran"} == {"train"}
    assert by_dvc(copied) == set()
    with (copied.root / "tasks" / "training" / "job.py").open("a") as code:
        code.write("\nEDITED = 2\n")
    assert by_dvc(copied) == {"code", "train"}
    assert set(outcomes(copied).values()) == {"unchanged"}


@pytest.mark.chain
def test_what_editors_leave_beside_code_runs_nothing(project: Project) -> None:
    run_plain(project, "masses", last="split")
    assert by_dvc(project, "split") == set()
    leave_beside(project.root / "tasks" / "columns" / "base.py")
    assert not any(StageRunner(project, "masses").out_of_date()[stage] for stage in ("ingest", "validate", "split"))
    assert by_dvc(project, "split") == set()
    assert [result.outcome for result in run_plain(project, "masses", last="split")] == ["unchanged"] * 3


@pytest.mark.long
@pytest.mark.chain
def test_lists_that_are_damaged_or_missing_are_written_again(copied: Project) -> None:
    lists = copied.root / CODE_DIGESTS
    damages: list[Callable[[], object]] = [
        lambda: shutil.rmtree(lists),
        lambda: [(lists / "tasks" / "train.py").unlink(), (lists / "tasks" / "train.py").write_text("rubbish")],
        lambda: [shutil.rmtree(lists), lists.write_text("rubbish")],
        lambda: [(lists / "tasks" / "train.py").unlink(), (lists / "tasks" / "train.py").mkdir()],
    ]
    content, lock = (lists / "tasks" / "train.py").read_bytes(), copied.lock.read_bytes()
    for damage in damages:
        damage()
        assert set(outcomes(copied).values()) == {"unchanged"}
        assert (lists / "tasks" / "train.py").read_bytes() == content
        damage()
        assert by_dvc(copied) <= {"code"}
        assert (lists / "tasks" / "train.py").read_bytes() == content
    assert copied.lock.read_bytes() == lock


@pytest.mark.chain
def test_a_single_stage_of_dvc_refuses_code_that_dvc_has_not_looked_at(project: Project) -> None:
    run_plain(project, "masses", last="split")
    with (project.root / "tasks" / "split.py").open("a") as code:
        code.write("\nEDITED = 1\n")
    lock = project.lock.read_bytes()
    done = command(project.root, "dvc", "repro", "--force", "--single-item", "split@masses", check=False)
    assert done.returncode == 255
    assert "split: tasks/split.py edited since DVC looked at the code" in done.stderr
    assert project.lock.read_bytes() == lock
    # The advice.
    command(project.root, "dvc", "repro", "code")
    assert command(project.root, "dvc", "repro", "--single-item", "split@masses").returncode == 0
    assert StageRunner(project, "masses").out_of_date()["split"] == ()


def test_the_stage_as_dvc_starts_it(package: Project) -> None:
    (package.root / "params.yaml").write_text("pipelines: {}")
    env = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-m", "tasks", "code"], cwd=package.root, env=env, check=True)
    assert (package.root / CODE_DIGESTS / "lib").read_text() == Code(package).digests("lib")
