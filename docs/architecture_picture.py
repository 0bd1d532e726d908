"""The picture of docs/architecture.md, drawn from the imports: `python docs/architecture_picture.py`."""

from __future__ import annotations

import io
import sys
import tomllib
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tasks.paths import STAGES

ROOT = Path(__file__).parents[1]
WIDTH, ROW, HEIGHT, MARGIN = 19.2, 0.7, 0.4, 0.2
"""Inches: of the picture, from one layer to the next, of a box, and round the whole."""
BOX, BEND, GAP = 1.24, 0.06, 0.11
"""Inches: a box's width, the width kept free for an arrow that passes a layer, and between two of either."""
SWEEPS = 60
INK, PALE, LINE, GROUND = "#1f2933", "#66788a", "#9fb1c3", "#ffffff"
FILLS = {"front": "#f6e3c5", "stage": "#cfe3d4", "noun": "#dbe7f3", "ground": "#eceff2"}

Place = str | tuple[str, int]
"""What stands in a row: a box by its name, or where the arrows to a box pass that row on their way down."""


def layers() -> list[list[str]]:
    """The packages and modules of tasks/ from the top layer down, as pyproject.toml tells import-linter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(contract for contract in settings["contracts"] if contract["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def rows() -> list[list[str]]:
    """The layers as the picture shows them: what lies below params, the ground that all may use, is one row."""
    from_the_top = layers()
    end = from_the_top.index(["params"]) + 1
    upper = [list(STAGES) if set(layer) == set(STAGES) else layer for layer in from_the_top[:end]]
    return [*upper, [name for layer in from_the_top[end:] for name in layer]]


def arrows() -> set[tuple[str, str]]:
    """Which package or module of tasks/, or flows/, imports from which other."""
    from tests.imports import import_graph

    graph = import_graph("tasks", "flows")
    known = {name for names in picture_rows() for name in names}
    pairs = {
        (name_of(importer), name_of(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    return {
        (importer, imported) for importer, imported in pairs if importer != imported and {importer, imported} <= known
    }


def name_of(module: str) -> str:
    """A box's name by the name of a module in it."""
    return module.removeprefix("tasks.").split(".")[0]


def drawn_arrows() -> set[tuple[str, str]]:
    """The arrows without those that a longer way says, and those to the ground: 200 lines would hide the layers."""
    below: dict[str, set[str]] = {}
    ground = set(rows()[-1])
    for importer, imported in {arrow for arrow in arrows() if arrow[1] not in ground}:
        below.setdefault(importer, set()).add(imported)

    def reached(name: str) -> set[str]:
        direct = below.get(name, set())
        return direct.union(*map(reached, direct))

    return {
        (importer, imported)
        for importer, direct in below.items()
        for imported in direct
        if not any(imported in reached(other) for other in direct - {imported})
    }


def num_lines(name: str) -> int:
    """Lines of Python in a package or module of tasks/, or in flows/."""
    place = ROOT / name if name == "flows" else ROOT / "tasks" / name
    modules = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    return sum(module.read_text(encoding="utf-8").count("\n") for module in modules)


def picture_rows() -> list[list[str]]:
    """The rows of the picture: those of the table, with flows/ beside the command."""
    first, *others = rows()
    return [[*first, "flows"], *others]


def ways() -> list[tuple[Place, Place]]:
    """The arrows cut at each row they pass; all that go to the same box share one bend a row, as a cable does."""
    level = {name: number for number, names in enumerate(picture_rows()) for name in names}
    pieces = set()
    for importer, imported in sorted(drawn_arrows()):
        if level[importer] == level[imported]:
            continue  # from the command to flows/, beside it
        stops: list[Place] = [importer]
        stops += [(imported, number) for number in range(level[importer] + 1, level[imported])]
        stops.append(imported)
        pieces.update(pairwise(stops))
    return sorted(pieces, key=str)


def middles() -> dict[Place, float]:
    """Each place's middle, in inches from the left: near what it is tied to, and clear of its neighbours in the row."""
    shown, pieces = picture_rows(), ways()
    in_row: list[list[Place]] = [list(names) for names in shown]
    for place in sorted({place for piece in pieces for place in piece if isinstance(place, tuple)}):
        in_row[place[1]].append(place)
    ties: dict[Place, list[Place]] = defaultdict(list)
    for upper, lower in pieces:
        ties[upper].append(lower)
        ties[lower].append(upper)
    # Rows of many boxes stay in their order, spread over the width; the others are drawn towards their ties.
    pinned = {name: x for names in shown if len(names) > 5 for name, x in zip(names, spread(len(names)), strict=True)}
    x: dict[Place, float] = {}
    for places in in_row:
        x.update(zip(places, spread(len(places)), strict=True))
    for sweep in range(SWEEPS):
        for places in in_row if sweep % 2 else in_row[::-1]:
            drawn_to = {
                place: pinned.get(str(place), float(np.mean([x[tie] for tie in ties[place]] or [WIDTH / 2])))
                for place in places
            }
            x.update(apart(drawn_to))
    return x


