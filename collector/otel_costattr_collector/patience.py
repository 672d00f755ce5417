"""Trying again: how long to wait between attempts, in one place."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_never,
    wait_random_exponential,
)

from otel_costattr.errors import RetryableError

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0

_log: Final = logging.getLogger(__name__)


def patiently(
    what: str,
    *,
    attempts: int = 0,
    sleep: Callable[[float], None] = time.sleep,
    worth: Callable[[BaseException], bool] = lambda _: True,
) -> Retrying:
    """Iterate over attempts: what is worth a retry is tried again, after a random, growing delay.

    The delay is drawn between 0 and a bound that doubles from `FIRST_DELAY_S` to
    `LONGEST_DELAY_S`, so that writers that failed together do not come back together.

    Args:
        what: What is being done, for the log.
        attempts: How many; the last one raises its own error. 0 for as many as it takes.
        sleep: Waits some seconds.
        worth: Says no to a `RetryableError` that cannot pass here.
    """

    def log(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.warning("%s is tried again: %s", what, error)

    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, RetryableError) and worth(error)),
        wait=wait_random_exponential(multiplier=FIRST_DELAY_S, max=LONGEST_DELAY_S),
        stop=stop_after_attempt(attempts) if attempts else stop_never,
        sleep=sleep,
        before_sleep=log,
        reraise=True,
    )
