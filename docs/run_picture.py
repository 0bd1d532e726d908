"""The picture of README.md, from what a run prints.

In a fresh clone, with Chromium installed:
`FORCE_COLOR=1 COLUMNS=116 modelwright run digits --plain | python docs/run_picture.py`.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = "make run"
WIDTH = 116
PIXELS_A_COLUMN, PIXELS_A_LINE = 12.2, 24.4
"""Of Rich's own drawing."""


def main() -> None:
    """Writes the picture beside the page."""
    lines = f"$ {COMMAND}\n{sys.stdin.read().rstrip()}".splitlines()
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    with tempfile.TemporaryDirectory() as scratch:
        drawing = Path(scratch) / "run.svg"
        console.save_svg(str(drawing), title=COMMAND)
        photograph(drawing, Path(__file__).with_name("run.png"), len(lines))


def photograph(drawing: Path, picture: Path, num_lines: int) -> None:
    """As a browser draws it, which has the letters."""
    size = f"{round(WIDTH * PIXELS_A_COLUMN + 18)},{round(num_lines * PIXELS_A_LINE + 52)}"
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={size}", f"--screenshot={picture}"]
    subprocess.run(["chromium", *flags, drawing.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
