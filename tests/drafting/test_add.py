from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tasks import files
from tasks.drafting.add import add_block
from tasks.errors import UserError
from tasks.params.file import load_params, load_pipeline
from tasks.params.sources import IdxSource, TableSource
from tasks.paths import Project
from tasks.validation.expectations import check_columns, read_suite

PARAMS = """\
# Mine, by hand.

pipelines: # all of them
  # About the digits.
  digits:
    ingest:
      source: {kind: builtin, name: "digits"} # quoted for a reason
      target: digit
    validate: {}
    clean: {}
    split: {seed: 0}
    normalize:
      text:
        ngrams:
          - 1
          - 2
    augment: {}
    train: {kind: torch, network: {kind: cnn, channels: [8]}, learning_rate: 1e-3}
    evaluate: {}
    register: {metric: accuracy}

# The end.
"""
END = "\n# The end.\n"
BLOCK = """\
# What this file is about.
pipelines:
  churn:
    ingest:
      source: {kind: table, path: elsewhere.csv} # yours
      target: left # who left?
    validate: {}
    clean: {}
    split: {}
    normalize: {}
    augment: {}
    train: {kind: lightgbm}
    evaluate: {}
    register: {metric: accuracy}
"""
ROWS = "age,plan,left\n" + "".join(
    f"{20 + number},{'ab'[number % 2]},{'yes' if number % 3 else 'no'}\n" for number in range(30)
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "churn.yaml").write_text(BLOCK)
    (tmp_path / "rows.csv").write_text(ROWS)
    return Project(root=tmp_path)


def refused(project: Project, source: str | None = None, name: str | None = None, block: str = BLOCK) -> str:
    """The message; and nothing was written."""
    (project.root / "churn.yaml").write_text(block)
    before = sorted(project.root.rglob("*"))
    with pytest.raises(UserError) as caught:
        add_block(project, project.root / "churn.yaml", source=source, name=name)
    assert sorted(project.root.rglob("*")) == before
    assert project.params.read_text() == PARAMS
    return str(caught.value)


def source_path(project: Project, name: str = "churn") -> str:
    source = load_pipeline(project.params, name).ingest.source
    assert isinstance(source, TableSource)
    return source.path


def test_a_block_and_its_suite_are_added_and_comments_stay(project: Project) -> None:
    written = add_block(project, project.root / "churn.yaml", source=str(project.root / "rows.csv"))
    suite = project.pipeline("churn").suite
    assert written == [suite, project.params]
    text = project.params.read_text()
    added = BLOCK.split("pipelines:\n")[1].replace("elsewhere.csv", str(project.root / "rows.csv"))
    assert text == PARAMS.replace(END, added + END)
    assert list(load_params(project.params).pipelines) == ["digits", "churn"]
    rules = read_suite(suite)
    check_columns(suite, rules, ["age", "plan", "left"])
    assert {column for rule in rules.rules for column in rule.columns} == {"age", "plan", "left"}
    assert sorted(path.name for path in project.root.iterdir()) == [
        ".modelwright",
        "churn.yaml",
        "expectations",
        "params.yaml",
        "rows.csv",
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "# Mine.\n",
        "pipelines: {}\n",
        "pipelines:\n",
        "pipelines: {} # none\n",
        "{pipelines: {}}\n",
        "pipelines: []\n",
    ],
)
def test_a_block_is_added_where_there_is_none_yet(project: Project, content: str) -> None:
    project.params.write_text(content)
    block = project.root / "iris.yaml"
    block.write_text(
        BLOCK.replace("kind: table, path: elsewhere.csv", "kind: builtin, name: iris").replace("left", "species")
    )
    add_block(project, block)
    assert list(load_params(project.params).pipelines) == ["churn"]
    assert project.params.read_text().startswith("# Mine.\n" if "Mine" in content else "pipelines:\n")


def test_a_source_is_relative_to_where_the_command_is_given(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project.root / "some" / "where"
    below.mkdir(parents=True)
    (project.root / "data.d").mkdir()
    (project.root / "rows.csv").rename(project.root / "data.d" / "rows.csv")
    monkeypatch.chdir(below)
    add_block(project, Path("../../churn.yaml"), source="../../data.d/rows.csv")
    assert source_path(project) == "data.d/rows.csv"
    add_block(project, Path("../../churn.yaml"), source="../../data.d/*.csv", name="glob")
    assert source_path(project, "glob") == "data.d/*.csv"
    add_block(project, Path("../../churn.yaml"), source="../../data.d", name="folder")
    assert source_path(project, "folder") == "data.d"


def test_the_blocks_own_source_is_relative_to_the_root(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "elsewhere.csv").write_text(ROWS)
    (project.root / "below").mkdir()
    monkeypatch.chdir(project.root / "below")
    add_block(project, project.root / "churn.yaml")
    assert source_path(project) == "elsewhere.csv"


def test_a_bundled_data_set_needs_no_source(project: Project) -> None:
    examples = Path(__file__).parents[2] / "examples"
    add_block(project, examples / "breast-cancer.yaml")
    assert project.pipeline("breast-cancer").suite.is_file()
    message = "--source is for blocks that read files (kind: table or idx); leave it out for this one"
    with pytest.raises(UserError) as caught:
        add_block(project, examples / "breast-cancer.yaml", source="rows.csv", name="other")
    assert str(caught.value).endswith(message)


IDX = "{kind: idx, images: train-images-idx3-ubyte.gz, labels: train-labels-idx1-ubyte.gz}"


def write_idx(folder: Path, images: str, labels: str) -> None:
    """Twelve pictures of 2 x 2 pixels, and their digits."""
    folder.mkdir()
    (folder / images).write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, 12, 2, 2) + bytes(range(48)))
    (folder / labels).write_bytes(struct.pack(">BBBB1I", 0, 0, 8, 1, 12) + bytes([0, 1, 2] * 4))


