"""Each stage's report, read from the JSON that the stage left: so a skipped stage is shown like one that ran.

Nothing heavy is imported here: a run in which nothing changed only reads these few files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks import files
from tasks.paths import PARTS, Paths
from tasks.wording import counted, number

_NO_SECTIONS = ("classes", "mix", "deviations")
"""What augmentation.json holds besides a section for each type of columns that is changed."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A stage's result in small: `figure` is what matters there in a few words, `numbers` is for programs.

    `diagnostics` are sentences for a person who wants to do better.
    """

    stage: str
    figure: str
    numbers: dict[str, Any] = field(default_factory=dict)
    diagnostics: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**asdict(self), "diagnostics": list(self.diagnostics)}


def ingest(paths: Paths) -> Report:
    """The table's size, and the source's digest."""
    dataset = files.read_json(paths.dataset)
    num_columns = len(dataset["columns"])
    figure = f"{counted(dataset['num_rows'], 'row')}, {counted(num_columns, 'column')}"
    numbers = {"num_rows": dataset["num_rows"], "num_columns": num_columns, "digest": dataset["source"]["digest"]}
    return Report(stage="ingest", figure=figure, numbers=numbers)


def validate(paths: Paths) -> Report:
    """How many rows passed the suite, and how many warnings there are: of expectations and of drift."""
    content = files.read_json(paths.validation_report)
    failed = sum(not entry["success"] for entry in content["expectations"] if entry["severity"] == "warning")
    num_warnings = failed + len(content["drift"])
    numbers = {
        "num_rows_in": content["num_rows"],
        "num_rows_out": content["num_rows"] - content["num_quarantined"],
        "num_quarantined": content["num_quarantined"],
        "num_expectations": len(content["expectations"]),
        "num_warnings": num_warnings,
    }
    warned = f", {counted(num_warnings, 'warning')}" if num_warnings else ""
    figure, hints = f"{_kept(numbers)}{warned}", _kept_in_git(paths)
    return Report(stage="validate", figure=figure, numbers=numbers, diagnostics=hints)


def _kept_in_git(paths: Paths) -> tuple[str, ...]:
    """A word on what was accepted under an earlier version, once validate has taken it over."""
    old, new = paths.accepted_in_git, paths.accepted
    if not (old.exists() and new.exists()):
        return ()
    file = paths.relative(old)
    return (f"{file} is taken over in {paths.relative(new)}, and not read any more: remove it, `git rm -f {file}`",)


def clean(paths: Paths) -> Report:
    """How many rows were kept, how many of them should be looked at, and columns that look personal and stay so."""
    content = files.read_json(paths.cleaning_report)
    unprotected = [entry["column"] for entry in content.get("personal", []) if entry["treatment"] == "none"]
    figures = [_kept(content)]
    figures += [f"{content['num_flagged']:,} flagged"] if content.get("num_flagged") else []
    leaks = sum(rule["num_quarantined"] for name, rule in content["rules"].items() if name.startswith("leaked_"))
    figures += [f"{leaks:,} leaks into train stopped"] if leaks else []
    figures += [f"{counted(content['num_alike'], 'row')} alike under other ids"] if content.get("num_alike") else []
    if unprotected:
        figures += [f"personal data in {', '.join(unprotected[:3])}{' ...' if len(unprotected) > 3 else ''}"]
    # As many as there are test rows at worst: a list for register, and not for people.
    numbers = {name: value for name, value in content.items() if name != "test_rows_taken"}
    return Report(stage="clean", figure=", ".join(figures), numbers=numbers)


def split(paths: Paths) -> Report:
    """The rows of each part, the folds, and how many rows are judged on though train has them too."""
    content = files.read_json(paths.split_report)
    num_rows, folds = content["num_rows"], content.get("folds", [])
    figures = [" / ".join(f"{num_rows[part]:,}" for part in PARTS) + " rows"]
    figures += [counted(len(folds), "fold")] if folds else []
    figures += [f"{num:,} {part} rows also in train" for part, num in content.get("num_shared", {}).items() if num]
    hints: tuple[str, ...] = ()
    if group := content.get("ignored_group"):
        what = f"rows of one {group} are learnt from and judged on: the scores are too good for those that are new"
        hints = (f"{what}; `split: {{kind: group}}` keeps rows of one {group} together.",)
    return Report(stage="split", figure=", ".join(figures), numbers=num_rows, diagnostics=hints)


def normalize(paths: Paths) -> Report:
    """How many columns became how many inputs."""
    recipe = files.read_json(paths.recipe)
    num_columns, num_inputs = len(recipe["features"]), recipe["num_inputs"]
    figure = f"{counted(num_columns, 'column')}, {counted(num_inputs, 'input')}"
    return Report(stage="normalize", figure=figure, numbers={"num_columns": num_columns, "num_inputs": num_inputs})


def augment(paths: Paths) -> Report:
    """The rows that were written down beside those that came in, and what the trainer will do to each batch."""
    content = files.read_json(paths.augmentation_report)
    changes = [
        change
        for name, section in content.items()
        if isinstance(section, dict) and name not in _NO_SECTIONS
        for change, extent in section.items()
        if extent not in (0, "none")
    ]
    copies, balance = content.get("copies", 0), content.get("balance", "none")
    names = ", ".join([*dict.fromkeys(changes), *([content["mix"]["kind"]] if content.get("mix") else [])])
    # Where copies were written down, nothing is left to change on the batch.
    figures = [f"{names} on the batch"] if names and not copies else []
    figures += [f"{counted(copies, 'copy', 'copies')} of each row ({names})"] if copies else []
    figures += [f"{balance} up to the largest class"] if balance != "none" else []
    figures += [counted(content["num_rows"], "row")] if copies or balance != "none" else []
    figure = ", ".join(figures) or "nothing to do"
    return Report(stage="augment", figure=figure, numbers=content, diagnostics=tuple(content.get("warnings", ())))


def train(paths: Paths) -> Report:
    """How long the training went, how good it was on the validation rows, and what might be done better."""
    content = files.read_json(paths.run)
    numbers = {**content["facts"], **content["metrics"]}
    diagnostics = tuple(content.get("diagnostics", ()))
    return Report(stage="train", figure=content["figure"], numbers=numbers, diagnostics=diagnostics)


def evaluate(paths: Paths) -> Report:
    """The test metric that the pipeline is judged by, and whether the model is better than none."""
    metrics, judged = files.read_json(paths.metrics), files.read_json(paths.evaluation)
    decision = files.read_json(paths.decision)
    threshold = decision["threshold"]
    hints = [] if judged["beats"] is not False else [_no_better(judged)]
    figure = headline(metrics) + (f", threshold {number(threshold)}" if threshold is not None else "")
    if "answer_costs" in decision:
        figure += ", answered by the least expected cost"
    return Report(stage="evaluate", figure=figure, numbers=metrics, diagnostics=tuple(hints))


def headline(metrics: Mapping[Any, float]) -> str:
    """The metric that is named first, such as "accuracy 0.9926" or "rmse 54.13"."""
    name = next(iter(metrics))
    return f"{name} {number(metrics[name])}"


def _no_better(judged: dict[str, Any]) -> str:
    metric, value, baseline = judged["metric"], number(judged["value"]), number(judged["baseline_value"])
    return (
        f"{metric} {value} is not surely better than {baseline}, which {judged['baseline']} has on the same "
        f"{counted(judged['num_rows'], 'test row')}: the columns may say nothing of the target, or the rows are too "
        "few."
    )


def register(paths: Paths) -> Report:
    """The version with its aliases, and why it is champion or not."""
    content = files.read_json(paths.registration)
    figure = ", ".join([f"{content['name']} version {content['version']}", *content["aliases"]])
    promotion = content["promotion"]
    sentences = (promotion["sentence"], *promotion.get("notes", ()))
    return Report(stage="register", figure=figure, numbers=content, diagnostics=sentences)


def _kept(counts: dict[str, Any]) -> str:
    return f"{counted(counts['num_rows_out'], 'row')}, {counts['num_quarantined']:,} quarantined"


BY_STAGE: dict[str, Callable[[Paths], Report]] = {
    report.__name__: report
    for report in (ingest, validate, split, clean, normalize, augment, train, evaluate, register)
}
