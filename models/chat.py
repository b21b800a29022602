"""What a chat model is asked, and what it answers, whatever runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict


class Message(TypedDict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


Conversation = Sequence[Message]


@dataclass(frozen=True)
class ChatAnswer:
    """What the model wrote.

    ``finished``: it came to an end by itself, within ``max_new_tokens``. ``refused``: whoever runs the model held the
    answer back and said so (a content filter).
    """

    text: str
    finished: bool = True
    refused: bool = False


class ChatError(Exception):
    """One conversation got no answer; one line that says why."""


class ChatModelError(Exception):
    """The model cannot be used at all; one line: what, where, what to do."""


class ChatModel(Protocol):
    """Anything that answers conversations."""

    def answer(self, conversations: Sequence[Conversation]) -> list[ChatAnswer | ChatError]:
        """One answer per conversation, in order; a `ChatError` in the place of an answer that could not be had."""
