"""What networks have in common: an encoder a column, side by side, and one head over their features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.params.networks import Activation

TOKEN_WIDTH = 32
"""Numbers that stand for a token where a text stands beside what a network is for: enough for a few thousand tokens."""

_NETWORK_OF = {"image": "cnn", "audio": "audio_cnn", "tokens": "text_cnn"}
"""The network to advise for columns of a kind, the first that there is; for any other, mlp."""


class InputNetwork(nn.Module):
    """A network over named blocks: dense [B, K] float32, pictures [B, C, H, W] bytes, as uint8 or as float32, category
    indices [B] or what was mixed of them [B, K], tokens [B, L].

    Examples
    --------
    >>> from tasks.model_input.inputs import Field, Spec
    >>> from tasks.networks import build
    >>> from tasks.params.networks import MlpNetwork
    >>> size = Field(name="size", kind="dense", shape=(2,), labels=("height", "width"))
    >>> spec = Spec(fields=(size,), task="binary", classes=("cat", "dog"))
    >>> network = build(MlpNetwork(kind="mlp", hidden=(8,)), spec)
    >>> tuple(network({"size": torch.zeros(3, 2)}).shape)
    (3, 2)
    """

    num_first_rows = 0
    """How many training rows `begin_with` asks for; mostly none."""

    def begin_with(self, blocks: Mapping[str, Tensor]) -> None:
        """Computes the weights that are not learnt step by step but known from some training rows at once."""

    def features(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """The rows' features, which the head answers from: [B, W] float32."""
        raise NotImplementedError

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Outputs [B, O]: a score before softmax for each class, or one value; [B, M, O] of M networks in one."""
        raise NotImplementedError


class Encoder(nn.Module):
    """Makes `width` features of each row of one column's block: [B, ...] -> [B, width] float32."""

    width: int
    num_first_rows = 0

    def begin_with(self, block: Tensor) -> None:
        """As that of the network, by its column's block."""


class JoinedNetwork(InputNetwork):
    """An encoder a column, concatenated, and one head.

    `encode` makes the encoder of a column that the network is for, and None of any other, which is read plainly;
    `head` makes what follows, from the width of all features together.
    """

    def __init__(self, spec: Spec, encode: Callable[[Field], Encoder | None], head: Callable[[int], nn.Module]) -> None:
        super().__init__()
        # Numbered, not named: a column's name may hold a dot, which a module's name may not.
        self.names = [field.name for field in spec.fields]
        # In the order of the fields: the names of the weights, encoders.0 and so on, depend on it.
        encoders = [encode(field) or PlainEncoder(field) for field in spec.fields]
        self.encoders = nn.ModuleList(encoders)
        self.head = head(sum(encoder.width for encoder in encoders))
        self.num_first_rows = max((encoder.num_first_rows for encoder in encoders), default=0)

    def begin_with(self, blocks: Mapping[str, Tensor]) -> None:
        for name, encoder in zip(self.names, self.encoders, strict=True):
            assert isinstance(encoder, Encoder)
            encoder.begin_with(blocks[name])

    def features(self, blocks: Mapping[str, Tensor]) -> Tensor:
        encoded = [encoder(blocks[name]) for name, encoder in zip(self.names, self.encoders, strict=True)]
        return torch.cat(encoded, dim=1)

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        outputs: Tensor = self.head(self.features(blocks))
        return outputs


