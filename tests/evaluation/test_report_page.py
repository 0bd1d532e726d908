from __future__ import annotations

import base64
import io
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tasks.evaluation.answer_costs import AnswerCosts
from tasks.evaluation.assessment import Assessment
from tasks.evaluation.confidence import AnswerStretch, ConfidenceTable, SureRows
from tasks.evaluation.coverage import CoverageReport, KindCoverage
from tasks.evaluation.drift_of_test import DriftedColumn, DriftOfTest
from tasks.evaluation.effect_charts import chart
from tasks.evaluation.fairness_report import FairnessReport, GroupComparison, GroupDifference, GroupScore
from tasks.evaluation.importance import ColumnImportance, Importance
from tasks.evaluation.metrics import ClassScore
from tasks.evaluation.plots import confusion_matrix
from tasks.evaluation.predictions import Evaluation
from tasks.evaluation.report_page import (
    Mistake,
    Page,
    ShownAlike,
    Station,
    figure_title,
    metric_rows,
    plain,
    render,
    show_row,
    weakest,
)
from tasks.evaluation.robustness import DisturbedScore, RobustnessReport
from tasks.evaluation.slices import SliceReport, SliceScore
from tasks.evaluation.summary import Summary
from tasks.evaluation.threshold_table import ThresholdRow, ThresholdTable
from tasks.explanation.effects import Effect
from tasks.measures import Measure
from tasks.tables.dataset import Column, Dataset, SourceRecord
from tasks.wording import number
from tests.sounds import tone

TYPED = [
    Column(name="member", type="boolean", role="feature"),
    Column(name="since", type="timestamp", role="feature"),
    Column(name="call", type="audio", role="feature"),
]
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


class Collector(HTMLParser):
    """All tags with their attributes; complains of tags that are not closed."""

    VOID = ("meta", "img", "source", "br")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def png(size: tuple[int, int] = (8, 8), form: str = "PNG") -> bytes:
    target = io.BytesIO()
    Image.new("L", size, 90).save(target, form)
    return target.getvalue()


COLUMNS = [
    Column(name="age", type="number", role="feature"),
    Column(name="note", type="text", role="feature"),
    Column(name="scan", type="image", role="feature"),
]


def coverage() -> CoverageReport:
    short = KindCoverage(
        name=f"town is {HOSTILE}", coverage=Measure(value=0.8, low=0.7, high=0.89, num_rows=40), size=Measure(value=2)
    )
    kept = KindCoverage(
        name="town is new", coverage=Measure(value=0.88, low=0.83, high=0.92, num_rows=90), size=Measure(value=2)
    )
    return CoverageReport(
        promised=0.9,
        by=HOSTILE,
        num_validation=1234,
        coverage=Measure(value=0.88, low=0.86, high=0.9),
        size=Measure(value=1.5, low=1.4, high=1.6),
        single=Measure(value=0.6),
        empty=Measure(value=0.02, low=0.01, high=0.05),
        kinds=(short, kept),
        unbounded=(HOSTILE,),
    )


def importance() -> Importance:
    measured = ColumnImportance(columns=("age",), loss=0.2, low=0.1, high=0.3, own=0.75)
    hostile = ColumnImportance(columns=(HOSTILE,), loss=0.01, low=-0.01, high=0.03, own=0.25)
    unmeasured = ColumnImportance(columns=("scan",))
    group = ColumnImportance(columns=("age", HOSTILE), loss=0.4, low=0.3, high=0.5)
    return Importance(metric="roc_auc", num_rows=1500, columns=(measured, hostile, unmeasured), groups=(group,))


def of_number() -> Effect:
    curve = np.array([[0.1], [0.5], [0.4]])
    return Effect(
        column=HOSTILE, values=(1.0, 2.0, 8.0), partial=curve, accumulated=curve + 0.1, num_rows=np.array([30, 10])
    )


