from __future__ import annotations

import io
import warnings

import numpy as np
import pytest
from PIL import Image

from tasks.evaluation import plots
from tasks.evaluation.drawing import DARK, LIGHT, Plot, Theme
from tasks.evaluation.metrics import reliability

pytestmark = pytest.mark.chain


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def every_picture() -> list[Plot]:
    epochs = np.arange(1.0, 6.0)
    history = {
        "epoch": epochs,
        "train_loss": 1 / epochs,
        "validation_loss": 2 / epochs,
        "validation_accuracy": epochs / 6,
    }
    truth = np.array([False, True, True, False, True])
    claimed = np.array([0.1, 0.9, 0.7, 0.6, 0.4])
    return [
        *plots.learning_curves(history),
        plots.confusion_matrix(["ham", "spam"], np.array([[7, 1], [0, 3]])),
        plots.roc_curve("spam", truth, claimed),
        plots.calibration(reliability(claimed, truth), "probability of spam"),
        plots.threshold_curves("spam", claimed, {"precision": claimed, "recall": 1 - claimed, "cost": claimed}, 0.5),
        plots.predicted_against_actual(claimed, claimed + 1),
        plots.residuals(claimed, claimed + 1),
    ]


@pytest.fixture(scope="module")
def pictures() -> list[Plot]:
    return every_picture()


def test_same_numbers_same_bytes(pictures: list[Plot]) -> None:
    assert every_picture() == pictures


def test_pictures_have_two_themes_names_of_their_own_and_words(pictures: list[Plot]) -> None:
    assert len({picture.name for picture in pictures}) == len(pictures) == 8
    for picture in pictures:
        assert pixels(picture.light)[0, 0].tolist() == [255, 255, 255]
        assert pixels(picture.dark)[0, 0].tolist() == [0x16, 0x1B, 0x22]
        assert len(picture.alt) > 30
        assert b"tEXt" not in picture.light


def test_alternative_texts_tell_the_result(pictures: list[Plot]) -> None:
    by_name = {picture.name: picture.alt for picture in pictures}
    assert "10 of 11 test rows" in by_name["confusion_matrix"]
    assert "the area under it is 0.8333" in by_name["roc_curve"]
    assert "validation from 2 to 0.4" in by_name["learning_loss"]


def test_loss_comes_first_and_two_curves_are_enough() -> None:
    epochs = np.arange(1.0, 4.0)
    history = dict.fromkeys(("epoch", "train_f1", "validation_accuracy", "validation_loss", "learning_rate"), epochs)
    assert [picture.name for picture in plots.learning_curves(history)] == ["learning_loss", "learning_f1"]


@pytest.mark.parametrize("num_epochs", [0, 1])
def test_no_curve_without_two_epochs(num_epochs: int) -> None:
    assert plots.learning_curves({"epoch": np.ones(num_epochs), "train_loss": np.ones(num_epochs)}) == []


@pytest.mark.parametrize("classes", [["$5", "a$b_{"], [r"$\frac$", "$x$"], ["火", "水"], ["a" * 80, "<b>"]])
def test_any_class_name_can_be_drawn_without_a_warning(classes: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.confusion_matrix(classes, np.array([[1, 0], [0, 0]]))


def test_hundreds_of_classes_can_be_drawn() -> None:
    plots.confusion_matrix([str(number) for number in range(300)], np.eye(300, dtype=np.int64))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_numbers_in_cells_can_be_read(theme: Theme) -> None:
    random = np.random.default_rng(0)
    for cell in random.random((50, 3)):
        chosen = np.array([int(plots._readable_on(cell, theme)[place : place + 2], 16) / 255 for place in (1, 3, 5)])
        dark, bright = sorted((plots._luminance(cell), plots._luminance(chosen)))
        assert (bright + 0.05) / (dark + 0.05) > 3.5
