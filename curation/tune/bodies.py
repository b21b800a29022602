"""What the page sends: JSON of bounded size, checked before anything is done with it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from curation.tune.axis import Scale
from curation.tune.draft import MOST_RULES

MOST_BYTES = 256 << 10
MOST_CLIPS = 120
MOST_COLUMNS = 200

Rules = Annotated[list[dict[str, Any]], Field(max_length=MOST_RULES)]
Limit = Annotated[int, Field(ge=1, le=MOST_CLIPS)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DraftBody(_Body):
    """The rules of the page, in order, as they would stand in YAML."""

    rules: Rules


class ShownColumn(_Body):
    name: Name
    scale: Scale | None = None


class KeptBody(DraftBody):
    """Of which columns the bars of kept clips are wanted."""

    columns: Annotated[list[ShownColumn], Field(max_length=MOST_COLUMNS)]


class GalleryBody(DraftBody):
    """``rule`` and ``side``: next to which threshold; without them random clips, of ``seed``."""

    fate: Literal["kept", "dropped"]
    rule: int | None = None
    side: Literal["low", "high"] | None = None
    limit: Limit = 24
    offset: Annotated[int, Field(ge=0, le=10_000)] = 0
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class CompareBody(_Body):
    """Two drafts."""

    a: Rules
    b: Rules
    limit: Limit = 24
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class ConvertBody(_Body):
    """A rule over one column whose thresholds are wanted in the other form."""

    column: Name
    spec: dict[str, Any]
    to: Literal["values", "percentiles"]


class SaveBody(DraftBody):
    """``overwrite``: whether a filter that has this name already may be replaced."""

    name: str
    description: Annotated[str, Field(max_length=2000)] | None = None
    overwrite: bool = False


Body = TypeVar("Body", bound=_Body)


async def read_body(request: Request, kind: type[Body]) -> Body:
    """The body of a request.

    Raises:
        HTTPException: it is no JSON (415), too long (413), or not what is wanted (422).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "send application/json")
    if int(request.headers.get("content-length", "0") or 0) > MOST_BYTES:
        raise HTTPException(413, f"at most {MOST_BYTES >> 10} KiB can be sent")
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MOST_BYTES:
            raise HTTPException(413, f"at most {MOST_BYTES >> 10} KiB can be sent")
    try:
        return kind.model_validate_json(bytes(read))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HTTPException(422, f"{where}: {first['msg']}" if where else str(first["msg"])) from None
