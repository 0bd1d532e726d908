"""The subcommands that write blocks and suites: init, add, expect. What they need is imported when used."""

from __future__ import annotations

import argparse
from pathlib import Path

from tasks.command.subcommand import JSON, ONE_PIPELINE, QUERY, Subcommand, argument, chosen_pipeline, show_json
from tasks.errors import printable
from tasks.paths import Project
from tasks.root import find_root


def init(options: argparse.Namespace) -> int:
    """`modelwright init`."""
    from tasks.command.drafts import show_draft, watched
    from tasks.drafting.pipeline import init_pipeline
    from tasks.drafting.stated import stated

    project = Project(root=find_root())
    given = {"test": options.test, "query": options.query, "settings": options.set, "dry_run": options.dry_run}
    given["stated"] = stated(options.task, options.ignore, options.retype, options.metric)
    with watched("comparing models") as tell:
        given |= {"minutes": options.minutes, "deep": options.deep, "tell": tell}
        try:
            draft = init_pipeline(project, options.name, options.source, options.target, **given)
        except KeyboardInterrupt as interrupt:
            why = "nothing was written, and the same command begins again; --minutes 0 compares no models"
            raise type(interrupt)(why) from None
    if options.json:
        show_json(draft.as_dict(project))
    else:
        show_draft(draft, project)
    return 0


def add(options: argparse.Namespace) -> int:
    """`modelwright add`."""
    from tasks.drafting.add import add_block

    project = Project(root=find_root())
    written = [
        str(path.relative_to(project.root))
        for path in add_block(project, options.file, source=options.source, name=options.name)
    ]
    if options.json:
        show_json({"written": written})
        return 0
    for path in written:
        print(f"wrote {path}")  # noqa: T201
    return 0


def expect(options: argparse.Namespace) -> int:
    """`modelwright expect`."""
    from tasks.drafting.expect import redraft

    project = Project(root=find_root())
    pipeline = chosen_pipeline(project, options.pipeline)
    redrafted = redraft(project, pipeline, write=options.write, retype=options.retype)
    if options.json:
        show_json(redrafted.as_dict())
    else:
        print(printable("\n".join(redrafted.lines())))  # noqa: T201
    return 0


def _minutes(text: str) -> float:
    if not (text.replace(".", "", 1).isdecimal() and text.isascii()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes; give one such as 3, or 0 for none")
    return float(text)


_OF_INIT = (
    argument("name", help="the new pipeline's name: lower-case letters, digits, - and _"),
    argument(
        "source", help="the data: a file, a folder, a glob, an archive, a URL, or a database such as sqlite:///shop.db"
    ),
    argument("--target", metavar="COLUMN", help="the column to predict; guessed, with the reason, if left out"),
    argument(
        "--task",
        choices=("binary", "multiclass", "regression"),
        help="classes or an amount, where the target's values could be either",
    ),
    argument(
        "--metric",
        metavar="METRIC",
        help="what the model is chosen and judged by, such as mae, rmsle or f1; by the task, if left out",
    ),
    argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column that is no input, such as one that is filled in afterwards; may be given again",
    ),
    argument(
        "--retype",
        action="append",
        default=[],
        metavar="COLUMN=TYPE",
        help="a column's type where its values look like another, such as postcode=category; may be given again",
    ),
    argument("--test", metavar="PATH", help="the test rows, when they come apart from the others"),
    QUERY,
    argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of the source, such as header=true, skip_lines=2, sheet=May or missing=[n/a], or of a "
        "stage, such as train.seed=1 or split.folds=5; may be given again; docs/parameters.md lists them",
    ),
    argument(
        "--minutes",
        type=_minutes,
        default=3.0,
        metavar="M",
        help="how long models may be compared before one is drafted (3); 0 goes by the facts alone",
    ),
    argument(
        "--deep",
        action="store_true",
        help="for as many minutes more: whole numbers that may be codes, and categories, read in other ways",
    ),
    argument("--dry-run", action="store_true", help="print the block, and write nothing"),
    JSON,
)

COMMANDS = {
    "init": Subcommand(
        run=init,
        help="look at your data, and write a pipeline for them",
        detail=": a block of params.yaml and a drafted suite",
        arguments=_OF_INIT,
        examples=("modelwright init churn churn.csv --target churned --ignore exit_fee --retype postcode=category",),
    ),
    "add": Subcommand(
        run=add,
        help="add a ready-made block to params.yaml",
        detail=", and draft its expectations",
        arguments=(
            argument("file", type=Path, help="a YAML file with one pipeline, such as examples/sms-spam.yaml"),
            argument("--source", metavar="PATH", help="the data: a file, a glob or a folder"),
            argument("--name", help="the pipeline's name, if not the one in the file"),
            JSON,
        ),
        examples=("modelwright add examples/sms-spam.yaml --source spam.csv",),
    ),
    "expect": Subcommand(
        run=expect,
        help="draft the expectations anew, and show how they differ",
        detail=" from those that are kept",
        arguments=(
            ONE_PIPELINE,
            argument("--write", action="store_true", help="take over what is new, and what nobody has edited"),
            argument("--retype", action="store_true", help="take over new types of columns too, which else stay"),
            JSON,
        ),
        examples=("modelwright expect churn --write",),
    ),
}
