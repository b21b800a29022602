"""A real HTTP server on this machine that speaks OpenAI's chat protocol, and misbehaves as it is told."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789abcdefSECRET"


@dataclass(frozen=True)
class Reply:
    """A response. ``hang``: none comes, until the server stops; ``drip``: a byte now and then, for ever."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    drip: bool = False
    drop: bool = False


def says(text: str | None, finish_reason: str | None = "stop", **message: Any) -> Reply:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    return Reply(body=json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def fails(status: int, message: str = "", headers: Mapping[str, str] | None = None, code: str | None = None) -> Reply:
    """An error as OpenAI writes it."""
    return Reply(status, json.dumps({"error": {"message": message, "code": code}}).encode(), headers or {})


@dataclass
class ChatServer:
    """``replies``: by a word of the question, what is said to it first, second …; the last one is said from then on."""

    replies: Mapping[str, Sequence[Reply]]
    models: Reply = field(default_factory=lambda: Reply(body=b'{"object": "list", "data": []}'))
    together: int = 1
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)
    _at_once: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def reply_to(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        """The reply to a question; held back until ``together`` requests are there at once."""
        question = body["messages"][-1]["content"]
        word = next((word for word in self.replies if word in question), None)
        with self._changed:
            self.requests.append(body)
            self.headers.append(headers)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most_at_once >= self.together, timeout=20)
            number = self.asked[str(word)]
            self.asked[str(word)] += 1
        if word is None:
            return says(f"merged: {question}")
        return self.replies[word][min(number, len(self.replies[word]) - 1)]

    def done(self) -> None:
        with self._changed:
            self._at_once -= 1


@contextmanager
def serving(replies: Mapping[str, Sequence[Reply]] | None = None, **settings: Any) -> Iterator[ChatServer]:
    """A server on a free port of this machine."""
    state = ChatServer(replies or {}, **settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.headers.append(dict(self.headers))
            self._send(state.models if self.path == "/v1/models" else fails(404, "no such path"))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/chat/completions":
                self._send(fails(404, "no such path"))
                return
            reply = state.reply_to(body, dict(self.headers))
            state.done()
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            if reply.hang or reply.drop:
                self.close_connection = True
                if reply.hang:
                    state.stopped.wait(60)
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.drip:
                self.close_connection = True
                self.end_headers()
                while not state.stopped.wait(0.05):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                return
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # a client that gave up

    with Server(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.stopped.set()
            server.shutdown()
            thread.join()
