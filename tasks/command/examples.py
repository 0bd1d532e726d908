"""An example of each subcommand, at the end of its `--help`."""

from __future__ import annotations

EXAMPLES = {
    "add": "modelwright add examples/sms-spam.yaml --source spam.csv",
    "doctor": "modelwright doctor",
    "expect": "modelwright expect churn --write",
    "init": "modelwright init churn churn.csv --target churned --ignore exit_fee --retype postcode=category",
    "list": "modelwright list",
    "new": "modelwright new shop && cd shop",
    "remove": "modelwright remove churn",
    "rename": "modelwright rename churn leavers",
    "run": "modelwright run churn --plain --to evaluate",
    "schedule": "PREFECT_API_URL=http://127.0.0.1:4200/api modelwright schedule",
    "schema": "modelwright schema > params.schema.json",
    "status": "modelwright status churn",
    "upgrade": "modelwright upgrade --dry-run",
}
