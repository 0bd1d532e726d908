"""Answers raw rows by a registered model, with the code that lies beside it: a process that champion.py starts.

`python -P champion_process.py MODEL ROWS ANSWERS`: the model's folder, the folder of rows, the file to write. Nothing
of `tasks` may be imported here: the first `tasks` that this process meets must be the model's own.
"""

import gc
import sys
from pathlib import Path


def answer(model: Path, rows: Path, target: Path) -> None:
    """A Parquet file with a row for each row, in their order."""
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
    answers = []
    for part in sorted(rows.glob("part-*.parquet")):
        frame = pl.read_parquet(part).to_pandas()
        if len(frame):
            answers.append(pl.from_pandas(own.predict(None, frame)))
    pl.concat(answers).write_parquet(target)


if __name__ == "__main__":
    answer(*map(Path, sys.argv[1:]))
