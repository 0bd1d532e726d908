"""Why a network answers so: integrated gradients along the straight way from an empty row (Sundararajan et al., 2017).

Computed by Captum. Numbers and bytes are moved as they are, a category as the shares of its index, and a text as the
vectors of its tokens: there is nothing between two tokens. The text's length stays, which masks go by.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, ModelInput, Spec
from tasks.networks.base import InputNetwork, JoinedNetwork
from tasks.trainers.introspection import EMPTY_ROW, Terms
from tasks.trainers.torch.data import TargetScale, as_tensor
from tasks.trainers.torch.losses import Loss
from tasks.trainers.torch.test_time import Kind, variants

_STEPS = (64, 256, 1_024)
"""Of the integral, more where the terms do not add up yet."""
_CLOSE = 1e-3
"""Of the way from the base to the answer: what the terms may miss of it before more steps are taken."""
_ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class ExplainedNetwork:
    """A trained network with what makes an answer of its outputs."""

    spec: Spec
    network: InputNetwork
    loss: Loss
    scale: TargetScale
    kind: Kind

    def terms(self, rows: ModelInput, empty: ModelInput, outputs: NDArray[np.int64]) -> Terms | None:
        """A row at a time: what is left of the integral is told row by row. Raises UserError without Captum."""
        if not self._can_be_moved():
            return None
        _ready()
        self.network.eval()
        explained = [
            self._of_row(rows.take(np.array([number])), empty, int(outputs[number])) for number in range(rows.num_rows)
        ]
        return Terms(
            unit="log-odds" if self.spec.classes else "target",
            method="integrated gradients",
            base_of=f"{EMPTY_ROW}, its texts as long as they are" if self._texts else EMPTY_ROW,
            base=np.array([base for base, _, _ in explained]),
            answer=np.array([answer for _, answer, _ in explained]),
            by_column={
                field.name: np.concatenate([terms[field.name] for _, _, terms in explained])
                for field in self.spec.fields
            },
        )

    def _can_be_moved(self) -> bool:
        """Tokens are, where their vectors can be got at."""
        return isinstance(self.network, JoinedNetwork) or all(field.kind != "tokens" for field in self.spec.fields)

    def _of_row(
        self, row: ModelInput, empty: ModelInput, output: int
    ) -> tuple[float, float, dict[str, NDArray[np.float64]]]:
        """The base, the answer, and each column's terms [1, ...]."""
        from captum.attr import IntegratedGradients

        moved, still = self._tensors(row), self._tensors(empty)
        tokens = {field.name: as_tensor(row.blocks[field.name]).to(self._device) for field in self._texts}

        def answer(*values: Tensor) -> Tensor:
            named = dict(zip([field.name for field in self.spec.fields], values, strict=True))
            return self._answer(named, tokens, output)

        with torch.backends.cudnn.flags(enabled=False):  # its recurrent layers give no gradients outside of training
            with torch.no_grad():
                base, full = float(answer(*still)), float(answer(*moved))
            gradients = IntegratedGradients(answer)
            for steps in _STEPS:
                terms = gradients.attribute(moved, baselines=still, n_steps=steps, internal_batch_size=_ROWS_AT_ONCE)
                missing = full - base - sum(float(one.double().sum()) for one in terms)
                if abs(missing) <= _CLOSE * max(abs(full - base), _CLOSE):
                    break
        shaped = (one.detach().cpu().double() for one in terms)
        by_column = dict(zip(self.spec.fields, shaped, strict=True))
        return base, full, {field.name: _summed(field, one) for field, one in by_column.items()}

    def _tensors(self, row: ModelInput) -> tuple[Tensor, ...]:
        """One row as what the way leads through, each [1, ...] float32."""
        return tuple(
            self._moved(field, as_tensor(row.blocks[field.name]).to(self._device)) for field in self.spec.fields
        )

    def _moved(self, field: Field, block: Tensor) -> Tensor:
        if field.kind == "category_index":
            return functional.one_hot(block.to(torch.int64), field.num_inputs).to(torch.float32)
        if field.kind == "tokens":
            vectors: Tensor = self._vectors(field)(block.to(torch.int64))
            return vectors.detach()
        return block.to(torch.float32)

    def _answer(self, values: Mapping[str, Tensor], tokens: Mapping[str, Tensor], output: int) -> Tensor:
        """Log-odds of the class [B], or the value [B] in the target's unit."""
        num_rows = len(next(iter(values.values())))
        blocks = {**values, **{name: one.expand(num_rows, -1) for name, one in tokens.items()}}
        with self._replaced(values):
            outputs = torch.stack([self.network(one) for one in variants(self.spec, blocks, self.kind)])
        if self.spec.classes:
            return self.loss.log_odds(outputs, output)
        return outputs.flatten(2).mean(dim=(0, 2)) * self.scale.std + self.scale.mean

    @contextmanager
    def _replaced(self, values: Mapping[str, Tensor]) -> Iterator[None]:
        """For as long as it lasts, tokens are looked up as these vectors."""
        hooks = [
            self._vectors(field).register_forward_hook(lambda _module, _inputs, _outputs, new=values[field.name]: new)
            for field in self._texts
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _vectors(self, field: Field) -> nn.Embedding:
        assert isinstance(self.network, JoinedNetwork)
        encoder = self.network.encoders[self.network.names.index(field.name)]
        return next(module for module in encoder.modules() if isinstance(module, nn.Embedding))

    @property
    def _texts(self) -> Sequence[Field]:
        return [field for field in self.spec.fields if field.kind == "tokens"]

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def _summed(field: Field, terms: Tensor) -> NDArray[np.float64]:
    """A category's shares, and a token's numbers, are one term."""
    whole = terms.sum(dim=-1) if field.kind in ("category_index", "tokens") else terms
    return whole.numpy()


def _ready() -> None:
    if importlib.util.find_spec("captum") is None:
        raise UserError(
            "the reasons of a network need the extra `explain`: pip install 'modelwright[explain]', and ask again"
        )
