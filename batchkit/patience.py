"""Waiting out the weather: throttling, dropped connections and a service that restarts pass by themselves.

Azure's own clients repeat a call a few times within seconds; whoever has minutes goes on here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError, ServiceResponseError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_delay, wait_exponential_jitter

from batchkit.errors import ServiceError
from batchkit.progress import say

_PASSING = {408, 429, 500, 502, 503, 504}
_LONGEST_WAIT = 60.0  # seconds, also where the service asks for more
_SAY_AFTER = 10.0  # seconds of silence that a person should hear of

Answer = TypeVar("Answer")


def passing(error: BaseException) -> bool:
    """Whether an error is of the kind that goes away by itself."""
    if isinstance(error, ServiceError):
        error = error.__cause__ or error
    if isinstance(error, HttpResponseError):
        return error.status_code in _PASSING
    return isinstance(error, ServiceRequestError | ServiceResponseError)


@dataclass
class Patience:
    """Repeats calls until they succeed, up to `seconds` for each; the last error is raised then.

    A person is told once of a trouble that lasts, and once of its end.
    """

    seconds: float

    def call(self, doing: str, function: Callable[[], Answer]) -> Answer:
        """Return what `function` returns; `doing` completes "Azure does not answer; trying on to ..."."""
        told = False

        def tell(state: RetryCallState) -> None:
            nonlocal told
            if not told and state.seconds_since_start and state.seconds_since_start > _SAY_AFTER:
                told = True
                error = state.outcome.exception() if state.outcome else None
                say(f"Azure does not answer ({_brief(error)}); trying on to {doing}. The job goes on meanwhile.")

        retrying = Retrying(
            retry=retry_if_exception(passing),
            wait=_wait,
            stop=stop_after_delay(self.seconds),
            before_sleep=tell,
            reraise=True,
        )
        answer = retrying(function)
        if told:
            say(f"Azure answers again; able to {doing}.")
        return answer


_backoff = wait_exponential_jitter(multiplier=0.5, max=20, jitter=1)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return min(_LONGEST_WAIT, max(retry_after(error), _backoff(state)))


def retry_after(error: BaseException | None) -> float:
    """The seconds that a refusal asks to wait; 0 where it does not say."""
    response = getattr(error, "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) if asked.isdigit() else 0.0


def _brief(error: BaseException | None) -> str:
    status = getattr(error, "status_code", None)
    if status:
        return f"{status}"
    return "no connection" if isinstance(error, AzureError) else str(error)
