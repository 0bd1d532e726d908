from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.drafting.given_settings import advised, parted, with_given
from tasks.drafting.location import Pointed
from tasks.drafting.pipeline import DraftedPipeline, init_pipeline
from tasks.errors import UserError
from tasks.params.file import load_pipeline
from tests.drafting.small_tables import project_in

TABLE = Pointed(source={"kind": "table", "path": "rows.csv"})


def init_file(root: Path, content: str, target: str | None = None, *settings: str) -> DraftedPipeline:
    (root / "rows.csv").write_text(content)
    return init_pipeline(project_in(root), "mine", str(root / "rows.csv"), target, settings=settings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("header=true", True),
        ("skip_lines=2", 2),
        ("sheet=May 2024", "May 2024"),
        ("sheet=2024", "2024"),
        ("comment=#", "#"),
        ("separator=\\t", "\t"),
        ("missing=n/a", ["", "n/a"]),
        ('missing=["", "?"]', ["", "?"]),
        ("source.names=[a, b]", ["a", "b"]),
        ("decimal=,", ","),
    ],
)
def test_any_setting_of_the_source_can_be_given(text: str, value: object) -> None:
    key = text.split("=")[0].removeprefix("source.")
    assert with_given(TABLE, [text]).source == {**TABLE.source, key: value}


def test_settings_of_what_is_fetched_go_into_its_content() -> None:
    url = Pointed(source={"kind": "url", "url": "https://x.org/a.csv", "content": {"kind": "table", "path": "a.csv"}})
    source = with_given(url, ["header=false", "retries=1"]).source
    assert (source["content"]["header"], source["retries"]) == (False, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heder=true", "no setting heder; did you mean header"),
        ("kind=text", "no setting kind"),
        ("header", "write KEY=VALUE"),
        ("header=perhaps", "valid boolean"),
        ("separator=ab", "at most 1 character"),
        ("skip_lines=-1", "greater than or equal to 0"),
        ("thousands=.", "correct it"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_is_right(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_given(Pointed(source={**TABLE.source, "decimal": "."}), [text])


def test_what_is_given_stands_in_the_block(tmp_path: Path) -> None:
    content = "2019,yes\n2020,no\n" + "7,yes\n8,no\n" * 30
    init_file(tmp_path, content, None, "header=true")
    pipeline = load_pipeline(tmp_path / "params.yaml", "mine").ingest
    assert (pipeline.source.model_dump()["header"], pipeline.target) == (True, "yes")


def test_marks_that_are_given_are_kept_beside_those_that_are_found(tmp_path: Path) -> None:
    content = "size,kind\n" + "1,a\nx,b\n2,a\n?,b\n" * 30
    init_file(tmp_path, content, "kind", "missing=[x]")
    assert load_pipeline(tmp_path / "params.yaml", "mine").ingest.source.model_dump()["missing"] == ("", "x", "?")


def test_a_target_in_the_first_line_says_that_it_is_the_header(tmp_path: Path) -> None:
    content = "5,3\n" + "".join(f"{number},{number % 2}\n" for number in range(60))
    draft = init_file(tmp_path, content, "3")
    assert (draft.facts.names, draft.decisions.target.name) == (("5", "3"), "3")


def test_names_that_are_given_leave_the_first_line_a_row_though_the_target_is_among_them(tmp_path: Path) -> None:
    content = "".join(f"{number},{number * 7 % 5},{'yes' if number % 3 else 'no'}\n" for number in range(60))
    draft = init_file(tmp_path, content, "bought", "names=[number, visits, bought]")
    assert (draft.facts.num_rows, draft.facts.names) == (60, ("number", "visits", "bought"))


def test_messages_of_init_name_what_can_be_given(tmp_path: Path) -> None:
    content = "a,b,c\nx,y\n1,2,3\n"
    with pytest.raises(UserError) as caught:
        init_file(tmp_path, content, "c")
    assert "--set skip_lines=VALUE or --set comment=VALUE" in str(caught.value)
    # The advice works.
    init_file(tmp_path, content + "1,5,6\n4,6,7\n" * 40, "c", "comment=x")


def test_other_messages_stay_as_they_are() -> None:
    error = UserError("rows.csv: has no rows")
    assert advised(error) is error


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("train.learning_rate=0.5", "train.learning_rate", 0.5),
        ("split.key=[a]", "split.key", ["a"]),
        ("register.margin=0.1", "register.margin", 0.1),
        ("ingest.rows_per_part=1000", "ingest.rows_per_part", 1000),
        ("evaluate.positive=[", "evaluate.positive", "["),
    ],
)
def test_settings_of_stages_are_told_from_those_of_the_source(text: str, key: str, value: object) -> None:
    assert parted([text, "header=true", "ingest.source.decimal=,"]) == (
        ["header=true", "ingest.source.decimal=,"],
        {key: value},
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian.seed=1", "there is no stage trian; did you mean train?"),
        ("train=1", "write one of them, such as --set train.seed=1"),
        ("ingest.target=a", "give it as --target COLUMN"),
        ("ingest.task=binary", "give it as --task TASK"),
    ],
)
def test_what_is_no_setting_of_a_stage_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        parted([text])


ROWS = "a,b,sold\n" + "".join(f"{n % 9},{n * 7 % 23},{'yes' if n % 3 else 'no'}\n" for n in range(200))


def test_settings_of_stages_are_in_the_block_that_is_written(tmp_path: Path) -> None:
    given = ("train.network.kind=mlp", "train.kind=torch", "train.epochs=3", "split.folds=2")
    draft = init_file(tmp_path, ROWS, "sold", *given)
    config = load_pipeline(tmp_path / "params.yaml", "mine")
    assert (config.train.kind, config.train.network.kind, config.train.epochs) == ("torch", "mlp", 3)
    assert config.split.folds == 2
    # Comments stay, and so does every line of the sections that are not touched.
    bare = init_file(tmp_path, ROWS, "sold")
    assert untouched(draft.block) == untouched(bare.block)
    assert "#" in untouched(bare.block)


def untouched(block: str) -> str:
    before, _, rest = block.partition("    split:")
    after = rest[rest.index("    clean:") :]
    return before + after[: after.index("    train:")] + after[after.index("    evaluate:") :]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train.sed=1", "--set: pipelines.mine.train.sed is unknown; did you mean seed?"),
        ("train.seed.x=1", "--set train.seed.x: seed is no section"),
    ],
)
def test_a_wrong_setting_of_a_stage_writes_nothing(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        init_file(tmp_path, ROWS, "sold", text)
    assert (tmp_path / "params.yaml").read_text() == "pipelines: {}\n"
