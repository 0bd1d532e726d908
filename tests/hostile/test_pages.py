"""Names and values that browsers, Markdown, terminals and templates obey are text wherever they are shown."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.paths import Paths
from tests.hostile.inputs import INPUTS, NAMES
from tests.projects import make_project, modelwright

pytestmark = [pytest.mark.chain, pytest.mark.sqlite, pytest.mark.timeout(300)]

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Elements(HTMLParser):
    """The elements of a page as a browser makes them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Paths, str]:
    """A pipeline from hostile names to a registered model, by the command; and all that was printed."""
    project = make_project(tmp_path_factory.mktemp("project"))
    project.params.write_text("pipelines: {}\n")
    given = INPUTS["names that something obeys"](project.root)
    printed = ""
    for arguments in (
        ["init", "p", given, "--target", "y"],
        ["run", "p", "--plain"],
        ["run", "p", "--plain", "--json"],
    ):
        done = modelwright(project.root, *arguments, check=False)
        assert done.returncode == 0, done.stderr
        printed += done.stdout + done.stderr
    return project.pipeline("p"), printed


def test_a_terminal_obeys_nothing(finished: tuple[Paths, str]) -> None:
    _, printed = finished
    assert all(line.isprintable() for line in printed.splitlines())
    assert r"\x1b]0;title" in printed


def test_pages_hold_text_alone(finished: tuple[Paths, str]) -> None:
    paths, _ = finished
    pages = [*paths.data_docs.glob("*.html"), paths.report_page]
    assert len(pages) == 3
    for file in pages:
        page = file.read_text(encoding="utf-8")
        assert not OBEYED.search(page)
        tags = Elements(page).tags
        assert not {"script", "base", "form", "iframe", "object", "embed"} & {tag for tag, _ in tags}
        assert not [one for tag, one in tags if tag == "meta" and str(one.get("http-equiv")).lower() == "refresh"]
        assert not [name for _, one in tags for name in one if name.startswith("on")]
        targets = [str(one[name]) for _, one in tags for name in ("href", "src") if name in one]
        assert all(target.startswith(("#", "data:")) or target in ("index.html", "suite.html") for target in targets)
        policy = next(str(one["content"]) for tag, one in tags if one.get("http-equiv") == "Content-Security-Policy")
        assert {"default-src 'none'", "form-action 'none'", "base-uri 'none'"} <= set(policy.split("; "))


def test_descriptions_hold_code_spans_that_end_where_names_end(finished: tuple[Paths, str]) -> None:
    paths, _ = finished
    with closing(sqlite3.connect(paths.project.tracking / "mlflow.db")) as store:
        texts = [
            row[0]
            for table in ("registered_models", "model_versions")
            for row in store.execute(f"SELECT description FROM {table}")
        ]
    assert texts
    for text in texts:
        assert not OBEYED.search(text)
        # What stands outside of code spans, as CommonMark delimits them, holds nothing of a name.
        outside = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        outside = re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", outside)
        # But the links to the run's own pages and files, which MLflow numbers.
        outside = re.sub(r"!?\[[\w .,:]+\]\([\w./:?=&#%-]+\)", "", outside)
        assert not any(sign in outside for sign in ("<", "javascript", "](", "evil")), outside


def test_files_for_programs_hold_the_names_as_they_are(finished: tuple[Paths, str]) -> None:
    paths, _ = finished
    columns = json.loads(paths.dataset.read_text(encoding="utf-8"))["columns"]
    assert [column["name"] for column in columns] == [*NAMES, "y"]
    assert not [path for path in Path(paths.project.root).rglob("*") if "\x1b" in path.name]
