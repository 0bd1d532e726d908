"""How much energy a piece of work took: counted where the machine counts it, else an estimate that says so."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

WATTS_PER_CORE = 12.0
"""Of a busy core of an unknown processor (Lannelongue, Grealey and Inouye, Green Algorithms, Advanced Science 8, 2021,
whose calculator takes it where nobody names one)."""
_COUNTERS = Path("/sys/class/powercap")
_JOULES_PER_WATT_HOUR = 3600.0
_COUNTED = "RAPL, all that the machine did"


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Watt-hours, and what they are by: RAPL's counters of the processors, which count all that the machine does
    meanwhile, or the processor seconds of this work."""

    watt_hours: float
    source: str


class EnergyMeter:
    """Counts from when it is made. A graphics card is not in it: what it took is told by its own tools."""

    def __init__(self, counters: Path = _COUNTERS, processor_seconds: Callable[[], float] | None = None) -> None:
        self._counters = counters
        self._processor_seconds = processor_seconds or _processor_seconds
        self._joules, self._seconds = _joules(counters), self._processor_seconds()

    def read(self) -> Energy:
        """What was used since."""
        now = _joules(self._counters)
        used = {name: now[name] - joules for name, joules in self._joules.items() if name in now}
        # A counter that has begun anew meanwhile says nothing.
        if used and min(used.values()) >= 0:
            return Energy(watt_hours=sum(used.values()) / _JOULES_PER_WATT_HOUR, source=_COUNTED)
        seconds = self._processor_seconds() - self._seconds
        return Energy(
            watt_hours=seconds * WATTS_PER_CORE / _JOULES_PER_WATT_HOUR,
            source=f"an estimate: {seconds:.3g} processor seconds at {WATTS_PER_CORE:g} W",
        )


def _joules(counters: Path) -> dict[str, float]:
    """What each processor has used so far, by Linux's powercap; empty where it has none, or keeps it to root."""
    packages = {}
    for package in sorted(counters.glob("intel-rapl:[0-9]*")):
        # intel-rapl:0:1 is a part of intel-rapl:0.
        if package.name.count(":") == 1:
            try:
                packages[package.name] = int((package / "energy_uj").read_text()) / 1e6
            except (OSError, ValueError):
                return {}
    return packages


def _processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)
