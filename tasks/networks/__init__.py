"""The networks, by the `kind` of a torch trainer's network section: one file each, and one line here."""

from __future__ import annotations

from pkgutil import resolve_name

from tasks.model_input.inputs import Spec
from tasks.networks.base import InputNetwork
from tasks.params.networks import Network

NETWORKS: dict[str, str] = {
    "mlp": "tasks.networks.mlp:Mlp",
    "cnn": "tasks.networks.cnn:Cnn",
    "rnn": "tasks.networks.rnn:Rnn",
    "transformer": "tasks.networks.transformer:Transformer",
    "vit": "tasks.networks.vit:Vit",
    "text_cnn": "tasks.networks.text_cnn:TextCnn",
    "audio_cnn": "tasks.networks.audio_cnn:AudioCnn",
}
"""Each kind's module and its class there. Names, as torch is imported only when a network is built."""


def build(config: Network, spec: Spec, num_outputs: int | None = None) -> InputNetwork:
    """The network with fresh weights; it answers with a number for each class, or with `num_outputs` numbers.

    Raises UserError when it cannot read one of the columns.
    """
    network: InputNetwork = resolve_name(NETWORKS[config.kind])(config, spec, num_outputs or spec.num_outputs)
    return network
