"""What every request must pass before the application sees it, and what every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from curation.tune.access import Access, is_same_origin

# Scripts, styles, pictures and films come from this server alone; nothing is inline; no page may frame this one.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SAFE_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
METHODS = ("GET", "HEAD", "POST")


class Guard:
    """An ASGI middleware: refuses foreign hosts and origins and requests without the token."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        set_cookie = refusal is None and self._comes_with_token(scope)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    answer[name] = value
                answer.setdefault("cache-control", "no-store")
                if set_cookie:
                    # Strict: no other site can make the browser send it. The page takes the token out of the address.
                    answer.append("set-cookie", self._cookie())
            await send(message)

        await (refusal or self._app)(scope, receive, send_safely)

    def _cookie(self) -> str:
        return f"{self._access.cookie}={self._access.token}; HttpOnly; SameSite=Strict; Path=/"

    def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._access.knows_host(host):
            return PlainTextResponse("unknown host", 421)
        if any(not is_same_origin(origin, host) for origin in headers.getlist("origin")):
            return PlainTextResponse("requests from other sites are refused", 403)
        if _is_from_elsewhere(headers):
            return PlainTextResponse("requests from other sites are refused", 403)
        if scope["method"] not in METHODS:
            return PlainTextResponse("no such method", 405, {"allow": ", ".join(METHODS)})
        if self._access.token is not None and not self._shows_token(scope, headers):
            return PlainTextResponse("open the address that curation tune printed: it holds the token", 401)
        return None

    def _shows_token(self, scope: Scope, headers: Headers) -> bool:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.is_token(shown.strip()):
            return True
        if self._access.is_token(_cookies(headers).get(self._access.cookie, "")):
            return True
        return self._comes_with_token(scope)

    def _comes_with_token(self, scope: Scope) -> bool:
        """The address of the page itself may hold the token: the one that is printed."""
        if scope["path"] != "/" or not scope["query_string"]:
            return False
        shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        return self._access.is_token(shown[0])


def _is_from_elsewhere(headers: Headers) -> bool:
    """Browsers tell who asks. Another site may link to the page, and nothing else."""
    site = headers.get("sec-fetch-site", "same-origin")
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return site not in ("same-origin", "none") and not is_link


def _cookies(headers: Headers) -> Mapping[str, str]:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
