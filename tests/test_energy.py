from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.energy import EnergyMeter, joules_by_nvml


def counted(root: Path, **microjoules: int) -> None:
    for name, value in microjoules.items():
        package = root / name.replace("_", ":").replace("rapl", "intel-rapl")
        package.mkdir(exist_ok=True)
        (package / "energy_uj").write_text(f"{value}\n")


def test_what_the_machine_counts_is_taken(tmp_path: Path) -> None:
    counted(tmp_path, rapl_0=5_000_000, rapl_1=1_000_000, rapl_0_0=4_000_000)
    meter = EnergyMeter(tmp_path, lambda: 0.0)
    # 3,600 joules of the first processor, 1,800 of the second; a core is a part of its processor.
    counted(tmp_path, rapl_0=3_605_000_000, rapl_1=1_801_000_000, rapl_0_0=3_000_000_000)
    energy = meter.read()
    assert energy.watt_hours == pytest.approx(1.5)
    assert energy.source == "RAPL, all that the machine did"


def test_without_a_counter_it_is_an_estimate_that_says_so(tmp_path: Path) -> None:
    clock = iter([10.0, 310.0])
    energy = EnergyMeter(tmp_path, lambda: next(clock)).read()
    assert energy.watt_hours == pytest.approx(1.0)
    assert energy.source == "an estimate: 300 processor seconds at 12 W"


def test_a_counter_that_began_anew_is_not_believed(tmp_path: Path) -> None:
    counted(tmp_path, rapl_0=9_000_000)
    clock = iter([0.0, 30.0])
    meter = EnergyMeter(tmp_path, lambda: next(clock))
    counted(tmp_path, rapl_0=1_000)
    assert meter.read().source.startswith("an estimate")


def test_work_takes_energy() -> None:
    meter = EnergyMeter(Path("/nowhere"))
    assert sum(number * number for number in range(2_000_000)) > 0
    assert meter.read().watt_hours > 0


class NvmlError(Exception):
    pass


def made_up_nvml(millijoules: list[int | None], *, has_driver: bool = True) -> SimpleNamespace:
    """NVIDIA's library as far as it is asked, of cards that have used so much; None is one without a counter.

    `is_open` has an entry for each time that it was begun and not ended.
    """
    is_open: list[bool] = []

    def begin() -> None:
        if not has_driver:
            raise NvmlError("Driver Not Loaded")
        is_open.append(True)

    def used(card: int) -> int:
        joules = millijoules[card]
        if joules is None:
            raise NvmlError("Not Supported")
        return joules

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=begin,
        nvmlShutdown=is_open.pop,
        nvmlDeviceGetCount=lambda: len(millijoules),
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetUUID=lambda card: f"GPU-{card}",
        nvmlDeviceGetTotalEnergyConsumption=used,
        is_open=is_open,
    )


def test_graphics_cards_are_counted_beside_the_processors(tmp_path: Path) -> None:
    """3,600 joules of a card are a watt-hour, and NVML counts thousandths of a joule."""
    millijoules: list[int | None] = [500, 7_000]
    nvml = made_up_nvml(millijoules)
    clock = iter([0.0, 300.0])
    meter = EnergyMeter(tmp_path, lambda: next(clock), lambda: joules_by_nvml(nvml))
    millijoules[:] = [500 + 3_600_000, 7_000 + 1_800_000]
    energy = meter.read()
    assert energy.watt_hours == pytest.approx(1.0 + 1.5)
    assert energy.source == "an estimate: 300 processor seconds at 12 W; NVML, all that 2 graphics cards did"
    assert nvml.is_open == []


def test_cards_that_do_not_count_are_said_to_be_missing(tmp_path: Path) -> None:
    assert joules_by_nvml(made_up_nvml([5], has_driver=False)) == joules_by_nvml(made_up_nvml([5, None])) == {}
    driver = tmp_path / "version"
    driver.write_text("NVRM version")
    energy = EnergyMeter(tmp_path, lambda: 0.0, dict, driver).read()
    assert energy.source.endswith(
        "; without graphics cards, which the extra `nvml` counts: pip install 'modelwright[nvml]'"
    )
    # A driver that was loaded anew counts from 0.
    counts = iter([{"GPU-0": 9.0}, {"GPU-0": 1.0}])
    assert "NVML" not in EnergyMeter(tmp_path, lambda: 0.0, lambda: next(counts), tmp_path / "none").read().source
