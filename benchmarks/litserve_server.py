"""LitServe, which serving_load.py sets `modelwright serve` against: the same model, with LitServe's own batching.

`python benchmarks/litserve_server.py MODEL PORT`, by a Python that has this project's packages and litserve.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import litserve

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks.bare_server import columns_of, loaded


class Answers(litserve.LitAPI):
    """Batches as large as ours; it waits two milliseconds for others to come."""

    def __init__(self, model: str) -> None:
        super().__init__(max_batch_size=256, batch_timeout=0.002)
        self.folder = model

    def setup(self, device: str) -> None:
        self.own = loaded(self.folder)

    def decode_request(self, request):  # LitServe would read a hint as a parameter of the address
        return columns_of(request["rows"][0])

    def batch(self, inputs: list[Any]) -> list[Any]:
        return inputs

    def predict(self, x: list[Any]) -> list[Any]:
        answers: list[Any] = self.own.answer_requests(x)
        return answers

    def unbatch(self, output: list[Any]) -> list[Any]:
        return output

    def encode_response(self, output: Any) -> Any:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Answers(sys.argv[1]), accelerator="cpu")
    server.run(port=int(sys.argv[2]), host="127.0.0.1", generate_client_file=False, log_level="error")
