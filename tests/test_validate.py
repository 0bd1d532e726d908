from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks import files, reports, validate
from tasks.errors import GateError, UserError
from tasks.params.validate import Validate
from tasks.paths import Paths, Project
from tasks.tables import storage
from tasks.tables.dataset import Column, Dataset, SourceRecord, read_dataset, write_dataset
from tasks.tables.origins import PartOrigins, Run, UnreadCell, write_origins
from tasks.validation.accepted import read_accepted
from tasks.validation.gx.pages import PAGES

pytestmark = pytest.mark.chain

MARKUP = "<img src='https://example.org/x.png'>"
ROWS = pl.DataFrame(
    {
        "age": [20.0, 30, 400, 50, None, 35, 41, 28, 33, 27],
        "plan": ["a", "b", MARKUP, "b", "a", "a", "b", "a", "b", "b"],
        "photo": [b"\x89PNG\xff" * 40, None, *[b"\x89PNG"] * 8],
        "left": ["yes", "no"] * 5,
    },
    schema_overrides={"photo": pl.Binary},
)
AGE: dict[str, Any] = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "age", "min_value": 0, "max_value": 120},
}
PLAN: dict[str, Any] = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "plan", "value_set": ["a", "b"]},
}
PHOTO: dict[str, Any] = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "photo"}}
NUM_ROWS: dict[str, Any] = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
MEAN: dict[str, Any] = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "age", "max_value": 40}}
DISTINCT: dict[str, Any] = {
    "type": "expect_column_distinct_values_to_be_in_set",
    "kwargs": {"column": "plan", "value_set": ["a"]},
}
LENIENT = Validate(max_quarantined=0.5)

Prepare = Callable[..., Paths]


def warning(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "severity": "warning"}


def prepared(root: Path, *expectations: dict[str, Any], rows: pl.DataFrame = ROWS) -> Paths:
    paths = Project(root=root).pipeline("churn")
    types = {"age": "number", "photo": "image"}
    columns = [
        {"name": name, "type": types.get(name, "category"), "role": "target" if name == "left" else "feature"}
        for name in rows.columns
    ]
    source = SourceRecord(kind="table", location="rows.csv", digest="1")
    dataset = Dataset(
        columns=tuple(map(Column.model_validate, columns)), task="binary", num_rows=rows.height, source=source
    )
    write_dataset(paths.dataset, dataset)
    storage.write_parts(paths.raw, [rows[:6], rows[6:]] if rows.height else [rows])
    files.write_json(paths.suite, {"name": "churn", "expectations": list(expectations)})
    return paths


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    return lambda *expectations, **options: prepared(tmp_path, *expectations, **options)


def findings(paths: Paths) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = files.read_json(paths.validation_report)["expectations"]
    return entries


def taken(paths: Paths) -> pl.DataFrame:
    return storage.read_table(paths.quarantine("validate"))


def test_rows_that_fail_go_to_quarantine_with_rule_and_value(prepare: Prepare) -> None:
    paths = prepare(AGE, PLAN, PHOTO, NUM_ROWS)
    report = validate.run(LENIENT, paths)
    assert report.figure == "8 rows, 2 quarantined"
    assert taken(paths).select("_stage", "_rule", "_reason").rows() == [
        ("validate", "expect_column_values_to_not_be_null(photo)", "photo is missing"),
        ("validate", "expect_column_values_to_be_between(age)", "age is 400 (min_value 0, max_value 120)"),
    ]
    assert taken(paths).drop("_stage", "_rule", "_reason").equals(ROWS[[1, 2]])
    assert storage.read_table(paths.valid).equals(ROWS[[0, 3, 4, 5, 6, 7, 8, 9]])


def with_origins(paths: Paths, *cells: UnreadCell) -> None:
    """As ingest leaves them: the first part has ten lines of a file, from the second on, and these cells."""
    first, second = storage.part_files(paths.raw)
    for part, number, unread in ((first, 2, cells), (second, 8, ())):
        run = Run(row=0, file="rows.csv", number=number, in_lines=True)
        write_origins(part, PartOrigins(runs=(run,), unread=unread))


