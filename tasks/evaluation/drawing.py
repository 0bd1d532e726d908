"""How every picture is drawn: on white and on dark paper, with quiet axes; the same numbers, the same bytes.

Drawn with matplotlib's objects, never with pyplot, whose figures are the whole process's.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 160


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours of a picture. Blue and orange of Okabe and Ito (2008) can be told apart by colour-blind readers."""

    paper: str
    ink: str
    muted: str
    grid: str
    blue: str
    orange: str


LIGHT = Theme(paper="#ffffff", ink="#1f2328", muted="#59636e", grid="#e3e7eb", blue="#0072b2", orange="#d55e00")
DARK = Theme(paper="#161b22", ink="#e6edf3", muted="#9aa5b1", grid="#2b333d", blue="#56b4e9", orange="#e69f00")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """One plot on white and on dark paper; `alt` says in words what it shows."""

    name: str
    title: str
    alt: str
    light: bytes
    dark: bytes


def picture(name: str, title: str, alt: str, size: tuple[float, float], draw: Callable[[Figure, Theme], None]) -> Plot:
    """Drawn on either paper, `size` in inches."""
    light = _figure(size, LIGHT, draw, layout="constrained")
    shown = _as_png(light)
    # Colours move nothing, and finding the places takes as long as drawing.
    dark = _figure(size, DARK, draw, layout=None)
    for own, other in zip(dark.axes, light.axes, strict=True):
        own.set_position(other.get_position(original=True), which="original")
    return Plot(name=name, title=title, alt=alt, light=shown, dark=_as_png(dark))


def png(size: tuple[float, float], theme: Theme, draw: Callable[[Figure, Theme], None]) -> bytes:
    """A PNG of `size` in inches."""
    return _as_png(_figure(size, theme, draw, layout="constrained"))


def _figure(
    size: tuple[float, float],
    theme: Theme,
    draw: Callable[[Figure, Theme], None],
    layout: Literal["constrained"] | None,
) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, facecolor=theme.paper, layout=layout)
    draw(figure, theme)
    for text in figure.findobj(Text):
        # Names of classes and columns are no formulas, whatever dollar signs they hold.
        text.set_parse_math(False)
    return figure


def _as_png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    target = io.BytesIO()
    with warnings.catch_warnings():
        # A class may be named in a script that the bundled font lacks: boxes stand for its letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        # Not `savefig`, which draws twice. Without the name of matplotlib's version: an upgrade is no other picture.
        # Level 6 of zlib: 9, which `optimize` means, takes three times as long for 4 % fewer bytes.
        canvas = FigureCanvasAgg(figure)
        canvas.print_png(target, metadata={"Software": None}, pil_kwargs={"compress_level": 6})  # type: ignore[no-untyped-call]
    return target.getvalue()


def dress(axes: Axes, theme: Theme, across: str, up: str) -> None:
    """Labels, quiet axes and a faint grid behind the data."""
    axes.set_facecolor(theme.paper)
    axes.set_xlabel(across, color=theme.muted, fontsize=10)
    axes.set_ylabel(up, color=theme.muted, fontsize=10)
    axes.tick_params(colors=theme.muted, labelsize=9, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.grid)
    axes.set_axisbelow(True)
    # Lines over a matrix would look like the borders of its cells.
    if not axes.images:
        axes.grid(color=theme.grid, linewidth=0.8)


def short(name: str, most: int = 16) -> str:
    """With no more than `most` letters."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
