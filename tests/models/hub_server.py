"""A real HTTP server that speaks as much of the hub's protocol as models are listed and fetched with."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".gguf")


@dataclass
class Repository:
    """Files at one commit. ``sent``: what comes instead of a file's content (of equal length). ``gated``: files want a
    token. ``held``: a file of which half is sent, and the rest when `release` is set; `began` tells that it is."""

    files: dict[str, bytes]
    commit: str = "c" * 40
    sent: dict[str, bytes] = field(default_factory=dict)
    gated: bool = False
    held: str | None = None
    began: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def digest(self, name: str) -> str:
        """As the hub names stored files: SHA-256 of large ones, git's id of small ones."""
        content = self.files[name]
        if name.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def entry(self, name: str) -> dict[str, Any]:
        """The file in a listing."""
        size = len(self.files[name])
        if not name.endswith(LARGE):
            return {"type": "file", "path": name, "size": size, "oid": self.digest(name)}
        lfs = {"oid": self.digest(name), "size": size, "sha256": self.digest(name), "pointerSize": 134}
        return {"type": "file", "path": name, "size": size, "oid": "d" * 40, "lfs": lfs}


class HubServer(ThreadingHTTPServer):
    """``repositories`` by name; ``requests``: method and path of each request that came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models/").strip("/").split("/")
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = self.server.repositories.get(name)
        if repository is None:
            self._refuse(HTTPStatus.UNAUTHORIZED, "RepoNotFound" if api else None)
        elif len(rest) > 1 and rest[1] not in ("main", repository.commit):
            self._refuse(HTTPStatus.NOT_FOUND, "RevisionNotFound")
        elif api and rest[:1] == ["tree"]:
            self._send_json([repository.entry(file) for file in repository.files])
        elif api:
            entries = [repository.entry(file) for file in repository.files]
            siblings = [
                {"rfilename": e["path"], "size": e["size"], "blobId": e["oid"], "lfs": e.get("lfs")} for e in entries
            ]
            self._send_json({"id": name, "sha": repository.commit, "private": False, "siblings": siblings})
        elif repository.gated and "Authorization" not in self.headers:
            self._refuse(HTTPStatus.UNAUTHORIZED, "GatedRepo")
        else:
            self._send_file(repository, "/".join(rest[2:]))

    def _refuse(self, status: HTTPStatus, code: str | None) -> None:
        self.send_response(status)
        if code is not None:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", f"{code} by the test's hub")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_file(self, repository: Repository, name: str) -> None:
        if name not in repository.files:
            self._refuse(HTTPStatus.NOT_FOUND, "EntryNotFound")
            return
        content = repository.sent.get(name, repository.files[name])
        self.send_response(HTTPStatus.OK)
        self.send_header("ETag", f'"{repository.digest(name)}"')
        self.send_header("X-Repo-Commit", repository.commit)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if repository.held == name:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            repository.began.set()
            repository.release.wait(60)
            content = content[len(content) // 2 :]
        self.wfile.write(content)


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """The server, answering on a free port of this machine."""
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            for repository in server.repositories.values():
                repository.release.set()
            server.shutdown()
            thread.join()
