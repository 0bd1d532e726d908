"""The picture of docs/architecture.md, drawn from the imports: `python docs/architecture_picture.py`."""

from __future__ import annotations

import io
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

WIDTH, ROW, GAP = 12.0, 0.52, 0.1
"""Inches: of the picture, from one layer to the next, between two boxes."""
INK, LINE, GROUND = "#1f2933", "#7b8794", "#ffffff"
FILLS = ("#dbe7f3", "#e6eef5", "#f0f4f8")
"""A layer's boxes: of the upper layers, of the middle, of the ground."""


def layers() -> list[list[str]]:
    """The packages and modules of tasks/ from the top layer down, as pyproject.toml tells import-linter."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contract = next(contract for contract in settings["contracts"] if contract["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def rows() -> list[list[str]]:
    """The layers as the picture shows them: what lies below params, the ground that all may use, is one row."""
    from_the_top = layers()
    end = from_the_top.index(["params"]) + 1
    return [*from_the_top[:end], [name for layer in from_the_top[end:] for name in layer]]


def arrows() -> set[tuple[str, str]]:
    """Which package or module of tasks/ imports from which other."""
    import grimp

    graph = grimp.build_graph("tasks")
    known = {name for layer in layers() for name in layer}
    pairs = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules - {"tasks"}
        for imported in graph.find_modules_directly_imported_by(importer) - {"tasks"}
    }
    return {(one, other) for one, other in pairs if one != other and {one, other} <= known}


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
    """Lines of Python in a package or module of tasks/."""
    place = ROOT / "tasks" / name
    modules = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    return sum(module.read_text(encoding="utf-8").count("\n") for module in modules)


def places() -> dict[str, tuple[float, float, float]]:
    """Each box's left side, its bottom and its width, in inches: a row a layer, as wide as the picture."""
    result = {}
    for number, names in enumerate(rows()):
        width = (WIDTH - GAP * (len(names) + 1)) / len(names)
        width = min(width, 3.2)
        left = (WIDTH - len(names) * width - (len(names) - 1) * GAP) / 2
        for place, name in enumerate(names):
            result[name] = (left + place * (width + GAP), (len(rows()) - 1 - number) * ROW + GAP, width)
    return result


def architecture() -> bytes:
    """The layers as rows of boxes, and a line from each to what it imports below, as PNG."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    boxes, num_rows = places(), len(rows())
    figure = Figure(figsize=(WIDTH, num_rows * ROW + GAP), facecolor=GROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, num_rows * ROW + GAP))
    axes.axis("off")
    height = ROW - 2.2 * GAP
    for importer, imported in sorted(drawn_arrows()):
        (left, bottom, width), (to_left, to_bottom, to_width) = boxes[importer], boxes[imported]
        axes.plot(
            [left + width / 2, to_left + to_width / 2],
            [bottom, to_bottom + height],
            color=LINE,
            linewidth=0.9,
            alpha=0.7,
            zorder=1,
        )
    for number, names in enumerate(rows()):
        for name in names:
            left, bottom, width = boxes[name]
            fill = FILLS[number * len(FILLS) // num_rows]
            axes.add_patch(
                FancyBboxPatch(
                    (left, bottom),
                    width,
                    height,
                    boxstyle="round,pad=0,rounding_size=0.06",
                    facecolor=fill,
                    edgecolor=LINE,
                    linewidth=0.8,
                    zorder=2,
                )
            )
            label = f"{name}  {num_lines(name):,}"
            size = 9.5 if width > 1.4 else 7.6
            axes.text(
                left + width / 2,
                bottom + height / 2,
                label,
                ha="center",
                va="center",
                fontsize=size,
                color=INK,
                zorder=3,
            )
    content = io.BytesIO()
    figure.savefig(content, dpi=110, facecolor=GROUND)
    return content.getvalue()


if __name__ == "__main__":
    (Path(__file__).parent / "architecture.png").write_bytes(architecture())