def test_a_cell_that_could_not_be_read_is_one_row_in_quarantine_with_its_place(prepare: Prepare) -> None:
    paths = prepare(AGE, PHOTO)
    cells = [UnreadCell(row=row, column="age", cell=cell) for row, cell in ((2, "n/a"), (4, "n/a"), (5, "x" * 200))]
    with_origins(paths, *cells)
    assert validate.run(LENIENT, paths).numbers["num_quarantined"] == 4
    assert taken(paths).select("_rule", "_reason").rows() == [
        ("expect_column_values_to_not_be_null(photo)", "rows.csv:3: photo is missing"),
        ("ingest.columns.age.type", "rows.csv:4: age is 'n/a', which is no number"),
        ("ingest.columns.age.type", "rows.csv:6: age is 'n/a', which is no number"),
        ("ingest.columns.age.type", f"rows.csv:7: age is '{'x' * 79}…', which is no number"),
    ]
    [entry] = files.read_json(paths.validation_report)["unread"]
    assert (entry["column"], entry["num_unexpected"], entry["share"]) == ("age", 3, 0.3)
    assert entry["examples"] == ["n/a", "x" * 79 + "…"]
    assert "ingest.columns.age.type" in (paths.data_docs / "index.html").read_text()


def test_too_many_such_cells_refuse_the_run_and_name_the_setting(prepare: Prepare) -> None:
    paths = prepare(AGE)
    with_origins(paths, *(UnreadCell(row=row, column="age", cell="n/a") for row in range(3)))
    with pytest.raises(
        GateError,
        match=r"(?s)age must be of type number \(ingest\.columns\.age\.type\): 3 rows do not: n/a in 3 rows; first at "
        r"rows\.csv:2, rows\.csv:3.* in params\.yaml where that is wrong",
    ):
        validate.run(Validate(), paths)


def test_a_new_column_refuses_the_run_and_the_advice_names_the_command(prepare: Prepare) -> None:
    old = [name for name in ROWS.columns if name != "plan"]
    paths = prepare({"type": "expect_table_columns_to_match_set", "kwargs": {"column_set": old}})
    with pytest.raises(
        GateError, match=r"(?s)the table has besides plan.*`modelwright expect churn --write` takes them over"
    ):
        validate.run(Validate(), paths)


def test_nothing_fails_and_the_quarantine_is_an_empty_table(prepare: Prepare) -> None:
    paths = prepare(NUM_ROWS, {"type": "expect_column_to_exist", "kwargs": {"column": "age"}})
    assert validate.run(Validate(), paths).numbers["num_quarantined"] == 0
    assert files.read_json(paths.validation_report)["success"]
    assert taken(paths).columns == [*ROWS.columns, "_stage", "_rule", "_reason"]
    assert taken(paths).is_empty()
    assert [file.read_bytes() for file in storage.part_files(paths.valid)] == [
        file.read_bytes() for file in storage.part_files(paths.raw)
    ]


def test_a_warning_is_counted_and_its_rows_pass(prepare: Prepare) -> None:
    paths = prepare(warning(AGE), warning(MEAN))
    report = validate.run(Validate(max_quarantined=0), paths)
    assert report.figure == "10 rows, 0 quarantined, 2 warnings"
    assert report == reports.validate(paths)
    assert [(entry["num_unexpected"], entry["examples"]) for entry in findings(paths)] == [
        (1, ["400"]),
        (None, ["73.77777777777777"]),
    ]


def test_too_many_bad_rows_refuse_the_run_and_everything_is_written(prepare: Prepare) -> None:
    paths = prepare(AGE, PHOTO)
    with pytest.raises(GateError, match=r"(?s)2 of 10 rows \(20\.0 %\).*data/churn/quarantine/validate") as error:
        validate.run(Validate(max_quarantined=0.1), paths)
    assert error.value.exit_code == 3
    assert taken(paths).height == 2
    assert storage.count_rows(paths.valid) == 8
    assert not files.read_json(paths.validation_report)["success"]
    assert "Refused" in (paths.data_docs / "index.html").read_text(encoding="utf-8")


def test_a_critical_expectation_on_the_table_refuses_the_run(prepare: Prepare) -> None:
    with pytest.raises(GateError, match=r"the mean of age must be at most 40 \(expect_.*\): it is 73\.7"):
        validate.run(LENIENT, prepare(MEAN))


def test_a_table_without_rows_is_refused(prepare: Prepare) -> None:
    paths = prepare(NUM_ROWS, AGE, PLAN, PHOTO, rows=ROWS.clear())
    with pytest.raises(GateError, match=r"the number of rows must be at least 1 .*: it is 0"):
        validate.run(LENIENT, paths)
    assert storage.count_rows(paths.valid) == 0


