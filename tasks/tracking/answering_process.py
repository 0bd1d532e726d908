"""Answers raw rows by a registered model, with the code that lies beside it: a process that answering.py starts.

`python -P answering_process.py MODEL` with a request a line on standard input, and a reply a line on standard output.
Nothing of `tasks` may be imported here: the first `tasks` that this process meets must be the model's own.
"""

import gc
import json
import os
import sys
from pathlib import Path
from typing import Any


def serve(model: Path) -> None:
    """Until standard input ends, which it also does when the process that started this one is killed."""
    # What a library prints must not stand among the replies.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # What libraries make as they are imported stays: looking through it for garbage takes a tenth of the start.
    gc.disable()
    import polars as pl
    from mlflow.pyfunc import load_model

    # Last on the path, for estimators of the user's own that lie in the project.
    sys.path.append(str(Path.cwd()))
    # Without MLflow around it, whose signature may refuse a column that the model itself can read.
    own = load_model(str(model)).unwrap_python_model()  # type: ignore[no-untyped-call]
    code = Path(sys.modules["tasks"].__file__ or "")
    assert code.is_relative_to(model.resolve()) or code.is_relative_to(model), f"{code} answered for {model}"
    gc.freeze()
    gc.enable()
    print(json.dumps({"ready": True}), file=replies, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        # Arrow's own types: NumPy's have no missing whole number, and would make floats of all others.
        rows = pl.read_ipc(request["rows"]).to_pandas(use_pyarrow_extension_array=True)
        answers: list[Any] = []
        refused: dict[int, str] = {}
        _answer(own, rows, 0, answers, refused)
        if answers:
            pl.concat([pl.from_pandas(one) for one in answers]).write_ipc(request["answers"])
        print(json.dumps({"refused": refused}), file=replies, flush=True)


def _answer(own: Any, rows: Any, first: int, answers: list[Any], refused: dict[int, str]) -> None:
    """Answers of all rows but those that the model refuses: it names one, and halving finds the others."""
    from mlflow.exceptions import MlflowException

    try:
        answers.append(own.predict(None, rows))
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        if len(rows) == 1:
            refused[first] = str(error.message)
            return
        half = len(rows) // 2
        _answer(own, rows.iloc[:half], first, answers, refused)
        _answer(own, rows.iloc[half:], first + half, answers, refused)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
