"""Broken files and the real command: exit code 2 and one line; a gate's no is exit code 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.paths import Project
from tests.bad_input.delimited_files import TEXTS
from tests.bad_input.media_files import IDX, huge_png
from tests.bad_input.outcomes import Broken, Refused
from tests.bad_input.packed_files import ARCHIVES
from tests.bad_input.typed_files import TYPED
from tests.projects import draft_suites, make_project, modelwright
from tests.small_tables import image

pytestmark = pytest.mark.chain

SOME: dict[str, Broken] = {
    "a ragged table": TEXTS["ragged, short"],
    "an archive with a control sign in a name": ARCHIVES["zip with a control sign in a name"],
    "a Parquet file that is cut off": TYPED["Parquet cut in its footer"],
    "IDX files with other counts": IDX["IDX of other counts"],
}

PARAMS = """\
pipelines:
  p:
    ingest: {{source: {source}, target: {target}}}
    validate: {{}}
    clean: {{max_quarantined: 0.1}}
    split: {{}}
    normalize: {{}}
    augment: {{}}
    train: {{kind: sklearn, estimator: {{kind: logistic_regression}}}}
    evaluate: {{}}
    register: {{metric: accuracy, gate: {{accuracy: {{min: 0.5}}}}}}
"""


def params(source: object, target: str) -> str:
    return PARAMS.format(source=source, target=target)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project; each test gives it a pipeline of its own."""
    return make_project(tmp_path_factory.mktemp("project")).root


@pytest.mark.parametrize("name", SOME)
def test_the_command_ends_with_one_line_and_leaves_no_data(root: Path, name: str) -> None:
    broken = SOME[name]
    assert isinstance(broken.outcome, Refused)
    (root / "params.yaml").write_text(params(dict(broken.write(root)), broken.target))
    done = modelwright(root, "run", "p", "--plain", "--to", "clean", check=False)
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {broken.outcome.where}")
    assert broken.outcome.what in line
    assert line.isprintable()
    assert not (root / "data" / "p" / "raw").exists()


def test_too_many_broken_pictures_are_a_gate_that_says_no(root: Path) -> None:
    for number in range(40):
        picture = huge_png() + bytes(number) if number < 10 else image([[number, 255], [7, 9]])
        path = root / "pictures" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    (root / "params.yaml").write_text(params({"kind": "folder", "path": "pictures"}, "label"))
    draft_suites(Project(root=root))
    done = modelwright(root, "run", "p", "--plain", "--to", "clean", check=False)
    assert done.returncode == 3, done.stderr
    head, first_reasons = done.stderr.splitlines()[-2:]
    assert head.startswith("error: clean: 10 of 40 rows would go (25.0 %; unusable_image 10)")
    assert first_reasons.startswith("  unusable_image 10: ")
    assert "Traceback" not in done.stderr
