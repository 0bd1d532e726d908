"""The networks, by the `kind` of a torch trainer's network section: one file each, and one line here."""

from __future__ import annotations

from typing import Any

from tasks.model_input.inputs import Spec
from tasks.networks.base import InputNetwork
from tasks.params.networks import Network


def build(config: Network, spec: Spec, num_outputs: int | None = None) -> InputNetwork:
    """The network with fresh weights; it answers with a number for each class, or with `num_outputs` numbers.

    Raises UserError when it cannot read one of the columns.
    """
    network: InputNetwork = _family(config.kind)(config, spec, num_outputs or spec.num_outputs)
    return network


def _family(kind: str) -> Any:
    match kind:
        case "mlp":
            from tasks.networks.mlp import Mlp

            return Mlp
        case "cnn":
            from tasks.networks.cnn import Cnn

            return Cnn
        case "rnn":
            from tasks.networks.rnn import Rnn

            return Rnn
        case "transformer":
            from tasks.networks.transformer import Transformer

            return Transformer
        case "vit":
            from tasks.networks.vit import Vit

            return Vit
        case "text_cnn":
            from tasks.networks.text_cnn import TextCnn

            return TextCnn
        case "audio_cnn":
            from tasks.networks.audio_cnn import AudioCnn

            return AudioCnn
        case _:
            raise AssertionError(f"params_networks.py knows no network {kind}")
