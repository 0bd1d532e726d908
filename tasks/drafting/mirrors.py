"""Whether pictures may be mirrored while a network learns: asked of the training rows before a block is drafted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from tasks.augmentation.mirrors import Mirrors, every, look
from tasks.columns.image.pixels import Frame, read
from tasks.drafting.decide import Decisions
from tasks.drafting.inspection import Inspection
from tasks.drafting.measured import Configured, Tell
from tasks.drafting.network import Section
from tasks.drafting.trial_rows import trial_rows
from tasks.errors import UserError
from tasks.paths import Project
from tasks.tables import storage
from tasks.wording import percent

_SIDE = 32
_MOST_BYTES = 2**31
"""Of all pictures: they are written once more, and read."""


def with_flips(
    decisions: Decisions, inspection: Inspection, configured: Configured, minutes: float, tell: Tell
) -> Decisions:
    """With `flip: horizontal` where mirrored training pictures resemble those of their class, and with the figures.

    Where that is not so, or not known, pictures stay as they are: a flip that changes the class teaches what is wrong.
    """
    facts, choice = inspection.facts, decisions.choice
    pictures = [name for name in decisions.features if facts.types[name] == "image"]
    if not pictures or not minutes or decisions.target.task == "regression":
        return decisions
    (name, *_) = pictures
    if facts.num_rows * float(facts.sample[name].mean() or 0) > _MOST_BYTES:  # type: ignore[arg-type]
        return decisions
    tell("whether mirrored pictures keep their class")
    with TemporaryDirectory(prefix="modelwright-") as folder:
        paths = Project(root=Path(folder)).pipeline("rows")
        try:
            rows = trial_rows(configured(decisions), inspection, paths)
        # The run will say why a stage refuses these rows.
        except UserError:
            return decisions
        training = rows.paths.clean("train")
        parts = storage.read_parts(training, [name, decisions.target.name])
        mirrors = _compared(parts, every(storage.count_rows(training)), name, decisions.target.name)
    figures = f"{percent(mirrors.own, 0)} of the pictures resemble their class, {percent(mirrors.mirrored, 0)} mirrored"
    section: Section = choice.augment
    if mirrors.keep_classes:
        section = {**section, "image": {**section["image"], "flip": "horizontal"}}
    reason = f"flip: {figures}" if mirrors.keep_classes else f"no flip: {figures}"
    return replace(decisions, choice=replace(choice, augment=section, augment_reason=reason))


def _compared(parts: Iterator[pl.DataFrame], step: int, name: str, target: str) -> Mirrors:
    rows = pl.concat(part.gather_every(step) for part in parts)
    read_all = [read(content, Frame(height=_SIDE, width=_SIDE, channels=3)) for content in rows[name]]
    known = [number for number, picture in enumerate(read_all) if picture is not None]
    classes = rows[target].cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1
    return look(np.stack([picture for picture in read_all if picture is not None]), classes[known], "horizontal")
