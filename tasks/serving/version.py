"""A version that answers: its own processes, the columns that it asks for, and its warm-up."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks import files
from tasks.errors import UserError
from tasks.params.config import Role
from tasks.paths import Project
from tasks.serving.pool import Pool, PoolListener
from tasks.serving.process import ProcessEndedError, ProcessPlan, ServingProcess, start_process
from tasks.serving.registry_watch import Notice, as_line, with_passport
from tasks.serving.request_error import Problem, RequestError, more_problems
from tasks.serving.rows import RawRows, ServedColumn
from tasks.serving.settings import ServeSettings
from tasks.tracking.answering import REQUEST_PROCESS
from tasks.tracking.champion import model_environment
from tasks.tracking.packed_model import asked_columns, optional_columns
from tasks.tracking.registered import RegisteredModel

_EXPLAINING = Path(__file__).with_name("explaining_process.py")
_EXAMPLE = "serving_input_example.json"
_ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""A batch is small: threads would wait for each other longer than they work."""


class WarmUpError(Exception):
    """A version that does not start, or does not answer its own example; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Where versions' processes run, as which settings say, and who counts."""

    project: Project
    settings: ServeSettings
    listener: PoolListener
    scratch: Path
    niceness: int = 0

    def plan(self, script: Path, *arguments: str) -> ProcessPlan:
        """A process that answers by a version's files alone."""
        environment = {**model_environment(self.scratch), **_ONE_THREAD}
        folder = self.project.root
        return ProcessPlan(
            script=script,
            arguments=arguments,
            environment=environment,
            folder=folder,
            scratch=self.scratch,
            niceness=self.niceness,
        )

    def pool(self, name: str, plan: ProcessPlan, num_workers: int) -> Pool:
        """Processes of this plan, not yet started."""

        async def starter() -> ServingProcess:
            return await start_process(plan)

        return Pool(
            name=name,
            starter=starter,
            num_workers=num_workers,
            batch_rows=self.settings.batch_rows,
            num_waiting=self.settings.num_waiting,
            listener=self.listener,
        )


@dataclass(kw_only=True, eq=False)
class ServedVersion:
    """`columns` are those of a raw row, `ids` others, by which its label finds it, `known_by` these, groups and
    weights, which are kept. Reasons come from a process of their own, which the first one starts."""

    model: RegisteredModel
    columns: tuple[ServedColumn, ...]
    answering: Pool
    explaining: Pool
    known_by: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    _num_users: int = 0
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _explains: bool = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """For as long as the block lasts, `close` waits: a request is answered by one version to its end."""
        self._num_users += 1
        try:
            yield
        finally:
            self._num_users -= 1

    async def answers(self, rows: RawRows) -> Mapping[str, list[Any]]:
        """The columns of the answers. Raises RequestError (422), which names the rows that cannot be read."""
        reply = await self.answering.ask(rows.text, rows.num_rows)
        columns: Mapping[str, list[Any]] = self._checked(reply)["answers"]
        return columns

    async def reasons(self, rows: RawRows, class_name: str | None) -> list[dict[str, Any]]:
        """What each column adds to each row's answer, as `modelwright explain --json` has it."""
        asked = json.dumps({"columns": rows.columns, "class": class_name})
        reply = await self.explaining.ask(asked, rows.num_rows)
        reasons: list[dict[str, Any]] = self._checked(reply)["reasons"]
        return reasons

    async def open_explaining(self) -> None:
        """Starts the process that gives reasons, if it does not run. Raises RequestError (503) when it cannot."""
        async with self._opening:
            if self._explains:
                return
            try:
                await self.explaining.open()
            except ProcessEndedError as error:
                raise RequestError(503, f"{self.model.shown} gives no reasons: its process ended ({error})") from None
            self._explains = True

    def _checked(self, reply: Mapping[str, Any]) -> Mapping[str, Any]:
        if refused := reply.get("refused"):
            problems = [self._problem(int(row), message) for row, messages in refused.items() for message in messages]
            where = f"row {problems[0].row}: " if problems[0].row else ""
            raise RequestError(422, f"{where}{problems[0].message}{more_problems(problems)}", problems)
        if failed := reply.get("failed"):
            raise RequestError(500, f"{self.model.shown} failed ({failed}); its log has more")
        return reply

    def _problem(self, row: int, message: str) -> Problem:
        # The longest: `size` is the start of `size of shoe`, too.
        named = [column.name for column in self.columns if message.startswith(f"column {column.name}")]
        return Problem(row=row + 1 if row >= 0 else None, column=max(named, key=len, default=None), message=message)

    async def close(self) -> None:
        """Waits for the requests that it has, then ends its processes."""
        while self._num_users:
            await asyncio.sleep(0.02)
        await self.answering.close()
        if self._explains:
            await self.explaining.close()


