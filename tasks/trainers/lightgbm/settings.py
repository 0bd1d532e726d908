"""What LightGBM is told: the parameters, the constraints, and how it says that a device is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError

from tasks.errors import UserError, did_you_mean
from tasks.model_input.inputs import Field, Spec
from tasks.parallel import num_cores
from tasks.params.lightgbm import LightgbmTrain
from tasks.trainers.lightgbm.matrix import Layout
from tasks.trainers.lightgbm.model import LabelScale
from tasks.wording import counted

_MOST_THREADS = 16
"""More of them only wait for each other on tables that one machine holds."""
_WORTH_SHARING = 200_000
"""Numbers in the training table from which several threads are faster than one."""
_FEW_CATEGORIES = 8
"""Up to so many, a split asks for one of them: sets are learnt by heart in small tables (docs/log.md)."""
_LARGE_GROUP = 100
"""Rows that a set of categories needs for a split of its own: LightGBM's default, five times that of a leaf."""


def settings(
    layout: Layout, config: LightgbmTrain, scale: LabelScale, num_rows: int, *, is_weighted: bool = False
) -> dict[str, Any]:
    """LightGBM's parameters, so that the same rows give the same trees on a CPU.

    See https://lightgbm.readthedocs.io/en/stable/Parameters.html#deterministic.
    """
    return {
        **_objective(layout.spec, is_weighted=is_weighted),
        **_trees(config, scale),
        **_categories(layout, config),
        **_monotone(layout, config),
        "num_iterations": config.num_iterations,
        "seed": config.seed,
        "deterministic": True,
        # Else LightGBM times both ways and takes the faster, which sums in another order: not the same trees every
        # time.
        "force_row_wise": True,
        "num_threads": _num_threads(num_rows * layout.num_columns),
        "device_type": config.device,
        # LightGBM prints to standard output, which is not ours to fill: errors are still raised.
        "verbosity": -1,
    }


def with_device(config: LightgbmTrain) -> LightgbmTrain:
    """The same settings with the device that `auto` stands for: a GPU that LightGBM can use here, or else the CPU."""
    if config.device != "auto":
        return config
    devices = ("cuda", "gpu") if config.fits_cuda else ("gpu",)
    device = next((device for device in devices if _can_use(device)), "cpu")
    return config.model_copy(update={"device": device})


def _can_use(device: str) -> bool:
    """Whether a tree grows there. LightGBM tells in no other way."""
    # Few rows and leaves of one, so that a tree does grow, in a moment.
    rows = np.arange(64, dtype=np.float32)[:, None]
    parameters = {"device_type": device, "verbosity": -1, "min_data_in_leaf": 1}
    try:
        lightgbm.train(parameters, lightgbm.Dataset(rows, label=rows[:, 0], params=parameters), num_boost_round=1)
    except LightGBMError:
        return False
    return True


@contextmanager
def device_errors(config: LightgbmTrain) -> Iterator[None]:
    """Says as a UserError what LightGBM says of a device that is not there, or that it was not built for."""
    try:
        yield
    except LightGBMError as error:
        if config.device == "cpu":
            raise
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"train.device {config.device}: LightGBM cannot use it ({reason}); set `train: device: cpu`, or install a "
            "LightGBM that is built for it and a driver "
            "(https://lightgbm.readthedocs.io/en/stable/Installation-Guide.html)"
        ) from error


def _objective(spec: Spec, *, is_weighted: bool) -> dict[str, Any]:
    # The first metric is the loss: early stopping looks at that one. LightGBM would weight the errors too; see
    # `boosting.share_of_errors`.
    match spec.task:
        case "binary":
            objective, metrics = "binary", ["binary_logloss", "binary_error"]
        case "multiclass":
            objective, metrics = "multiclass", ["multi_logloss", "multi_error"]
        case "regression":
            objective, metrics = "regression", ["l2"]
    num_class = {"num_class": len(spec.classes)} if objective == "multiclass" else {}
    return {"objective": objective, **num_class, "metric": metrics[:1] if is_weighted else metrics}


def _trees(config: LightgbmTrain, scale: LabelScale) -> dict[str, Any]:
    return {
        "learning_rate": config.learning_rate,
        "num_leaves": config.num_leaves,
        # LightGBM's mark for no limit.
        "max_depth": config.max_depth or -1,
        "min_data_in_leaf": config.min_data_in_leaf,
        "feature_fraction": config.feature_fraction,
        "bagging_fraction": config.bagging_fraction,
        # Without it LightGBM ignores bagging_fraction; 1 draws anew for every tree.
        "bagging_freq": int(config.bagging_fraction < 1),
        "extra_trees": config.extra_trees,
        # It is taken off sums of errors, and so has the target's unit.
        "lambda_l1": config.lambda_l1 / scale.scale,
        "lambda_l2": config.lambda_l2,
    }


def _categories(layout: Layout, config: LightgbmTrain) -> dict[str, Any]:
    if not layout.native:
        return {}
    num_categories = [field.num_inputs for field in layout.spec.fields if field.kind == "category_index"]
    few = max(num_categories) if config.categories == "one_by_one" else _FEW_CATEGORIES
    # A small table has no group of a hundred rows: who allows smaller leaves means the categories as well.
    return {
        "min_data_per_group": min(_LARGE_GROUP, 5 * config.min_data_in_leaf),
        # LightGBM counts what is missing, or of no category that it knows, as one more.
        "max_cat_to_onehot": few + 1,
    }


def _num_threads(num_values: int) -> int:
    return 1 if num_values < _WORTH_SHARING else min(num_cores(), _MOST_THREADS)


def _monotone(layout: Layout, config: LightgbmTrain) -> dict[str, Any]:
    if not config.monotone:
        return {}
    if layout.spec.task == "multiclass":
        raise UserError(
            f"train.monotone: the target has {len(layout.spec.classes)} classes, and of more than two LightGBM cannot "
            "promise that a probability only rises or falls; leave it out, or predict a number or two classes"
        )
    constraints = [0] * layout.num_columns
    for column, direction in config.monotone.items():
        _check_monotone(layout.spec, column)
        constraints[layout.first_column(column)] = 1 if direction == "increasing" else -1
    return {"monotone_constraints": constraints}


def _check_monotone(spec: Spec, column: str) -> None:
    fields = {field.name: field for field in spec.fields}
    if column not in fields:
        raise UserError(f"train.monotone: {column} is no feature{did_you_mean(column, fields)}")
    if not _is_one_number(fields[column]):
        possible = sorted(name for name, field in fields.items() if _is_one_number(field))
        raise UserError(
            f"train.monotone: {column} is {_what_it_is(fields[column])}, and only a column that is one number can be "
            f"monotone; {'possible are ' + ', '.join(possible) if possible else 'there is none'}"
        )


def _is_one_number(field: Field) -> bool:
    # What is made of a column, such as the target's mean with its category, has a label of its own.
    return field.kind == "dense" and field.labels in ((), (field.name,)) and field.num_inputs == 1


def _what_it_is(field: Field) -> str:
    match field.kind:
        case "dense":
            return f"made into {counted(field.num_inputs, 'input')} ({', '.join(field.labels[:3])})"
        case "category_index":
            return "a category"
        case "sparse":
            return "text"
        case kind:
            return f"of kind {kind}"