@pytest.mark.parametrize(("mostly", "passes"), [(0.8, True), (0.95, False)])
def test_mostly_is_a_limit_of_its_own(prepare: Prepare, mostly: float, passes: bool) -> None:
    paths = prepare({**PLAN, "kwargs": {**PLAN["kwargs"], "mostly": mostly}})
    if passes:
        validate.run(LENIENT, paths)
    else:
        with pytest.raises(GateError, match=r"plan must be .*, in 0.95 of the rows \(.*\): 1 row does not \(10\.0 %\)"):
            validate.run(LENIENT, paths)
    assert taken(paths).height == 1


def test_a_rule_on_two_columns_names_both_values(prepare: Prepare) -> None:
    paths = prepare({"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["plan", "left"]}})
    validate.run(Validate(max_quarantined=0.99), paths)
    assert taken(paths)["_reason"][0] == "plan is a and left is yes"


def test_a_suite_without_expectations_lets_everything_pass(prepare: Prepare) -> None:
    assert validate.run(Validate(), prepare()).figure == "10 rows, 0 quarantined"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**AGE, "kwargs": {**AGE["kwargs"], "min_vale": 3}}, "min_vale is unknown; did you mean min_value?"),
        ({**PLAN, "kwargs": {"value_set": ["a"]}}, "column is missing in kwargs"),
        ({**AGE, "kwargs": {"column": "age"}}, "min_value and max_value cannot both be None"),
        ({**AGE, "kwargs": {"column": "plan", "min_value": 1}}, "(plan), cannot be checked"),
        ({**AGE, "kwargs": {"column": "agee", "min_value": 1}}, "did you mean age?"),
    ],
)
def test_a_suite_that_cannot_be_used_is_the_users_to_mend(prepare: Prepare, entry: dict[str, Any], said: str) -> None:
    paths = prepare(entry)
    with pytest.raises(UserError) as error:
        validate.run(LENIENT, paths)
    assert not isinstance(error.value, GateError)
    assert "churn.json: expectation 1" in str(error.value)
    assert said in str(error.value)
    assert not paths.valid.exists()


def test_the_suite_is_never_written(prepare: Prepare) -> None:
    paths = prepare(AGE)
    before = paths.suite.stat()
    validate.run(LENIENT, paths)
    assert (paths.suite.stat().st_mtime_ns, paths.suite.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_the_console_stays_clean(prepare: Prepare, capfd: pytest.CaptureFixture[str]) -> None:
    validate.run(LENIENT, prepare(AGE, PLAN, PHOTO, NUM_ROWS, warning(MEAN), warning(DISTINCT)))
    assert capfd.readouterr() == ("", "")


def written(root: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted(root.rglob("*")):
        if file.is_file():
            yield file.relative_to(root).as_posix(), file.read_bytes()


def test_two_runs_in_two_folders_leave_the_same_bytes(tmp_path: Path) -> None:
    roots = [tmp_path / "here", tmp_path / "elsewhere" / "deeper"]
    for root in roots:
        validate.run(LENIENT, prepared(root, AGE, PLAN, PHOTO, NUM_ROWS, warning(MEAN)))
    first, second = (dict(written(root)) for root in roots)
    assert "reports/churn/data_docs/index.html" in first
    assert first == second


def test_however_the_rows_are_cut_the_reports_are_the_same_bytes(tmp_path: Path) -> None:
    median = {"type": "expect_column_median_to_be_between", "kwargs": {"column": "age", "max_value": 3}}
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "plan"}}
    found = []
    for cut in (1, 5, 9):
        paths = prepared(tmp_path / str(cut), AGE, PLAN, warning(MEAN), warning(median), warning(unique))
        storage.write_parts(paths.raw, [ROWS[:cut], ROWS[cut:]])
        validate.run(LENIENT, paths)
        accepted = {"accepted": paths.accepted.read_bytes(), "quarantine": taken(paths).to_dicts()}
        found.append({**dict(written(paths.reports)), **accepted})
    assert found[0] == found[1] == found[2]


