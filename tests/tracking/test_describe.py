"""Names and values are text in what MLflow's pages show, whatever they hold."""

from __future__ import annotations

from typing import Any

from tasks.promotion.contest import Promotion
from tasks.promotion.gate import Verdict
from tasks.tracking import describe

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
    run = describe.LoggedFiles(experiment_id="7", run_id="abc", files=frozenset(files))
    return describe.version(PASSPORT, verdict, run)


def test_a_version_opens_its_run_and_what_the_run_keeps() -> None:
    text = shown(decided("ok"), "report.html", "importance.png", "plots/confusion_matrix.png")
    assert "[the run](#/experiments/7/runs/abc?workflowType=machine_learning)" in text
    assert "(#/experiments/7/runs/abc/artifacts/report.html?workflowType=machine_learning)" in text
    assert "![importance](get-artifact?path=importance.png&run_uuid=abc)" in text
    assert "![confusion_matrix](get-artifact?path=plots%2Fconfusion_matrix.png&run_uuid=abc)" in text
    # Only what is there.
    assert "verdict.json" not in text
    assert "roc_curve" not in text


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
