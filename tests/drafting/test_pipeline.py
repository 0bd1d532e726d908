from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import ingest
from tasks.drafting.pipeline import init_pipeline
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tasks.paths import Project
from tasks.tables.dataset import Dataset, read_dataset
from tasks.validation.expectations import read_suite
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers, project_in
from tests.shared_data import case, shared
from tests.small_tables import image
from tests.web import serving


def ingested(project: Project, name: str = "mine") -> Dataset:
    """What ingest makes of the block that was written."""
    ingest.run(load_pipeline(project.params, name).ingest, project.pipeline(name))
    return read_dataset(project.pipeline(name).dataset)


def test_block_suite_and_empty_acceptance_are_written_and_ingest_reads_the_block(tmp_path: Path) -> None:
    draft = init(tmp_path, noise(), dry_run=False)
    project = Project(root=tmp_path)
    paths = project.pipeline("mine")
    assert set(draft.written) == {paths.suite, project.params}
    assert read_suite(paths.suite).rules
    dataset = ingested(project)
    assert (dataset.target.name, dataset.task, dataset.num_rows) == ("outcome", "binary", NUM_ROWS)
    assert [column.name for column in dataset.features] == ["width", "height", "shape"]


def test_test_files_of_their_own_say_the_split_and_not_the_target(tmp_path: Path) -> None:
    rows = noise().select("width", "shape", answer="outcome")
    for name, part in (("rows.csv", rows[:400]), ("later.csv", rows[400:])):
        part.write_csv(tmp_path / name)
    given = {"test": str(tmp_path / "later.csv"), "dry_run": True}
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.csv"), **given)
    assert (draft.decisions.target.name, draft.decisions.role("split")) == ("answer", "split")


def test_a_table_behind_a_url_is_read_as_it_is_written(tmp_path: Path) -> None:
    rows = noise().with_columns(width=pl.col("width").round(2).cast(pl.String).str.replace(".", ",", literal=True))
    content = rows.write_csv(separator=";").encode()
    project = project_in(tmp_path)
    with serving(content) as server:
        init_pipeline(project, "mine", server.url("/in/rows.csv"))
        assert {column.name: column.type for column in ingested(project).features}["width"] == "number"
    block = load_pipeline(project.params, "mine").ingest.source.model_dump()
    assert (block["content"]["separator"], block["content"]["decimal"]) == (";", ",")


def test_roles_types_and_missing_values_of_the_block_are_those_of_the_data(tmp_path: Path) -> None:
    rows = numbers().with_columns(
        user=pl.Series([f"u{number % 30}" for number in range(NUM_ROWS)]),
        seen=pl.Series([f"2021-0{1 + number % 9}-11" for number in range(NUM_ROWS)]),
        grade=pl.Series(["?" if number % 40 == 0 else "abc"[number % 3] for number in range(NUM_ROWS)]),
        total=pl.col("first") + pl.col("second"),
    )
    draft = init(tmp_path, rows, target="total", dry_run=False)
    dataset = ingested(Project(root=tmp_path))
    assert {column.name: column.role for column in dataset.columns} == {
        name: draft.decisions.role(name) for name in rows.columns
    }
    assert {column.name: column.type for column in dataset.columns} == dict(draft.facts.types)
    assert pl.read_parquet(tmp_path / "data/mine/raw/*.parquet")["grade"].null_count() == NUM_ROWS // 40


def test_the_type_and_the_format_of_every_column_are_pinned(tmp_path: Path) -> None:
    rows = noise().with_columns(
        seen=pl.Series([f"{1 + number % 28:02d}.03.2021" for number in range(NUM_ROWS)]),
        empty=pl.Series([None] * NUM_ROWS, dtype=pl.String),
    )
    init(tmp_path, rows, target="outcome", dry_run=False)
    columns = load_pipeline(Project(root=tmp_path).params, "mine").ingest.columns
    pins = {name: (column.type, column.format) for name, column in columns.items()}
    # A first cell in an empty column must not change its type; the target is of the type that its task asks for.
    assert pins == {
        "width": ("number", None),
        "height": ("number", None),
        "shape": ("category", None),
        "seen": ("timestamp", "%d.%m.%Y"),
        "empty": ("category", None),
    }
    rows = rows.with_columns(empty=pl.Series(["7", "8.5"] + [None] * (NUM_ROWS - 2)))
    rows.write_csv(tmp_path / "rows.csv")
    assert {column.name: column.type for column in ingested(Project(root=tmp_path)).columns}["empty"] == "category"


def test_what_is_proposed_can_be_put_in_the_place_of_what_stands_there(tmp_path: Path) -> None:
    width = pl.when(pl.int_range(pl.len()) % 20 == 0).then(-999.0).otherwise("width")
    draft = init(tmp_path, noise().with_columns(width=width), target="outcome", dry_run=False)
    [line] = [line for line in draft.block.splitlines() if line.strip().startswith("width:")]
    settings, _, proposal = line.strip().removeprefix("width: ").partition(" # or ")
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace(f"width: {settings}", f"width: {proposal}"))
    ingested(Project(root=tmp_path))
    assert pl.read_parquet(tmp_path / "data/mine/raw/*.parquet")["width"].null_count() == NUM_ROWS // 20


