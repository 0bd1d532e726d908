"""What the suite asks of new rows, with the severities that count when answering."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tasks.errors import UserError, did_you_mean
from tasks.params.predict import AnswerSeverity, Predict
from tasks.validation.expectations import Rule, Suite


def rules_for(config: Predict, suite: Suite, names: Iterable[str], shown: str) -> list[Rule]:
    """The rules about columns that the new rows have, each with its severity when answering.

    Raises UserError for a severity of a rule or a column that the suite does not have.
    """
    known = {rule.label for rule in suite.rules} | {column for rule in suite.rules for column in rule.columns}
    for name in config.severities:
        if name not in known:
            raise UserError(
                f"{shown}: predict.severities names {name!r}, and the suite has no such rule or column"
                f"{did_you_mean(name, known)}"
            )
    present = set(names)
    severities = [(rule, _severity(rule, config)) for rule in suite.rules if present.issuperset(rule.columns)]
    return [replace(rule, severity=severity) for rule, severity in severities if severity != "ignore"]


def _severity(rule: Rule, config: Predict) -> AnswerSeverity:
    for name in (rule.label, *rule.columns):
        if name in config.severities:
            return config.severities[name]
    return rule.severity if config.suite == "as_written" else config.suite
