"""What the augment section asks of these columns, what the trainer is told of it, and what cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.columns import TYPE_NAMES
from tasks.columns.text.encoding import TextEncoding
from tasks.errors import UserError
from tasks.params.augment import Augment
from tasks.params.config import ColumnTypeName, Config
from tasks.recipe.embedding import EmbeddingEncoding
from tasks.recipe.recipe import Recipe

SECTIONS: tuple[ColumnTypeName, ...] = tuple(
    name for section in Augment.model_fields for name in TYPE_NAMES if name == section
)
"""The sections that change columns, each those of its type."""


def given_sections(config: Augment) -> dict[ColumnTypeName, Config]:
    """The sections that change anything, by the type of their columns."""
    sections = {name: getattr(config, name) for name in SECTIONS}
    # A section that is there with its defaults alone changes nothing.
    return {name: section for name, section in sections.items() if section is not None and section != type(section)()}


def trainer_settings(report: Mapping[str, Any]) -> Augment:
    """What the trainer does on the batch, as augmentation.json says: nothing where changed copies were written down."""
    names = () if report.get("copies") else (*SECTIONS, "mix")
    return Augment.model_validate({name: report[name] for name in names if report.get(name) is not None})


def check_settings(config: Augment, recipe: Recipe) -> None:
    """Raises UserError for what does not fit the columns, or the target."""
    types = {feature.encoding.type for feature in recipe.features}
    for name in SECTIONS:
        if getattr(config, name) is not None and name not in types:
            raise UserError(f"augment.{name}: the data have no {name} column; remove the section")
    if config.copies and not given_sections(config):
        raise UserError(
            "augment.copies: nothing is said to be changed, so that copies would be the same rows again; "
            "say what changes (such as `image: {rotate: 10}`), or leave copies out"
        )
    _check_embedded(config, recipe)
    _check_scored(config, recipe)
    _check_text(config, recipe)
    _check_mix(config, recipe)
    _check_balance(config, recipe)


def _check_embedded(config: Augment, recipe: Recipe) -> None:
    for feature in recipe.features:
        of_type = feature.encoding.type
        if isinstance(feature.encoding, EmbeddingEncoding) and of_type in given_sections(config):
            raise UserError(
                f"augment.{of_type}: column {feature.name} is embedded by a network in normalize, and what it finds "
                f"cannot be changed like a picture; take augment.{of_type} out, or take encode: embedding and network "
                f"out of normalize.{of_type}"
            )


def _check_scored(config: Augment, recipe: Recipe) -> None:
    for feature in recipe.features:
        scored = isinstance(feature.encoding, TextEncoding) and feature.encoding.encode == "score"
        if scored and "text" in given_sections(config):
            raise UserError(
                f"augment.text: column {feature.name} is encoded as a score by all training rows, which knows the "
                "answers of those that would be changed; take augment.text out, or set normalize.text.encode: tfidf"
            )


def _check_text(config: Augment, recipe: Recipe) -> None:
    if config.copies or "text" not in given_sections(config):
        return
    assert config.text is not None
    for field in recipe.spec().fields:
        if field.kind == "sparse":
            raise UserError(
                f"augment.text: column {field.name} is encoded as TF-IDF, which cannot be changed on the batch; set "
                "copies: 1 or more, or normalize.text.encode: tokens"
            )
    if config.text.typo:
        raise UserError(
            "augment.text.typo: tokens have no letters that could be mistyped on the batch; set copies: 1 or more, or "
            "leave typo out"
        )


def _check_mix(config: Augment, recipe: Recipe) -> None:
    if config.mix.kind == "cutmix" and not any(field.is_picture for field in recipe.spec().fields):
        raise UserError(
            "augment.mix.kind: cutmix puts a box of one image into another, and the data have no image or audio "
            "column; use mixup"
        )


def _check_balance(config: Augment, recipe: Recipe) -> None:
    if config.balance == "none":
        return
    if not recipe.target.classes:
        raise UserError(
            f"augment.balance: {config.balance} fills up classes, and the target {recipe.target.name} is a number; "
            "leave balance out"
        )
    if config.balance == "repeat":
        return
    for field in recipe.spec().fields:
        if field.kind not in ("dense", "category_index"):
            raise UserError(
                f"augment.balance: smote puts rows between rows, and there is nothing between two values of column "
                f"{field.name} ({field.kind}); use balance: repeat"
            )
