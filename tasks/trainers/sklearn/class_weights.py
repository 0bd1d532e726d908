"""How much a row of a class counts, by the class's number instead of its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tasks.errors import UserError
from tasks.model_input.inputs import Spec
from tasks.wording import quoted


def class_weights(
    spec: Spec, weights: Literal["balanced"] | Mapping[str, float] | None, where: str = "train.estimator"
) -> Literal["balanced"] | dict[int, float] | None:
    """Weights as scikit-learn takes them; a class that is not named counts 1.

    Raises UserError for a class that is not there, and for a target without classes.
    """
    if weights is None:
        return None
    if not spec.classes:
        raise UserError(f"{where}.class_weight: the target is a number and has no classes; take it out")
    if weights == "balanced":
        return "balanced"
    assert not isinstance(weights, str)
    # As texts: YAML reads the names 0 and true as a number and a truth value.
    unknown = sorted(str(name) for name in weights if str(name) not in spec.classes)
    if unknown:
        raise UserError(
            f"{where}.class_weight: {unknown[0]!r} is no class of the target; its classes are {quoted(spec.classes)}"
        )
    return {spec.classes.index(str(name)): float(weight) for name, weight in weights.items()}
