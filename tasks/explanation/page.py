"""Reasons as a page to read: bars by column, marked words, heat maps; it needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tasks.explanation.heatmap import heat_map
from tasks.explanation.reasons import Explanation, Reason
from tasks.model_input.conformal import PredictionRegion
from tasks.pages.rendering import as_page, page_templates
from tasks.wording import number

_TEMPLATES = Path(__file__).parent / "templates"
_LONGEST = 120


def page(model: str, explanations: Sequence[tuple[int, Explanation]], notes: Sequence[str] = ()) -> str:
    """HTML with styles and pictures inside, values escaped, no script."""
    environment = page_templates(_TEMPLATES)
    environment.filters.update(added=added, number=number, shown=shown)
    environment.globals.update(
        heat=_heat, pieces=_pieces, head=head, sum_line=sum_line, region_line=region_line, width=_width
    )
    return as_page(environment.get_template("reasons.html").render(model=model, rows=explanations, notes=notes))


def added(amount: float) -> str:
    """What a column adds, to three digits or to the unit."""
    return f"{amount:+,.0f}" if abs(amount) >= 1_000 else f"{amount:+.3g}"


def shown(value: Any) -> str:
    """A cell as a person would write it, cut off where it is long."""
    if isinstance(value, bytes):
        return "a file"
    text = "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def head(one: Explanation) -> str:
    """The answer in words, such as `yes (0.83 for yes)`."""
    if one.output is None or isinstance(one.prediction, float):
        return number(float(one.prediction))
    return f"{one.prediction} (probability of {one.output}: {number(one.probability or 0.0)})"


def region_line(region: PredictionRegion) -> str:
    """How sure the answer is; classes stand in quotes, as one may hold a comma."""
    share = f"{100 * region.coverage:g} % of rows"
    cells = [*region.columns.values()]
    if cells == ["[]"]:
        return f"How sure: no class is as likely as the true one is in {share}"
    ends = [number(end) for end in cells if isinstance(end, float)]
    where = f"between {' and '.join(ends)}" if ends else f"among {cells[0]}"
    return f"How sure: {where}, as the truth is in {share}"


def sum_line(one: Explanation) -> str:
    """What adds up to what."""
    what = "the answer, in the target's unit" if one.unit == "target" else f"{one.unit} of {one.output}"
    missing = f", and {added(one.missing)} that the integral's steps leave" if abs(one.missing) > _visible(one) else ""
    return f"{what}: {number(one.answer)} = {number(one.base)} ({one.base_of}) and what its columns add{missing}"


def _visible(one: Explanation) -> float:
    return 1e-3 * max(abs(one.answer - one.base), 1e-3)


def _width(reason: Reason, one: Explanation) -> float:
    """The length of a bar, as a share of the longest."""
    longest = max((abs(other.amount) for other in one.reasons), default=0.0)
    return round(50 * abs(reason.amount) / longest, 2) if longest else 0.0


def _heat(reason: Reason) -> str | None:
    if reason.heat is None or reason.pixels is None:
        return None
    content = heat_map(reason.pixels, reason.heat, is_sound=reason.is_sound)
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def _pieces(reason: Reason) -> Iterator[tuple[str, float, float]]:
    """The text in pieces: signs, what they add, and how strongly that is to show, from 0 to 1."""
    strongest = max((abs(span.amount) for span in reason.spans), default=0.0) or 1.0
    end = 0
    for span in reason.spans:
        if span.start > end:
            yield reason.value[end : span.start], 0.0, 0.0
        yield reason.value[span.start : span.end], span.amount, round(abs(span.amount) / strongest, 3)
        end = span.end
    if end < len(reason.value):
        yield reason.value[end:], 0.0, 0.0