@pytest.mark.parametrize("form", ["-idx{}-ubyte", ".idx{}-ubyte"])
def test_a_block_of_idx_files_takes_the_folder_that_holds_them(project: Project, form: str) -> None:
    (project.root / "scans.yaml").write_text(
        BLOCK.replace("churn", "scans")
        .replace("{kind: table, path: elsewhere.csv}", IDX)
        .replace("target: left", "target: label")
    )
    names = [f"train-{name}{form.format(dimensions)}" for name, dimensions in (("images", 3), ("labels", 1))]
    write_idx(project.root / "pictures", names[0], names[1])
    add_block(project, project.root / "scans.yaml", source=str(project.root / "pictures"))
    source = load_pipeline(project.params, "scans").ingest.source
    assert isinstance(source, IdxSource)
    assert [Path(source.images).name, Path(source.labels).name] == names
    assert source.test_images is None


def test_a_folder_without_the_idx_files_is_refused(project: Project) -> None:
    block = BLOCK.replace("{kind: table, path: elsewhere.csv}", IDX)
    message = refused(project, source=str(project.root), block=block)
    assert message == f"{project.root}: holds no train-images-idx3-ubyte.gz (ingest.source.images); put it there"
    message = refused(project, source=str(project.root / "rows.csv"), block=block)
    assert message.endswith("rows.csv: there is no such folder; give --source the folder that holds the IDX files")


def test_a_suite_that_is_there_is_kept(project: Project) -> None:
    suite = project.pipeline("churn").suite
    files.write_json(suite, {"name": "churn", "expectations": []})
    written = add_block(project, project.root / "churn.yaml", source=str(project.root / "rows.csv"))
    assert suite not in written
    assert files.read_json(suite) == {"name": "churn", "expectations": []}


def test_the_same_data_draft_the_same_suite(project: Project) -> None:
    for name in ("one", "two"):
        add_block(project, project.root / "churn.yaml", source=str(project.root / "rows.csv"), name=name)
    one, two = (files.read_json(project.pipeline(name).suite) for name in ("one", "two"))
    assert one == {**two, "name": "one"}


def test_an_existing_name_is_refused(project: Project) -> None:
    message = refused(project, source=str(project.root / "rows.csv"), name="digits")
    assert message.endswith("params.yaml: already has a pipeline digits; add it under another name with --name")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "elsewhere.csv"),
        ("nowhere.csv", "nowhere.csv"),
        ("empty.csv", "empty.csv"),
        ("other.csv", "has no column left"),
    ],
)
def test_a_source_that_cannot_be_used_leaves_nothing_written(
    project: Project, source: str | None, message: str
) -> None:
    (project.root / "empty.csv").touch()
    (project.root / "other.csv").write_text("a,b\n1,x\n2,y\n")
    assert message in refused(project, source=source and str(project.root / source))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (BLOCK.replace("clean: {}", "claen: {}"), "churn.yaml: pipelines.churn.claen is unknown; did you mean clean?"),
        (BLOCK.replace("churn:", "Churn:"), "pipelines.Churn: a pipeline's name has lower-case letters"),
        (BLOCK + "  more: {}\n", "holds 2 pipelines (churn, more); keep one in it"),
        ("pipelines: {churn: }\n", "--source is for blocks that read files"),
        ("pipelines: [\n", "churn.yaml:2: not YAML"),
        ("", "churn.yaml: holds no pipelines"),
    ],
)
def test_a_block_that_is_not_right_is_refused(project: Project, block: str, message: str) -> None:
    assert message in refused(project, source=str(project.root / "rows.csv"), block=block)


def test_without_params_yaml_there_is_nothing_to_add_to(project: Project) -> None:
    project.params.unlink()
    with pytest.raises(UserError, match=r"params\.yaml: there is no such file"):
        add_block(project, project.root / "churn.yaml", source=str(project.root / "rows.csv"))
    assert not (project.root / "expectations").exists()
