"""How sure a challenger must be: each look at a champion spends a part of the chance that may go wrong in its reign.

A champion that is challenged every night on the same rows loses some day by chance, if each night may go wrong as often
as a single one might. So the first challenger has half of the whole chance, the second a sixth, the n-th one part of
n (n + 1): all together never more than the whole, however many there are and however alike they and their rows
(Bonferroni's inequality over an endless series; Foster and Stine, J. R. Statist. Soc. B 70, 2008, spend so too, and
earn some back).
"""

from __future__ import annotations


def alpha_of(look: int, total: float) -> float:
    """The largest p-value that replaces a champion at this look at it, counted from 1, of `total` in all."""
    return total / (look * (look + 1))
