"""A network that listens: from WAV bytes to answers."""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.model_input.inputs import Examples
from tasks.params.networks import CnnNetwork
from tasks.params.normalize import Normalize
from tasks.params.torch import TorchTrain
from tasks.recipe.learning import learn
from tasks.recipe.recipe import Recipe
from tasks.trainers.base import Job, score
from tasks.trainers.torch import TorchTrainer
from tests.small_tables import described
from tests.sounds import tone

TRAIN = TorchTrain(
    kind="torch",
    network=CnnNetwork(kind="cnn", channels=(8,), hidden=16),
    learning_rate=0.01,
    epochs=6,
    batch_size=16,
    device="cpu",
)


def calls(num_rows: int, seed: int) -> pl.DataFrame:
    """Tones around two pitches, of any length and loudness."""
    random = np.random.default_rng(seed)
    low = np.arange(num_rows) % 2 == 0
    pitches = np.where(low, 600, 800) + random.uniform(-50, 50, num_rows)
    sounds = [
        tone(pitch, seconds=random.uniform(0.15, 0.3), loudness=random.uniform(0.1, 0.9)) for pitch in pitches.tolist()
    ]
    return pl.DataFrame({"call": sounds, "label": np.where(low, "low", "high")})


def examples(recipe: Recipe, rows: pl.DataFrame) -> Examples:
    return Examples(inputs=recipe.encode(rows), target=np.array(recipe.encode_target(rows)))


def test_a_cnn_tells_two_pitches_apart() -> None:
    train, validation, test = (calls(num_rows, seed) for seed, num_rows in enumerate((96, 32, 64)))
    dataset = described({"call": ("audio", "feature"), "label": ("category", "target")})
    recipe = learn([train], dataset, Normalize()).recipe
    job = Job(spec=recipe.spec(), train=examples(recipe, train), validation=examples(recipe, validation))
    model = TorchTrainer().fit(job, TRAIN).model
    heard = examples(recipe, test)
    assert score(job.spec, model.predict(heard.inputs), heard.target)["validation_accuracy"] > 0.9
