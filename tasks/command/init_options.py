"""The arguments of `modelwright init`, as cli.py takes them."""

from __future__ import annotations

from typing import Any

ARGUMENTS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("name",), {"help": "the new pipeline's name: lower-case letters, digits, - and _"}),
    (
        ("source",),
        {"help": "the data: a file, a folder, a glob, an archive, a URL, or a database such as sqlite:///shop.db"},
    ),
    (("--target",), {"metavar": "COLUMN", "help": "the column to predict; guessed, with the reason, if left out"}),
    (
        ("--task",),
        {
            "choices": ("binary", "multiclass", "regression"),
            "help": "classes or an amount, where the target's values could be either",
        },
    ),
    (
        ("--ignore",),
        {
            "action": "append",
            "default": [],
            "metavar": "COLUMN",
            "help": "a column that is no input, such as one that is filled in afterwards; may be given again",
        },
    ),
    (
        ("--retype",),
        {
            "action": "append",
            "default": [],
            "metavar": "COLUMN=TYPE",
            "help": "a column's type where its values look like another, such as postcode=category; may be given again",
        },
    ),
    (("--test",), {"metavar": "PATH", "help": "the test rows, when they come apart from the others"}),
    (("--query",), {"metavar": "SQL", "help": "the rows of a database: one SELECT"}),
    (
        ("--set",),
        {
            "action": "append",
            "default": [],
            "metavar": "KEY=VALUE",
            "help": "a setting of the source, such as header=true, skip_lines=2, sheet=May or missing=[n/a], or of a "
            "stage, such as train.seed=1 or split.folds=5; may be given again; docs/parameters.md lists them",
        },
    ),
    (("--dry-run",), {"action": "store_true", "help": "print the block, and write nothing"}),
)
