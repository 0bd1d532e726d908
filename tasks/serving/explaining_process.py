"""Says why a registered model answers rows as it does: a process that process.py starts.

`python -P explaining_process.py NOTICE`, with the version as registry_watch.py writes it, a JSON line of requests on
standard input, and one of replies on standard output. Reasons are those of `modelwright explain`: by the code of today.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.errors import UserError
from tasks.explanation.raw_rows import rows_at_rest
from tasks.explanation.reasons import explained
from tasks.model_input.decision import LIKELIEST, Decision, read_decision
from tasks.recipe.raw_values import unreadable_cells
from tasks.recipe.recipe import Recipe, read_recipe
from tasks.serving.registry_watch import as_notice
from tasks.tracking.registered import RegisteredModel
from tasks.trainers import load
from tasks.trainers.base import Model


class Explainer:
    """A version that is loaded."""

    def __init__(self, registered: RegisteredModel) -> None:
        self.recipe: Recipe = read_recipe(registered.model / "recipe.json")
        self.model: Model = load(registered.model, self.recipe.spec())
        file, classes = registered.decision, self.recipe.target.classes
        self.decision: Decision = LIKELIEST if file is None else read_decision(file, classes)

    def reply(self, columns: Mapping[str, Sequence[Any]], class_name: str | None) -> dict[str, Any]:
        """`reasons`, one for each row, or `refused`, why cells cannot be read, by row; -1 where no row is to blame."""
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        try:
            table = rows_at_rest(rows, self.recipe)
        except UserError:
            return {"refused": {number: why for number, row in enumerate(rows) if (why := self._refusals(row))}}
        try:
            reasons = explained(self.model, self.recipe, table, class_name, self.decision)
            return {"reasons": [one.as_dict() for one in reasons]}
        except UserError as error:
            return {"refused": {-1: [str(error).replace("--class", "class")]}}

    def _refusals(self, row: Mapping[str, Any]) -> list[str]:
        return unreadable_cells({name: [cell] for name, cell in row.items()}, self.recipe.raw_features)


def serve(explainer: Explainer) -> None:
    """Until standard input ends."""
    # What a library prints must not stand among the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps({}), file=replies, flush=True)
    for line in sys.stdin:
        answers = [explainer.reply(one["columns"], one["class"]) for one in json.loads(line)]
        print(json.dumps(answers), file=replies, flush=True)


if __name__ == "__main__":
    model = as_notice(json.loads(sys.argv[1])).model
    assert model is not None
    serve(Explainer(model))
    # Python's own end takes seconds after these libraries: they are waited for when the server ends.
    os._exit(0)
