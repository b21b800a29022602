"""Chat through a real HTTP server: answers, retries, limits, failures; and the key stays where it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from models.chat import ChatAnswer, ChatError, ChatModelError, Message
from models.openai_chat import LARGEST_RESPONSE, OpenAIChat, ServerLimits
from models.request_pace import RequestPace
from tests.models.chat_server import KEY, ChatServer, Reply, fails, says, serving
from tests.models.test_request_pace import Clock

VARIABLE = "TEST_CHAT_KEY"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The key is in the environment, and in no log of any library."""
    monkeypatch.setenv(VARIABLE, KEY)
    caplog.set_level(logging.DEBUG)
    yield
    assert KEY not in caplog.text


def chat(server: ChatServer, *, clock: Clock | None = None, parameters: Any = None, **limits: Any) -> OpenAIChat:
    settings = ServerLimits(**{"retries": 2, "timeout_s": 20.0, **limits})
    clock = clock or Clock()
    return OpenAIChat(
        server.url,
        "tiny",
        key_variable=VARIABLE,
        parameters=parameters or {},
        limits=settings,
        pace=RequestPace(settings.requests_per_minute, clock=clock, sleep=clock.sleep),
    )


def ask(model: OpenAIChat, *questions: str) -> list[ChatAnswer | str]:
    """Answers, and the texts of errors."""
    conversations: list[list[Message]] = [[{"role": "user", "content": question}] for question in questions]
    return [str(one) if isinstance(one, ChatError) else one for one in model.answer(conversations)]


def test_answers_come_in_order_and_requests_hold_what_was_asked_for() -> None:
    with serving() as server:
        questions = [f"question {number}" for number in range(20)]
        model = chat(server, parameters={"max_tokens": 7, "temperature": 0}, concurrent_requests=5)
        assert ask(model, *questions) == [ChatAnswer(f"merged: {question}") for question in questions]
        body = next(body for body in server.requests if body["messages"][0]["content"] == "question 3")
        assert body == {
            "model": "tiny",
            "messages": [{"role": "user", "content": "question 3"}],
            "max_tokens": 7,
            "temperature": 0,
        }
        assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {KEY}"}


def test_a_server_without_key_gets_none() -> None:
    with serving() as server:
        model = OpenAIChat(server.url + "/", "tiny", key_variable=None, parameters={})
        model.check()
        assert ask(model, "a") == [ChatAnswer("merged: a")]
        assert all("Authorization" not in headers for headers in server.headers)


@pytest.mark.parametrize("first", [fails(500), fails(503, "busy"), fails(429), fails(408), Reply(drop=True)])
def test_what_may_pass_is_tried_again(first: Reply) -> None:
    with serving({"A": [first, first, says("done")], "B": [says("at once")]}) as server:
        assert ask(chat(server), "A", "B") == [ChatAnswer("done"), ChatAnswer("at once")]
        assert server.asked == {"A": 3, "B": 1}


def test_after_the_last_attempt_it_is_a_failure_of_that_question_only() -> None:
    with serving({"A": [fails(500, "no memory")]}) as server:
        assert ask(chat(server), "A", "B") == ["HTTP 500: no memory, after 3 attempts", ChatAnswer("merged: B")]
        assert server.asked["A"] == 3


@pytest.mark.parametrize(
    "reply",
    [
        *(fails(status, "bad") for status in (400, 401, 403, 404, 422)),
        fails(429, "bad", code="insufficient_quota"),
        Reply(302, headers={"Location": "/v1/elsewhere"}),
    ],
)
def test_what_will_not_pass_is_not_tried_again(reply: Reply) -> None:
    with serving({"A": [reply, says("never said")]}) as server:
        told = ask(chat(server), "A")
        assert told == [f"HTTP {reply.status}: bad" if reply.body else f"HTTP {reply.status}"]
        assert server.asked["A"] == 1


def test_retry_after_is_kept_to_by_all_requests() -> None:
    clock = Clock()
    with serving({"A": [fails(429, headers={"Retry-After": "20"}), says("done")]}) as server:
        assert ask(chat(server, clock=clock, concurrent_requests=1), "A", "B") == [
            ChatAnswer("done"),
            ChatAnswer("merged: B"),
        ]
    assert clock.now == pytest.approx(120, abs=0.01)


def test_retry_after_may_be_a_date() -> None:
    clock = Clock()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    with serving({"A": [fails(503, headers={"Retry-After": date}), says("done")]}) as server:
        assert ask(chat(server, clock=clock), "A") == [ChatAnswer("done")]
    assert 100 + 30 < clock.now <= 100 + 100


def test_a_wait_that_is_too_long_is_a_failure() -> None:
    clock = Clock()
    with serving({"A": [fails(429, "slow down", headers={"Retry-After": "86400"})]}) as server:
        assert ask(chat(server, clock=clock), "A") == ["HTTP 429: slow down; to be asked again in 86400 s"]
    assert clock.now == 100


