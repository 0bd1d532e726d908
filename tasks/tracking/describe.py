"""What MLflow's pages say of a model and of a version, in Markdown. Pure functions of the passport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.gate import Verdict

_MANY = 12
"""A table or a list longer than this is cut: the passport has all of it."""


def model(passport: Mapping[str, Any]) -> str:
    """The registered model: what it predicts, from what, and how it is used."""
    name = passport["pipeline"]
    columns = passport["columns"]
    target = next(column["name"] for column in columns if column["role"] == "target")
    features = [(f"`{column['name']}`", column["type"]) for column in columns if column["role"] == "feature"]
    inputs = f"{len(features)} raw column{'s' if len(features) > 1 else ''}"
    return f"""Predicts `{target}` ({_task(passport)}) from {inputs}.

```python
import mlflow

model = mlflow.pyfunc.load_model("models:/{name}@champion")
model.predict(raw_rows)  # a pandas DataFrame with the columns below
```

{_table(("column", "type"), features)}

The alias `champion` is the live version, `challenger` the one that asks to replace it.
"""


def version(passport: Mapping[str, Any], verdict: Verdict) -> str:
    """A version: how good it is, what the gate said, and what it came from."""
    metrics = [(name, f"{value:g}") for name, value in passport["metrics"].items()]
    rules = [
        (rule.metric, f"{rule.value:g}", _bound(rule.min, rule.max), "yes" if rule.passed else "no")
        for rule in verdict.rules
    ]
    gate = _table(("rule", "value", "bound", "kept"), rules) if rules else "The gate has no rules."
    return f"""**{_task(passport)}**, trained with {passport["parameters"]["train"]["kind"]}

{_table(("metric", "test rows"), metrics)}

{gate}

{_table(("came from", ""), _origin(passport))}

The run's artifacts hold `passport.json`, `verdict.json` and `report.html`.
"""


def _origin(passport: Mapping[str, Any]) -> list[tuple[str, str]]:
    source, git = passport["source"], passport["git"]
    changed = ", with uncommitted changes" if git["modified"] else ""
    parts = passport["rows"]["split"]
    return [
        ("data", f"{source['kind']} `{source['location']}`"),
        ("data digest", f"`{source['digest']}`"),
        ("rows", ", ".join(f"{parts[part]:,} {part}" for part in parts)),
        ("code", f"`{git['commit']}`{changed}" if git["commit"] else "no git commit"),
        ("model digest", f"`{passport['digests']['model']}`"),
    ]


def _task(passport: Mapping[str, Any]) -> str:
    return {"binary": "two classes", "multiclass": "several classes", "regression": "a number"}[passport["task"]]


def _bound(least: float | None, most: float | None) -> str:
    bounds = [f"at least {least:g}" if least is not None else "", f"at most {most:g}" if most is not None else ""]
    return ", ".join(bound for bound in bounds if bound)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(row) for row in rows]
    more = [_row((f"and {len(lines) - _MANY} more", *[""] * (len(head) - 1)))] if len(lines) > _MANY else []
    return "\n".join([_row(head), _row(["---"] * len(head)), *lines[:_MANY], *more])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
