from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tasks.drafting.model import ModelChoice
from tasks.drafting.network import NetworkChoice, choose_network
from tasks.drafting.pipeline import init_pipeline
from tasks.drafting.profile import Facts
from tasks.drafting.recordings import spectrogram_size
from tasks.params.augment import Augment
from tasks.params.config import ColumnTypeName
from tasks.params.normalize import Normalize
from tasks.params.torch import TorchTrain
from tests.drafting.small_tables import NUM_ROWS, init, noise, numbers, project_in
from tests.mirror_pictures import arrow, shape
from tests.small_tables import image
from tests.sounds import tone


def test_a_table_with_enough_rows_gets_trees_and_a_small_one_a_linear_model(tmp_path: Path) -> None:
    assert init(tmp_path, noise()).decisions.choice.train["kind"] == "lightgbm"
    small = init(tmp_path, noise(num_rows=200)).decisions.choice
    assert small.train["estimator"]["kind"] == "logistic_regression"
    assert "too few for trees" in small.reason
    few = init(tmp_path, numbers(num_rows=200), target="third").decisions.choice
    assert few.train["estimator"]["kind"] == "ridge"


def test_free_text_gets_a_linear_model(tmp_path: Path) -> None:
    text = pl.Series("note", [f"this is note {number} about thing {number * 31 % 97}" for number in range(NUM_ROWS)])
    rows = noise().select(text, "outcome")
    assert init(tmp_path, rows).decisions.choice.train["estimator"]["kind"] == "logistic_regression"


def test_a_rare_class_weighs_as_much_as_it_is_frequent(tmp_path: Path) -> None:
    rows = noise(num_rows=200).with_columns(outcome=pl.Series(["a"] * 20 + ["b"] * 180))
    # Balanced, probabilities would be those of other data, and ranks no better.
    assert "class_weight" not in init(tmp_path, rows).decisions.choice.train["estimator"]


def test_the_gate_asks_for_more_than_knowing_nothing(tmp_path: Path) -> None:
    assert init(tmp_path, noise()).decisions.choice.gate == {"roc_auc": {"min": 0.5}}
    choice = init(tmp_path, numbers(), target="third").decisions.choice
    assert (choice.metric, choice.gate) == ("rmse", {"r2": {"min": 0.0}})


def folder_of(root: Path, pictures: list[NDArray[np.uint8]], classes: list[str]) -> Path:
    for number, (picture, name) in enumerate(zip(pictures, classes, strict=True)):
        file = root / "pets" / name / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image(picture))
    return root / "pets"


def drafted(root: Path, folder: Path, **more: Any) -> ModelChoice:
    return init_pipeline(project_in(root), "pets", str(folder), dry_run=True, **more).decisions.choice


def test_images_get_a_network_of_a_size_that_takes_minutes(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    pictures = [dice.integers(0, 256, (128, 96)).astype(np.uint8) for _ in range(20)]
    choice = drafted(tmp_path, folder_of(tmp_path, pictures, ["c", "d"] * 10))
    assert choice.train["network"] == {"kind": "cnn", "size": "small"}
    assert (choice.train["schedule"], choice.train["epochs"]) == ("one_cycle", 30)
    # In ten steps an average would still hold the first weights.
    assert "ema_decay" not in choice.train
    assert choice.normalize == {"image": {"height": 64, "width": 48}}
    assert choice.augment == {"image": {"rotate": 10, "scale": 0.1, "shift": 0.1}}


@pytest.mark.parametrize(
    ("draw", "flip", "reason"),
    [
        (shape, "horizontal", "flip: "),
        (arrow, None, "no flip: 100 % of the pictures resemble their class, 0 % mirrored"),
    ],
)
def test_pictures_are_mirrored_where_they_stay_what_they_are(
    tmp_path: Path, draw: Callable[[np.random.Generator, int], NDArray[np.uint8]], flip: str | None, reason: str
) -> None:
    dice = np.random.default_rng(0)
    folder = folder_of(tmp_path, [draw(dice, number % 2) for number in range(240)], ["c", "d"] * 120)
    choice = drafted(tmp_path, folder, minutes=1.0)
    assert choice.augment["image"].get("flip") == flip
    assert choice.augment_reason.startswith(reason)
    # By the facts alone nothing is known of it.
    assert "flip" not in drafted(tmp_path, folder).augment["image"]


@pytest.mark.parametrize(
    ("num_rows", "kind", "side", "size", "epochs"),
    [
        (800, "image", (64, 64), "small", 30),
        (70_000, "image", (28, 28), "medium", 9),
        (5_000, "image", (28, 28), "medium", 30),
        (50_000, "image", (8, 8), "large", 30),
        # Five epochs of a medium one would take hours.
        (2_000_000, "image", (64, 64), "small", 5),
        (3_000, "audio", (40, 100), "small", 30),
        (30_000, "audio", (40, 100), "small", 16),
    ],
)
def test_a_network_is_as_large_as_rows_and_minutes_allow(
    num_rows: int, kind: ColumnTypeName, side: tuple[int, int] | None, size: str, epochs: int
) -> None:
    train = drafted_for(num_rows, kind, side).train
    assert (train["network"]["size"], train["epochs"]) == (size, epochs)
    assert train["ema_decay"] == (0.999 if num_rows * epochs > 320_000 else 0.99)
    assert train["layout"] == "channels_last"


def test_sounds_are_changed_where_the_training_is_long_enough() -> None:
    assert drafted_for(800, "audio", (40, 100)).augment == {}
    assert drafted_for(3_000, "audio", (40, 100)).augment["audio"]["time_mask"] == 0.1
    assert set(drafted_for(3_000, "image", (28, 28)).augment) == {"image"}


def test_the_settings_that_are_drafted_are_settings() -> None:
    for kind, side in (("audio", (40, 100)), ("image", (128, 96))):
        choice = drafted_for(3_000, cast(ColumnTypeName, kind), side)
        Augment(**choice.augment)
        Normalize(**choice.normalize)
        TorchTrain(**choice.train)


def test_recordings_are_as_long_as_nearly_all_are(tmp_path: Path) -> None:
    # One of them runs on, and all others would be mostly silence.
    lengths = [0.3 + 0.001 * number for number in range(199)] + [5.0]
    for number, seconds in enumerate(lengths):
        file = tmp_path / "pets" / f"{number % 2}" / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(tone(300 + 5 * number, seconds))
    choice = drafted(tmp_path, tmp_path / "pets")
    assert choice.normalize == {"audio": {"seconds": 0.5, "top_db": 50}}
    assert choice.train["network"] == {"kind": "audio_cnn", "size": "small"}


def test_no_recording_is_drafted_longer_than_normalize_would_have_it() -> None:
    calls = pl.DataFrame({"sound": [tone(300, 12.0)] * 3})
    assert spectrogram_size(iter([calls]), "sound") == (40, 1_000)


def test_recordings_that_cannot_be_read_leave_their_length_open() -> None:
    assert spectrogram_size(iter([pl.DataFrame({"sound": [b"", b"RIFF"]})]), "sound") is None
    assert drafted_for(3_000, "audio", None).normalize == {"audio": {"top_db": 50}}


def drafted_for(num_rows: int, kind: ColumnTypeName, side: tuple[int, int] | None) -> NetworkChoice:
    return choose_network(cast(Facts, SimpleNamespace(num_rows=num_rows)), kind, side)
