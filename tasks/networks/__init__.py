"""The networks, by the `kind` of a torch trainer's network section: one file each, and one line here."""

from __future__ import annotations

from tasks.inputs import Spec
from tasks.networks.base import InputNetwork
from tasks.params import CnnNetwork, Network


def build(config: Network, spec: Spec) -> InputNetwork:
    """The network with fresh weights. Raises UserError when it cannot read one of the columns."""
    if isinstance(config, CnnNetwork):
        from tasks.networks.cnn import Cnn

        return Cnn(config, spec)
    from tasks.networks.mlp import Mlp

    return Mlp(config, spec)
