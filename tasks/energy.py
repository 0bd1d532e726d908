"""How much energy a piece of work took: counted where the machine counts it, else an estimate that says so."""

from __future__ import annotations

import importlib
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WATTS_PER_CORE = 12.0
"""Of a busy core of an unknown processor (Lannelongue, Grealey and Inouye, Green Algorithms, Advanced Science 8, 2021,
whose calculator takes it where nobody names one)."""
_COUNTERS = Path("/sys/class/powercap")
_JOULES_PER_WATT_HOUR = 3600.0
_JOULES_PER_MILLIJOULE = 1e-3
_COUNTED = "RAPL, all that the machine did"
_DRIVER = Path("/proc/driver/nvidia/version")
"""There where Linux has loaded NVIDIA's driver."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Watt-hours, and what they are by: RAPL's counters of the processors, which count all that the machine does
    meanwhile, or the processor seconds of this work; and NVML's counters of graphics cards, where these are read."""

    watt_hours: float
    source: str


class EnergyMeter:
    """Counts from when it is made. Graphics cards are in it where NVIDIA's library is installed, and the source says
    where they are missing."""

    def __init__(
        self,
        counters: Path = _COUNTERS,
        processor_seconds: Callable[[], float] | None = None,
        cards: Callable[[], dict[str, float]] | None = None,
        driver: Path = _DRIVER,
    ) -> None:
        self._counters, self._cards, self._driver = counters, cards or _joules_of_cards, driver
        self._processor_seconds = processor_seconds or _processor_seconds
        self._joules, self._seconds = _joules(counters), self._processor_seconds()
        self._card_joules = self._cards()

    def read(self) -> Energy:
        """What was used since."""
        own, cards = self._of_processors(), self._of_cards()
        if cards is not None:
            return Energy(watt_hours=own.watt_hours + cards.watt_hours, source=f"{own.source}; {cards.source}")
        if not self._driver.exists():
            return own
        return Energy(watt_hours=own.watt_hours, source=f"{own.source}; {_WITHOUT_CARDS}")

    def _of_cards(self) -> Energy | None:
        now = self._cards()
        used = [now[name] - joules for name, joules in self._card_joules.items() if name in now]
        # The driver was loaded anew meanwhile, and counts from 0.
        if not used or min(used) < 0:
            return None
        num_cards = "a graphics card" if len(used) == 1 else f"{len(used)} graphics cards"
        return Energy(watt_hours=sum(used) / _JOULES_PER_WATT_HOUR, source=f"NVML, all that {num_cards} did")

    def _of_processors(self) -> Energy:
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


_WITHOUT_CARDS = "without graphics cards, which the extra `nvml` counts: pip install 'modelwright[nvml]'"


def _joules_of_cards() -> dict[str, float]:
    """What each graphics card of the machine has used since its driver was loaded; empty without NVIDIA's library."""
    try:
        library = importlib.import_module("pynvml")
    except ImportError:
        return {}
    return joules_by_nvml(library)


def joules_by_nvml(nvml: Any) -> dict[str, float]:
    """By NVIDIA's Management Library: of each card by its UUID, those that count (Volta and later ones)."""
    joules = {}
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:  # the library without a driver
        return {}
    try:
        for number in range(nvml.nvmlDeviceGetCount()):
            card = nvml.nvmlDeviceGetHandleByIndex(number)
            name = str(nvml.nvmlDeviceGetUUID(card))
            joules[name] = nvml.nvmlDeviceGetTotalEnergyConsumption(card) * _JOULES_PER_MILLIJOULE
    except nvml.NVMLError:  # a card that does not count, or that this user may not ask: a part would mislead
        return {}
    finally:
        nvml.nvmlShutdown()
    return joules


def _processor_seconds() -> float:
    """Of this process and of those that it has started and that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)
