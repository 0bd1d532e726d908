"""What `modelwright serve` is told: where to listen, which versions to ask, and how much is too much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from tasks.errors import UserError
from tasks.params.serve import ALIAS, MOST_SECONDS


@dataclass(frozen=True, kw_only=True)
class TrafficShare:
    """`share`, between 0 and 1, of the requests go to the version with this alias, by themselves or as copies."""

    alias: str
    share: float


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """`asked` is NAME, NAME@ALIAS or NAME:VERSION; `port` 0 or None takes a free one, where the usual one is taken."""

    asked: str
    host: str = "127.0.0.1"
    port: int | None = None
    num_workers: int = 1
    batch_rows: int = 256
    """Rows of requests that wait which are answered together at most; a larger request is answered by itself."""
    num_waiting: int = 1_000
    """Requests that may wait for a version; one more is refused."""
    max_mib: float = 8.0
    rate: float | None = None
    """Requests a second from one caller; None of any number."""
    time_limit: float = 10.0
    """Seconds from the whole request to its answer."""
    poll_seconds: float = 5.0
    shadow: TrafficShare | None = None
    split: TrafficShare | None = None
    offline: bool = False
    waits: bool = False
    """Whether it answers 503 until there is a first version, where it would else end."""

    @property
    def challenger(self) -> str | None:
        """The alias of the version that stands beside the live one, if any does."""
        beside = self.split or self.shadow
        return beside.alias if beside else None

    @property
    def alias(self) -> str | None:
        """The alias whose version answers; None where a version is named by its number."""
        name, _, alias = self.asked.partition("@")
        return alias or (None if {":", "/"} & {*name} else "champion")


def read_split(text: str) -> TrafficShare:
    """`challenger=5`: five of a hundred. Raises UserError for anything else."""
    return _read(text) or _refuse(f"--split {text}: write ALIAS=PERCENT")


def read_shadow(text: str) -> TrafficShare:
    """`challenger`: copies of all requests; `challenger=5`: five of a hundred. Raises UserError, as `read_split`."""
    return _read(text if "=" in text else f"{text}=100") or _refuse(f"--shadow {text}: write ALIAS or ALIAS=PERCENT")


def _read(text: str) -> TrafficShare | None:
    alias, _, percent = text.partition("=")
    try:
        share = float(percent.removesuffix("%")) / 100
    except ValueError:
        return None
    return TrafficShare(alias=alias.strip(), share=share) if alias.strip() and 0 <= share <= 1 else None


def _refuse(what: str) -> NoReturn:
    raise UserError(f"{what} with a number from 0 to 100, such as challenger=5")


def check_settings(settings: ServeSettings) -> None:
    """Raises UserError for settings that contradict each other or leave nothing to serve with."""
    if settings.split and settings.shadow:
        raise UserError(
            "--split and --shadow: a version gets requests of its own or copies of them, not both; leave out one"
        )
    if settings.challenger is not None and settings.challenger == settings.alias:
        option = "--split" if settings.split else "--shadow"
        raise UserError(f"{option} {settings.challenger}: that version answers already; name another alias")
    if settings.offline and settings.challenger:
        raise UserError("--offline: a copy has no second alias beside it; leave out --split and --shadow, or --offline")
    positive = {
        "--workers": settings.num_workers,
        "--batch-rows": settings.batch_rows,
        "--queue": settings.num_waiting,
        "--max-mib": settings.max_mib,
        "--timeout": settings.time_limit,
        "--poll": settings.poll_seconds,
        "--rate": 1 if settings.rate is None else settings.rate,
    }
    for name, value in positive.items():
        if not 0 < value < float("inf"):
            raise UserError(f"{name} {value}: must be above 0, and finite")
    if settings.poll_seconds > MOST_SECONDS:
        raise UserError(f"--poll {settings.poll_seconds:g}: must be {MOST_SECONDS:,} at most, a day in seconds")
    if settings.challenger is not None and re.fullmatch(ALIAS, settings.challenger) is None:
        option = "--split" if settings.split else "--shadow"
        raise UserError(f"{option} {settings.challenger!r}: an alias has no /, :, @ or space in it; correct it")