def of_category() -> Effect:
    means = np.array([[0.25], [0.75]])
    return Effect(column="town", values=("Ulm", HOSTILE), partial=means, accumulated=None, num_rows=np.array([7, 3]))


def slices() -> SliceReport:
    surely = SliceScore(
        name=f"town is {HOSTILE}",
        columns=("town",),
        num_rows=1234,
        value=0.61,
        low=0.52,
        high=0.7,
        rest=0.95,
        difference=-0.34,
        p_value=0.0001,
        q_value=0.0003,
        worse=True,
    )
    undefined = {"value": None, "low": None, "high": None, "difference": None}
    one_class = surely.model_copy(update={"name": "age is missing", **undefined})
    not_surely = surely.model_copy(update={"name": "age up to 20", "worse": False})
    return SliceReport(
        metric="roc_auc", tested_by="log_loss", value=0.91, num_rows=5000, slices=(surely, one_class, not_surely)
    )


def robustness() -> RobustnessReport:
    """Noise that costs more and more, and cells that a function of the user's cannot do without."""
    noise = [
        DisturbedScore(
            kind="noise", title="Noise in numbers", sentence=f"noise of {strength}", strength=strength,
            value=0.9 - strength, loss=strength, low=strength - 0.05, high=strength + 0.05,
        )
        for strength in (0.1, 0.25, 0.5)
    ]  # fmt: skip
    missing = DisturbedScore(kind="missing", title="Missing cells", sentence="cells missing", strength=0.1)
    refused = missing.model_copy(update={"refusal": HOSTILE})
    return RobustnessReport(metric="roc_auc", num_rows=1000, value=0.9, scores=(*noise, refused, refused, refused))


def fairness() -> FairnessReport:
    figures = {"selection_rate": 0.25, "true_positive_rate": None, "roc_auc": 0.875}
    groups = (
        GroupScore(name=HOSTILE, num_rows=1300, compared=True, figures=figures),
        GroupScore(name="Male", num_rows=1700, compared=True, figures={**figures, "selection_rate": 0.5}),
        GroupScore(name="missing", num_rows=7, compared=False, figures=figures),
    )
    pair = {"lowest": HOSTILE, "lowest_value": 0.25, "highest": "Male", "highest_value": 0.5, "num_rows": 3000}
    parity = GroupDifference(
        name="demographic_parity_difference",
        figure="selection_rate",
        value=0.25,
        low=0.21,
        high=0.29,
        p_value=0.00012,
        **pair,
    )
    metric = parity.model_copy(update={"name": "metric_difference", "figure": "roc_auc", "low": None, "high": None})
    sex = GroupComparison(columns=("sex",), groups=groups, num_rows_left_out=0, differences=(parity, metric))
    crossed = sex.model_copy(update={"columns": ("sex", HOSTILE), "differences": (), "num_rows_left_out": 12})
    return FairnessReport(
        metric="roc_auc",
        positive=HOSTILE,
        num_rows=3007,
        fewest_rows=20,
        comparisons=(sex, crossed),
        num_pairs_left_out=2,
        measured={"metric_difference": metric.as_measure(("sex",))},
    )


def judged() -> Summary:
    return Summary(
        metric="roc_auc",
        value=0.91,
        low=0.85,
        high=0.96,
        num_rows=10,
        num_groups=None,
        baseline=f"always {HOSTILE!r}",
        baseline_value=0.5,
        beats=True,
    )


def thresholds() -> ThresholdTable:
    return ThresholdTable(
        positive=HOSTILE,
        note="0.2 is what params.yaml says.",
        num_rows=10,
        rows=(
            ThresholdRow(threshold=0.2, precision=0.4, recall=0.9, false_alarms=0.3, cost=0.5, is_used=True),
            ThresholdRow(threshold=0.9, precision=None, recall=0.0, false_alarms=0.0, cost=0.7, is_used=False),
        ),
        picture=confusion_matrix(["no", HOSTILE], np.array([[8, 1], [0, 1]])),
    )


