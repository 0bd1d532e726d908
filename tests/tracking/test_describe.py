"""Names and values are text in what MLflow's pages show, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.energy import Energy
from tasks.measures import Measure
from tasks.params.register import Bound
from tasks.promotion.contest import Promotion
from tasks.promotion.gate import Verdict, judge
from tasks.promotion.gate_rule import GateRule
from tasks.promotion.latency import Latency, Timing
from tasks.tracking import describe
from tasks.tracking.logged_run import LoggedRun
from tasks.tracking.markdown import LONGEST, as_text, fitted
from tasks.wording import number

COLUMNS: list[dict[str, Any]] = [
    {"name": "price", "type": "number", "role": "feature", "dialect": {"decimal": ",", "thousands": "."}},
    {"name": "rebate", "type": "number", "role": "feature", "dialect": {"unit": {"after": "%", "decimal": ","}}},
    {"name": "day", "type": "timestamp", "role": "feature", "dialect": {"format": "%d.%m.%Y"}},
    {"name": "town", "type": "category", "role": "feature", "dialect": {"missing": ["", "?"]}},
    {"name": "customer", "type": "text", "role": "id"},
    {"name": "label", "type": "category", "role": "target"},
]
PASSPORT = {
    "pipeline": "shop",
    "task": "binary",
    "columns": [
        {"name": "<img src=x>`x`", "type": "number", "role": "feature"},
        {"name": "kind", "type": "category", "role": "target"},
    ],
    "parameters": {"train": {"kind": "sklearn"}},
    "metrics": {"accuracy": 0.9},
    "source": {"kind": "table", "location": "a`b.csv", "digest": "d"},
    "git": {"modified": False, "commit": "c"},
    "rows": {"split": {"train": 1, "validation": 2, "test": 3}},
    "digests": {"model": "m"},
}


def decided(sentence: str, *notes: str) -> Verdict:
    promotion = Promotion(promoted=True, metric="accuracy", margin=0.0, challenger=0.9, notes=notes, sentence=sentence)
    return Verdict(decision="promote", passed=True, rules=(), promotion=promotion)


def shown(verdict: Verdict, *files: str) -> str:
    return describe.version(PASSPORT, verdict, run_with(*files))


def run_with(*files: str, energy: Energy | None = None) -> LoggedRun:
    return LoggedRun(experiment_id="7", run_id="abc", files=frozenset(files), energy=energy)


def test_a_version_opens_its_run_and_what_the_run_keeps() -> None:
    text = shown(decided("ok"), "report.html", "card/importance.png", "card/confusion_matrix.png")
    assert "[the run](#/experiments/7/runs/abc?workflowType=machine_learning)" in text
    assert "(#/experiments/7/runs/abc/artifacts/report.html?workflowType=machine_learning)" in text
    assert "![importance](get-artifact?path=card%2Fimportance.png&run_uuid=abc)" in text
    assert "![confusion_matrix](get-artifact?path=card%2Fconfusion_matrix.png&run_uuid=abc)" in text
    # Only what is there.
    assert "verdict.json" not in text
    assert "roc_curve" not in text


def test_what_it_costs_stands_with_what_it_is_by_and_what_nobody_measured_is_named() -> None:
    text = shown(decided("ok"))
    assert "- training: **not counted**: the run has no such figure" in text
    assert "- answers: **not measured**; `register.latency: true` in params.yaml does it" in text
    timing = Timing(num_rows=1, num_calls=200, p50_ms=0.8125, p95_ms=1.25)
    latency = Latency(
        machine="x86_64, 2 cores, Linux",
        one_row=timing,
        batch=timing.model_copy(update={"num_rows": 1000, "p50_ms": 12.5}),
        energy_wh=0.0005,
        energy_source="an estimate: 3 processor seconds at 12 W",
    )
    energy = Energy(watt_hours=1.5, source="RAPL, all that the machine did")
    text = describe.version(PASSPORT, decided("ok").timed(latency), run_with(energy=energy))
    assert f"- training: {number(1.5)} Wh (RAPL, all that the machine did)" in text
    assert (
        f"- one row: {number(0.8125)} ms, and 95 % of 200 within {number(1.25)} ms, on x86_64, 2 cores, Linux" in text
    )
    assert f"- 1,000 rows: {number(12.5)} ms, and 95 % of 200 within {number(1.25)} ms" in text
    assert f"- 1,000 answers: {number(0.0005)} Wh (an estimate: 3 processor seconds at 12 W)" in text


def test_a_rule_of_a_part_of_the_test_says_of_which() -> None:
    numbers = {"min": 0.7, "max": None, "surely": False, "low": None, "high": None, "num_rows": 27, "passed": True}
    slices = GateRule(
        metric="roc_auc", of="town is <b>", value=0.58, p_value=1.0, adjusted_p_value=1.0, num_tests=249, **numbers
    )
    size = GateRule(metric="roc_auc", of="a <i>", value=0.9, **numbers)
    text = describe.version(PASSPORT, decided("ok").model_copy(update={"rules": (slices, size)}), run_with())
    assert r"- kept: roc\_auc (town is &lt;b&gt;) 0.58 is below the least that is allowed, 0.7, but not surely" in text
    assert "- roc_auc (a &lt;i&gt;) at least 0.7: kept, it is 0.9000" in text


def test_a_version_says_why_it_is_champion() -> None:
    text = shown(decided("surely better", "the champion does not know the class 'new'"))
    assert "- surely better\n- the champion does not know the class 'new'\n" in text
    assert "- data: table `` a`b.csv ``, digest `d`" in text


def test_a_class_named_like_html_is_shown_as_it_is() -> None:
    text = shown(decided("ok", "the class '<script>*x*</script>\n# head'"))
    assert r"'&lt;script&gt;\*x\*&lt;/script&gt; \# head'" in text


def test_signs_that_a_terminal_obeys_are_written_out() -> None:
    text = shown(decided("\x1b]0;title\x07", "\u202eevil \x9b2J"))
    assert r"\\x1b\]0;title\\x07" in text
    assert r"\\u202eevil \\x9b2J" in text


def test_a_column_named_like_html_is_code() -> None:
    assert "- `` <img src=x>`x` `` (number)" in describe.model(PASSPORT)


def test_a_model_says_what_it_takes_for_each_column() -> None:
    page = describe.model({"pipeline": "shop", "task": "binary", "columns": COLUMNS})
    assert [line for line in page.splitlines() if line.startswith("- ")] == [
        "- `price` (number): a number, or text such as 1.234,5",
        "- `rebate` (number): a number, or text such as 1234,5 %",
        "- `day` (timestamp): a time such as 2024-01-31T23:59:00, or 31.01.2024",
        "- `town` (category): text",
    ]


def test_a_version_is_a_card_that_names_its_gaps() -> None:
    text = shown(decided("ok"))
    assert "- for: **not stated**; `register.card.intended_use` in params.yaml says it" in text
    assert "no column has the role `sensitive`, so whether it treats them alike was not looked at" in text
    # Nothing that was not looked at is told as if it were fine.
    assert "set 0" not in text


def test_what_people_say_of_a_model_stands_in_its_card_as_text() -> None:
    written = {"owner": "ann@example.org", "intended_use": "calls to <customers>", "limitations": None, "not_for": None}
    passport = {
        **PASSPORT,
        "columns": [*PASSPORT["columns"], {"name": "sex", "type": "category", "role": "sensitive"}],
        "parameters": {"train": {"kind": "sklearn"}, "register": {"card": written}},
        "rows": {
            "split": {"train": 10, "validation": 2, "test": 300},
            "validate": {"num_rows": 400, "num_quarantined": 8},
            "clean": {"num_rows_in": 392, "num_quarantined": 0},
        },
    }
    run = LoggedRun(experiment_id="7", run_id="abc", files=frozenset())
    text = describe.version(passport, decided("ok"), run, {"accuracy": Measure(value=0.9, low=0.86, high=0.93)})
    assert "- for: calls to &lt;customers&gt;\n- not for: **not stated**" in text
    assert "- who to ask: ann@example.org" in text
    assert "### On 300 test rows, with 95 % intervals\n\n- accuracy: **0.9000** (0.8600 to 0.9300)" in text
    assert "- groups of people: by `sex`, from which it does not learn; no two groups have test rows enough" in text
    assert "- validate set 8 of 400 rows aside (2.0 %)" in text
    assert "clean set" not in text


@pytest.mark.parametrize(
    ("by", "size", "expected"),
    [
        (
            "town <1>",
            {"interval_width": Measure(value=185.31)},
            "an interval, 185.3 wide on average, which held the truth of **94.0 %** (90.8 to 96.2 %) of the test rows; "
            "promised are 90 % of rows like those of validation, for each value of `town <1>` that has enough of them",
        ),
        (
            "class",
            {"set_size": Measure(value=2.1)},
            "a set of classes, 2.1 on average, which held the truth of **94.0 %** (90.8 to 96.2 %) of the test rows; "
            "promised are 90 % of rows like those of validation, of each class\n",
        ),
    ],
)
def test_a_card_says_in_a_sentence_how_far_off_an_answer_may_be(
    by: str, size: dict[str, Measure], expected: str
) -> None:
    parameters = {**PASSPORT["parameters"], "evaluate": {"conformal": {"coverage": 0.9, "by": by}}}
    run = LoggedRun(experiment_id="7", run_id="abc", files=frozenset())
    measures = {"coverage": Measure(value=0.9404, low=0.9076, high=0.962), **size}
    text = describe.version({**PASSPORT, "parameters": parameters}, decided("ok"), run, measures)
    assert f"- how far off an answer may be: each comes with {expected}" in text
    gap = describe.version(PASSPORT, decided("ok"), run, {})
    assert "- how far off an answer may be: **it does not say**; `evaluate.conformal` in params.yaml" in gap


def test_a_card_says_how_far_groups_of_people_are_apart() -> None:
    passport = {**PASSPORT, "columns": [*PASSPORT["columns"], {"name": "sex", "type": "category", "role": "sensitive"}]}
    measures = {
        "size_mib": Measure(value=0.7),
        "num_parameters": Measure(value=3100, of="leaves of 100 trees"),
        "metric_difference": Measure(value=0.02, of="sex: a*b 0.9, Male 0.92"),
        "demographic_parity_difference": Measure(value=0.21, low=0.15, high=0.27, of="sex: Female 0.11, Male 0.32"),
    }
    rule = judge({"demographic_parity_difference": Bound(max=0.3)}, measures).rules[0]
    verdict = decided("ok").model_copy(update={"rules": (rule,)})
    run = LoggedRun(experiment_id="7", run_id="abc", files=frozenset())
    text = describe.version(passport, verdict, run, measures)
    assert (
        "- groups of people: by `sex`, from which it does not learn; furthest apart on the test rows:\n"
        "    - demographic_parity_difference: **0.2100** (0.1500 to 0.2700), sex: Female 0.11, Male 0.32\n"
        "    - metric_difference: **0.0200**, sex: a\\*b 0.9, Male 0.92"
    ) in text
    assert "### What it costs\n\n- size: 3,100 leaves of 100 trees\n- files: 0.7000 MiB\n- training:" in text
    assert "demographic_parity_difference (sex: Female 0.11, Male 0.32) at most 0.3: kept, it is 0.2100" in text


def test_a_card_says_what_other_rows_may_do_to_it() -> None:
    assert "- disturbed rows: **not measured**; `evaluate.robustness.enabled: true` in params" in shown(decided("ok"))
    measures = {
        "robustness_loss": Measure(value=0.0175, low=-0.0087, high=0.0454, of="10 % of cells missing"),
        "drifted_columns": Measure(value=2, of="a*b, age"),
        "coverage": Measure(value=0.9477, low=0.9, high=0.97),
    }
    rule = judge({"drifted_columns": Bound(max=3)}, measures).rules[0]
    verdict = decided("ok").model_copy(update={"rules": (rule,)})
    text = describe.version(PASSPORT, verdict, run_with(), measures)
    assert (
        "- disturbed rows: it gets worse by **0.0175** (-0.0087 to 0.0454) where it loses most, with 10 % of cells "
        "missing\n"
        "- columns whose test rows are surely distributed otherwise than the training rows: **2**: a\\*b, age\n"
        "- its intervals, or sets of classes, hold the truth in **0.9477** (0.9000 to 0.9700) of the test rows"
    ) in text
    # A count has no decimals.
    assert "at most 3: kept, it is 2\n" in text
    alike = describe.version(PASSPORT, decided("ok"), run_with(), {"drifted_columns": Measure(value=0)})
    assert "otherwise than the training rows: none" in alike


@pytest.mark.parametrize("of", ["a town " * 30, "x" * 2_000, "&" * 900, r"\_" * 900])
def test_a_card_fits_into_every_database_and_keeps_its_sections_and_links(of: str) -> None:
    numbers = {"min": 0.7, "max": None, "surely": False, "low": None, "high": None, "num_rows": 27, "passed": True}
    rules = tuple(GateRule(metric="accuracy", of=f"{number}{of}", value=0.9, **numbers) for number in range(12))
    verdict = decided("surely better", *(f"note {number}: {of}" for number in range(12)))
    run = run_with("report.html", "verdict.json")
    card = describe.version(PASSPORT, verdict.model_copy(update={"rules": rules}), run)
    text = fitted(card, "card.md")
    assert LONGEST // 2 < len(text) <= LONGEST < len(card)
    assert "\n\nShortened: all of it is in card.md.\n" in text
    assert [line for line in card.splitlines() if line.startswith("#") or "](" in line] == [
        line for line in text.splitlines() if line.startswith("#") or "](" in line
    ]
    assert "- accuracy (0" in text
    assert "- surely better" in text
    # Each line is a whole one, or says that it goes on; no half of a sign stands before that.
    whole = set(card.splitlines())
    for line in text.splitlines():
        kept = line.removesuffix(" ...")
        assert line in whole or line.startswith("Shortened") or any(other.startswith(kept) for other in whole)
        assert not line.endswith((r"\ ...", "&amp ...", "& ...", "&am ..."))


def test_a_card_that_fits_is_left_as_it_is() -> None:
    text = f"{as_text('a *b*')}\n\n- {'x' * (LONGEST - 30)}"
    assert fitted(text, "card.md") == text
