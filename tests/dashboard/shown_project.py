"""A page of every kind of pipeline, made of values, for the tests that look at it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tasks.dashboard.content import (
    Dashboard,
    DriftNote,
    Freshness,
    PageLink,
    PipelinePanel,
    Refusal,
    ShownMetric,
    ShownRun,
)
from tasks.dashboard.reading import shown_reigns
from tasks.promotion.history import AliasRecord, new_record

NOW = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


def records(*champions: tuple[float, int | None, str]) -> tuple[AliasRecord, ...]:
    """A history: so many days before NOW, this version became champion, by them."""
    made: list[AliasRecord] = []
    before: int | None = None
    for days, version, who in champions:
        record = new_record(
            made,
            {"champion": (before, version)},
            who=who,
            reason="passed the gate, and becomes champion" if who == "register" else "too many false alarms",
            verdict=None if version is None else f"roc_auc 0.9{version} against the champion's 0.90: surely better",
            now=NOW - timedelta(days=days),
        )
        made.append(record)
        before = version
    return tuple(made)


def churn() -> PipelinePanel:
    """Long in use: several champions, a challenger, drift, and one setting that was edited."""
    return PipelinePanel(
        name="churn",
        trainer="lightgbm",
        target="left",
        freshness=Freshness(
            kind="outdated",
            reasons=(
                ("train", ("train.num_leaves 7 -> 31", "train.learning_rate 0.05 -> 0.1")),
                ("register", ("train.num_leaves 7 -> 31",)),
            ),
        ),
        metric=ShownMetric(name="roc_auc", value=0.9312, low=0.9127, high=0.9474, num_rows=2410),
        verdict="no sure difference",
        champion=5,
        challenger=6,
        reigns=shown_reigns(
            records(
                (120, 1, "register"), (80, 3, "register"), (79.9, None, "outside"), (78, 4, "Ada"), (12, 5, "register")
            ),
            NOW,
        ),
        runs=(run("churn", "num_leaves 7 -> 31", "FINISHED", 2, 192, "roc_auc 0.9312"), run("churn", "", "KILLED", 9)),
        drift=(
            DriftNote(
                against="the last data against those accepted before",
                sentences=(
                    "age is distributed otherwise: its median is 41, and was 36",
                    "40 rows came in, where 2,400 are usual",
                ),
            ),
            DriftNote(against="test rows against training rows", sentences=()),
        ),
        links=links("churn"),
    )


def refused() -> PipelinePanel:
    return PipelinePanel(
        name="house-prices",
        trainer="torch mlp",
        target="price",
        freshness=Freshness(kind="outdated", reasons=(("register", ("never ran",)),)),
        metric=ShownMetric(name="rmse", value=48123.4, low=45100.2, high=51900.9, num_rows=292),
        refusal=Refusal(stage="register", sentences=("rmse 48123.4 is above the most that is allowed, 40000",)),
        runs=(run("house-prices", "first: mlp", "FINISHED", 1, 4210.0, "rmse 48,123"),),
        links=links("house-prices")[:2],
    )


def fresh() -> PipelinePanel:
    return PipelinePanel(
        name="letters", trainer="sklearn logistic_regression", target="kind", freshness=Freshness(kind="never ran")
    )


def odd() -> PipelinePanel:
    """Names and cells of files that anybody may have made."""
    return PipelinePanel(
        name=f"n{HOSTILE}",
        problem=f"params.yaml: pipelines.{HOSTILE}: a name has lower-case letters\u202e, digits\x1b[31m",
        drift=(DriftNote(against="test rows against training rows", sentences=(f"{HOSTILE} is new",)),),
        runs=(run(HOSTILE, f"'{HOSTILE}\" onclick=", "FAILED", 5, 0.4),),
    )


def current(name: str = "digits") -> PipelinePanel:
    return PipelinePanel(
        name=name,
        trainer="torch cnn",
        target="digit",
        freshness=Freshness(kind="current"),
        metric=ShownMetric(name="accuracy", value=0.9926, low=0.986, high=0.997, num_rows=267),
        champion=1,
        reigns=shown_reigns(records((3, 1, "register")), NOW),
        runs=(run(name, "first: cnn", "FINISHED", 73, 8.2, "accuracy 0.9926"),),
        drift=(DriftNote(against="test rows against training rows", sentences=()),),
        links=links(name),
    )


def run(
    pipeline: str, name: str, status: str, hours: float, seconds: float | None = None, metric: str = ""
) -> ShownRun:
    address = "http://127.0.0.1:5000/#/experiments/1/runs/a?workflowType=machine_learning"
    return ShownRun(
        pipeline=pipeline,
        name=name,
        status=status,
        started=NOW - timedelta(hours=hours),
        seconds=seconds,
        metric=metric,
        address=address if status == "FINISHED" else None,
    )


def links(name: str) -> tuple[PageLink, ...]:
    return (
        PageLink(title="report", address=f"/reports/{name}/report.html"),
        PageLink(title="data docs", address=f"/reports/{name}/data_docs/index.html"),
        PageLink(title="champion's card", address=f"http://127.0.0.1:5000/#/models/{name}/versions/5"),
    )


def page(pipelines: Sequence[PipelinePanel], **more: object) -> Dashboard:
    return Dashboard(project="shop", root="/home/me/shop", now=NOW, pipelines=tuple(pipelines), looked=NOW, **more)  # type: ignore[arg-type]


def every_kind() -> Dashboard:
    return page(
        [churn(), refused(), current(), fresh(), odd()],
        links=(
            PageLink(title="MLflow: runs and models", address="http://127.0.0.1:5000/#/experiments"),
            PageLink(title="Prefect: flow runs", address="http://127.0.0.1:4200/"),
        ),
    )
