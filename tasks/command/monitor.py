"""`modelwright feedback` and `watch`: labels that come later, and a look at what was answered."""

from __future__ import annotations

import argparse
import json

from tasks.command.subcommand import JSON, MODEL, QUERY, SOURCE_SETTINGS, Subcommand, argument
from tasks.errors import GateError
from tasks.paths import Project
from tasks.root import find_root


def feedback(options: argparse.Namespace) -> int:
    """`modelwright feedback`."""
    from tasks.drafting.rows_to_answer import rows_to_answer
    from tasks.monitoring.feedback import lines_of, take_labels
    from tasks.tracking.registered import registered_model

    project = Project(root=find_root())
    model = registered_model(project, options.model, offline=options.offline)
    block = rows_to_answer(options.source, model, project.root, options.query, options.set)
    outcome = take_labels(project, model, block)
    print(json.dumps(outcome.as_dict()) if options.json else "\n".join(lines_of(outcome)))  # noqa: T201
    return 0


def watch(options: argparse.Namespace) -> int:
    """`modelwright watch`; 3 while the newest windows break a rule."""
    from tasks.monitoring.page import lines_of
    from tasks.monitoring.watch import watch as watch_version
    from tasks.tracking.registered import registered_model

    project = Project(root=find_root())
    model = registered_model(project, options.model, offline=options.offline)
    outcome = watch_version(project, model, offline=options.offline)
    text = "\n".join([*lines_of(outcome.look, outcome.shadow), f"wrote {outcome.page}"])
    print(json.dumps(outcome.as_dict()) if options.json else text)  # noqa: T201
    return GateError.exit_code if outcome.look.fired else 0


_OFFLINE = argument("--offline", action="store_true", help="ask no registry: take the copy of the model that lies here")

COMMANDS = {
    "feedback": Subcommand(
        run=feedback,
        help="take labels that came later",
        detail=", for the rows that were answered and logged",
        arguments=(
            MODEL,
            argument("source", help="the labels: ids, or all that the model asks, and the target, as rows to answer"),
            QUERY,
            SOURCE_SETTINGS,
            _OFFLINE,
            JSON,
        ),
        examples=("modelwright feedback churn labels.csv",),
    ),
    "watch": Subcommand(
        run=watch,
        help="look at what a version answered",
        detail=": drift, expected and known quality, a challenger beside it; exit code 3 while a rule fires",
        arguments=(MODEL, _OFFLINE, JSON),
        examples=("modelwright watch churn", "modelwright watch churn:3 --json"),
    ),
}