@pytest.fixture
def page() -> Page:
    source = SourceRecord(kind="table", location="rows.csv", digest="abc")
    target = Column(name="label", type="category", role="target")
    row = {"age": 41.0, "note": HOSTILE, "scan": png()}
    evaluation = Evaluation(
        metrics={"accuracy": 0.9, "roc_auc": 0.95},
        plots=[confusion_matrix(["no", HOSTILE], np.array([[8, 1], [0, 1]]))],
        scores=[ClassScore(name=HOSTILE, precision=0.5, recall=0.5, f1=0.5, num_rows=2)],
        positive=HOSTILE,
        verdict="1 of 10 test rows wrong",
        predictions=pl.DataFrame(),
        worst=[],
    )
    assessment = Assessment(
        evaluation=evaluation,
        judged=judged(),
        learning=[],
        importance=importance(),
        effects=[chart(of_number(), ["yes"], HOSTILE), chart(of_category(), ["yes"], HOSTILE)],
        coverage=coverage(),
        thresholds=thresholds(),
        answer_costs=AnswerCosts(
            likeliest=1.25,
            least_expected=0.75,
            saving=0.5,
            low=0.3,
            high=0.7,
            num_changed=1200,
            num_rows=5000,
            is_used=False,
        ),
        confidence=ConfidenceTable(
            sure=(SureRows(share=0.25, accuracy=0.987), SureRows(share=1.0, accuracy=0.9)), area=0.02
        ),
        slices=slices(),
        robustness=robustness(),
        drift=DriftOfTest(num_columns=20, num_rows=(300, 100)),
        fairness=fairness(),
    )
    return Page(
        pipeline="demo",
        dataset=Dataset(columns=(*COLUMNS, target), task="binary", num_rows=12, source=source),
        headline="accuracy 0.9000",
        lead="Predicts label.",
        run={
            "model": "f00",
            "trainer": "torch",
            "facts": {"device": "cpu"},
            "metrics": {},
            "params": {HOSTILE: HOSTILE},
        },
        stations=[Station(name="ingested", num_rows=1234), Station(name="valid", num_rows=1200, notes=(HOSTILE,))],
        assessment=assessment,
        mistakes=[Mistake(row=3, actual="no", predicted=HOSTILE, certainty="91 % sure", values=show_row(row, COLUMNS))],
        augmentation=png(),
    )


def test_same_page_same_text(page: Page) -> None:
    assert render(page) == render(page)


def test_data_cannot_become_markup(page: Page) -> None:
    html = render(page)
    found = Collector(html)
    assert found.named("script") == []
    assert all("onerror" not in attributes for _, attributes in found.tags)
    assert "&lt;script&gt;" in html


def test_kinds_of_rows_that_are_surely_worse_stand_with_their_figures(page: Page) -> None:
    html = render(page)
    section = html[html.index("Where it is worse") : html.index('id="thresholds"')]
    assert "3 were tested" in section
    assert "ROC-AUC is no mean over rows, so what is tested is Log loss" in section
    for text in ("1,234", "0.6100", "0.5200 to 0.7000", "0.9500", "-0.3400", "age is missing", "town is &lt;script"):
        assert text in section
    assert "age up to 20" not in section
    (*_, last) = page.assessment.slices.slices
    assert "Nowhere for sure: on none of 1 kinds of test rows" in render(_with_slices(page, (last,)))
    assert "No column tells kinds of rows apart" in render(_with_slices(page, ()))


def _with_slices(page: Page, of_report: tuple[SliceScore, ...]) -> Page:
    report = page.assessment.slices.model_copy(update={"slices": of_report})
    return replace(page, assessment=replace(page.assessment, slices=report))


