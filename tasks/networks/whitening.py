"""A first layer that is not learnt but computed: it takes apart what pixels beside each other have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SIDE = 2
"""Pixels on a patch's side, as in airbench (Jordan, 2024, arXiv:2404.00498, section 3.2)."""
_SMALLEST = 5e-4
"""Added to variances, in times their mean: what hardly varies is noise, and must not be blown up to the size of the
rest. The number is airbench's, whose pixels vary by 1."""
_MOST_PICTURES, _MOST_PATCHES = 5_000, 2**22
"""Of what is looked at: airbench's number of pictures, and of large ones fewer, as they have more patches."""
_PATCHES_AT_ONCE = 2**18


class Whitening(nn.Conv2d):
    """Filters on patches of 2 x 2 pixels whose answers vary by 1 and have nothing in common, each with its opposite, as
    an activation follows: [B, C, H, W] -> [B, 8 C, H - 1, W - 1].

    The filters stay as they are; their biases learn. (Patch whitening: Jordan, 2024, arXiv:2404.00498, section 3.2.)
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__(channels, 2 * channels * _SIDE**2, _SIDE)
        self.weight.requires_grad_(False)
        num_patches = max(1, (height - _SIDE + 1) * (width - _SIDE + 1))
        self.num_pictures = max(1, min(_MOST_PICTURES, _MOST_PATCHES // num_patches))
        """Of training pictures, so many are asked for."""

    @torch.no_grad()
    def learn(self, pictures: Tensor) -> None:
        """Computes the filters for these pictures [N, C, H, W]: the directions in which their patches vary, by how
        much, and centred."""
        mean, covariance = patch_moments(pictures.cpu())
        variances, directions = torch.linalg.eigh(covariance)
        # Either sign is an eigenvector: one of them, on every machine.
        largest = directions.abs().argmax(dim=0, keepdim=True)
        directions = directions * directions.gather(0, largest).sign()
        smallest = _SMALLEST * float(variances.mean()) or 1.0
        filters = (directions / (variances.clamp(min=0) + smallest).sqrt()).T
        both = torch.cat([filters, -filters])
        self.weight.copy_(both.reshape(self.weight.shape))
        assert self.bias is not None
        self.bias.copy_(-(both @ mean))


def patch_moments(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """The mean [K] and the covariance [K, K] of all patches of pictures [N, C, H, W], float64; K is 4 C."""
    num_values = pictures.shape[1] * _SIDE**2
    count, sums = 0, torch.zeros(num_values, dtype=torch.float64)
    products = torch.zeros(num_values, num_values, dtype=torch.float64)
    per_picture = (pictures.shape[2] - _SIDE + 1) * (pictures.shape[3] - _SIDE + 1)
    for some in torch.split(pictures, max(1, _PATCHES_AT_ONCE // per_picture)):
        patches = some.double().unfold(2, _SIDE, 1).unfold(3, _SIDE, 1)
        rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, num_values)
        count, sums, products = count + len(rows), sums + rows.sum(dim=0), products + rows.T @ rows
    mean = sums / count
    return mean, products / count - torch.outer(mean, mean)
