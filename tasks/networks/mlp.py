"""Dense layers over all columns side by side: one network, one of residual blocks, or many networks in one."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import (
    Dropout,
    Encoder,
    JoinedNetwork,
    activation_layer,
    check_fields,
    dense_layers,
    norm_layers,
)
from tasks.params.networks import MlpNetwork

_WIDENED = 2
"""A residual block's inner width, in times its outer one: the default of its authors' code (rtdl_revisiting_models)."""


class Mlp(JoinedNetwork):
    """Dense layers over numbers, categories, the mean of a text's tokens, and flattened pictures."""

    def __init__(self, config: MlpNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "mlp", ())
        super().__init__(spec, _category_encoder(config.embedding), lambda width: _head(config, width, num_outputs))


class CategoryVectors(Encoder):
    """A category as what is learnt of it: category indices [B], or shares [B, K] of mixed rows -> [B, width]."""

    def __init__(self, field: Field, width: int) -> None:
        super().__init__()
        self.width = width
        self.vectors = nn.Embedding(field.num_inputs, width)

    def forward(self, indices: Tensor) -> Tensor:
        embedded: Tensor
        if indices.dim() > 1:
            embedded = indices.to(torch.float32) @ self.vectors.weight
        else:
            embedded = self.vectors(indices.to(torch.int64))
        return embedded


class ResidualBlock(nn.Module):
    """Adds to what came in, [B, W] -> [B, W], what two dense layers make of it."""

    def __init__(self, width: int, config: MlpNetwork) -> None:
        super().__init__()
        inner = width * _WIDENED
        self.layers = nn.Sequential(
            *norm_layers(config.norm, width),
            nn.Linear(width, inner),
            activation_layer(config.activation),
            Dropout(config.dropout),
            nn.Linear(inner, width),
            Dropout(config.dropout),
        )

    def forward(self, values: Tensor) -> Tensor:
        added: Tensor = self.layers(values)
        return values + added


class MembersLinear(nn.Module):
    """One linear layer that M members share, each with its own scales of inputs and outputs and its own bias:
    [B, M, inputs], or [B, 1, inputs] for all -> [B, M, outputs] (BatchEnsemble: Wen et al., 2020, arXiv:2002.06715).

    The members of the first layer begin apart, by random signs of their inputs; of the others all scales begin as 1
    (Gorishniy et al., 2024, section 3.3).
    """

    def __init__(self, members: int, inputs: int, outputs: int, apart: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(_uniform((outputs, inputs), inputs))
        self.bias = nn.Parameter(_uniform((members, outputs), inputs))
        scales = torch.randint(0, 2, (members, inputs)) * 2.0 - 1 if apart else torch.ones(members, inputs)
        self.input_scale = nn.Parameter(scales)
        self.output_scale = nn.Parameter(torch.ones(members, outputs))

    def forward(self, values: Tensor) -> Tensor:
        return nn.functional.linear(values * self.input_scale, self.weight) * self.output_scale + self.bias


class MembersHead(nn.Module):
    """A linear layer of its own for each member: [B, M, inputs] -> [B, M, outputs]."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(_uniform((members, inputs, outputs), inputs))
        self.bias = nn.Parameter(_uniform((members, outputs), inputs))

    def forward(self, values: Tensor) -> Tensor:
        return torch.einsum("bmi,mio->bmo", values, self.weight) + self.bias


class MembersBatchNorm(nn.Module):
    """Batch norm, each member by itself: [B, M, W] -> [B, M, W]."""

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(members * width)

    def forward(self, values: Tensor) -> Tensor:
        normed: Tensor = self.norm(values.flatten(1))
        return normed.reshape(values.shape)


def _category_encoder(embedding: int | None) -> Callable[[Field], Encoder | None]:
    def encode(field: Field) -> Encoder | None:
        return CategoryVectors(field, embedding) if embedding is not None and field.kind == "category_index" else None

    return encode


def _head(config: MlpNetwork, width: int, num_outputs: int) -> nn.Module:
    """What makes [B, O] of [B, width], or [B, M, O] when the style is tabm."""
    match config.style:
        case "plain":
            widths = [width, *config.hidden, num_outputs]
            return dense_layers(widths, config.dropout, config.activation, config.norm)
        case "residual":
            return _residual(config, width, num_outputs)
        case "tabm":
            return _members(config, width, num_outputs)


def _residual(config: MlpNetwork, inputs: int, num_outputs: int) -> nn.Sequential:
    """ResNet for tables (Gorishniy et al., 2021, arXiv:2106.11959, section 3.2)."""
    width = config.hidden[0]
    return nn.Sequential(
        nn.Linear(inputs, width),
        *(ResidualBlock(width, config) for _ in config.hidden),
        *norm_layers(config.norm, width),
        activation_layer(config.activation),
        nn.Linear(width, num_outputs),
    )


def _members(config: MlpNetwork, inputs: int, num_outputs: int) -> nn.Sequential:
    """TabM (Gorishniy et al., 2024, arXiv:2410.24210): members that share their weights and nothing else."""
    layers: list[nn.Module] = [nn.Unflatten(1, (1, inputs))]
    for number, (before, after) in enumerate(pairwise([inputs, *config.hidden])):
        layers += [
            MembersLinear(config.members, before, after, apart=number == 0),
            *_members_norm(config, after),
            activation_layer(config.activation),
            Dropout(config.dropout),
        ]
    return nn.Sequential(*layers, MembersHead(config.members, config.hidden[-1], num_outputs))


def _members_norm(config: MlpNetwork, width: int) -> list[nn.Module]:
    """The normalization of [B, M, W], each member by itself; a layer norm is so of itself."""
    return [MembersBatchNorm(config.members, width)] if config.norm == "batch" else norm_layers(config.norm, width)


def _uniform(shape: tuple[int, ...], inputs: int) -> Tensor:
    """First weights as nn.Linear draws them: evenly between -1 and 1 over the root of the number of inputs."""
    return (torch.rand(shape) * 2 - 1) / math.sqrt(inputs)
