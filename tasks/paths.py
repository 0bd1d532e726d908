"""Where everything of one pipeline lies; no other file but those of folds, trials and watching spells a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FoldStage = Literal["split", "clean", "normalize", "augment"]
AssessmentName = Literal["conformal", "costs", "coverage", "drift", "fairness", "measures", "robustness", "slices"]
STAGES = ("ingest", "validate", "split", "clean", "normalize", "augment", "train", "evaluate", "register")
CODE_DIGESTS = ".modelwright/code"  # what code means: a file of the same path below it for each dependency on code
OWN_CODE = ".modelwright/own_code"  # and what the user's own code means: a file for each pipeline
CODE_RECORD = "code.json"


@dataclass(frozen=True, kw_only=True)
class Project:
    """The folders and files that all pipelines share."""

    root: Path

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def params_lock(self) -> Path:
        return self.root / ".modelwright" / "params.lock"  # held while a command edits params.yaml

    @property
    def schema(self) -> Path:
        return self.root / "params.schema.json"

    @property
    def is_repository(self) -> bool:
        """Whether this is the tool's own repository, or a copy of it: the code that runs lies in it."""
        return (self.root / "tasks" / "memo" / "code.py").is_file()

    @property
    def code(self) -> Path:
        """The folder in which the tool's tasks/ lies: this one, or where the tool is installed."""
        return self.root if self.is_repository else Path(__file__).resolve().parents[1]

    @property
    def code_record(self) -> Path:
        """Which version of the tool a project of one's own is of, and what the code means there."""
        return self.root / CODE_RECORD

    @property
    def stages(self) -> Path:
        return self.root / "dvc.yaml"

    @property
    def constraints(self) -> Path:
        return self.root / "constraints.txt"

    @property
    def deployments(self) -> Path:
        return self.root / "prefect.yaml"

    @property
    def lock(self) -> Path:
        return self.root / "dvc.lock"

    @property
    def home(self) -> Path:
        """The project that owns the tracking store: `dvc exp run --temp` works in a copy below .dvc/tmp/exps."""
        copies = [place for place in self.root.parents if place.parts[-3:] == (".dvc", "tmp", "exps")]
        return copies[0].parents[2] if copies else self.root

    @property
    def tracking(self) -> Path:
        return self.home / "mlflow"

    @property
    def downloads(self) -> Path:
        return self.home / ".modelwright" / "downloads"  # what `url` sources have fetched

    @property
    def fetched_models(self) -> Path:
        return self.home / ".modelwright" / "models"  # registered versions that a training began from

    @property
    def registered_models(self) -> Path:
        return self.home / ".modelwright" / "registered"  # whole versions that answered, for when it is down

    @property
    def serve_key(self) -> Path:
        return self.home / ".modelwright" / "serve.key"  # what callers from other machines must have

    def pipeline(self, name: str) -> Paths:
        return Paths(project=self, pipeline=name)


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where everything of one pipeline lies."""

    project: Project
    pipeline: str

    @property
    def data(self) -> Path:
        return self.project.root / "data" / self.pipeline

    @property
    def reports(self) -> Path:
        return self.project.root / "reports" / self.pipeline

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def dataset(self) -> Path:
        return self.data / "dataset.json"

    @property
    def suite(self) -> Path:
        return self.project.root / "expectations" / f"{self.pipeline}.json"

    @property
    def accepted(self) -> Path:
        return self.data / "accepted.json"  # what the data looked like that last passed

    @property
    def accepted_in_git(self) -> Path:
        return self.suite.with_suffix(".accepted.json")  # where earlier versions kept it

    @property
    def appended(self) -> Path:
        return self.project.home / ".modelwright" / "appended" / self.pipeline  # files that ingest has read

    @property
    def known_files(self) -> Path:
        return self.project.home / ".modelwright" / "files" / self.pipeline

    @property
    def valid(self) -> Path:
        return self.data / "valid"

    def quarantine(self, stage: str) -> Path:
        return self.data / "quarantine" / stage

    def split(self, part: Part) -> Path:
        return self.data / "split" / part

    def clean(self, part: Part) -> Path:
        return self.data / "clean" / part

    @property
    def cleaned(self) -> Path:
        """What dataset.json says, after clean: columns that are left, their types, and what puts their values right."""
        return self.data / "cleaned.json"

    @property
    def flagged(self) -> Path:
        return self.data / "flagged"  # copies of rows that clean kept and that somebody should look at

    @property
    def recipe(self) -> Path:
        return self.data / "recipe.json"

    def normalized(self, part: Part) -> Path:
        return self.data / "normalized" / part

    @property
    def augmented(self) -> Path:
        return self.data / "augmented"

    @property
    def model(self) -> Path:
        return self.project.root / "models" / self.pipeline

    @property
    def validation_answers(self) -> Path:
        """What the model said of the validation rows before it learnt from them as well; not there if it did not."""
        return self.model / "validation"

    @property
    def predicted(self) -> Path:
        return self.data / "predicted"  # answers to the test rows, to the last digit; predictions.csv is for people

    @property
    def validation_report(self) -> Path:
        return self.reports / "validation.json"

    @property
    def data_docs(self) -> Path:
        return self.reports / "data_docs"

    @property
    def cleaning_report(self) -> Path:
        return self.reports / "cleaning.json"

    @property
    def split_report(self) -> Path:
        return self.reports / "split.json"

    @property
    def augmentation_report(self) -> Path:
        return self.reports / "augmentation.json"

    @property
    def augmentation_picture(self) -> Path:
        return self.reports / "augmentation.png"

    @property
    def history(self) -> Path:
        return self.reports / "history.csv"

    @property
    def run(self) -> Path:
        return self.reports / "run.json"

    @property
    def metrics(self) -> Path:
        return self.reports / "metrics.json"

    @property
    def plots(self) -> Path:
        return self.reports / "plots"

    @property
    def predictions(self) -> Path:
        return self.reports / "predictions.csv"

    @property
    def evaluation(self) -> Path:
        return self.reports / "evaluation.json"  # the metric that judges, how sure it is, and what it has to beat

    def assessment(self, name: AssessmentName) -> Path:
        """What evaluate has found out beside the metrics: `measures` can be bounded, `conformal` joins the model."""
        return self.reports / f"{name}.json"

    @property
    def decision(self) -> Path:
        return self.reports / "decision.json"  # how probabilities become a class: what travels with the model

    @property
    def importance(self) -> Path:
        return self.reports / "importance.csv"  # how much the model needs each column, measured on test rows

    @property
    def importance_picture(self) -> Path:
        return self.reports / "importance.png"

    @property
    def report_page(self) -> Path:
        return self.reports / "report.html"

    @property
    def verdict(self) -> Path:
        return self.reports / "verdict.json"

    @property
    def passport(self) -> Path:
        return self.reports / "passport.json"

    @property
    def registration(self) -> Path:
        return self.reports / "registration.json"

    @property
    def checkpoints(self) -> Path:
        """What trainings that have not ended go on from; scratch folders lie beside it. DVC never removes these."""
        return self.project.root / ".modelwright" / "checkpoints" / self.pipeline

    @property
    def own_code(self) -> Path:
        return self.project.root / OWN_CODE / self.pipeline  # what the file of normalize.features_from means, if any

    @property
    def tuning(self) -> Path:
        """What was tried of this pipeline's settings: the journal of trials, and the rows that they share."""
        return self.project.root / ".modelwright" / "tuning" / self.pipeline

    @property
    def tuning_pictures(self) -> Path:
        return self.reports / "tuning"

    @property
    def undelivered(self) -> Path:
        return self.project.tracking / "undelivered" / f"{self.pipeline}.json"  # while the server lacks the run

    @property
    def snapshot(self) -> Path:
        """Which files DVC last found nothing to do for; beside DVC's own passing files, and as easily done without."""
        return self.project.root / ".dvc" / "tmp" / "modelwright" / f"{self.pipeline}.json"

    def folds(self, stage: FoldStage) -> Path:
        """What a stage leaves for cross validation: a folder a fold, and folds.json, which says how many."""
        return self.data / "folds" / stage

    def relative(self, path: Path) -> str:
        """The path as a person in the project's folder would write it."""
        return path.relative_to(self.project.root).as_posix()
