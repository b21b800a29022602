"""Why something cannot be read, in one line."""

from __future__ import annotations

HTTP_MISSING = (404, 410)


def reason(error: BaseException) -> str:
    """ "not found", "permission denied", or else the text of the error.

    fsspec reports every trouble with an HTTP server as a missing file; the error behind it tells which it was.
    """
    if isinstance(error, FileNotFoundError):
        behind = error.__cause__ or error.__context__
        if type(behind).__module__.startswith("aiohttp") and getattr(behind, "status", None) not in HTTP_MISSING:
            return f"cannot be read: {_one_line(str(behind))}"
        return "not found"
    if isinstance(error, PermissionError):
        return "permission denied"
    return f"cannot be read: {_one_line(getattr(error, 'strerror', None) or str(error) or type(error).__name__)}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
