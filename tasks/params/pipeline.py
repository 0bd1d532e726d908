"""params.yaml as a whole: a block a pipeline, a section a stage.

Every class of tasks/params/ is one mapping in the file. A stage gets its own slice (`Pipeline.train` and so on) and
nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from pydantic import Field, model_validator

from tasks.params.augment import Augment
from tasks.params.clean import Clean
from tasks.params.config import Config, Metric
from tasks.params.evaluate import Evaluate
from tasks.params.ingest import Ingest
from tasks.params.monitor import Monitor
from tasks.params.normalize import Normalize
from tasks.params.notify import Notify
from tasks.params.predict import Predict
from tasks.params.register import CONFORMAL_MEASURES, Register
from tasks.params.retention import Retention
from tasks.params.schedule import RunSchedules
from tasks.params.search_space import search_space
from tasks.params.serve import Serve
from tasks.params.sources import has_test_files
from tasks.params.split import GivenSplit, Split
from tasks.params.train import Train
from tasks.params.tune import Tune
from tasks.params.validate import Validate


class Pipeline(Config):
    """One block under `pipelines:`. Every stage has its section, though it may be empty: `clean: {}`."""

    ingest: Ingest
    # pydantic's models have attributes of these names, hence the underscores here and below.
    validate_: Validate = Field(alias="validate")
    split: Split
    clean: Clean
    normalize: Normalize
    augment: Augment
    train: Train
    evaluate: Evaluate
    register_: Register = Field(alias="register")
    predict: Predict = Predict()
    tune: Tune = Tune()
    monitor: Monitor = Monitor()
    schedule: RunSchedules = ()
    notify: Notify | None = None
    serve: Serve = Serve()
    retention: Retention = Retention()

    @model_validator(mode="before")
    @classmethod
    def _split_by_hash_by_default(cls, block: Any) -> Any:
        if isinstance(block, Mapping) and isinstance(block.get("split"), Mapping) and "kind" not in block["split"]:
            return {**block, "split": {"kind": "hash", **block["split"]}}
        return block

    @model_validator(mode="before")
    @classmethod
    def _judged_by_what_versions_are_compared_by(cls, block: Any) -> Any:
        """evaluate is given its own slice alone, and is to speak of the metric that decides."""
        match block:
            case {"evaluate": Mapping() as evaluate, "register": {"metric": str(metric)}} if metric in get_args(Metric):
                return {**block, "evaluate": {"metric": metric, **evaluate}}
            case _:
                return block

    @model_validator(mode="after")
    def _files_of_their_own_are_not_mixed(self) -> Pipeline:
        source = self.ingest.source
        if has_test_files(source) and not isinstance(self.split, GivenSplit):
            raise ValueError(
                "ingest.source brings test or validation files, and split would mix these rows with the others; "
                "write `split: {kind: given}`"
            )
        return self

    @model_validator(mode="after")
    def _given_split_is_no_feature(self) -> Pipeline:
        source, columns = self.ingest.source, self.ingest.columns
        if isinstance(self.split, GivenSplit) and not has_test_files(source):
            override = columns.get(self.split.column)
            if override is None or override.role != "split":
                column = self.split.column
                raise ValueError(
                    f"split.column {column} would be learnt from; add ingest.columns: {{{column}: {{role: split}}}}"
                )
        return self

    @model_validator(mode="after")
    def _newest_rows_are_known_by_a_column(self) -> Pipeline:
        has_time = any(override.role == "time" for override in self.ingest.columns.values())
        if isinstance(self.split, GivenSplit) and self.split.validation_by == "time" and not has_time:
            raise ValueError(
                "split.validation_by time takes the newest rows, and no column has the role time; give it to the one "
                "that says when (ingest.columns: {COLUMN: {role: time}}), or write `validation_by: key`"
            )
        return self

    @model_validator(mode="after")
    def _an_expected_cost_needs_costs(self) -> Pipeline:
        asked = {
            "register.metric": self.register_.metric == "expected_cost",
            "register.gate": "expected_cost" in self.register_.gate,
            "evaluate.metric": self.evaluate.metric == "expected_cost",
        }
        places = [place for place, is_asked in asked.items() if is_asked]
        if places and not self.evaluate.knows_costs:
            raise ValueError(
                f"{places[0]} expected_cost needs what mistakes cost; write `evaluate: {{costs: {{ACTUAL: {{ANSWERED: "
                "COST}}}`, or of two classes `evaluate: {threshold: {false_positive: COST, false_negative: COST}}`"
            )
        return self

    @model_validator(mode="after")
    def _what_is_bounded_is_measured(self) -> Pipeline:
        """Said before a model is trained, and not by the gate behind it."""
        asked = [name for name in self.register_.gate if name in CONFORMAL_MEASURES]
        if asked and self.evaluate.conformal is None:
            raise ValueError(
                f"register.gate bounds {asked[0]}, which is of intervals or sets of classes; write `evaluate: "
                "{conformal: {coverage: 0.9}}`, or take the rule out"
            )
        if "robustness_loss" in self.register_.gate and not self.evaluate.robustness.enabled:
            raise ValueError(
                "register.gate bounds robustness_loss, which evaluate.robustness.enabled: false leaves out; switch it "
                "on, or take the rule out"
            )
        return self

    @model_validator(mode="after")
    def _live_rows_are_answered_by_both_and_kept(self) -> Pipeline:
        if self.register_.shadow is None:
            return self
        beside = "register.shadow compares champion and challenger by what they answered to live rows, and"
        if not self.monitor.log:
            raise ValueError(f"{beside} monitor.log is false: none is kept; write `monitor: {{log: true}}`")
        if self.serve.shadow_alias != "challenger":
            raise ValueError(
                f"{beside} serve.shadow is {self.serve.shadow or 'null'}: the challenger is asked nothing; write "
                "`serve: {shadow: challenger}`"
            )
        return self

    @model_validator(mode="after")
    def _what_is_watched_is_there(self) -> Pipeline:
        """As far as it is known before ingest has looked at the data."""
        columns, task = self.ingest.columns.values(), self.ingest.task
        if self.monitor.season == "week" and all(override.role != "time" for override in columns):
            raise ValueError(
                "monitor.season week tells days of the week apart, and no column has the role time; give it to the "
                "one that says when (ingest.columns: {COLUMN: {role: time}}), or write `season: none`"
            )
        wrong = None if task == "auto" else self.monitor.rules.of_another_task(task)
        if wrong is not None:
            raise ValueError(f"monitor.{wrong}")
        return self

    @model_validator(mode="after")
    def _ranges_are_of_settings(self) -> Pipeline:
        search_space(self, self.tune.ranges)
        return self

    @model_validator(mode="after")
    def _a_flow_has_one_schedule(self) -> Pipeline:
        flows = [schedule.flow for schedule in self.schedule]
        twice = next((flow for flow in flows if flows.count(flow) > 1), None)
        if twice:
            raise ValueError(
                f"schedule says twice when {twice} runs; keep one of them (cron takes lists: `0 3,15 * * *`), or "
                "write the other into prefect.yaml"
            )
        return self

    def stage(self, name: str) -> Config:
        """The slice of one stage; of register, whose passport names all parameters, the whole block."""
        if name == "register":
            return self
        config = getattr(self, {"validate": "validate_"}.get(name, name))
        assert isinstance(config, Config)
        return config


PipelineName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class Params(Config):
    """The whole of params.yaml."""

    pipelines: dict[PipelineName, Pipeline]


def json_schema() -> dict[str, Any]:
    """params.yaml as JSON schema, for editors."""
    schema = Params.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
