"""How long a model takes for raw rows on this machine, one by one and in a batch, and what 1,000 answers cost."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from tasks.energy import EnergyMeter
from tasks.model_input.decision import read_decision
from tasks.parallel import num_cores
from tasks.paths import Paths
from tasks.promotion.latency import Latency, Timing
from tasks.recipe.recipe import read_recipe
from tasks.tables import storage
from tasks.trainers import load

Answer = Callable[[pl.DataFrame], object]
"""From raw rows as they are at rest to their answers."""

_NUM_WARM_UP = 3
_MOST_CALLS = 200
_FEWEST_CALLS = 5
_SECONDS = 1.0
"""For each size of a request; the fewest calls are made however long they take."""
_BATCH_ROWS = 1_000


def latency_of_model(paths: Paths) -> Latency:
    """Of the model in models/P/, by raw test rows: through its recipe to the answer, as a row that is served goes."""
    recipe = read_recipe(paths.model / paths.recipe.name)
    model = load(paths.model, recipe.spec())
    decision = read_decision(paths.decision, recipe.target.classes)

    def answer(rows: pl.DataFrame) -> object:
        answers = model.predict(recipe.encode(rows))
        return decision.of(answers) if recipe.target.classes else answers

    return latency_of(answer, next(storage.read_parts(paths.clean("test"))))


def latency_of(answer: Answer, rows: pl.DataFrame, clock: Callable[[], float] = time.perf_counter) -> Latency:
    """By raw rows, one at least, which are asked in turn and again from the first."""
    singles = [rows.slice(number % rows.height, 1) for number in range(_MOST_CALLS)]
    batch = rows.head(_BATCH_ROWS)
    one_row = _timed(answer, singles, clock)
    meter = EnergyMeter()
    in_batch = _timed(answer, [batch] * _MOST_CALLS, clock)
    energy = meter.read()
    return Latency(
        machine=machine(),
        one_row=one_row,
        batch=in_batch,
        energy_wh=energy.watt_hours * 1_000 / (batch.height * (in_batch.num_calls + _NUM_WARM_UP)),
        energy_source=energy.source,
    )


def machine() -> str:
    """Such as "x86_64, 2 cores, Linux"."""
    cores = num_cores()
    return f"{platform.machine()}, {cores} core{'s' if cores > 1 else ''}, {platform.system()}"


def _timed(answer: Answer, requests: list[pl.DataFrame], clock: Callable[[], float]) -> Timing:
    # The first ones build what later ones find.
    for request in requests[:_NUM_WARM_UP]:
        answer(request)
    seconds: list[float] = []
    begin = clock()
    for request in requests:
        start = clock()
        answer(request)
        end = clock()
        seconds.append(end - start)
        if end - begin > _SECONDS and len(seconds) >= _FEWEST_CALLS:
            break
    p50, p95 = np.quantile(np.array(seconds) * 1_000, [0.5, 0.95])
    return Timing(num_rows=requests[0].height, num_calls=len(seconds), p50_ms=float(p50), p95_ms=float(p95))
