"""Raw videos in, a Large Video Dataset out. Importing this package is quick: parts are loaded when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.dataset.dataset import Dataset

__version__ = "0.1.0"
__all__ = ["Dataset", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Dataset":
        from curation.dataset.dataset import Dataset

        return Dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