def test_waits_grow_without_retry_after() -> None:
    clock = Clock()
    with serving({"A": [fails(500)]}) as server:
        ask(chat(server, clock=clock, retries=12), "A")
        assert server.asked["A"] == 13
    doubled = [min(60, 0.5 * 2**attempt) for attempt in range(12)]
    assert sum(doubled) / 2 <= clock.now - 100 <= sum(doubled)


@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drip=True)])
def test_a_server_that_hangs_or_drips_is_given_up_and_tried_again(reply: Reply) -> None:
    with serving({"A": [reply, says("done")], "B": [reply]}) as server:
        answered, failed = ask(chat(server, timeout_s=0.4, retries=1), "A", "B")
        assert answered == ChatAnswer("done")
        assert isinstance(failed, str)
        assert "within 0.4 s, after 2 attempts" in failed


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>gateway</html>", "the response is not JSON"),
        (b"\xff\xfe\x00", "the response is not JSON"),
        (b"", "the response is not JSON"),
        (b"[" * 200_000, "the response is not JSON"),
        (b"null", "no chat completion"),
        (b"[]", "no chat completion"),
        (b'{"choices": []}', "no chat completion"),
        (b'{"choices": [{"message": {"content": 7}}]}', "no chat completion"),
        (b'{"choices": "text"}', "no chat completion"),
        (b'{"choices": [{"message": {"content": null}, "finish_reason": "stop"}]}', "no chat completion"),
        (b" " * (LARGEST_RESPONSE + 1), "larger than"),
    ],
)
def test_garbage_is_a_failure_of_that_question_only(body: bytes, message: str) -> None:
    with serving({"A": [Reply(body=body), says("never said")]}) as server:
        failed, answered = ask(chat(server), "A", "B")
        assert isinstance(failed, str)
        assert message in failed
        assert answered == ChatAnswer("merged: B")
        assert server.asked["A"] == 1


def test_half_a_surrogate_pair_is_in_no_answer_and_no_error() -> None:
    replies = {"A": [says("a dog \ud83d runs")], "B": [fails(400, "no \udc00 such model")]}
    with serving(replies) as server:
        assert ask(chat(server), *replies) == [ChatAnswer("a dog ? runs"), "HTTP 400: no ? such model"]


def test_how_an_answer_ended_is_told() -> None:
    replies = {
        "cut": [says("A man", "length")],
        "thought": [says(None, "length")],
        "filtered": [says(None, "content_filter")],
        "refused": [says(None, "stop", refusal="I can't.")],
        "silent": [says("A man.", None)],
    }
    with serving(replies) as server:
        assert ask(chat(server), *replies) == [
            ChatAnswer("A man", finished=False),
            ChatAnswer("", finished=False),
            ChatAnswer("", refused=True),
            ChatAnswer("I can't.", refused=True),
            ChatAnswer("A man."),
        ]


def test_so_many_requests_at_once_and_no_more() -> None:
    with serving(together=3) as server:
        ask(chat(server, concurrent_requests=3), *(f"question {number}" for number in range(9)))
        assert server.most_at_once == 3


def test_requests_per_minute_count_retries_too() -> None:
    clock = Clock()
    with serving({"A": [fails(500), says("done")]}) as server:
        ask(chat(server, clock=clock, requests_per_minute=6, concurrent_requests=2), "A", "B", "C")
        assert len(server.requests) == 4
    assert clock.now >= 100 + 3 * 10 - 1e-6


def test_the_key_is_in_no_text_that_the_server_sends() -> None:
    echo = f"Incorrect API key provided: {KEY}. You sent Bearer {KEY}"
    masked = "Incorrect API key provided: sk-proj-********cdef."
    with serving({"A": [fails(401, echo)], "B": [fails(400, masked)], "C": [says(f"A man. {KEY}")]}) as server:
        assert ask(chat(server), "A", "B", "C") == [
            "HTTP 401: Incorrect API key provided: [key]. You sent [key]",
            "HTTP 400: Incorrect API key provided: [key]",
            ChatAnswer("A man. [key]"),
        ]


def test_a_long_error_is_shortened() -> None:
    with serving({"A": [fails(400, "no " * 500)]}) as server:
        (told,) = ask(chat(server), "A")
        assert len(str(told)) < 250


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_at_the_start(status: int) -> None:
    with serving(models=fails(status, f"bad key {KEY}")) as server, pytest.raises(ChatModelError) as told:
        chat(server).check()
    assert f"refuses the request: HTTP {status}: bad key [key]; see ${VARIABLE}" in str(told.value)


def test_a_server_that_is_not_there_is_told_at_the_start() -> None:
    with serving() as server:
        pass
    with pytest.raises(ChatModelError, match="cannot be reached: the connection failed") as told:
        chat(server).check()
    assert KEY not in str(told.value)


def test_a_server_that_lists_no_models_is_taken() -> None:
    with serving(models=fails(404, "no such path")) as server:
        chat(server).check()
        assert len(server.headers) == 1


@pytest.mark.parametrize(("value", "message"), [("", "holds no API key"), ("sk-a b\u20ac", "odd characters")])
def test_a_variable_without_a_key_is_told(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv(VARIABLE, value)
    with serving() as server, pytest.raises(ChatModelError, match=message) as told:
        chat(server)
    assert not value or value not in str(told.value)
