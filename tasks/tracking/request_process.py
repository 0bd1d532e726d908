"""Answers requests by a registered model, with the code that lies beside it: a process that serving starts.

`python -P request_process.py MODEL` with a JSON line of requests on standard input, and one of replies on standard
output. Nothing of `tasks` may be imported here: the first `tasks` that this process meets must be the model's own.
"""

import gc
import json
import os
import sys
import traceback
from itertools import islice
from pathlib import Path
from typing import Any

Columns = dict[str, list[Any]]

_UNFORESEEN = (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, AssertionError)
"""Of one request in a library's depths: it must not cost the others their answers."""


def serve(model: Path) -> None:
    """Until standard input ends, which it also does when the process that started this one is killed."""
    # What a library prints must not stand among the replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    # What libraries make as they are imported stays: looking through it for garbage takes a tenth of the start, and
    # more in the middle of answers.
    gc.disable()
    from mlflow.pyfunc import load_model

    # Last on the path, for estimators of the user's own that lie in the project.
    sys.path.append(str(Path.cwd()))
    # Without MLflow around it, whose signature may refuse a column that the model itself can read.
    own = load_model(str(model)).unwrap_python_model()  # type: ignore[no-untyped-call]
    code = Path(sys.modules["tasks"].__file__ or "")
    assert code.is_relative_to(model.resolve()) or code.is_relative_to(model), f"{code} answered for {model}"
    # A version that was registered before these were there answers all the same.
    ready = {"columns": own.describe_columns() if hasattr(own, "describe_columns") else []}
    gc.freeze()
    gc.enable()
    _write(replies, ready)
    # The first is the version's own example, by which libraries load what they load on use.
    for line in islice(sys.stdin.buffer, 1):
        _write(replies, answered(own, json.loads(line)))
    # What is there by now stays: to look through it for garbage would hold up a request for some ten milliseconds.
    gc.collect()
    gc.freeze()
    for line in sys.stdin.buffer:
        _write(replies, answered(own, json.loads(line)))


def _write(replies: Any, content: Any) -> None:
    replies.write(json.dumps(content).encode() + b"\n")
    replies.flush()


def answered(own: Any, requests: list[Columns]) -> list[dict[str, Any]]:
    """A reply for each request: `answers`, columns; or `refused`, by row why its cells cannot be read; or `failed`, a
    message."""
    replies: list[dict[str, Any]] = [{} for _ in requests]
    for places in _alike(requests):
        together = _reply(own, [requests[place] for place in places])
        # One row that cannot be read must not cost the other requests their answers.
        apart = together or [_of_one(own, requests[place]) for place in places]
        for place, reply in zip(places, apart, strict=True):
            replies[place] = reply
    return replies


def _alike(requests: list[Columns]) -> list[list[int]]:
    """The requests by their columns: some have one that others may leave out."""
    places: dict[tuple[str, ...], list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(tuple(request), []).append(place)
    return list(places.values())


def _reply(own: Any, requests: list[Columns]) -> list[dict[str, Any]] | None:
    try:
        return [{"answers": columns} for columns in _answers(own, requests)]
    except _errors():
        return None


def _of_one(own: Any, request: Columns) -> dict[str, Any]:
    try:
        return {"answers": _answers(own, [request])[0]}
    except _refusals():
        refused: dict[int, list[str]] = {}
        _refused_rows(own, request, 0, refused)
        return {"refused": refused}
    except _errors() as error:
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def _refused_rows(own: Any, request: Columns, first: int, refused: dict[int, list[str]]) -> None:
    """Why rows are refused: the model names one, and halving finds the others."""
    try:
        _answers(own, [request])
    except _refusals() as error:
        num_rows = len(next(iter(request.values())))
        if num_rows == 1:
            # A version that was registered before that was there names one cell.
            cells = own.unreadable_cells(request) if hasattr(own, "unreadable_cells") else []
            refused[first] = cells or [str(getattr(error, "message", error))]
            return
        half = num_rows // 2
        _refused_rows(own, {name: values[:half] for name, values in request.items()}, first, refused)
        _refused_rows(own, {name: values[half:] for name, values in request.items()}, first + half, refused)


def _answers(own: Any, requests: list[Columns]) -> list[Columns]:
    if hasattr(own, "answer_requests"):
        columns: list[Columns] = own.answer_requests(requests)
        return columns
    import pandas as pd

    return [own.predict(None, pd.DataFrame(request, dtype=object)).to_dict("list") for request in requests]


def _refusals() -> tuple[type[Exception], ...]:
    """What says that a row cannot be read."""
    from mlflow.exceptions import MlflowException

    return (sys.modules["tasks.errors"].UserError, MlflowException)


def _errors() -> tuple[type[Exception], ...]:
    """A refusal, what nobody foresaw, or what polars raises, which is no subclass of Python's own."""
    from polars.exceptions import PolarsError

    return (*_UNFORESEEN, *_refusals(), PolarsError)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
    # Python's own end takes seconds after these libraries: they are waited for when the server ends.
    os._exit(0)
