"""Which files a model needs, which of them a folder holds, and whether they are what was published."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.weight_format import unreadable

WEIGHTS = (".safetensors", ".bin", ".gguf")
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_INDEX_SUFFIX = ".index.json"
_SHARD = re.compile(r"^(?P<stem>model|pytorch_model)-\d+-of-\d+(?P<suffix>\.safetensors|\.bin)$")
_SMALL = (".json", ".txt", ".model", ".jinja", ".tiktoken")
_TEMPLATES = "additional_chat_templates/"
CONFIG = "config.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json", "tokenizer_config.json")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")
_BLOCK = 1 << 22


@dataclass(frozen=True)
class WeightFile:
    """A file that a model needs.

    ``num_bytes``: its size, None when not known. ``path``: where it is on this machine, None when it is not.
    ``sha256``: of its content, ``git_sha1``: the id that git gives this content (the hub keeps one of the two for each
    file); None when not known.
    """

    name: str
    num_bytes: int | None
    path: Path | None
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def proof(self) -> str:
        """What `problem` compares the content with."""
        return "SHA-256" if self.sha256 is not None else "git id" if self.git_sha1 is not None else ""

    def problem(self) -> str | None:
        """What is wrong with the file, in words; None when it is there, is the published one as far as that is known,
        and can be read. Reads all of it."""
        if self.path is None or not self.path.is_file():
            return "it is not there"
        return wrong_digest(self) or unreadable(self.path)


def chosen_files(names: Sequence[str], alternatives: Sequence[str] = (), *, weights: bool = True) -> list[str]:
    """Those files of a repository that transformers loads: small files, and one set of weights (safetensors first).

    ``alternatives``: only the first of these; ``weights``: False for what a tokenizer is made of. Weights in other
    formats, in folders, and of other variants are left out.
    """
    if alternatives:
        return [name for name in alternatives if name in names][:1]
    top = [name for name in names if "/" not in name]
    chosen = _weight_names(top) if weights else []
    indices = {f"{single}{_INDEX_SUFFIX}" for single in _SINGLE}
    sharded = {match["stem"] + match["suffix"] + _INDEX_SUFFIX for name in chosen if (match := _SHARD.match(name))}
    small = [name for name in top if name.endswith(_SMALL) and (name not in indices or name in sharded)]
    templates = [name for name in names if name.startswith(_TEMPLATES) and name.endswith(".jinja")]
    return [*sorted(small), *sorted(templates), *sorted(chosen)]


def missing_in(folder: Path, *, weights: bool = True) -> str | None:
    """The first file that a model folder lacks, in words; None when configuration, tokenizer and weights are all there.
    ``weights``: False where only the tokenizer is wanted."""
    if weights and not (folder / CONFIG).is_file():
        return CONFIG
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        return _TOKENIZERS[0]
    return _missing_weights(folder) if weights else None


def _missing_weights(folder: Path) -> str | None:
    for single in _SINGLE:
        if (folder / single).is_file():
            return None
        index = folder / f"{single}{_INDEX_SUFFIX}"
        if index.is_file():
            return next((name for name in _shards(index) if not (folder / name).is_file()), None)
    return None if any(folder.glob("*.safetensors")) else _SINGLE[0]


def listed(folder: Path, alternatives: Sequence[str] = (), *, weights: bool = True) -> list[WeightFile]:
    """The files of a model folder on this machine (or ``folder`` itself where it is a file), with their digests as
    far as the hub's cache tells them: it names each stored file by its digest."""
    if folder.is_file():
        return [on_disk(folder, folder.name)]
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return [on_disk(folder / name, name) for name in chosen_files(names, alternatives, weights=weights)]


def on_disk(path: Path, name: str) -> WeightFile:
    """A file of this machine. In the hub's cache a link with the digest as its name leads to the file."""
    target = Path(os.readlink(path)).name if path.is_symlink() else ""
    return WeightFile(
        name,
        path.stat().st_size,
        path,
        sha256=target if _SHA256.match(target) else None,
        git_sha1=target if _GIT_SHA1.match(target) else None,
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file of this machine; reads it where the hub's cache does not tell it."""
    return on_disk(path, path.name).sha256 or _digest(path, hashlib.sha256())


def wrong_digest(file: WeightFile) -> str | None:
    """What differs between a file on this machine and what was published, in words; None when nothing does or nothing
    is known. Reads the whole file where a digest is known."""
    if file.path is None:
        return None
    size = file.path.stat().st_size
    if file.num_bytes is not None and size != file.num_bytes:
        return f"{size} bytes instead of {file.num_bytes}"
    if file.sha256 is not None and _digest(file.path, hashlib.sha256()) != file.sha256:
        return f"its SHA-256 is not {file.sha256}"
    if file.git_sha1 is not None:
        header = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        if _digest(file.path, header) != file.git_sha1:
            return f"its git id is not {file.git_sha1}"
    return None


def _weight_names(top: Sequence[str]) -> list[str]:
    for single in _SINGLE:
        if single in top:
            return [single]
        suffix = Path(single).suffix
        shards = [name for name in top if (match := _SHARD.match(name)) and match["suffix"] == suffix]
        if shards:
            return shards
        others = [name for name in top if name.endswith(".safetensors")]
        if others:
            return others
    return []


def _shards(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        return [f"a readable {index.name}"]


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