def test_what_sets_of_classes_keep_stands_on_the_page(page: Page) -> None:
    content = render(page)
    section = content[content.index('id="coverage"') : content.index('id="thresholds"')]
    assert "a set of classes that holds the true one in 90\u00a0% of rows, for each value of" in section
    assert "In every set is &lt;script&gt;" in section
    for figure in ("88.0 %", "86.0 to 90.0 %", number(1.5), "60.0 %", "2.0 %", "80.0 %, too few", "83.0 to 92.0 %"):
        assert figure in section
    assert section.count('class="chosen"') == 1
    assert "Pinball" not in section
    without = replace(page, assessment=replace(page.assessment, coverage=None))
    assert 'id="coverage"' not in render(without)


def test_of_hundreds_of_kinds_those_of_the_least_coverage_are_shown(page: Page) -> None:
    assert page.assessment.coverage is not None
    kind = page.assessment.coverage.kinds[0]
    many = tuple(
        kind.model_copy(update={"name": f"kind {number}", "coverage": Measure(value=number / 300, num_rows=20)})
        for number in range(299, -1, -1)
    )
    coverage = page.assessment.coverage.model_copy(update={"kinds": many})
    assert [one.name for one in coverage.shown] == [f"kind {number}" for number in range(24)]
    assert "of 300; all are in coverage.json" in render(
        replace(page, assessment=replace(page.assessment, coverage=coverage))
    )


def test_the_page_says_what_disturbed_rows_cost(page: Page) -> None:
    html = render(page)
    section = html[html.index("When rows are disturbed") : html.index("The worst mistakes")]
    assert "1,000 test rows were answered as they are" in section
    for text in ("noise of 0.25", number(0.65), f"{number(0.2)} to {number(0.3)}", "not answered: &lt;script&gt;"):
        assert text in section
    assert "ROC-AUC gets: noise in numbers up to 0.5000." in section
    assert section.count("<circle") == 3
    none = replace(page.assessment, robustness=RobustnessReport(metric="roc_auc", num_rows=0))
    assert "When rows are disturbed" not in render(replace(page, assessment=none))


def test_the_page_says_whether_the_model_knows_where_it_errs(page: Page) -> None:
    html = render(page)
    errs = html[html.index("Where it errs") : html.index("Where it is worse")]
    assert "the surest 25 %" in errs
    assert "98.7 %" in errs
    assert f"is {number(0.02)}, and would be {number(1 - 0.9)}" in errs
    stretch = AnswerStretch(low=1.5, high=2.5, num_rows=1200, error=0.25, bias=-0.125)
    of_numbers = replace(page.assessment, confidence=ConfidenceTable(stretches=(stretch,)))
    html = render(replace(page, assessment=of_numbers))
    assert "the surest 25 %" not in html
    for text in ("by the size of the answer", "1,200", number(0.25), number(-0.125)):
        assert text in html


def test_the_page_names_columns_of_which_the_test_rows_are_others(page: Page) -> None:
    html = render(page)
    way = html[html.index("The data's way") :]
    assert "Of the 20 feature columns none is surely distributed otherwise" in way
    columns = tuple(DriftedColumn(name=f"c{n}", sentence=f"c{n} {HOSTILE}", p_value=1e-6) for n in range(7))
    drifted = replace(page.assessment, drift=page.assessment.drift.model_copy(update={"columns": columns}))
    html = render(replace(page, assessment=drifted))
    Collector(html)
    assert HOSTILE not in html
    assert "7 of 20 feature columns are surely distributed otherwise" in html
    assert html.count("<li>c") == 5


def test_groups_of_people_stand_with_their_figures_and_how_far_they_are_apart(page: Page) -> None:
    html = render(page)
    section = html[html.index("Between groups of people") : html.index('id="thresholds"')]
    for text in (
        "By sex</h3>",
        "3,007 test rows",
        "1,300",
        "Selection rate",
        "True positive rate",
        "missing <small>(not compared)</small>",
        "Demographic parity difference (selection rate)",
        "0.2100 to 0.2900",
        "0.00012",
        "Male 0.5000",
        "ROC-AUC: difference",
        "12 rows of rarer values are in none",
        "No two groups have 20 test rows or more",
        "2 more pairs of columns",
    ):
        assert text in section, text
    none = page.assessment.fairness.model_copy(update={"comparisons": ()})
    without = render(replace(page, assessment=replace(page.assessment, fairness=none)))
    assert "Not looked at: no column has the role sensitive" in without
    assert "ingest: {columns: {COLUMN: {role: sensitive}}}" in without
    assert "By sex" not in without