class PlainEncoder(Encoder):
    """A column as it is: numbers, a category one-hot, the mean of a text's tokens, a picture's pixels in a row."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.read = _reader(field)
        self.width = TOKEN_WIDTH if field.kind == "tokens" else field.num_inputs

    def forward(self, block: Tensor) -> Tensor:
        values: Tensor = self.read(block)
        return values.flatten(1)


class ScaleBytes(nn.Module):
    """Makes numbers of a picture's bytes as the recipe says: [B, C, H, W] of 0 ... 255 -> float32."""

    factor: Tensor
    offset: Tensor

    def __init__(self, field: Field) -> None:
        super().__init__()
        # Buffers, so that they go to the device and into the file with the weights, and no optimizer moves them.
        self.register_buffer("factor", torch.tensor(field.factor, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("offset", torch.tensor(field.offset, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return images.to(torch.float32) * self.factor + self.offset


class OneHot(nn.Module):
    """Makes one-hot inputs: category indices [B] -> [B, K] float32. What is [B, K], as mixed rows are, stays."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.num_categories = field.num_inputs

    def forward(self, indices: Tensor) -> Tensor:
        if indices.dim() > 1:
            return indices.to(torch.float32)
        return functional.one_hot(indices.to(torch.int64), self.num_categories).to(torch.float32)


class Embed(nn.Module):
    """The mean of what is learnt of each token, [B, L] -> [B, TOKEN_WIDTH]; 0 fills up, and a text of nothing is 0."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.vectors = nn.Embedding(field.vocabulary, TOKEN_WIDTH, padding_idx=0)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens.to(torch.int64)
        # A text without tokens is divided by 1, not by 0: its sum is 0 as well.
        lengths = (tokens != 0).sum(dim=1, keepdim=True).clamp(min=1)
        means: Tensor = self.vectors(tokens).sum(dim=1) / lengths
        return means


class PlaceInBatch(NamedTuple):
    """Which rows of a batch a piece of it is, and how many the batch has.

    Their numbers are a tensor, which a compiled network takes as it comes: for every other number of Python's it would
    be compiled anew.
    """

    rows: Tensor
    num_rows: int


class Dropout(nn.Module):
    """Leaves out a share of a row's values while training, [B, ...] -> [B, ...], and scales the others up.

    A batch may come in pieces, one after the other or on several workers: then `place` says which rows of how many
    these are, the draws are those of the whole batch, and each row loses the same values as if it had come whole.
    (Srivastava et al., 2014, JMLR 15.)
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.place: PlaceInBatch | None = None

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return values
        # By hand: nn.Dropout draws for the rows that it is given, so micro-batches would lose other values than the
        # whole.
        num_rows = len(values) if self.place is None else self.place.num_rows
        draws = torch.rand((num_rows, *values.shape[1:]), device=values.device)
        if self.place is not None:
            draws = draws[self.place.rows]
        kept = (draws >= self.share).to(values.dtype)
        # Scaled up here, so that answering needs no change: the expected sum of a layer is the same either way.
        return values * kept / (1 - self.share)


def activation_layer(name: Activation) -> nn.Module:
    """The activation function of that name, as a layer without weights."""
    match name:
        case "relu":
            return nn.ReLU()
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case "gelu":
            return nn.GELU()


def dense_layers(
    widths: Sequence[int], dropout: float, activation: Activation = "gelu", norm: str = "none"
) -> nn.Sequential:
    """Linear layers, each but the last followed by a norm (none, batch or layer), the activation and dropout:
    [B, widths[0]] -> [B, widths[-1]]."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        hidden = [nn.Linear(inputs, outputs), *norm_layers(norm, outputs), activation_layer(activation)]
        layers += [*hidden, Dropout(dropout)]
    # The last layer has nothing behind it: its outputs are scores before softmax, or a number of any size.
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def norm_layers(norm: str, width: int) -> list[nn.Module]:
    """A norm over [B, width]: batch norm (Ioffe and Szegedy, 2015), layer norm (Ba et al., 2016), or nothing."""
    match norm:
        case "batch":
            return [nn.BatchNorm1d(width)]
        case "layer":
            return [nn.LayerNorm(width)]
        case _:
            return []


def check_fields(spec: Spec, network: str, reads: Sequence[str]) -> None:
    """Raises UserError where no column is of the kinds that the network is for (any, when `reads` is empty), or where
    one is of tens of thousands of inputs, mostly zero, which are not for networks."""
    for field in spec.fields:
        if field.kind == "sparse":
            raise UserError(
                f"column {field.name}: network {network} cannot read sparse input (text as TF-IDF); "
                f"use `train: kind: sklearn` or lightgbm, or `normalize: text: encode: tokens`"
            )
    if not spec.fields:
        raise UserError(f"network {network}: there is no column to read; give at least one the role feature")
    if reads and not any(field.kind in reads for field in spec.fields):
        names = ", ".join(field.name for field in spec.fields)
        wanted = " or ".join({"tokens": "text (as tokens)"}.get(kind, kind) for kind in reads)
        kinds = {field.kind for field in spec.fields}
        cure = next((name for kind, name in _NETWORK_OF.items() if kind in kinds), "mlp")
        raise UserError(
            f"network {network} is for {wanted} columns, and none of {names} is one; use `network: kind: {cure}`"
        )


def check_shapes(spec: Spec, blocks: Mapping[str, Tensor]) -> None:
    """Raises UserError for a block whose rows have another shape than the network was made for; says both."""
    for field in spec.fields:
        shape, expected = tuple(blocks[field.name].shape[1:]), field.row_shape
        # Category indices may also come as the shares of mixed rows, a number for each category.
        if shape != expected and not (field.kind == "category_index" and shape == field.shape):
            raise UserError(
                f"column {field.name}: the network reads rows of shape {expected}, and these have {shape}; "
                "encode them with the model's own recipe.json"
            )


def _reader(field: Field) -> nn.Module:
    """What makes [B, ...] float32 of a field's block."""
    match field.kind:
        case "image" | "audio":
            return ScaleBytes(field)
        case "category_index":
            return OneHot(field)
        case "tokens":
            return Embed(field)
        case _:
            return nn.Identity()
