"""Chat through a server that speaks OpenAI's protocol: OpenAI, vLLM, llama.cpp, Ollama, TGI …"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from models.chat import ChatAnswer, ChatError, ChatModelError, Conversation
from models.openai_response import ServerError, Status, read_answer, read_failure, without_key
from models.request_pace import RequestPace

LARGEST_RESPONSE = 4 * 2**20
LONGEST_WAIT_S = 300.0
_FIRST_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 60.0
_LONGEST_CONNECT_S = 10.0


@dataclass(frozen=True)
class ServerLimits:
    """How much one `OpenAIChat` asks of the server, and how long it waits for it.

    ``timeout_s``: of one request, until the last byte of its response. ``retries``: further attempts after the first,
    on 408, 409, 425, 429, 5xx, a timeout and a broken connection; never on another 4xx.
    """

    concurrent_requests: int = 8
    requests_per_minute: float | None = None
    timeout_s: float = 60.0
    retries: int = 5


class OpenAIChat:
    """A model behind ``base_url``, as "https://api.openai.com/v1".

    The waits between attempts grow from half a second, doubled each time and shortened at random by up to half; what a
    server says with ``Retry-After`` holds for all requests of this object. The API key is taken out of every text that
    comes from the server, answers too.
    Protocol: https://platform.openai.com/docs/api-reference/chat.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key_variable: str | None,
        parameters: Mapping[str, Any],
        limits: ServerLimits | None = None,
        pace: RequestPace | None = None,
    ) -> None:
        """``key_variable``: the environment variable that holds the API key; None: the server asks for none.

        ``parameters``: fields of each request besides ``model`` and ``messages``: ``max_tokens``, ``temperature`` …

        Raises:
            ChatModelError: the variable is not set, or does not hold a key.
        """
        import urllib3

        self._base_url = base_url.rstrip("/")
        self._model = model
        self._key = "" if key_variable is None else _key_from(key_variable)
        self._key_variable = key_variable
        self._parameters = dict(parameters)
        self._limits = limits or ServerLimits()
        self._pace = pace or RequestPace(self._limits.requests_per_minute)
        self._jitter = random.Random()
        self._connections = urllib3.PoolManager(maxsize=self._limits.concurrent_requests, retries=False)

    def check(self) -> None:
        """Ask the server for its models, to learn that it is there and takes the key.

        Raises:
            ChatModelError: it cannot be reached, or refuses the key.
        """
        try:
            self._request("GET", "/models", None)
        except ServerError as failure:
            if failure.status in (401, 403):
                hint = f"see ${self._key_variable}" if self._key_variable else "it wants an API key"
                raise ChatModelError(f"{self._base_url} refuses the request: {failure}; {hint}") from None
            if failure.status is None:
                raise ChatModelError(f"{self._base_url} cannot be reached: {failure}") from None

    def answer(self, conversations: Sequence[Conversation]) -> list[ChatAnswer | ChatError]:
        """One answer per conversation, in order; a `ChatError` where the server gave none."""
        with ThreadPoolExecutor(self._limits.concurrent_requests) as pool:
            return list(pool.map(self._answer_one, conversations))

    def _answer_one(self, conversation: Conversation) -> ChatAnswer | ChatError:
        body = {"model": self._model, "messages": list(conversation), **self._parameters}
        try:
            answer = read_answer(self._request("POST", "/chat/completions", body))
        except ServerError as failure:
            return ChatError(str(failure))
        return ChatAnswer(without_key(answer.text, self._key), answer.finished, answer.refused)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        """The body of a 2xx response, after as many attempts as it takes and is allowed.

        Raises:
            ServerError: of the last attempt.
        """
        delay = 0.0
        for attempt in range(self._limits.retries + 1):
            self._pace.wait_for_turn(after_s=delay)
            try:
                return self._attempt(method, path, body)
            except ServerError as failure:
                if not failure.may_pass or attempt == self._limits.retries:
                    if attempt:
                        raise failure.with_text(f"{failure}, after {attempt + 1} attempts") from None
                    raise
                if failure.wait_s is not None and failure.wait_s > LONGEST_WAIT_S:
                    raise failure.with_text(f"{failure}; to be asked again in {failure.wait_s:.0f} s") from None
                delay = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2**attempt) * self._jitter.uniform(0.5, 1)
                if failure.wait_s is not None:
                    self._pace.hold(failure.wait_s)
                    delay = 0.0
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

        limit = self._limits.timeout_s
        end = time.monotonic() + limit
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            response = self._connections.request(
                method,
                self._base_url + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=Timeout(connect=min(_LONGEST_CONNECT_S, limit), read=limit),
                redirect=False,
                preload_content=False,
            )
            with response:
                content = self._read(response, end)
                status = Status(response.status, response.headers)
        except HTTPError as error:
            if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
                raise ServerError(f"no answer within {limit:g} s", may_pass=True) from None
            text = without_key(" ".join(str(error).split()), self._key)
            raise ServerError(f"the connection failed: {text}", may_pass=True) from None
        if 200 <= status.code < 300:
            return content
        raise read_failure(status, content, self._key)

    def _read(self, response: Any, end: float) -> bytes:
        """The body, unless it is too long or comes too slowly: a server may send a byte at a time for ever."""
        content = bytearray()
        while chunk := response.read1(2**16):
            content += chunk
            if len(content) > LARGEST_RESPONSE:
                raise ServerError(f"the response is larger than {LARGEST_RESPONSE} bytes")
            if time.monotonic() > end:
                raise ServerError(f"no whole answer within {self._limits.timeout_s:g} s", may_pass=True)
        return bytes(content)


def _key_from(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ChatModelError(f"the environment variable {variable} holds no API key")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ChatModelError(f"the environment variable {variable} holds no API key: spaces or odd characters in it")
    return key
