"""docs/training.md: its tables of settings are those of the models, its examples load, its figures and messages are the
code's, and no setting or choice is left out.

A yaml block is a pipeline's train section. In a message, `...` stands for anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from tasks.errors import UserError
from tasks.model_input.inputs import Examples, Field, ModelInput, Spec
from tasks.networks import build
from tasks.params import lightgbm as params_lightgbm
from tasks.params import networks as params_networks
from tasks.params import page as params_page
from tasks.params import sklearn as params_sklearn
from tasks.params import torch as params_torch
from tasks.params import train as params_train
from tasks.params.config import Config
from tasks.params.networks import Network
from tasks.params.sklearn import Estimator
from tasks.params.train import Train
from tasks.trainers import trainer
from tasks.trainers.base import Job, read_model
from tasks.trainers.diagnostics import diagnose
from tasks.trainers.torch import devices
from tasks.trainers.torch.losses import Loss
from tasks.trainers.torch.schedules import Schedule
from tests.projects import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "training.md"
PAGE = DOCUMENT.read_text(encoding="utf-8")
PROSE = re.sub(r"<!-- settings: .*?<!-- end -->", "", PAGE, flags=re.DOTALL)
"""The page without what is made from the models."""

FIELDS = {
    "table": (
        Field(name="n", kind="dense", shape=(10,), labels=tuple("abcdefghij")),
        Field(name="c", kind="category_index", shape=(4,), labels=tuple("abcd")),
    ),
    "text": (Field(name="t", kind="tokens", shape=(50,), vocabulary=1000),),
    "image": (Field(name="i", kind="image", shape=(1, 28, 28), factor=(1 / 255,), offset=(0.0,)),),
    "sound": (Field(name="s", kind="audio", shape=(1, 64, 98), factor=(1 / 255,), offset=(0.0,)),),
}
"""The columns in which the networks' weights are counted."""

ROWS = {
    "size": Field(name="size", kind="dense", shape=(1,), labels=("size",)),
    "town": Field(name="town", kind="category_index", shape=(3,), labels=tuple("xyz")),
    "words": Field(name="words", kind="sparse", shape=(9,)),
    "note": Field(name="note", kind="tokens", shape=(6,), vocabulary=9),
    "scan": Field(name="scan", kind="image", shape=(1, 8, 8), factor=(1 / 255,), offset=(0.0,)),
}
MLP = "kind: torch, network: {kind: mlp, hidden: [4]}"


def from_yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


def as_train(text: str) -> Any:
    """The train section of `{TEXT}`."""
    return TypeAdapter[Any](Train).validate_python(from_yaml(f"{{{text}}}"))


def rows_below(header: str) -> list[list[str]]:
    """The cells of the table with this first line."""
    _, _, below = PAGE.partition(f"{header}\n")
    assert below, f"no table begins with {header}"
    lines = re.match(r"\|[-| ]+\|\n((?:\|.*\n)+)", below)
    assert lines
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1].splitlines()]


def plain(cell: str) -> str:
    return cell.removeprefix("`").removesuffix("`")


def says(message: str, shown: str) -> bool:
    pattern = ".*".join(re.escape(piece) for piece in plain(shown).split("..."))
    return re.fullmatch(pattern, message, re.DOTALL) is not None


def test_the_tables_of_settings_are_those_of_today() -> None:
    assert params_page.with_tables(PAGE) == PAGE, "run `make schema`"


def test_a_table_of_settings_that_are_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean train, kind: torch"):
        params_page.with_tables("<!-- settings: train, kind: torsh -->\n<!-- end -->\n")


