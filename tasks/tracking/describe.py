"""What MLflow's pages say of a model and of a version, in Markdown. Pure functions of the passport.

Lists and no tables: the pages draw a table's cells without any space between them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tasks.columns import column_type
from tasks.measures import Measure
from tasks.params.register import COUNTS
from tasks.promotion.gate import Verdict
from tasks.promotion.gate_rule import GateRule
from tasks.promotion.shadow import ShadowVerdict
from tasks.tables.dataset import Column
from tasks.tracking import card, pages
from tasks.tracking.card_pictures import card_picture
from tasks.tracking.logged_run import LoggedRun
from tasks.tracking.markdown import as_code, as_text, listed
from tasks.wording import counted, number

_FILES = {
    "report.html": "the report: how good it is, and its worst mistakes",
    "verdict.json": "the verdict: each rule of the gate, and the comparison with the champion",
    "passport.json": "the passport: all that it came from",
}
_PICTURES = ("importance", "confusion_matrix", "roc_curve", "predicted_against_actual")
"""What a version's page shows of the run's pictures, where the run has them."""


_LIVE, _ORIGIN = "### On live rows, beside the champion", "### Where it came from"

_TASKS = {"binary": "one of two classes", "multiclass": "one of several classes", "regression": "a number"}


def model(passport: Mapping[str, Any]) -> str:
    """The registered model: what it predicts, from what, and how it is used."""
    name, columns = passport["pipeline"], passport["columns"]
    target = next(column["name"] for column in columns if column["role"] == "target")
    features = [_feature(column) for column in columns if column["role"] == "feature"]
    return f"""Predicts {as_code(target)}, {_TASKS[passport["task"]]}, from raw rows as they came in.

### Use

```python
import mlflow

model = mlflow.pyfunc.load_model("models:/{name}@champion")
model.predict(raw_rows)
```

`raw_rows` is a pandas DataFrame with the column{"s" if len(features) > 1 else ""}

{listed(features)}

The alias `champion` is the live version; `challenger` is one that asks to replace it, or proves itself beside it;
`previous` is the one that was champion before.
"""


def version(
    passport: Mapping[str, Any],
    verdict: Verdict,
    run: LoggedRun,
    measures: Mapping[str, Measure] = card.NO_MEASURES,
) -> str:
    """A version as a model card: how good it is, what it is for, its limits, what it came from, what there is to see.

    `measures` is what the gate can bound, the metrics among it with their intervals.
    """
    metrics = [_metric(name, value, measures.get(name)) for name, value in passport["metrics"].items()]
    return f"""Predicts {_TASKS[passport["task"]]}; trained with {passport["parameters"]["train"]["kind"]}.

### What it is for

{card.intended_use(passport)}

### On {counted(passport["rows"]["split"]["test"], "test row")}, with 95 % intervals

{listed(metrics)}

### Limits

{listed([card.how_sure(passport, measures)])}
{card.limits(passport, measures)}

### What it costs

{listed(card.cost(verdict.latency, run.energy, measures))}

### The gate

{listed(map(_rule, verdict.rules)) if verdict.rules else "has no rules."}

### Champion or challenger

{_contest(verdict)}

{_ORIGIN}

{listed(_origin(passport))}

### To look at

{listed(_links(run))}

{_pictures(run)}
"""


def with_live_verdict(text: str, verdict: ShadowVerdict) -> str:
    """The card with what the last look at live rows has decided of the version, in the place of the one before."""
    before = re.sub(rf"{re.escape(_LIVE)}.*?(?={re.escape(_ORIGIN)}|$)", "", text, flags=re.DOTALL)
    head, origin, rest = before.partition(_ORIGIN)
    return f"{head}{_LIVE}\n\n{listed(map(as_text, (verdict.sentence, *verdict.notes)))}\n\n{origin}{rest}"


def _metric(name: str, value: float, measure: Measure | None) -> str:
    return f"{name}: **{number(value)}**{card.interval_text(measure) if measure else ''}"


def _links(run: LoggedRun) -> list[str]:
    files = [
        f"[{text}]({pages.artifact(run.experiment_id, run.run_id, file)})"
        for file, text in _FILES.items()
        if file in run.files
    ]
    return [f"[the run]({pages.run(run.experiment_id, run.run_id)}): parameters, curves and metrics", *files]


def _pictures(run: LoggedRun) -> str:
    shown = {name: file for name in _PICTURES if (file := card_picture(name)) in run.files}
    return "\n\n".join(f"![{name}]({pages.artifact_file(run.run_id, file)})" for name, file in shown.items())


def _feature(column: Mapping[str, Any]) -> str:
    """What the model takes for a column: its signature, which leaves that open, would not say it."""
    described = Column.model_validate(column)
    give = column_type(described.type).accepts(described.dialect)
    return f"{as_code(described.name)} ({described.type}): {as_text(give)}"


def _contest(verdict: Verdict) -> str:
    promotion = verdict.promotion
    return listed(map(as_text, (promotion.sentence, *promotion.notes))) if promotion else "is not decided."


def _rule(rule: GateRule) -> str:
    if rule.num_tests is not None:
        return as_text(f"{'kept' if rule.passed else 'not kept'}: {rule.sentence()}")
    bounds = [
        f"at least {rule.min:g}" if rule.min is not None else "",
        f"at most {rule.max:g}" if rule.max is not None else "",
    ]
    kept = "kept" if rule.passed else "**not kept**"
    asked = f"{'surely ' if rule.surely is True else ''}{' and '.join(bound for bound in bounds if bound)}"
    interval = card.interval_text(rule)
    of = "" if rule.of is None else f" ({as_text(rule.of)})"
    value = f"{rule.value:.0f}" if rule.metric in COUNTS else number(rule.value)
    return f"{rule.metric}{of} {asked}: {kept}, it is {value}{interval}"


def _origin(passport: Mapping[str, Any]) -> list[str]:
    source, git, parts = passport["source"], passport["git"], passport["rows"]["split"]
    changed = ", with uncommitted changes" if git["modified"] else ""
    return [
        f"data: {source['kind']} {as_code(source['location'])}, digest `{source['digest']}`",
        f"rows: {', '.join(f'{parts[part]:,} {part}' for part in parts)}",
        f"code: commit `{git['commit']}`{changed}" if git["commit"] else "code: no git commit",
        f"model: digest `{passport['digests']['model']}`",
    ]
