"""What the responses of an OpenAI-compatible server say: an answer, or why there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from models.chat import ChatAnswer

HIDDEN = "[key]"
_MAY_PASS = frozenset({408, 409, 425, 429})
_NO_CREDIT = "insufficient_quota"
_LONGEST_MESSAGE = 200
_SHORTEST_SECRET = 8
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|pk|rk|hf|gsk|xai)[-_][\w*.-]{4,}|\bbearer\s+\S+", re.IGNORECASE)


@dataclass(frozen=True)
class Status:
    """The head of a response."""

    code: int
    headers: Mapping[str, str]


class ServerError(Exception):
    """A request that got no answer.

    ``may_pass``: the same request may work later. ``wait_s``: how long the server wants to be left alone, seconds; None
    when it did not say. ``status``: of HTTP, None when there was no whole response.
    """

    def __init__(
        self, text: str, *, may_pass: bool = False, wait_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(text)
        self.may_pass = may_pass
        self.wait_s = wait_s
        self.status = status

    def with_text(self, text: str) -> ServerError:
        """The same failure, told otherwise."""
        return ServerError(text, may_pass=self.may_pass, wait_s=self.wait_s, status=self.status)


def read_answer(content: bytes) -> ChatAnswer:
    """The first choice of a chat completion.

    Raises:
        ServerError: it is none.
    """
    try:
        completion = _json(content)
    except ValueError:
        raise ServerError("the response is not JSON") from None
    choice = _at(_at(completion, "choices"), 0)
    message = _at(choice, "message")
    reason = _at(choice, "finish_reason")
    refusal = _at(message, "refusal")
    if isinstance(refusal, str) and refusal:
        return ChatAnswer(_well_formed(refusal), refused=True)
    text = _at(message, "content")
    if reason == "content_filter":
        return ChatAnswer(_well_formed(text) if isinstance(text, str) else "", refused=True)
    if text is None and reason == "length":
        text = ""  # all tokens went into thinking
    if not isinstance(text, str):
        raise ServerError("the response is JSON, but no chat completion")
    return ChatAnswer(_well_formed(text), finished=reason != "length")


def read_failure(status: Status, content: bytes, key: str) -> ServerError:
    """What a response other than 2xx says; ``key`` is hidden in it."""
    try:
        error = _at(_json(content), "error")
    except ValueError:
        error = None
    message = error if isinstance(error, str) else _at(error, "message")
    text = f"HTTP {status.code}"
    if isinstance(message, str) and message.strip():
        hidden = _LOOKS_LIKE_A_KEY.sub(HIDDEN, without_key(" ".join(_well_formed(message).split()), key))
        text = f"{text}: {hidden if len(hidden) <= _LONGEST_MESSAGE else hidden[: _LONGEST_MESSAGE - 1] + '…'}"
    may_pass = status.code in _MAY_PASS or status.code >= 500
    if _at(error, "code") == _NO_CREDIT:
        may_pass = False
    return ServerError(text, may_pass=may_pass, wait_s=_retry_after(status.headers), status=status.code)


def without_key(text: str, key: str) -> str:
    """``text`` with the API key hidden. What is shorter than any secret ("none", "EMPTY") is not looked for."""
    return text.replace(key, HIDDEN) if len(key) >= _SHORTEST_SECRET else text


def _json(content: bytes) -> Any:
    """What a body holds. Raises ValueError where it is no JSON, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _well_formed(text: str) -> str:
    """``text`` with a question mark for each half of a surrogate pair: no table and no file can hold these."""
    return text.encode("utf-8", "replace").decode()


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from ``Retry-After``: a number of them, or a date."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _at(value: Any, key: str | int) -> Any:
    """``value[key]``, None where there is no such thing."""
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return None
