"""Each input of the corpus, by the commands that read it: no traceback, one message, nothing outside the project."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tasks import clean, ingest, normalize, split, validate
from tasks.command.cli import main
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.paths import PARTS, Project
from tasks.tables import storage
from tasks.tracking.models import model_folder
from tests.hostile.inputs import BLOCKS, INPUTS, SQL

pytestmark = [pytest.mark.timeout(120), pytest.mark.chain]

MOST_SECONDS = 60
"""Of one command, on a machine that does much else; a pipe that is waited for never ends."""
MOST_MEMORY = 3 << 30
"""Bytes of address space that a command may take beside what tests have taken already."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project without a pipeline, beside something that is nobody's business."""
    root = tmp_path / "home" / "project"
    root.mkdir(parents=True)
    (root / "params.yaml").write_text("pipelines: {}\n")
    monkeypatch.chdir(root)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    yield Project(root=root)
    assert [path.name for path in root.parent.iterdir()] == ["project"], "something was written outside the project"
    assert not list((tmp_path / "scratch").iterdir()), "something was left in the folder for temporary files"
    assert not list(root.rglob("pwned"))


@pytest.fixture
def bounded() -> Iterator[None]:
    """Whoever asks for terabytes gets none."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code and all that was printed; a traceback would fail the test as an exception."""
    capsys.readouterr()
    begin = time.monotonic()
    code = main(list(arguments))
    assert time.monotonic() - begin < MOST_SECONDS
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert "s3cret" not in text
    assert all(line.isprintable() for line in text.splitlines()), "a terminal would obey it"
    if code:
        assert code in (2, 3)
        assert printed.err.startswith("error: ")
        assert len(printed.err) < 2_500
    return code, text


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("name", INPUTS)
def test_an_input_is_read_or_refused(project: Project, capsys: pytest.CaptureFixture[str], name: str) -> None:
    given = INPUTS[name](project.root)
    code, _ = said(capsys, "init", "p", given)
    paths = project.pipeline("p")
    if code == 0:
        read_through(project)
    else:
        assert project.params.read_text() == "pipelines: {}\n"
        assert not paths.data.exists()


def read_through(project: Project) -> None:
    """The stages that read what `init` took, as a run does: all rows are kept, or one message says why not."""
    pipeline, paths = load_pipeline(project.params, "p"), project.pipeline("p")
    stages = {"ingest": ingest, "validate": validate, "split": split, "clean": clean, "normalize": normalize}
    # What a UserError says is printable, and is a message of its own: other tests look at each.
    with suppress(UserError):
        for name, stage in stages.items():
            stage.run(pipeline.stage(name), paths)
    if not paths.clean("train").exists():
        return
    kept = sum(storage.count_rows(paths.clean(part)) for part in PARTS)
    quarantined = sum(storage.count_rows(paths.quarantine(stage)) for stage in ("validate", "clean"))
    assert storage.count_rows(paths.raw) == kept + quarantined


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("query", SQL.values(), ids=SQL)
def test_a_query_that_does_more_than_ask_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], query: str
) -> None:
    shop = project.root / "shop.db"
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("CREATE TABLE sales AS SELECT 1 AS x, 2 AS y")
        connection.commit()
    before = shop.read_bytes()
    code, _ = said(capsys, "init", "p", "sqlite:///shop.db", "--query", query)
    assert code == 2
    assert shop.read_bytes() == before
    assert sorted(path.name for path in project.root.iterdir()) == ["params.yaml", "shop.db"]


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("content", BLOCKS.values(), ids=BLOCKS)
def test_a_block_that_nobody_would_write_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (project.root / "block.yaml").write_text(content)
    code, _ = said(capsys, "add", "block.yaml")
    assert code == 2
    project.params.write_text(content)
    for command in (["run", "p", "--plain"], ["status"], ["expect", "p"], ["init", "q", "block.yaml"]):
        code, _ = said(capsys, *command)
        assert code == 2
    main(["doctor"])
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    "source", ["data:,x", "models:/../../p/1", "dbfs:/x", "/dev", "models:/p@a/../b", "\0", "link"]
)
def test_a_model_to_begin_with_that_is_none_is_refused(
    project: Project, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    (project.root / "link").symlink_to("/etc")
    with pytest.raises(UserError, match=r"^train\.init_from: "):
        model_folder(project, source, "train.init_from")
