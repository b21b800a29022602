"""The web application: the page, its API, and the media of the dataset."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from curation.errors import UserError
from curation.tune import answers
from curation.tune.access import Access
from curation.tune.bodies import (
    Body,
    CompareBody,
    ConvertBody,
    DraftBody,
    GalleryBody,
    KeptBody,
    SaveBody,
    read_body,
)
from curation.tune.guard import Guard
from curation.tune.media import CONTACT_SHEETS, MEDIA, NoSuchFileError, checked_name, send_file
from curation.tune.places import Place
from curation.tune.saving import FilterExistsError, save_filter
from curation.tune.session import Session

CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
PAGE = "index.html"


def tune_app(session: Session, access: Access) -> Guard:
    """The application behind its guard."""
    page = _page()

    def asset(request: Request) -> Response:
        found = page.get(request.path_params["name"])
        if found is None:
            raise NoSuchFileError
        return Response(found[0], media_type=found[1])

    def index(_: Request) -> Response:
        return Response(page[PAGE][0], media_type=page[PAGE][1])

    def clip_of(request: Request) -> Place:
        clip = session.opened.places.find(request.path_params["clip_id"])
        if clip is None:
            raise NoSuchFileError
        return clip

    def media_of(request: Request) -> str:
        return checked_name(session.storage, clip_of(request).media, MEDIA)

    def media(request: Request) -> Response:
        return send_file(session.storage, media_of(request), "video/mp4", request)

    def poster(request: Request) -> Response:
        picture = session.posters.get(media_of(request))
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})

    def sheet(request: Request) -> Response:
        name = answers.contact_sheet(clip_of(request).video_id)
        return send_file(session.storage, checked_name(session.storage, name, CONTACT_SHEETS), "image/jpeg", request)

    routes = [
        Route("/", index, methods=["GET"]),
        Route("/assets/{name}", asset, methods=["GET"]),
        Route("/media/{clip_id}", media, methods=["GET"]),
        Route("/posters/{clip_id}", poster, methods=["GET"]),
        Route("/contact_sheets/{clip_id}", sheet, methods=["GET"]),
        *_api(session),
    ]
    handlers: dict[Any, Any] = {
        UserError: _user_error,
        FilterExistsError: _exists,
        NoSuchFileError: _not_found,
        HTTPException: _http_error,
        Exception: _internal_error,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), access)


def _api(session: Session) -> list[Route]:
    def about(_: Request) -> Response:
        return JSONResponse(answers.about(session))

    def column(request: Request) -> Response:
        scale = request.query_params.get("scale")
        if scale not in (None, "linear", "log"):
            raise HTTPException(422, "scale: linear or log")
        found = session.opened.distribution(request.query_params.get("name", ""), scale)  # type: ignore[arg-type]
        return JSONResponse(found.to_dict())

    def details(request: Request) -> Response:
        return JSONResponse(answers.details(session.opened, request.path_params["clip_id"]))

    def rules(request: Request) -> Response:
        return JSONResponse({"rules": session.rules_of(request.query_params.get("name", ""))})

    return [
        Route("/api/dataset", about, methods=["GET"]),
        Route("/api/column", column, methods=["GET"]),
        Route("/api/filter", rules, methods=["GET"]),
        Route("/api/clips/{clip_id}", details, methods=["GET"]),
        _asked("/api/evaluate", DraftBody, lambda body, _: answers.evaluation(session.opened, body.rules)),
        _asked("/api/kept", KeptBody, lambda body, _: answers.kept_bars(session.opened, body)),
        _asked("/api/gallery", GalleryBody, lambda body, _: answers.gallery(session.opened, body)),
        _asked("/api/compare", CompareBody, lambda body, _: answers.comparison(session.opened, body)),
        _asked("/api/convert", ConvertBody, lambda body, _: answers.conversion(session.opened, body)),
        _asked(
            "/api/clips/{clip_id}",
            DraftBody,
            lambda body, request: answers.place(session.opened, request.path_params["clip_id"], body.rules),
        ),
        _asked("/api/save", SaveBody, lambda body, _: save_filter(session, body)),
    ]


def _asked(path: str, kind: type[Body], answer: Callable[[Body, Request], answers.Json]) -> Route:
    """A question with a body; the answer is worked out in a thread."""

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, kind)
        return JSONResponse(await run_in_threadpool(answer, body, request))

    return Route(path, endpoint, methods=["POST"])


def _page() -> dict[str, tuple[bytes, str]]:
    """The files of the page by name, each with its type: all that can be asked for."""
    folder = importlib.resources.files("curation.tune") / "page"
    found = {}
    for file in folder.iterdir():
        suffix = file.name.rpartition(".")[2]
        if suffix in CONTENT_TYPES:
            found[file.name] = (file.read_bytes(), CONTENT_TYPES[suffix])
    return found


def _user_error(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


def _exists(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error), "exists": True}, 409)


def _not_found(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": "not here"}, 404)


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _internal_error(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server failed; its terminal says how"}, 500)
