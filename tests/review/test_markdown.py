"""The comment: what matters first, numbers with their intervals, and names that are text whatever they hold."""

from __future__ import annotations

from tasks.measures import Measure
from tasks.params.register import Bound
from tasks.promotion.contest import Comparison
from tasks.promotion.gate import judge
from tasks.review.content import MetricChange, PipelineReview, Review
from tasks.review.markdown import MARK, as_markdown


def comparison(champion: float, challenger: float, low: float, high: float) -> Comparison:
    return Comparison(
        challenger=challenger,
        champion=champion,
        low=low,
        high=high,
        test="McNemar's exact test",
        p_value=0.01,
        standard_error=0.01,
        num_rows=1200,
        notes=("of its test rows the champion answered all",),
    )


def reviewed(**more: object) -> PipelineReview:
    plan = {"train": ("train.num_leaves 7 -> 31",), "evaluate": ("follows from train",)}
    return PipelineReview(name="churn", plan=plan, waiting={}, **more)  # type: ignore[arg-type]


def comment(*pipelines: PipelineReview, pictures: str | None = None, removed: tuple[str, ...] = ()) -> str:
    return as_markdown(
        Review(against="main", commit="0123456789abcdef", pipelines=pipelines, removed=removed), pictures
    )


def test_a_gain_has_its_interval_and_says_what_is_sure() -> None:
    changes = (
        MetricChange(
            name="accuracy",
            before=0.9,
            before_interval=(0.88, 0.92),
            after=0.93,
            after_interval=(0.91, 0.95),
            comparison=comparison(0.9, 0.93, 0.01, 0.05),
        ),
        # Of a loss less is better: + is better all the same.
        MetricChange(
            name="log_loss",
            before=0.2,
            before_interval=None,
            after=0.3,
            after_interval=None,
            comparison=comparison(0.2, 0.3, -0.15, -0.05),
        ),
        MetricChange(name="f1", before=None, before_interval=None, after=0.5, after_interval=(0.4, 0.6)),
    )
    text = comment(reviewed(metrics=changes))
    accuracy = "| accuracy | 0.9000 (0.8800 to 0.9200) | 0.9300 (0.9100 to 0.9500) | +0.0300 (+0.0100 to +0.0500) |"
    assert f"{accuracy} surely better, 1,200 same test rows |" in text
    assert "| log_loss | 0.2000 | 0.3000 | -0.1000 (-0.1500 to -0.0500) | surely worse, 1,200 same test rows |" in text
    assert "<details><summary>1 more metrics</summary>\n\n| metric" in text
    assert "| f1 | none | 0.5000 (0.4000 to 0.6000) |  |  |" in text
    assert "> of its test rows the base answered all" in text


def test_every_rule_of_the_gate_stands_there_and_a_no_stands_above() -> None:
    measures = {"accuracy": Measure(value=0.8), "log_loss": Measure(value=0.1)}
    rules = judge({"accuracy": Bound(min=0.9), "log_loss": Bound(max=0.2)}, measures).rules
    text = comment(reviewed(rules=rules))
    assert "1 pipeline does other work; **the gate says no to `churn`**." in text
    assert "### churn: the gate says no" in text
    assert "| **broken** | accuracy 0.8 is below the least that is allowed, 0.9 |" in text
    assert "| kept | log\\_loss 0.1 keeps its bounds |" in text
    assert "### churn: the gate lets it pass" in comment(reviewed(rules=()))
    assert "### churn: not judged" in comment(reviewed())
    assert "- 3 rows of 10 are bad" in comment(reviewed(refusal=("3 rows of 10 are bad",)))


def test_the_plan_says_why() -> None:
    text = comment(reviewed(), removed=("old",))
    assert "<summary>What is done otherwise, and why: train, evaluate</summary>" in text
    assert "- **train**: train.num\\_leaves 7 -&gt; 31" in text
    assert "No more in params.yaml: `old`." in text


def test_nothing_changes() -> None:
    # Where a review runs, there may be no registry, and register waits.
    text = comment(PipelineReview(name="churn", plan={}, waiting={"register": ("the registry has no champion",)}))
    assert text == (
        f"{MARK}\n## Modelwright\n\nAgainst `main` (0123456789): no pipeline does other work.\n\n"
        "Nothing changes for `churn`.\n"
    )


def test_a_setting_that_no_stage_has_run_with_is_told() -> None:
    one = PipelineReview(name="churn", plan={}, waiting={}, edited=("register.gate.accuracy.min 0.9 -> 0.8",))
    assert "Settings: register.gate.accuracy.min 0.9 -&gt; 0.8" in comment(one)


def test_pictures_are_a_link_where_they_can_be_had() -> None:
    one = reviewed(pictures=("reports/churn/plots/roc_curve.png",))
    link = "Pictures, with the report: [1 file](https://example.org/1) (`reports/churn/plots/roc_curve.png`)"
    assert link in comment(one, pictures="https://example.org/1")
    assert "Pictures: `reports/churn/plots/roc_curve.png`" in comment(one)


def test_names_and_cells_are_text_whatever_they_hold() -> None:
    hostile = "<img src=x onerror=alert(1)> [a](https://evil.example) @team | `x`\n# head"
    text = comment(
        PipelineReview(
            name=hostile,
            plan={"train": (hostile,)},
            waiting={},
            problem=hostile,
            refusal=(hostile,),
            notes=(hostile,),
            reason=hostile,
            pictures=(hostile,),
        )
    )
    outside_code = text.replace("`` <img src=x onerror=alert(1)> [a](https://evil.example) @team | `x` # head ``", "")
    assert "<img" not in outside_code
    assert "](https" not in outside_code.replace("\\](https", "")
    # Nobody is called by a name that stands in data.
    assert "@team" not in outside_code
    assert "\n# head" not in text
