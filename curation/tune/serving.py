"""Running the web server until Ctrl-C."""

from __future__ import annotations

import errno
import signal
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from curation.errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

SECONDS_TO_FINISH = 2


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host``; ``port`` 0 takes a free one.

    Raises:
        UserError: the address is not of this machine, the port is taken or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"--port {port}: is taken by another program; take another one, or 0 for any") from error
        if error.errno == errno.EACCES:
            raise UserError(f"--port {port}: may not be opened; take one from 1024 on, or 0 for any") from error
        raise UserError(f"--host {host}: {error.strerror or error}") from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, started: Callable[[], None]) -> None:
    """Answer requests on ``listener`` until SIGINT or SIGTERM; ``started`` is called when the first can be answered."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    # The server hands signals on when it has ended; SIGTERM ends it as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


def page_url(host: str, port: int, token: str | None) -> str:
    """The address of the page as a browser on this machine opens it."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")
