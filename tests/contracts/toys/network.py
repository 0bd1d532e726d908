"""A toy network: each column as it is, and one linear layer."""

from __future__ import annotations

from typing import Any

from torch import nn

from tasks.model_input.inputs import Spec
from tasks.networks.base import JoinedNetwork


class ToyLinear(JoinedNetwork):
    def __init__(self, config: Any, spec: Spec, num_outputs: int) -> None:
        super().__init__(spec, lambda field: None, lambda width: nn.Linear(width, num_outputs))