def test_a_class_that_is_answered_keeps_its_name() -> None:
    assert figure_title("selection_rate of North_Side") == "Selection rate of North_Side"
    assert (figure_title("mean_error"), figure_title("rmse")) == ("Mean error", "RMSE")


def test_columns_stand_with_their_importance_and_its_interval(page: Page) -> None:
    html = render(page)
    assert "How much worse roc auc gets" in html
    assert "1,500 test rows" in html
    assert '<th scope="row">age</th>' in html
    assert "0.1000 to 0.3000" in html
    assert "75.0 %" in html
    assert "not measured" in html


def test_columns_stand_with_what_they_do_to_the_answer(page: Page) -> None:
    html = render(page)
    lines = Collector(html).named("path")
    assert [line["d"] for line in lines] == [
        "M0.0 150.0 L45.7 30.0 L320.0 60.0",
        "M0.0 120.0 L45.7 0.0 L320.0 30.0",
    ]
    assert [line.get("stroke-dasharray") for line in lines] == [None, "5 4"]
    assert "7 rows" in html
    assert "0.7500" in html


def test_page_needs_nothing_else(page: Page) -> None:
    found = Collector(render(page))
    addresses = [
        value for _, attributes in found.tags for name, value in attributes.items() if name in ("src", "srcset", "href")
    ]
    assert addresses
    assert all(address is not None and address.startswith("data:image/png;base64,") for address in addresses)
    policy = next(meta["content"] for meta in found.named("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"


def test_every_picture_has_words_and_every_heading_its_section(page: Page) -> None:
    found = Collector(render(page))
    assert all(image["alt"] for image in found.named("img"))
    assert [section["aria-labelledby"] for section in found.named("section")] == [h["id"] for h in found.named("h2")]


def test_numbers_are_where_a_reader_looks(page: Page) -> None:
    html = render(page)
    for text in ("<title>demo: accuracy 0.9000</title>", "1 of 10 test rows wrong", "1,234", "test row 4", "91 % sure"):
        assert text in html


def test_training_rows_stand_below_the_mistake_they_are_most_like(page: Page) -> None:
    row = {column.name: None for column in COLUMNS} | {"scan": png((400, 200)), "note": HOSTILE}
    alike = ShownAlike(row=1233, target=HOSTILE, distance="distance 0.25", values=show_row(row, COLUMNS, 96))
    mistake = replace(page.mistakes[0], alike=[alike], remark=f"An identical training row is of the class {HOSTILE}.")
    html = render(replace(page, mistakes=[mistake]))
    Collector(html)
    gallery = html[html.index("The worst mistakes") :]
    assert HOSTILE not in html
    assert "distance 0.25 · training row 1,234" in gallery
    assert "An identical training row is of the class &lt;script&gt;" in gallery
    small = next(value for value in alike.values if value.kind == "image")
    assert small.picture in gallery
    picture = Image.open(io.BytesIO(base64.b64decode(small.picture.partition(",")[2])))
    assert max(picture.size) == 96
    assert "training rows most like it" not in render(page)


def test_without_mistakes_the_page_says_so(page: Page) -> None:
    assert "every test row was answered right" in render(replace(page, mistakes=[]))


def test_values_are_shown_by_type() -> None:
    row: dict[str, Any] = {"age": None, "note": "a" * 700, "scan": png((8, 8), "TIFF")}
    picture, text, age = show_row(row, COLUMNS)
    assert (picture.kind, picture.pixelated, picture.text) == ("image", True, "8 by 8 pixels")
    assert (text.kind, len(text.text), text.text[-1]) == ("text", 601, "…")
    assert (age.kind, age.text) == ("value", "missing")


def test_large_images_are_shrunk_not_pixelated() -> None:
    (picture,) = show_row({"scan": png((1000, 500))}, COLUMNS[2:])
    content = base64.b64decode(picture.picture.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size) == ("PNG", (320, 160))
    assert (picture.pixelated, picture.text) == (False, "1000 by 500 pixels")


def test_sounds_are_drawn_and_times_and_booleans_are_words() -> None:
    row = {"member": False, "since": datetime(2024, 1, 31, 12), "call": tone(440)}
    picture, member, since = show_row(row, TYPED)
    assert (picture.column, picture.kind, picture.text) == ("call", "image", "0.25 seconds at 8,000 Hz")
    content = base64.b64decode(picture.picture.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image)
    # Pitch goes upwards: a low tone is bright near the bottom.
    assert pixels.mean(axis=1).argmax() > len(pixels) // 2
    assert [member.text, since.text] == ["no", "2024-01-31 12:00:00"]


@pytest.mark.parametrize("seconds", [1 / 8_000, 12])
def test_sounds_of_any_length_are_drawn(seconds: float) -> None:
    (picture,) = show_row({"call": tone(440, seconds=seconds)}, TYPED[2:])
    assert picture.picture
    assert ("the first 10 shown" in picture.text) == (seconds > 10)


def test_validation_metrics_are_found_by_either_name() -> None:
    rows = list(metric_rows({"accuracy": 0.9, "f1": 0.8, "log_loss": 0.1}, {"accuracy": 0.7, "validation_f1": 0.6}, {}))
    assert [row["validation"] for row in rows] == [0.7, 0.6, None]


def test_hundreds_of_classes_become_the_weakest_sixty() -> None:
    scores = [ClassScore(name=str(n), precision=1, recall=1, f1=n / 100, num_rows=1) for n in reversed(range(100))]
    assert [score.name for score in weakest(scores)] == [str(n) for n in range(60)]
    assert weakest(scores[:60]) == scores[:60]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.9925926, "0.9926"), (1.0, "1.0000"), (54.132, "54.13"), (12345.6, "12,346"), (-0.5, "-0.5000")],
)
def test_numbers_read_well(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (None, "none"),
        ([32, 64], "32, 64"),
        (1e-3, "0.001"),
        ({"a": 1, "b": 0.25}, "a 1, b 0.25"),
        ("x", "x"),
    ],
)
def test_parameters_read_well(value: Any, text: str) -> None:
    assert plain(value) == text


