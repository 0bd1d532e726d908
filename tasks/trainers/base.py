"""What a trainer is: it fits a model on examples, and loads it again from its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tasks import files
from tasks.errors import UserError
from tasks.model_input.example_parts import StoredExamples
from tasks.model_input.inputs import RENAMED_KINDS, Augmentation, Block, Examples, FieldKind, ModelInput, Spec
from tasks.params.augment import Mix
from tasks.trainers.listener import Listener
from tasks.wording import counted

_FORMAT = 1
"""Of model.json; a later one that older code cannot read has a higher number."""
_WHOLE = ("image", "audio", "category_index", "tokens")
"""Kinds of whole numbers, of which none can be missing or infinite."""
_FORMER_KINDS: Mapping[FieldKind, str] = {kind: former for former, kind in RENAMED_KINDS.items()}
_NO_NAMES: Mapping[FieldKind, str] = {}
_SMALLEST_PROBABILITY = 1e-15
"""What a probability of zero counts as in a log loss, which would be infinite."""


class Model(Protocol):
    """Answers encoded rows; lies in a folder as files without pickles."""

    def predict(self, inputs: ModelInput) -> NDArray[np.float64]:
        """Probabilities [N, K] that sum to 1 for classes, values [N] for regression."""

    def save(self, folder: Path) -> None:
        """Writes the weights and what is needed to load them, into a folder that is there: same model, same bytes."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A trained model, what is worth knowing of how it went, and sentences on how to do better next time.

    `validation_answers` [N] or [N, K] are those of models that had not learnt from the validation rows, where `model`
    has; None where it answers them itself.
    """

    model: Model
    facts: dict[str, Any] = field(default_factory=dict)
    diagnostics: tuple[str, ...] = ()
    validation_answers: NDArray[np.float64] | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is to be fitted: examples, what they look like, how they are changed on the batch, and who listens.

    `augmentations` are by column; `mix` makes one row of two. Only trainers that go through the rows in batches know
    them: the others refuse them by `refuse_batch_changes`. `checkpoints` is a folder for this very job, rows and
    settings and all: a trainer that takes long keeps its state there, and goes on from what it finds. `init_from` is
    the folder of the model whose weights to begin with.
    """

    spec: Spec
    train: Examples | StoredExamples
    validation: Examples | StoredExamples
    augmentations: Mapping[str, Augmentation] = field(default_factory=dict)
    mix: Mix = field(default_factory=Mix)
    listeners: Sequence[Listener] = ()
    checkpoints: Path | None = None
    init_from: Path | None = None


TrainConfig = TypeVar("TrainConfig", contravariant=True)


class Trainer(Protocol[TrainConfig]):
    """One way to train. `requirements` are the distributions that a process needs in order to predict.

    Examples
    --------
    >>> class Mean:
    ...     def __init__(self, spec, value):
    ...         self.spec, self.value = spec, value
    ...
    ...     def predict(self, inputs):
    ...         return np.full(inputs.num_rows, self.value)
    ...
    ...     def save(self, folder):
    ...         write_model(folder, "mean", self.spec, "mean.txt", str(self.value).encode())
    >>> class MeanTrainer:
    ...     requirements = ("numpy",)
    ...
    ...     def fit(self, job, config):
    ...         return Fitted(model=Mean(job.spec, float(job.train.targets().mean())))
    ...
    ...     def load(self, folder, spec):
    ...         return Mean(spec, float(read_model(folder, "mean", spec)[1]))
    >>> two = ModelInput(blocks={}, num_rows=2)
    >>> rows = Examples(inputs=two, target=np.array([1.0, 4.0]))
    >>> job = Job(spec=Spec(fields=(), task="regression", classes=()), train=rows, validation=rows)
    >>> MeanTrainer().fit(job, config=None).model.predict(two).tolist()
    [2.5, 2.5]
    """

    requirements: tuple[str, ...]

    def fit(self, job: Job, config: TrainConfig) -> Fitted:
        """Trains on `job.train`, keeps the best state by `job.validation`. Raises UserError when the model does not fit
        the columns or the loss is not finite."""

    def load(self, folder: Path, spec: Spec) -> Model:
        """The model that `Model.save` wrote. Raises UserError when a file is missing or damaged."""


