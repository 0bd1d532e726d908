from __future__ import annotations

from pathlib import Path

import pytest

from tasks.energy import EnergyMeter


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