def test_what_answers_cost_stands_both_ways(page: Page) -> None:
    html = render(page)
    section = html[html.index("What answers cost") : html.index("</section>", html.index("What answers cost"))]
    assert "on average over 5,000 test rows" in section
    assert "The second saves 0.5000 a row, with 95 % confidence 0.3000 to 0.7000 on other rows" in section
    assert "and answers 1,200 rows otherwise" in section
    without = replace(page.assessment, answer_costs=None)
    assert "What answers cost" not in render(replace(page, assessment=without))


def test_the_many_parameters_of_an_ensemble_are_folded(page: Page) -> None:
    assert ">Parameters</h3>" in render(page)
    many = {f"members.{number}.seed": "0" for number in range(31)}
    html = render(replace(page, run={**page.run, "params": many}))
    assert "<summary>31 parameters</summary>" in html
    assert ">Parameters</h3>" not in html
    Collector(html)


def test_parameters_are_written_as_in_params_yaml(page: Page) -> None:
    html = render(replace(page, run={**page.run, "params": {"max_depth": "None", "extra_trees": "False", "C": "1.0"}}))
    section = html[html.index(">Parameters</h3>") :]
    assert all(text in section for text in ("null", "false", "1.0"))
    assert not any(text in section for text in ("None", ">False<"))
