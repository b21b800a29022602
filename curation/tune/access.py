"""Who may talk to the server: which names it answers to, and with which token."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::\d{1,5})?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Access:
    """``names``: those that the header Host may hold, in lower case, whatever the port (a tunnel has another one).
    ``any_address``: IP addresses too. A name that is in neither is a foreign site whose name was made to point here
    (DNS rebinding). ``token``: what a request must show, None for nobody; ``cookie``: the cookie that holds it."""

    names: frozenset[str]
    any_address: bool
    token: str | None
    cookie: str

    @classmethod
    def of(cls, host: str, port: int, *, with_token: bool) -> Access:
        """For a server that listens on ``host``; beyond this machine always with a token."""
        if is_loopback(host):
            token = secrets.token_urlsafe(32) if with_token else None
            return cls(LOOPBACK_NAMES | {host.lower()}, False, token, f"curation_tune_{port}")
        names = {host, socket.gethostname(), socket.getfqdn()}
        known = LOOPBACK_NAMES | {name.lower() for name in names}
        return cls(known, True, secrets.token_urlsafe(32), f"curation_tune_{port}")

    def knows_host(self, header: str) -> bool:
        """Whether a header ``Host`` names this server."""
        match = _HOST.fullmatch(header.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        return name in self.names or (self.any_address and _is_address(name))

    def is_token(self, shown: str) -> bool:
        """Compared in a time that does not tell how much of it is right."""
        return self.token is not None and hmac.compare_digest(shown.encode(), self.token.encode())


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a header ``Origin`` is that of a page from this server, by its header ``Host``."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