def test_a_wrong_type_of_a_column_refuses_the_run(prepare: Prepare) -> None:
    wrong = {"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "age", "type_": "int64"}}
    with pytest.raises(GateError, match=r"age must be stored as int64 .*: it is float64"):
        validate.run(LENIENT, prepare(wrong))


def arrive(paths: Paths, rows: pl.DataFrame, digest: str) -> None:
    dataset = read_dataset(paths.dataset)
    source = dataset.source.model_copy(update={"digest": digest})
    write_dataset(paths.dataset, dataset.model_copy(update={"num_rows": rows.height, "source": source}))
    storage.write_parts(paths.raw, [rows])


def test_drift_is_warned_of_and_what_passed_is_accepted(prepare: Prepare) -> None:
    paths = prepare(NUM_ROWS)
    assert validate.run(LENIENT, paths).figure == "10 rows, 0 quarantined"
    arrive(paths, pl.concat([ROWS.with_columns(pl.lit("new <b>").alias("plan"))] * 3), "2")
    report = validate.run(LENIENT, paths)
    assert report.figure == "30 rows, 0 quarantined, 2 warnings"
    said = [entry["sentence"] for entry in files.read_json(paths.validation_report)["drift"]]
    assert said[0] == "30 rows came in, where 10 are usual"
    assert said[1].startswith("plan has values that were not there: new <b> (30 rows)")
    assert "plan has values that were not there: new &lt;b&gt;" in (paths.data_docs / "index.html").read_text("utf-8")
    assert read_accepted(paths.accepted).num_rows_history == (10, 30)


def test_the_same_data_again_leave_the_same_bytes(prepare: Prepare) -> None:
    paths = prepare(AGE)
    validate.run(LENIENT, paths)
    arrive(paths, ROWS.with_columns(pl.lit("new").alias("plan")), "2")
    validate.run(LENIENT, paths)
    before = dict(written(paths.project.root))
    validate.run(LENIENT, paths)
    assert dict(written(paths.project.root)) == before


def test_what_is_refused_is_not_accepted(prepare: Prepare) -> None:
    paths = prepare(MEAN)
    with pytest.raises(GateError):
        validate.run(LENIENT, paths)
    assert not paths.accepted.exists()


class Elements(HTMLParser):
    """The start tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    noted = {**AGE, "notes": f"People, not trees. {MARKUP}"}
    paths = prepared(tmp_path_factory.mktemp("site"), noted, PLAN, PHOTO, NUM_ROWS, warning(MEAN), warning(DISTINCT))
    validate.run(LENIENT, paths)
    return {file.name: file.read_text(encoding="utf-8") for file in paths.data_docs.iterdir()}


def test_data_docs_ask_for_nothing_from_outside(site: dict[str, str]) -> None:
    assert site.keys() == {name for name, _ in PAGES}
    for page in site.values():
        elements = Elements(page).found
        assert not {"script", "img", "iframe"} & {tag for tag, _ in elements}
        targets = {value for _, attributes in elements for key, value in attributes.items() if key in ("src", "href")}
        assert all(str(target).startswith(("#", "data:")) or target in site for target in targets)
        assert "default-src 'none'" in page
        assert "form-action 'none'; base-uri 'none'" in page
        assert "url(" not in page


def test_a_column_named_like_html_is_text_in_data_docs(tmp_path: Path) -> None:
    name = f"{MARKUP} $PATH ${{x}} <script>alert(1)</script>"
    of_plan = {**PLAN, "kwargs": {**PLAN["kwargs"], "column": name}}
    paths = prepared(tmp_path, of_plan, rows=ROWS.rename({"plan": name}))
    validate.run(LENIENT, paths)
    for file, _ in PAGES:
        page = (paths.data_docs / file).read_text(encoding="utf-8")
        assert not {"script", "img"} & {tag for tag, _ in Elements(page).found}
        assert html.escape(name) in page


def test_data_docs_hold_no_times_and_no_random_ids(site: dict[str, str]) -> None:
    for page in site.values():
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|\d{8}T\d{6}|\d{4}-\d\d-\d\dT|0x[0-9a-f]{8}", page)


def test_data_docs_say_what_failed(site: dict[str, str]) -> None:
    page = site["index.html"]
    assert "10 rows, 2 of them quarantined in data/churn/quarantine/validate." in page
    assert "400" in page
    assert "1 unexpected values found. 10% of 10 total rows." in page
    assert "Run Info" not in page
    assert "People, not trees." in site["suite.html"]
    assert "Severity: warning." in site["suite.html"]


def test_the_report_is_json_without_nan(prepare: Prepare) -> None:
    paths = prepare(AGE, PHOTO)
    validate.run(LENIENT, paths)
    content = json.loads(paths.validation_report.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["num_quarantined"] == 2
    assert content["expectations"][0]["limits"] == {"min_value": 0, "max_value": 120}
