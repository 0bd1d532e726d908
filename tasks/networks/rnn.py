"""A state that goes from step to step of a text or a sound: plain (Elman, 1990), LSTM or GRU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.model_input.inputs import Field, Spec
from tasks.networks.base import Dropout, Encoder, JoinedNetwork, check_fields
from tasks.networks.steps import joined_head, mean_of_steps, step_mask, steps_of
from tasks.params.networks import RnnNetwork

_KINDS = ("tokens", "audio")


class Rnn(JoinedNetwork):
    """Texts and sounds step by step; their features are the state at the end and the mean of all states."""

    def __init__(self, config: RnnNetwork, spec: Spec, num_outputs: int) -> None:
        check_fields(spec, "rnn", _KINDS)
        super().__init__(
            spec,
            lambda field: RnnEncoder(config, field) if field.kind in _KINDS else None,
            joined_head(spec, config.width, config.dropout, num_outputs),
        )


class RnnEncoder(Encoder):
    """A column's steps through all layers: [B, L] tokens or [B, 1, n_mels, frames] -> [B, width].

    The features are the last state of each direction beside the mean of the states, after the concat pooling of Howard
    and Ruder (2018, ACL, "Universal language model fine-tuning"): in a long text, the last state alone has forgotten.
    """

    def __init__(self, config: RnnNetwork, field: Field) -> None:
        super().__init__()
        self.steps = steps_of(field, config.embedding)
        self.dropout = Dropout(config.dropout)
        state_width = config.width * (2 if config.bidirectional else 1)
        inputs = [self.steps.width] + [state_width] * (config.num_layers - 1)
        self.layers = nn.ModuleList(_Layer(config, width) for width in inputs)
        self.width = 2 * state_width

    def forward(self, block: Tensor) -> Tensor:
        values, lengths = self.steps(block)
        for layer in self.layers:
            values, last = layer(self.dropout(values), lengths)
        return torch.cat([last, mean_of_steps(values, lengths)], dim=1)


class _Layer(nn.Module):
    """One reading, or one in each direction side by side: [B, L, W] -> states [B, L, V], and the last ones [B, V].

    Rows are not packed: that needs their lengths on the CPU, where a GPU waits and a compiler stops. Forwards, what
    fills up comes last and changes no state before it; backwards, a row's own steps are turned round where they are.
    """

    def __init__(self, config: RnnNetwork, inputs: int) -> None:
        super().__init__()
        directions = 2 if config.bidirectional else 1
        # A module for each direction, as torch's bidirectional one would begin backwards with the filling.
        self.cells = nn.ModuleList(_cells(config, inputs) for _ in range(directions))

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        states, _ = self.cells[0](values)
        last = _last(states, lengths)
        if len(self.cells) == 1:
            return states, last
        backwards, _ = self.cells[1](reversed_steps(values, lengths))
        both = torch.cat([states, reversed_steps(backwards, lengths)], dim=2)
        return both, torch.cat([last, _last(backwards, lengths)], dim=1)


def reversed_steps(values: Tensor, lengths: Tensor) -> Tensor:
    """Each row's own steps in reverse, the filling where it was: [B, L, W] and [B] -> [B, L, W].

    Every step goes to one position, so the gradient adds nothing to anything and has the same bits every time.
    """
    positions = torch.arange(values.shape[1], device=values.device)
    order = torch.where(step_mask(values, lengths), lengths[:, None] - 1 - positions, positions)
    return values.gather(1, order[:, :, None].expand_as(values))


def _last(states: Tensor, lengths: Tensor) -> Tensor:
    """The state behind each row's last own step: [B, L, W] and [B] -> [B, W]."""
    return states.gather(1, (lengths - 1)[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)


def _cells(config: RnnNetwork, inputs: int) -> nn.RNNBase:
    match config.cell:
        case "rnn":
            return nn.RNN(inputs, config.width, batch_first=True)
        case "gru":
            return nn.GRU(inputs, config.width, batch_first=True)
        case "lstm":
            cells = nn.LSTM(inputs, config.width, batch_first=True)
    with torch.no_grad():
        # The forget gate begins open, so that long ago can be learnt at all (Jozefowicz et al., 2015, ICML).
        cells.get_parameter("bias_ih_l0")[config.width : 2 * config.width] = 1
    return cells
