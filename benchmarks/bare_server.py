"""A bare handler of Starlette, which serving_load.py sets `modelwright serve` against: the same model, nothing else.

`python benchmarks/bare_server.py MODEL PORT`, with the model's folder as MLflow keeps it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

# One row at a time: threads would wait for each other. As `modelwright serve` sets it for its own processes.
os.environ |= {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "file:///nowhere"}


def loaded(model: str) -> Any:
    """The model without MLflow around it."""
    from mlflow.pyfunc import load_model

    return load_model(model).unwrap_python_model()


def columns_of(row: dict[str, Any]) -> dict[str, list[Any]]:
    """One row's values by column."""
    return {name: [value] for name, value in row.items()}


def bare(model: str, port: int) -> None:
    """A handler that has the model in its own process and checks nothing."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    own = loaded(model)

    async def predict(request: Request) -> Response:
        row = json.loads(await request.body())["rows"][0]
        return Response(json.dumps(own.answer_requests([columns_of(row)])), media_type="application/json")

    app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
    uvicorn.run(app, port=port, http="httptools", loop="uvloop", access_log=False, log_level="error")


if __name__ == "__main__":
    bare(sys.argv[1], int(sys.argv[2]))
