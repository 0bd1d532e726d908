"""What a GPU makes of the torch trainer: `python benchmarks/gpu.py [--out FOLDER] [SECTION ...]`.

Sections are machine, same, memory, waits, loops, shapes, mnist, rows and lightgbm; all of them when none is named. Each
is a process with a deadline, so that one that hangs costs no other its time, and writes FOLDER/SECTION.json as it goes.
torch, numpy, pydantic and safetensors are all that it needs (rows and lightgbm are left out where what they need is not
there, mnist without its files in MNIST). Without a GPU everything is small and on the CPU: to try the script.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import MagicMock

sys.path.insert(0, str(Path(__file__).parents[1]))

DEADLINES = {
    "machine": 40,
    "same": 110,
    "memory": 40,
    "waits": 40,
    "loops": 60,
    "shapes": 90,
    "mnist": 60,
    "rows": 40,
    "lightgbm": 30,
}
"""Seconds of each section: less than eight minutes and a half together, and most end before theirs."""


def main() -> None:
    """Runs the sections one after the other; a table of what each of them said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-benchmark"))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("sections", nargs="*", choices=[*DEADLINES, []])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.inside:
        _stand_in_for_polars()
        from benchmarks.gpu_sections import SECTIONS

        (name,) = arguments.sections
        SECTIONS[name](Notes(arguments.out / f"{name}.json"))
        return
    failed = [name for name in arguments.sections or DEADLINES if not _run(name, arguments.out)]
    sys.exit(f"not to their end: {', '.join(failed)}" if failed else 0)


class Notes:
    """What a section finds out, on disk at every moment: a process that is killed keeps what it knew."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: dict[str, object] = {}

    def add(self, name: str, value: object) -> None:
        """Writes it down, and prints it."""
        self._found[name] = value
        self._file.write_text(json.dumps(self._found, indent=1))
        print(f"  {name}: {value}", flush=True)


def _run(name: str, out: Path) -> bool:
    command = [sys.executable, __file__, "--inside", "--out", str(out), name]
    print(f"{name}:", flush=True)
    since = time.perf_counter()
    try:
        code: int | str = subprocess.run(command, timeout=DEADLINES[name], check=False).returncode
    except subprocess.TimeoutExpired:
        code = "its deadline"
    print(f"  ended with {code} after {time.perf_counter() - since:.0f} s\n", flush=True)
    return code == 0


def _stand_in_for_polars() -> None:
    """Files are read with polars, and rows that are made here lie in memory: where polars is not installed, nothing of
    it is called, and only the modules' `import` must find something."""
    if importlib.util.find_spec("polars") is None:
        sys.modules["polars"] = MagicMock()


if __name__ == "__main__":
    main()
