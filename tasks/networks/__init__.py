"""The networks, by the `kind` of a torch trainer's network section: one file each, and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tasks.model_input.inputs import Spec
from tasks.networks.base import InputNetwork
from tasks.params.networks import Network

FAMILIES: dict[str, str] = {
    "mlp": "mlp:Mlp",
    "cnn": "cnn:Cnn",
    "rnn": "rnn:Rnn",
    "transformer": "transformer:Transformer",
    "vit": "vit:Vit",
    "text_cnn": "text_cnn:TextCnn",
    "audio_cnn": "audio_cnn:AudioCnn",
}
"""Each kind's file in this folder and its class there. Names, as torch is imported only when a network is built."""


def build(config: Network, spec: Spec, num_outputs: int | None = None) -> InputNetwork:
    """The network with fresh weights; it answers with a number for each class, or with `num_outputs` numbers.

    Raises UserError when it cannot read one of the columns.
    """
    network: InputNetwork = _family(config.kind)(config, spec, num_outputs or spec.num_outputs)
    return network


def _family(kind: str) -> Any:
    module, _, name = FAMILIES[kind].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), name)
