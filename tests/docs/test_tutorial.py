"""docs/tutorial.md, tried word for word: every command in its order, what it prints, and its exit code.

A console block has commands after `$ `, each followed by what it prints. `...` stands for anything; line breaks and
spaces are compared as one space, and scores and seconds as any number. A command must succeed unless `echo $?` follows.
A diff block is an edit of params.yaml. The first console block installs the project, and is not tried here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.projects import REPOSITORY, command, make_project

PAGE = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")

MEASURED = re.compile(r"\d+\.\d+|tree \d+ of \d+")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command as it is typed, here-document and all, and what the page says that it prints."""

    typed: str
    shown: str


def blocks(*languages: str) -> list[tuple[str, str]]:
    """Language and content of each block of the page, in its order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [(language, content) for language, content in found if language in languages]


def steps(block: str) -> Iterator[Step]:
    for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        end = re.search(r"^END\n", piece, re.MULTILINE) if "<<'END'" in piece else re.search(r"\n", piece)
        assert end, f"{piece.splitlines()[0]}: has no end"
        yield Step(typed=piece[: end.end()], shown=piece[end.end() :])


def squeezed(text: str) -> str:
    return " ".join(MEASURED.sub("#", text).split())


def prints(shown: str, printed: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in squeezed(shown).split("..."))
    return re.fullmatch(pattern, squeezed(printed)) is not None


def edit(path: Path, diff: str) -> None:
    """Puts the line with `+` in the place of the line with `-`, which must stand in the file once."""
    before, after = (line[1:] for line in diff.splitlines())
    text = path.read_text(encoding="utf-8")
    assert text.count(f"{before}\n") == 1, before
    path.write_text(text.replace(before, after), encoding="utf-8")


def typed_in(root: Path, todo: Sequence[Step]) -> None:
    """Runs the commands of one block; fails at the first that does not do what the page says."""
    code = 0
    for number, step in enumerate(todo):
        is_asked = number + 1 < len(todo) and todo[number + 1].typed.strip() == "echo $?"
        script = f"exec 2>&1\n(exit {code})\n{step.typed}"
        done = command(root, "bash", "-c", script, check=False)
        code = done.returncode
        assert prints(step.shown, done.stdout), f"$ {step.typed}\n{done.stdout}\nThe page says:\n{step.shown}"
        assert is_asked or code == 0, f"$ {step.typed}\nexit code {code}\n{done.stdout}"


def test_the_first_block_installs_by_what_the_makefile_has() -> None:
    installing = [shlex.split(step.typed, comments=True) for step in steps(blocks("console")[0][1])]
    assert installing == [["make", ".venv/installed"], ["source", ".venv/bin/activate"]]
    assert "\n.venv/installed: " in (REPOSITORY / "Makefile").read_text(encoding="utf-8")


def test_what_is_printed_is_compared_but_for_spaces_measurements_and_what_is_left_out() -> None:
    assert prints("train ran 5.0 tree 9 of 14\n...\nend\n", "train   ran  12.3  tree 80 of 99\nmore\nend\n")
    assert not prints("600 rows\n", "601 rows\n")
    assert not prints("600 rows\n", "600 rows\nand a warning\n")
    assert not prints("", "error: anything\n")


@pytest.mark.long
@pytest.mark.chain
def test_every_command_of_the_page_does_what_the_page_says(tmp_path: Path, empty_store: Path) -> None:
    params = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    project = make_project(tmp_path, params=params, store=empty_store)
    for language, content in blocks("console", "diff")[1:]:
        if language == "diff":
            edit(project.params, content)
        else:
            typed_in(project.root, list(steps(content)))
