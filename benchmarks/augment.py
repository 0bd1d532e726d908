"""How fast batches are changed: `python benchmarks/augment.py`; results with their machine in docs/benchmarks.md.

Images of 28 x 28 in batches of 256, float32 on the CPU with all cores; each figure is the median of the runs.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from tasks.columns.image.augment import affine_maps, augment_images, resample
from tasks.parallel import num_cores
from tasks.params.augment import AugmentImage

BATCH, SIDE = 256, 28
RUNS, BATCHES = 9, 20
BUDGET = 50_000
SETTINGS = {
    "rotate, scale, shift, flip, brightness": AugmentImage(
        rotate=10, scale=0.1, shift=0.1, flip="horizontal", brightness=0.2
    ),
    "all of it": AugmentImage(
        rotate=10, scale=0.1, crop=0.1, shift=0.1, shear=10, flip="both", brightness=0.2, contrast=0.2, erase=0.3
    ),
    "rotate": AugmentImage(rotate=10),
    "flip": AugmentImage(flip="both"),
    "brightness": AugmentImage(brightness=0.2),
    "contrast": AugmentImage(contrast=0.2),
    "erase": AugmentImage(erase=0.3),
}


def main() -> None:
    """Measures each kind of change, then what the resampling alone costs, and prints a table."""
    print(f"{platform.processor() or platform.machine()}, {num_cores()} cores, torch {torch.__version__}\n")
    print(f"| change of {SIDE} x {SIDE} images | images a second (median of {RUNS}) | budget |")
    print("| --- | --- | --- |")
    images = torch.randint(0, 256, (BATCH, 1, SIDE, SIDE)).float()
    for name, settings in SETTINGS.items():
        rate = images_a_second(partial(augment_images, images, settings, torch.Generator().manual_seed(0)))
        print(f"| {name} | {rate:,.0f} | {f'{BUDGET:,}' if 'flip, b' in name else ''} |")
    maps = affine_maps(torch.rand(BATCH) / 5, torch.ones(BATCH), torch.zeros(BATCH, 2), aspect=1.0)
    print(f"| the resampling alone | {images_a_second(lambda: resample(images, maps)):,.0f} | |")


def images_a_second(change: Callable[[], object]) -> float:
    """The median over the runs, after one that is not counted."""
    rates = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        for _ in range(BATCHES):
            change()
        rates.append(BATCH * BATCHES / (time.perf_counter() - start))
    return statistics.median(rates[1:])


if __name__ == "__main__":
    main()
