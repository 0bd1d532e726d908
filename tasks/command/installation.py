"""The subcommands about the installation: doctor, schema. What they need is imported when used."""

from __future__ import annotations

import argparse
import json

from tasks.command.subcommand import JSON, Subcommand, show_json
from tasks.errors import UserError
from tasks.paths import Project
from tasks.root import find_root


def doctor(options: argparse.Namespace) -> int:
    """`modelwright doctor`."""
    from flows.settings import check_settings, use_running_server
    from tasks.command.console import show_checks
    from tasks.command.doctor import examine

    project = Project(root=find_root())
    checks = [(check.name, check.finding, check.cure) for check in examine(project)]
    try:
        use_running_server(project)
        check_settings()
    except UserError as error:
        checks.append(("prefect", "cannot read its settings", str(error)))
    else:
        from flows.connection import look_at_server

        checks.append(("prefect", *look_at_server()))
    if options.json:
        show_json({"checks": [{"name": name, "finding": finding, "cure": cure} for name, finding, cure in checks]})
    else:
        show_checks(checks)
    # As for any mistake that the user can mend, so that scripts may ask.
    return 2 if any(cure for _, _, cure in checks) else 0


def schema(_: argparse.Namespace) -> int:
    """`modelwright schema`."""
    from tasks.params.pipeline import json_schema

    print(json.dumps(json_schema(), indent=2))  # noqa: T201
    return 0


COMMANDS = {
    "doctor": Subcommand(
        run=doctor,
        help="check the installation, and say how to mend it",
        arguments=(JSON,),
        examples=("modelwright doctor",),
    ),
    "schema": Subcommand(
        run=schema,
        help="print the JSON schema of params.yaml, for editors",
        examples=("modelwright schema > params.schema.json",),
    ),
}