def test_a_rare_class_that_is_set_aside_leaves_a_block_that_ingest_reads(tmp_path: Path) -> None:
    outcome = pl.Series("outcome", [["a", "b"][number % 2] for number in range(NUM_ROWS - 3)] + ["c"] * 3)
    init(tmp_path, noise().with_columns(outcome), dry_run=False)
    assert ingested(Project(root=tmp_path)).task == "binary"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    init(tmp_path, noise())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "rows.csv"]
    assert (tmp_path / "params.yaml").read_text() == "pipelines: {}\n"


def test_a_dry_run_keeps_nothing_of_what_it_fetched(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with serving(noise().write_csv().encode()) as server:
        draft = init_pipeline(project, "mine", server.url(), dry_run=True)
        assert draft.facts.num_rows == noise().height
        assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
        init_pipeline(project, "mine", server.url())
        assert list(project.downloads.rglob("rows.csv"))


def test_the_same_data_give_the_same_block_and_suite(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        noise().write_csv(folder / "rows.csv")
        init_pipeline(project_in(folder), "mine", str(folder / "rows.csv"))
        suite = (folder / "expectations/mine.json").read_text()
        written.append(((folder / "params.yaml").read_text().replace(str(folder), ""), suite))
    assert written[0] == written[1]


def test_a_suite_that_is_there_is_kept(tmp_path: Path) -> None:
    suite = tmp_path / "expectations" / "mine.json"
    suite.parent.mkdir()
    suite.write_text('{"name": "mine", "expectations": []}')
    draft = init(tmp_path, noise(), dry_run=False)
    assert draft.kept_suite == suite
    assert json.loads(suite.read_text())["expectations"] == []


def test_test_rows_of_their_own_make_a_given_split(tmp_path: Path) -> None:
    noise(seed=1).write_csv(tmp_path / "later.csv")
    init(tmp_path, noise(), test=str(tmp_path / "later.csv"), dry_run=False)
    assert "split: {kind: given, validation: 0.15, seed: 0, key: [" in (tmp_path / "params.yaml").read_text()
    assert ingested(Project(root=tmp_path)).num_rows == 2 * NUM_ROWS


def test_folders_of_parts_above_the_classes_are_given_parts(tmp_path: Path) -> None:
    for part, num_images in (("train", 40), ("val", 6)):
        for shade, kind in enumerate(("cat", "dog")):
            folder = tmp_path / "pets" / part / kind
            folder.mkdir(parents=True)
            for number in range(num_images):
                content = image([[shade * 200, number], [number, shade]])
                (folder / f"{number}.png").write_bytes(content)
    project = project_in(tmp_path)
    init_pipeline(project, "mine", str(tmp_path / "pets"))
    dataset = ingested(project)
    roles = {column.name: column.role for column in dataset.columns}
    assert (dataset.target.name, dataset.task, roles["split"]) == ("label", "binary", "split")
    rows = pl.read_parquet(tmp_path / "data/mine/raw/*.parquet")
    assert rows.group_by("split", "label").len().sort("split", "label").rows() == [
        ("train", "cat", 40),
        ("train", "dog", 40),
        ("validation", "cat", 6),
        ("validation", "dog", 6),
    ]
    pipeline = load_pipeline(project.params, "mine")
    assert pipeline.split.model_dump()["test"] == 0.15


@pytest.mark.parametrize("name", ["Mine", "my pipe", "-a", "", "a" * 65])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="a pipeline's name has lower-case letters"):
        init_pipeline(project_in(tmp_path), name, "rows.csv")


def test_a_name_that_is_taken_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    project.params.write_text("pipelines: {mine: {}}\n")
    with pytest.raises(UserError, match="already has a pipeline mine"):
        init_pipeline(project, "mine", "nowhere.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("blank.csv", b"\n\n\n"),
        ("header.csv", b"a,b,target\n"),
        ("junk.csv", bytes(range(256)) * 40),
        ("junk.parquet", b"PAR1" + bytes(100)),
        ("junk.gz", gzip.compress(b"a,b\n1,2\n" * 999, mtime=0)[:-9]),
        ("junk.zip", b"PK\x03\x04" + bytes(50)),
        ("ragged.csv", b"a,b,target\n1,2,x\n1,2\n1,2,3,4\n"),
        ("one.csv", b"target\nx\ny\n"),
        ("same.csv", b"a,target\n1,x\n2,x\n"),
        ("rule.csv", b"a,_rule,target\n1,p,x\n2,q,y\n"),
    ],
)
def test_what_cannot_be_used_is_said_and_nothing_is_written(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    project = project_in(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError):
        init_pipeline(project, "mine", str(tmp_path / name), target="target")
    assert sorted(tmp_path.rglob("*")) == before


SIGNS = st.characters(exclude_characters="*^", exclude_categories=("C", "Z"))
NAMES = st.sampled_from(["count", "user id", "date", "label", "_x", "no"]) | st.text(SIGNS, min_size=1, max_size=8)
CELLS = st.sampled_from(
    [
        st.integers(-5, 5).map(str),
        st.floats(allow_nan=False, width=32).map(str),
        st.sampled_from(["red", "blue", "", "?"]),
        st.sampled_from(["yes", "no", ""]),
        st.text(alphabet="abc é,\"'", max_size=12),
        st.dates().map(str),
        st.sampled_from(["-999", "1", "2", "NA"]),
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    num_rows = draw(st.integers(1, 60))
    columns: dict[str, Any] = {}
    for name in names:
        cells = draw(CELLS)
        columns[name] = draw(st.lists(cells, min_size=num_rows, max_size=num_rows))
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


@pytest.mark.long
@settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=tables(), is_given=st.booleans())
def test_any_table_gives_a_block_that_ingest_reads_or_a_clear_no(
    tmp_path_factory: pytest.TempPathFactory, rows: pl.DataFrame, is_given: bool
) -> None:
    root = tmp_path_factory.mktemp("any")
    try:
        draft = init(root, rows, target=rows.columns[-1] if is_given else None, dry_run=False)
    except UserError:
        assert not (root / "expectations").exists()
        return
    assert ingested(Project(root=root)).num_rows == draft.facts.num_rows


@pytest.mark.parametrize(
    ("name", "target", "task"),
    [
        ("adult/adult.data", "column_15", "binary"),
        ("credit-default/UCI_Credit_Card.csv", "default.payment.next.month", "binary"),
        ("german-credit/german.data", "column_21", "binary"),
        ("california-housing/housing.csv", "median_house_value", "regression"),
        ("california-housing/housing.tgz", "median_house_value", "regression"),
        ("sms-spam/SMSSpamCollection", "column_1", "binary"),
        ("rt-polarity", "label", "binary"),
        ("spoken-digits/recordings.zip", "part_1", "multiclass"),
        ("movielens-small/ratings.csv", "rating", "regression"),
        ("ai4i-2020/ai4i2020.csv", "Machine failure", "binary"),
        ("steel-faults/SteelPlatesFaults_Clean.csv", "Other_Faults", "binary"),
        ("bike-sharing/hour.csv", "cnt", "regression"),
        ("bike-sharing/day.csv", "cnt", "regression"),
        ("sign-digits", "label", "multiclass"),
    ],
)
def test_real_data_give_a_block_that_ingest_reads(tmp_path: Path, name: str, target: str, task: str) -> None:
    draft = init_pipeline(project_in(tmp_path), "mine", str(shared(name)))
    assert (draft.decisions.target.name, draft.decisions.target.task) == (target, task)
    dataset = ingested(Project(root=tmp_path))
    assert dataset.num_rows == draft.facts.num_rows
    assert tuple(column.name for column in dataset.features) == draft.decisions.features


def test_an_encoding_that_is_guessed_is_said_with_words(tmp_path: Path) -> None:
    names = ("Paweł", "Małgorzata", "Żaneta", "Świętosław", "Józef")
    rows = "".join(f"{number};{names[number % 5]};{'ab'[number % 2]}\n" for number in range(40))
    (tmp_path / "rows.csv").write_bytes(f"id;name;label\n{rows}".encode("cp1250"))
    draft = init_pipeline(project_in(tmp_path), "mine", str(tmp_path / "rows.csv"), target="label", dry_run=True)
    [finding] = [finding for finding in draft.findings if finding.kind == "encoding"]
    assert (
        "rows.csv: it is no UTF-8, and read as cp1250 by its letters, which makes words such as Paweł"
        in finding.message
    )
    assert finding.is_warning


@pytest.mark.parametrize(
    ("file", "target", "task", "types"),
    [
        ("orders.csv", "side", "binary", {"order_id": "category"}),
        ("sep.csv", "Storniert", "binary", {"Umsatz €": "number", "Temperatur": "number"}),
        ("listings.csv", "price", "regression", {"price": "number", "id": "category"}),
        ("years.csv", "group", "binary", {"2019": "number", "2020": "number"}),
        ("header-nan.csv", "event", "binary", {"nan": "number"}),
        ("header-one-two.csv", "event", "binary", {"1_2": "number"}),
        ("county.csv", "Metro", "binary", {"Employees": "number", "Payroll ($1,000)": "number"}),
        ("durations.parquet", "y", "binary", {"dur": "number", "u64": "category", "amount": "number"}),
    ],
)
def test_tables_that_were_read_wrongly_are_read_rightly(
    tmp_path: Path, file: str, target: str, task: str, types: dict[str, str]
) -> None:
    project = project_in(tmp_path)
    init_pipeline(project, "mine", str(case(file)), target)
    dataset = ingested(project)
    assert (dataset.target.name, dataset.task) == (target, task)
    assert {column.name: column.type for column in dataset.columns if column.name in types} == types
    if file == "orders.csv":
        written = pl.read_csv(case(file), infer_schema=False)["order_id"]
        assert pl.read_parquet(tmp_path / "data/mine/raw/*.parquet")["order_id"].to_list() == written.to_list()