async def open_version(model: RegisteredModel, served: Served) -> ServedVersion:
    """A version that has answered its example, and may go live. Raises WarmUpError when it does not."""
    plan = served.plan(REQUEST_PROCESS, str(model.packed))
    answering = served.pool(model.shown, plan, served.settings.num_workers)
    try:
        names = (asked_columns(model.packed, model.shown), optional_columns(model.packed, model.shown))
        await answering.open()
    except (ProcessEndedError, UserError) as error:
        raise WarmUpError(f"{model.shown} does not start: {error}") from None
    notice = as_line(Notice(role="live", model=model))
    version = ServedVersion(
        model=model,
        columns=_columns(answering.ready, *names),
        answering=answering,
        explaining=served.pool(f"reasons of {model.shown}", served.plan(_EXPLAINING, notice), 1),
        known_by=_with_role(model, "id", "group", "weight"),
        ids=_with_role(model, "id"),
    )
    try:
        await _warm_up(version, _example(model))
    except (WarmUpError, asyncio.CancelledError):
        await version.close()
        raise
    return version


def _columns(ready: Mapping[str, Any], asked: list[str], optional: list[str]) -> tuple[ServedColumn, ...]:
    about = {one["name"]: one for one in ready["columns"]}
    required = [ServedColumn(**about.get(name, {"name": name})) for name in asked]
    return (*required, *(ServedColumn(name=name, is_required=False) for name in optional))


def _with_role(model: RegisteredModel, *roles: Role) -> tuple[str, ...]:
    """The columns of the source with one of these roles; none of a version that somebody else registered."""
    columns = (with_passport(model).passport or {}).get("columns", ())
    return tuple(column["name"] for column in columns if column["role"] in roles)


def _example(model: RegisteredModel) -> RawRows | None:
    """The rows that the version was registered with, as JSON has them; None of a version without any."""
    try:
        split = files.read_json(model.packed / _EXAMPLE)["dataframe_split"]
        rows = split["data"]
        columns = {name: [row[place] for row in rows] for place, name in enumerate(split["columns"])}
    except (OSError, KeyError, TypeError, IndexError, UserError):
        return None
    return RawRows(columns=columns, num_rows=len(rows)) if rows else None


async def _warm_up(version: ServedVersion, example: RawRows | None) -> None:
    if example is None:
        return
    # Each process: what a library loads when it is used first must not be the first caller's wait.
    asked = [version.answers(example) for _ in range(2 * version.answering.num_workers)]
    try:
        replies = await asyncio.gather(*asked)
    except RequestError as error:
        raise WarmUpError(f"{version.model.shown} does not answer its own example: {error.message}") from None
    for columns in replies:
        if any(len(values) != example.num_rows for values in columns.values()):
            raise WarmUpError(f"{version.model.shown} answers another number of rows than it is asked")
        numbers = [value for values in columns.values() for value in values if isinstance(value, float)]
        if not all(map(math.isfinite, numbers)):
            raise WarmUpError(f"{version.model.shown} answers its own example with numbers that are none")


def as_answers(columns: Mapping[str, list[Any]], given: frozenset[str]) -> list[dict[str, Any]]:
    """A row's answer each: the prediction, and what else was asked for, under the names that `predict` gives it."""
    probabilities = {name.removeprefix(_PROBABILITY): name for name in columns if name.startswith(_PROBABILITY)}
    sure = [name for name in ("prediction_low", "prediction_high") if name in columns] if "sets" in given else []
    answers = []
    for row, prediction in enumerate(columns["prediction"]):
        answer: dict[str, Any] = {"prediction": prediction}
        if "probabilities" in given and probabilities:
            answer["probabilities"] = {name: columns[column][row] for name, column in probabilities.items()}
        answer |= {name: columns[name][row] for name in sure}
        if "sets" in given and "prediction_set" in columns:
            answer["prediction_set"] = json.loads(columns["prediction_set"][row])
        answers.append(answer)
    return answers


_PROBABILITY = "probability_"