def check_job(job: Job) -> None:
    """Refuses what no trainer can learn from: no rows, values that are not finite, one class only. Raises UserError."""
    if not job.spec.fields:
        raise UserError("train: no column has the role feature, so there is nothing to learn from; give one that role")
    for part, examples in (("train", job.train), ("validation", job.validation)):
        if examples.num_rows == 0:
            raise UserError(f"train: the {part} part has no rows; change the shares in the split section, or add data")
        # A part at a time: stored examples may be more than memory holds.
        for some in examples.parts():
            _check_finite(part, job.spec, some)
        _check_weights(part, examples.weights())
    _check_classes(job)


def refuse_batch_changes(job: Job, kind: str) -> None:
    """Raises UserError for a job whose rows are to be changed on the batch, for a trainer that knows no batches."""
    if job.augmentations:
        raise UserError(
            f"train: {kind} learns from rows as they are, and the augment section changes them on the batch (column "
            f"{min(job.augmentations)}); set `augment: copies: 1` or more, which writes changed rows down, or use "
            "`train: kind: torch`"
        )
    if job.mix.kind != "none":
        raise UserError(
            f"train: {kind} learns from rows as they are, and augment.mix.kind {job.mix.kind} mixes them on the batch; "
            "leave it out, or use `train: kind: torch`"
        )


def refuse_tokens(spec: Spec, kind: str) -> None:
    """Raises UserError for a text column as tokens: their order says something, and their numbers nothing."""
    for column in spec.fields:
        if column.kind == "tokens":
            raise UserError(
                f"train: column {column.name}: {kind} cannot read text as tokens; "
                "use `normalize: text: encode: tfidf`, or `train: kind: torch`"
            )


