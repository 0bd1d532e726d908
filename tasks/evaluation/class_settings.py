"""Whether what params.yaml says of classes fits the target: it can be known once the recipe names them."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.evaluation.cost_matrix import check_costs
from tasks.evaluation.metrics import positive_number
from tasks.evaluation.thresholds import refuse_threshold
from tasks.params.evaluate import Evaluate


def check_class_settings(config: Evaluate, classes: Sequence[str]) -> None:
    """Raises UserError where evaluate names what is no class, or decides between two where there are more or none.

    `classes` are those of the recipe; there are none where the target is a number.
    """
    positive_number(classes, config.positive)
    check_costs(config, classes)
    if len(classes) != 2:
        refuse_threshold(config, len(classes))
