"""What a model costs whoever keeps it."""

from __future__ import annotations

from tasks.measures import Measure
from tasks.paths import Paths
from tasks.trainers.introspection import size_of

_MIB = 2**20


def costs_of_keeping(model: object, paths: Paths) -> dict[str, Measure]:
    """How large its files are, and of how many learnt numbers it is made, where it can count them."""
    size = size_of(model)
    counted = {} if size is None else {"num_parameters": Measure(value=size.num_parameters, of=size.parameters)}
    return {"size_mib": size_of_model(paths), **counted}


def size_of_model(paths: Paths) -> Measure:
    """How large its files are, in MiB."""
    return Measure(value=sum(file.stat().st_size for file in paths.model.rglob("*") if file.is_file()) / _MIB)
