"""What networks have in common: an encoder a column, side by side, and one head over what they found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from tasks.errors import UserError
from tasks.model_input.inputs import Field, Spec
from tasks.params.networks import Activation

TOKEN_WIDTH = 32
"""Numbers that stand for a token where a text stands beside what a network is for: enough for a few thousand tokens."""


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

    def features(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """What is found in the rows before the head answers: [B, W] float32."""
        raise NotImplementedError

    def forward(self, blocks: Mapping[str, Tensor]) -> Tensor:
        """Outputs [B, O]: a score before softmax for each class, or one value; [B, M, O] of M networks in one."""
        raise NotImplementedError


class Encoder(nn.Module):
    """Reads one column's block and finds `width` numbers in each row: [B, ...] -> [B, width] float32."""

    width: int


class JoinedNetwork(InputNetwork):
    """An encoder a column, concatenated, and one head.

    `encode` makes the encoder of a column that the network is for, and None of any other, which is read plainly;
    `head` makes what follows of the width that was found.
    """

    def __init__(self, spec: Spec, encode: Callable[[Field], Encoder | None], head: Callable[[int], nn.Module]) -> None:
        super().__init__()
        # Numbered, not named: a column's name may hold a dot, which a module's name may not.
        self.names = [field.name for field in spec.fields]
        encoders = [encode(field) or PlainEncoder(field) for field in spec.fields]
        self.encoders = nn.ModuleList(encoders)
        self.head = head(sum(encoder.width for encoder in encoders))

    def features(self, blocks: Mapping[str, Tensor]) -> Tensor:
        found = [encoder(blocks[name]) for name, encoder in zip(self.names, self.encoders, strict=True)]
        return torch.cat(found, dim=1)

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
        found: Tensor = self.read(block)
        return found.flatten(1)


class ScaleBytes(nn.Module):
    """Makes numbers of a picture's bytes as the recipe says: [B, C, H, W] of 0 ... 255 -> float32."""

    factor: Tensor
    offset: Tensor

    def __init__(self, field: Field) -> None:
        super().__init__()
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
        lengths = (tokens != 0).sum(dim=1, keepdim=True).clamp(min=1)
        found: Tensor = self.vectors(tokens).sum(dim=1) / lengths
        return found


class Dropout(nn.Module):
    """Leaves out a share of a row's values while training, [B, ...] -> [B, ...], and scales the others up.

    A batch may come in pieces, one after the other or on several workers: then `place` says which rows of how many
    these are, the draws are those of the whole batch, and each row loses the same values as if it had come whole.
    (Srivastava et al., 2014, JMLR 15.)
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.place: tuple[int, int] | None = None

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return values
        start, num_rows = self.place or (0, len(values))
        draws = torch.rand((num_rows, *values.shape[1:]), device=values.device)[start : start + len(values)]
        kept = (draws >= self.share).to(values.dtype)
        return values * kept / (1 - self.share)


def activation(name: Activation) -> nn.Module:
    """The function that bends values between two layers."""
    match name:
        case "relu":
            return nn.ReLU()
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case "gelu":
            return nn.GELU()


def dense_layers(widths: Sequence[int], dropout: float, bend: Activation = "gelu", norm: str = "none") -> nn.Sequential:
    """Linear layers, each but the last followed by a norm (none, batch or layer), the activation and dropout:
    [B, widths[0]] -> [B, widths[-1]]."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths[:-1]):
        layers += [nn.Linear(inputs, outputs), *norm_layers(norm, outputs), activation(bend), Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def norm_layers(norm: str, width: int) -> list[nn.Module]:
    """What steadies [B, width]: batch norm (Ioffe and Szegedy, 2015), layer norm (Ba et al., 2016), or nothing."""
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
        cure = (
            "cnn"
            if "image" in kinds
            else "audio_cnn"
            if "audio" in kinds
            else "text_cnn"
            if "tokens" in kinds
            else "mlp"
        )
        raise UserError(
            f"network {network} is for {wanted} columns, and none of {names} is one; use `network: kind: {cure}`"
        )


def check_shapes(spec: Spec, blocks: Mapping[str, Tensor]) -> None:
    """Raises UserError for a block whose rows have another shape than the network was made for; says both."""
    for field in spec.fields:
        found, wanted = tuple(blocks[field.name].shape[1:]), field.row_shape
        if found != wanted and not (field.kind == "category_index" and found == field.shape):
            raise UserError(
                f"column {field.name}: the network reads rows of shape {wanted}, and these have {found}; "
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