def spread(count: int) -> list[float]:
    """The middles of so many boxes, evenly over the width."""
    return [MARGIN + (WIDTH - 2 * MARGIN) * (place + 0.5) / count for place in range(count)]


def apart(drawn_to: dict[Place, float]) -> dict[Place, float]:
    """The middles nearest to where places are drawn to, in least squares, that let none touch the next."""
    from scipy.optimize import isotonic_regression

    order = sorted(drawn_to, key=lambda place: (drawn_to[place], str(place)))
    widths = np.array([BOX if isinstance(place, str) else BEND for place in order])
    # With the widths to their left taken off, middles that keep apart are numbers that do not fall.
    offsets = np.concatenate([[0.0], np.cumsum((widths[1:] + widths[:-1]) / 2 + GAP)])
    # A bend counts more than a box: long arrows run straight, and boxes make way.
    weights = np.where(widths == BOX, 1.0, 3.0)
    fitted = isotonic_regression(np.array([drawn_to[place] for place in order]) - offsets, weights=weights).x
    lowest, highest = MARGIN + widths[0] / 2, WIDTH - MARGIN - widths[-1] / 2 - offsets[-1]
    return dict(zip(order, (np.clip(fitted, lowest, highest) + offsets).tolist(), strict=True))


def architecture() -> bytes:
    """The layers as rows of boxes, and an arrow from each to what it imports below, as PNG."""
    from matplotlib.figure import Figure

    shown, x = picture_rows(), middles()
    height = len(shown) * ROW + MARGIN
    figure = Figure(figsize=(WIDTH, height), facecolor=GROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    tops = {name: MARGIN + number * ROW for number, names in enumerate(shown) for name in names}
    for upper, lower in ways():
        draw_way(axes, x, tops, upper, lower)
    axes.plot([x["command"], x["flows"]], [MARGIN + HEIGHT / 2] * 2, color=LINE, linewidth=1, zorder=1)
    axes.plot(x["flows"] - BOX / 2 - 0.04, MARGIN + HEIGHT / 2, marker=">", markersize=4.5, color=LINE, zorder=1)
    axes.text(MARGIN + 0.02, height - ROW - 0.12, "the ground, which all may use", fontsize=8, color=PALE)
    for name, top in tops.items():
        draw_box(axes, name, x[name], top)
    content = io.BytesIO()
    figure.savefig(content, dpi=110, facecolor=GROUND)
    return content.getvalue()


def draw_way(axes: Any, x: dict[Place, float], tops: dict[str, float], upper: Place, lower: Place) -> None:
    """A curve from one row to the next, which leaves and arrives upright; straight on beside the boxes of a row."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Curve

    start = (tops[upper] if isinstance(upper, str) else MARGIN + upper[1] * ROW) + HEIGHT
    end = start + ROW - HEIGHT
    half = (start + end) / 2
    points = [(x[upper], start), (x[upper], half), (x[lower], half), (x[lower], end)]
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    if isinstance(lower, tuple):
        points.append((x[lower], end + HEIGHT))
        codes.append(Curve.LINETO)
    axes.add_patch(PathPatch(Curve(points, codes), edgecolor=LINE, linewidth=1, fill=False, zorder=1))
    if isinstance(lower, str):
        axes.plot(x[lower], end - 0.035, marker="v", markersize=4.5, color=LINE, markeredgewidth=0, zorder=1)


def draw_box(axes: Any, name: str, middle: float, top: float) -> None:
    """A box with the name and, small beneath it, the lines of code."""
    from matplotlib.patches import FancyBboxPatch

    shape, fill = "round,pad=0,rounding_size=0.06", FILLS[kind(name)]
    axes.add_patch(
        FancyBboxPatch((middle - BOX / 2, top), BOX, HEIGHT, boxstyle=shape, facecolor=fill, edgecolor="none", zorder=2)
    )
    text = {"ha": "center", "va": "center", "zorder": 3}
    axes.text(middle, top + 0.15, name, fontsize=9.5, color=INK, **text)
    axes.text(middle, top + 0.3, f"{num_lines(name):,}", fontsize=7, color=PALE, **text)


def kind(name: str) -> str:
    """Which of the four colours a box has."""
    if name in STAGES:
        return "stage"
    if name in rows()[-1]:
        return "ground"
    return "front" if name in {"command", "flows"} else "noun"


if __name__ == "__main__":
    (Path(__file__).parent / "architecture.png").write_bytes(architecture())