def score(
    spec: Spec, answers: NDArray[np.float64], target: NDArray[Any], weight: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """How well rows were answered: log loss and accuracy of probabilities [N, K], or MSE and RMSE of values [N].

    Means over the rows, each as much as its `weight` [N] says.
    """
    loss = mean_loss(spec, answers, target, weight)
    if not spec.classes:
        return {"validation_loss": loss, "validation_rmse": loss**0.5}
    accuracy = float(np.average(answers.argmax(axis=1) == target, weights=weight))
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def mean_loss(
    spec: Spec, answers: NDArray[np.float64], target: NDArray[Any], weight: NDArray[np.float64] | None = None
) -> float:
    """The mean over the rows of -log p, p being what was claimed of the class that came true, or of squared errors."""
    if not spec.classes:
        return float(np.average(np.square(answers - target), weights=weight))
    claimed = answers[np.arange(len(target)), target]
    return float(np.average(-np.log(np.maximum(claimed, _SMALLEST_PROBABILITY)), weights=weight))


def center_and_scale(target: NDArray[Any], weight: NDArray[np.float64] | None) -> tuple[float, float]:
    """The mean and the standard deviation of targets [N] of these weights; 1 for a constant, which keeps its unit."""
    values = target.astype(np.float64)
    center = np.average(values, weights=weight)
    return float(center), float(np.sqrt(np.average(np.square(values - center), weights=weight))) or 1.0


def write_model(folder: Path, kind: str, spec: Spec, file: str, weights: bytes, **settings: Any) -> None:
    """Writes the weights, and a model.json that says whose they are, what they read and which bytes they must be."""
    files.write_bytes(folder / file, weights)
    content = {
        "trainer": kind,
        "format": _FORMAT,
        "reads": _reads(spec),
        "weights": {"file": file, "sha256": hashlib.sha256(weights).hexdigest()},
        **settings,
    }
    files.write_json(folder / "model.json", content)


def read_model(folder: Path, kind: str, spec: Spec) -> tuple[dict[str, Any], bytes]:
    """What `write_model` wrote: model.json and the weights, checked to be the very bytes that were written.

    Raises UserError when a file is missing, damaged, of another trainer or made for other columns.
    """
    path = folder / "model.json"
    content = files.read_json(path)
    if not isinstance(content, dict) or not {"trainer", "format", "reads", "weights"} <= content.keys():
        raise UserError(f"{path}: damaged (not what a trainer writes); run stage train again{files.again(path)}")
    if (content["trainer"], content["format"]) != (kind, _FORMAT):
        written = f"trainer {content['trainer']}, format {content['format']}"
        raise UserError(f"{path}: is of {written}, not of {kind}, {_FORMAT}; run stage train again{files.again(path)}")
    # A model whose columns merely have the same widths would answer without an error, and nonsense.
    if content["reads"] not in (_reads(spec), _reads(spec, _FORMER_KINDS)):
        raise UserError(
            f"{path}: the model reads other columns or classes than the recipe has; run stage train again"
            f"{files.again(path)}"
        )
    match content["weights"]:
        # A plain name: one with folders in it would lead out of the model's folder.
        case {"file": str(file), "sha256": str(sha256)} if file == Path(file).name:
            return content, _read_weights(folder / file, sha256)
        case _:
            raise UserError(
                f"{path}: damaged (its weights are not what a trainer writes); run stage train again{files.again(path)}"
            )


def _read_weights(path: Path, sha256: str) -> bytes:
    # A damaged file is found here, by its digest: some libraries crash on one, or answer nonsense.
    weights = path.read_bytes() if path.is_file() else None
    if weights is None:
        raise UserError(f"{path}: there is no such file; run stage train again{files.again(path)}")
    if hashlib.sha256(weights).hexdigest() != sha256:
        raise UserError(f"{path}: damaged (not the bytes that were trained); run stage train again{files.again(path)}")
    return weights


def _reads(spec: Spec, names: Mapping[FieldKind, str] = _NO_NAMES) -> dict[str, Any]:
    """`names`: those of kinds that are written in another way."""
    fields = [
        {"name": column.name, "kind": names.get(column.kind, column.kind), "shape": list(column.shape)}
        | ({"vocabulary": column.vocabulary} if column.kind == "tokens" else {})
        for column in spec.fields
    ]
    return {"fields": fields, "task": spec.task, "classes": list(spec.classes)}


def _check_classes(job: Job) -> None:
    if not job.spec.classes:
        return
    # A row of weight 0 says nothing, so a class needs one that has some.
    counts = np.bincount(job.train.targets(), job.train.weights(), minlength=len(job.spec.classes))
    if np.count_nonzero(counts) < 2:
        raise UserError(
            f"train: all training rows are of class {job.spec.classes[int(counts.argmax())]!r}, so there is "
            "nothing to tell apart; add rows of the other classes, or choose another target"
        )
    # Before any fit: scikit-learn would leave such a class out without a word, and answer for the others alone.
    if not counts.all():
        missing = [name for name, count in zip(job.spec.classes, counts, strict=True) if not count]
        others = f", nor have {len(missing) - 1} others" if missing[1:] else ""
        raise UserError(
            f"train: class {missing[0]!r} has no training rows{others}, so it cannot be learnt; add rows of it, or "
            "take its rows out of validation and test, too"
        )


def _check_finite(part: str, spec: Spec, examples: Examples) -> None:
    for column in spec.fields:
        wrong = 0 if column.kind in _WHOLE else _count_not_finite(examples.inputs.blocks[column.name])
        if wrong:
            inputs, are = counted(wrong, "input"), "is" if wrong == 1 else "are"
            raise UserError(
                f"train: column {column.name}: {inputs} of the {part} part {are} missing or infinite; "
                "take such rows out (an expectation in validate), or impute them in normalize"
            )
    wrong = _count_not_finite(examples.target)
    if wrong:
        raise UserError(
            f"train: {wrong:,} targets of the {part} part are missing or infinite; take such rows out in validate"
        )


def _check_weights(part: str, weight: NDArray[np.float64] | None) -> None:
    # clean has taken out rows without a weight; that all are 0 is known now.
    if weight is not None and not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise UserError(
            f"train: the weights of the {part} part are all 0, or some are missing or below 0; correct the column with "
            "the role weight, or give it another role"
        )


def _count_not_finite(block: Block) -> int:
    # What a sparse matrix does not store is zero, and finite.
    values = block if isinstance(block, np.ndarray) else block.data
    return int(np.count_nonzero(~np.isfinite(values)))