def test_other_pages_take_tables_over(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("above\n<!-- settings: train.network, kind: vit -->\nold\n<!-- end -->\nbelow\n")
    params_page.main(["--into", str(page)])
    text = page.read_text()
    assert "old" not in text
    assert "| `patch_size` | whole number, 1 or more | `4` |" in text
    assert text.startswith("above\n")
    assert text.endswith("<!-- end -->\nbelow\n")


def kinds(union: Any) -> list[str]:
    return [get_args(model.model_fields["kind"].annotation)[0] for model in get_args(get_args(union)[0])]


def test_every_trainer_network_and_estimator_has_its_table() -> None:
    shown = set(re.findall(r"<!-- settings: (.*) -->", PAGE))
    unions = {"train": Train, "train.network": Network, "train.estimator": Estimator}
    assert shown == set(unions) | {f"{path}, kind: {kind}" for path, union in unions.items() for kind in kinds(union)}


BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_a_train_section(block: str) -> None:
    ((section, settings),) = from_yaml(block).items()
    assert section == "train"
    TypeAdapter[Any](Train).validate_python(settings)


def test_every_network_and_trainer_has_an_example() -> None:
    shown = [from_yaml(block)["train"] for block in BLOCKS]
    assert {one["kind"] for one in shown} == set(kinds(Train))
    assert {one["network"]["kind"] for one in shown if "network" in one} == set(kinds(Network))


def models() -> Iterator[type[Config]]:
    for module in (params_torch, params_networks, params_lightgbm, params_sklearn, params_train):
        for found in vars(module).values():
            if isinstance(found, type) and issubclass(found, Config) and found.__module__ == module.__name__:
                yield found


def choices(annotation: Any) -> Iterator[str]:
    for one in get_args(annotation):
        if isinstance(one, str):
            yield one
        else:
            yield from choices(one)


def test_every_setting_and_every_choice_is_spoken_of_outside_the_tables() -> None:
    settings = [item for model in models() for item in model.model_fields.items()]
    words = {name for name, _ in settings} | {one for _, field in settings for one in choices(field.annotation)}
    assert len(words) > 100
    assert not [word for word in sorted(words) if not re.search(rf"\b{word}\b", PROSE)]


def test_every_link_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(anchors) == len(headings)
    for target in re.findall(r"\]\(([^)]+)\)", PROSE):
        if target.startswith("#"):
            assert target[1:] in anchors
        elif not target.startswith("http"):
            assert (DOCUMENT.parent / target.partition("#")[0]).exists()


@pytest.mark.parametrize("row", rows_below("| error e | mse | mae | huber |"))
def test_losses_are_as_shown(row: list[str]) -> None:
    error, *shown = [float(plain(cell)) for cell in row]
    found = [Loss(as_train(f"{MLP}, loss: {kind}"), kind, 0) for kind in ("mse", "mae", "huber")]  # type: ignore[arg-type]
    outputs, target = torch.tensor([[error]]), torch.zeros(1)
    assert [float(loss.row_losses(outputs, target)) for loss in found] == pytest.approx(shown)


STEPS = (0, 2, 5, 8, 12, 16, 19)


@pytest.mark.parametrize("row", rows_below("| settings | " + " | ".join(f"step {step}" for step in STEPS) + " |"))
def test_schedules_are_as_shown(row: list[str]) -> None:
    settings, *shown = row
    config = as_train(f"{MLP}, learning_rate: 1, epochs: 10, {plain(settings)}")
    schedule = Schedule(config, steps_per_epoch=2, num_steps=20)
    assert [f"{schedule.rate(step):.2g}" for step in STEPS] == shown


@pytest.mark.parametrize("row", rows_below("| network | table | text | image | sound |"))
def test_networks_have_as_many_weights_as_shown(row: list[str]) -> None:
    network = TypeAdapter[Any](Network).validate_python(from_yaml(plain(row[0])))
    for columns, shown in zip(FIELDS, row[1:], strict=True):
        if shown:
            spec = Spec(fields=FIELDS[columns], task="multiclass", classes=("a", "b", "c"))
            assert f"{sum(weights.numel() for weights in build(network, spec).parameters()):,}" == plain(shown)


@pytest.mark.parametrize("row", rows_below("| train | message |"), ids=lambda row: row[0])
def test_a_contradiction_is_refused_as_shown(row: list[str]) -> None:
    settings, message = row
    network = "" if "network:" in settings else ", network: {kind: mlp}"
    with pytest.raises(ValidationError) as refused:
        as_train(f"kind: torch{network}, {plain(settings)}")
    (error,) = refused.value.errors()
    assert says(error["msg"].removeprefix("Value error, "), message)


def block(field: Field, target: Any) -> Any:
    rows = len(target)
    match field.kind:
        case "dense":
            return np.asarray(target, dtype=np.float32)[:, None] + np.linspace(0, 1, rows, dtype=np.float32)[:, None]
        case "category_index":
            return np.asarray(target, dtype=np.int32)
        case "sparse":
            from scipy.sparse import csr_matrix

            return csr_matrix(np.ones((rows, *field.shape), dtype=np.float32))
        case "tokens":
            return np.ones((rows, *field.shape), dtype=np.int32)
        case _:
            return np.full((rows, *field.shape), 7, dtype=np.uint8)


def examples(columns: Sequence[str], target: Sequence[int]) -> Examples:
    answers = np.array(target, dtype=np.int64)
    blocks = {name: block(ROWS[name], answers) for name in columns}
    return Examples(inputs=ModelInput(blocks=blocks, num_rows=len(answers)), target=answers)


def job(*columns: str, target: Sequence[int] = (0, 1) * 20, **more: Any) -> Job:
    columns = columns or ("size",)
    spec = Spec(fields=tuple(ROWS[name] for name in columns), task="binary", classes=("a", "b"))
    return Job(spec=spec, train=examples(columns, target), validation=examples(columns, (0, 1) * 8), **more)


def fitted(text: str, *columns: str, **changes: Any) -> Any:
    config = as_train(text)
    return trainer(config.kind).fit(job(*columns, **changes), config)


def with_checkpoint(folder: Path) -> Path:
    """A checkpoint of a small network; a training that is done leaves its last one to whoever keeps the model."""
    fitted(f"{MLP}, epochs: 1, checkpoint_steps: 1", checkpoints=folder)
    return folder


def damaged_checkpoint(folder: Path) -> None:
    (weights,) = with_checkpoint(folder).glob("*.safetensors")
    weights.write_bytes(weights.read_bytes() + b"?")
    fitted(f"{MLP}, epochs: 1", checkpoints=folder)


def other_checkpoint(folder: Path) -> None:
    fitted("kind: torch, network: {kind: mlp, hidden: [5]}, epochs: 1", checkpoints=with_checkpoint(folder))


def damaged_weights(folder: Path) -> None:
    model = fitted(f"{MLP}, epochs: 1").model
    model.save(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"?")
    read_model(folder, "torch", model.spec)


def nothing_in_common(folder: Path) -> None:
    fitted(f"{MLP}, epochs: 1", "town").model.save(folder)
    other = "kind: torch, network: {kind: mlp, hidden: [7, 7, 7, 7]}, init_from: models/other"
    fitted(other, "size", init_from=folder)


def missing_names(folder: Path) -> None:
    model = fitted(f"{MLP}, epochs: 1", "size", "town")
    model.model.save(folder)
    network = "kind: torch, network: {kind: mlp, embedding: 2}"
    fitted(f"{network}, init_from: models/other, freeze: [encoder]", "town", init_from=_saved(network, folder))


def _saved(network: str, folder: Path) -> Path:
    (folder / "other").mkdir()
    fitted(f"{network}, epochs: 1", "town").model.save(folder / "other")
    return folder / "other"


TREES = "kind: lightgbm"
VALID = "{kind: cnn, channels: [4, 4], convolutions: 2, padding: valid}"
TROUBLE: dict[str, Callable[[Path], Any]] = {
    "a class has no training rows": lambda _: fitted_of_three(),
    "all training rows are of one class": lambda _: fitted(MLP, target=(0,) * 40),
    "a batch larger than the data": lambda _: fitted(f"{MLP}, batch_size: 500"),
    "a device that is not there": lambda _: fitted(f"{MLP}, device: mps"),
    "a network for images without any": lambda _: fitted("kind: torch, network: {kind: cnn}"),
    "a network for text as TF-IDF": lambda _: fitted(MLP, "words"),
    "trees for text as tokens": lambda _: fitted(TREES, "note"),
    "images too small for `padding: valid`": lambda _: fitted(f"kind: torch, network: {VALID}", "scan"),
    "`loss: huber` for classes": lambda _: fitted(f"{MLP}, loss: huber"),
    "a weight for a class that is not there": lambda _: fitted(f"{MLP}, class_weight: {{c: 2}}"),
    "ridge for classes": lambda _: fitted("kind: sklearn, estimator: {kind: ridge}"),
    "an import path with a slip": lambda _: fitted(
        "kind: sklearn, estimator: {kind: import, path: sklearn.linear_modl.SGDClassifier}"
    ),
    "a category that should be monotone": lambda _: fitted(f"{TREES}, monotone: {{town: increasing}}", "size", "town"),
    "names that no weight has": missing_names,
    "`init_from` of a network with no weight in common": nothing_in_common,
    "augmentation on the batch for trees": lambda _: fitted(TREES, augmentations={"size": lambda block, *_: block}),
    "a learning rate far too high": lambda _: fitted(f"{MLP}, learning_rate: 1e30, optimizer: sgd, batch_size: 8"),
    "a checkpoint that was damaged": damaged_checkpoint,
    "a checkpoint of another network": other_checkpoint,
    "weights that were damaged": damaged_weights,
}


def fitted_of_three() -> None:
    spec = Spec(fields=(ROWS["size"],), task="multiclass", classes=("a", "b", "c"))
    rows = examples(("size",), (0, 2) * 20)
    config = as_train(MLP)
    trainer("torch").fit(Job(spec=spec, train=rows, validation=rows), config)


@pytest.mark.parametrize("row", rows_below("| what | message |"), ids=lambda row: row[0])
def test_bad_input_is_answered_as_shown(row: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    what, message = row
    monkeypatch.setattr(devices, "is_there", lambda device: device.type == "cpu")
    with pytest.raises(UserError) as refused:
        TROUBLE[what](tmp_path)
    assert says(str(refused.value), message), refused.value


def test_all_bad_input_is_on_the_page() -> None:
    assert [what for what, _ in rows_below("| what | message |")] == list(TROUBLE)


def history(train: Sequence[float], validation: Sequence[float], **more: Sequence[float]) -> list[dict[str, float]]:
    columns = {"train_loss": train, "validation_loss": validation, **more}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


CURVES: dict[str, tuple[list[dict[str, float]], dict[str, Any]]] = {
    "The loss stayed at": (history([1.0] * 9, [1.0] * 9), {}),
    "The validation accuracy was": (history([1, 0.9, 0.8, 0.7], [1, 0.9, 0.8, 0.8], validation_accuracy=[0.5] * 4), {}),
    "loss jumped up": (history([1, 2, 1, 2, 1, 2], [1.0, 0.9, 0.8, 0.7, 0.7, 0.7]), {}),
    "Over-fitting": (history([1, 0.8, 0.6, 0.4, 0.2, 0.1], [1, 0.5, 0.6, 0.7, 0.8, 0.9]), {}),
    "Under-fitting": (
        history([2.2, 2.1, 1.8, 1.4, 1.1, 1], [2.2, 2.1, 1.8, 1.4, 1.2, 1.1]),
        {"loss_without_model": 2.3, "least_loss": 0.0},
    ),
    "The validation loss was still falling at the end": (history([5, 4, 3, 2, 1], [5, 4, 3, 2, 1]), {}),
    "device waited for data": ([], {"device": "cuda", "waited": 0.3}),
    "would not fit into memory at once": ([], {"pieces": 4}),
}


@pytest.mark.parametrize("row", rows_below("| diagnostic | when | try |"), ids=lambda row: row[0])
def test_hints_are_as_shown(row: list[str]) -> None:
    curves, facts = CURVES[plain(row[0])]
    (said,) = diagnose(curves, facts)
    assert plain(row[0]) in said


def test_all_hints_are_on_the_page() -> None:
    assert [plain(row[0]) for row in rows_below("| diagnostic | when | try |")] == list(CURVES)
