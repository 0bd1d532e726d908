"""When a tracking server is away, or its answer is lost: what may be tried again, and what must not be made twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tasks.errors import is_outage

Made = TypeVar("Made")

MOST_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


def may_pass(error: Exception) -> bool:
    """Whether it is an outage: no connection, no answer in time, or a server that is not able to give one."""
    import requests

    errors = list(causes(error))
    # A connection that failed, to requests, but no other attempt mends a certificate.
    if any(isinstance(one, requests.exceptions.SSLError) for one in errors):
        return False
    # The last is too many answers with a status such as 503.
    outages = (requests.Timeout, requests.ConnectionError, requests.exceptions.RetryError)
    return any(isinstance(one, outages) or is_outage(str(one)) for one in errors)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def made_once(make: Callable[[], Made], find: Callable[[], Made | None]) -> Made:
    """What `make` makes in a store; where its answer is lost, what `find` finds there.

    MLflow by itself sends a request again whose answer was lost, which makes a second one. Raises what `make` raises
    where there is none.
    """
    from mlflow.exceptions import MlflowException

    try:
        with _asked_once():
            return make()
    except MlflowException:
        made = find()
        if made is None:
            raise
        return made


@contextmanager
def _asked_once() -> Iterator[None]:
    before = os.environ[MOST_RETRIES]
    os.environ[MOST_RETRIES] = "0"
    try:
        yield
    finally:
        os.environ[MOST_RETRIES] = before
