"""How CoCa writes a text: beam search, or drawing tokens. As `open_clip.CoCa.generate` does it, text by text.

OpenCLIP's own ``generate`` needs a class that transformers removed in version 5. Loads no torch when imported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

    from models.coca_decoder import CocaDecoder

    Generators = Sequence[torch.Generator]


@dataclass(frozen=True)
class CaptionSettings:
    """The parameters of `open_clip.CoCa.generate`, with its defaults; lengths in tokens, the first one included.

    ``num_beam_groups``: OpenCLIP's groups have no penalty for being alike, so they are alike: ``num_beams`` /
    ``num_beam_groups`` beams are what is searched, here once, there once a group.
    ``seed``: of the tokens that "top_k" and "top_p" draw.

    Raises:
        ValueError: values that do not fit each other.
    """

    generation_type: Literal["beam_search", "top_k", "top_p"] = "beam_search"
    seq_len: int = 30
    min_seq_len: int = 5
    num_beams: int = 6
    num_beam_groups: int = 3
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_k: int = 1
    top_p: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seq_len <= self.min_seq_len:
            raise ValueError(f"seq_len ({self.seq_len}) must be larger than min_seq_len ({self.min_seq_len})")
        if self.num_beams % self.num_beam_groups:
            raise ValueError(f"num_beams ({self.num_beams}) must be a multiple of num_beam_groups")

    @property
    def texts_per_image(self) -> int:
        """How many texts of an image are followed at once."""
        return self.num_beams // self.num_beam_groups if self.generation_type == "beam_search" else 1


@dataclass(frozen=True)
class SpecialTokens:
    """Numbers of the tokens for start and end of a text, and for padding."""

    start: int
    end: int
    padding: int


def search_beams(
    decoder: CocaDecoder, images: int, settings: CaptionSettings, special: SpecialTokens
) -> list[list[int]]:
    """The tokens of each image's best text, without those for start and end.

    A text's score is the sum of its tokens' logits (OpenCLIP takes no logarithm of the softmax here) by its length.
    Source: `open_clip.CoCa._generate_beamsearch` with transformers' ``BeamSearchScorer``.
    """
    import torch

    beams = settings.texts_per_image
    finished = [_Finished(beams) for _ in range(images)]
    going = list(range(images))
    texts = [[special.start]] * (images * beams)
    device = decoder.device
    scores = torch.full((images, beams), -1e9, device=device)
    scores[:, 0] = 0
    while True:
        ids = torch.tensor(texts, device=device)
        logits = _adjusted(decoder.next_logits(ids[:, -1]), ids, settings, special)
        vocabulary = logits.shape[-1]
        candidates = (logits.view(len(going), beams, vocabulary) + scores[..., None]).flatten(1).topk(2 * beams)
        sums, places = candidates.values.tolist(), candidates.indices.tolist()
        length = ids.shape[1] + 1
        parents: list[int] = []
        grown: list[list[int]] = []
        kept: list[list[float]] = []
        still_going: list[int] = []
        for row, image in enumerate(going):
            chosen: list[tuple[int, int, float]] = []
            for rank, (total, place) in enumerate(zip(sums[row], places[row], strict=True)):
                parent, token = row * beams + place // vocabulary, place % vocabulary
                if token != special.end:
                    chosen.append((parent, token, total))
                elif rank < beams:
                    finished[image].add(total / length, texts[parent])
                if len(chosen) == beams:
                    break
            if finished[image].is_done(sums[row][0] / length):
                continue
            still_going.append(image)
            parents += [parent for parent, _, _ in chosen]
            grown += [[*texts[parent], token] for parent, token, _ in chosen]
            kept.append([total for _, _, total in chosen])
        going, texts = still_going, grown
        if not going:
            break
        if length >= settings.seq_len:
            for row, image in enumerate(going):
                for beam, total in enumerate(kept[row]):
                    finished[image].add(total / length, texts[row * beams + beam])
            break
        decoder.keep(torch.tensor(parents, device=device))
        scores = torch.tensor(kept, device=device)
    return [each.best()[1:] for each in finished]


def draw_tokens(
    decoder: CocaDecoder, settings: CaptionSettings, special: SpecialTokens, keys: Sequence[str]
) -> list[list[int]]:
    """The tokens of a drawn text for each image, without those for start and end.

    Each text has a random stream of its own, from ``settings.seed`` and its key: it does not depend on its batch.
    Source: `open_clip.CoCa.generate` with ``generation_type`` "top_k" or "top_p".
    """
    import torch

    device = decoder.device
    streams = [torch.Generator().manual_seed(_seed(settings.seed, key)) for key in keys]
    going = list(range(len(keys)))
    texts = [[special.start] for _ in keys]
    for _ in range(settings.seq_len - 2):
        ids = torch.tensor([texts[image] for image in going], device=device)
        logits = _adjusted(decoder.next_logits(ids[:, -1]), ids, settings, special)
        shares = torch.softmax(_narrowed(logits, settings) / settings.temperature, dim=-1)
        luck = torch.cat([torch.rand(1, generator=streams[image]) for image in going]).to(device)
        tokens = _draw(shares, luck).tolist()
        stays = [row for row, token in enumerate(tokens) if token not in (special.end, special.padding)]
        for row in stays:
            texts[going[row]].append(tokens[row])
        if not stays:
            break
        if len(stays) < len(going):
            going = [going[row] for row in stays]
            decoder.keep(torch.tensor(stays, device=device))
    return [text[1:] for text in texts]


@dataclass
class _Finished:
    """The best ended texts of one image, as many as there are beams."""

    room: int
    texts: list[tuple[float, list[int]]] = field(default_factory=list)

    def add(self, score: float, text: list[int]) -> None:
        if len(self.texts) == self.room:
            worst = min(range(self.room), key=lambda number: self.texts[number][0])
            if score <= self.texts[worst][0]:
                return
            del self.texts[worst]
        self.texts.append((score, text))

    def is_done(self, attainable: float) -> bool:
        return len(self.texts) == self.room and min(score for score, _ in self.texts) >= attainable

    def best(self) -> list[int]:
        return sorted(self.texts, key=lambda each: each[0])[-1][1]


def _adjusted(
    logits: torch.Tensor, ids: torch.Tensor, settings: CaptionSettings, special: SpecialTokens
) -> torch.Tensor:
    """Logits after the least length and the penalty on tokens that the text has (CTRL, arXiv 1909.05858)."""
    if ids.shape[1] < settings.min_seq_len:
        logits[:, special.end] = float("-inf")
    if settings.repetition_penalty != 1:
        import torch

        used = logits.gather(1, ids)
        penalised = torch.where(used < 0, used * settings.repetition_penalty, used / settings.repetition_penalty)
        logits = logits.scatter(1, ids, penalised)
    return logits


def _narrowed(logits: torch.Tensor, settings: CaptionSettings) -> torch.Tensor:
    """Logits of the tokens that may be drawn, the others −∞ (nucleus sampling: arXiv 1904.09751)."""
    if settings.generation_type == "top_k":
        least = logits.topk(min(settings.top_k, logits.shape[-1])).values[:, -1:]
        return logits.masked_fill(logits < least, float("-inf"))
    ordered, places = logits.sort(descending=False)
    left_out = ordered.softmax(dim=-1).cumsum(dim=-1) <= 1 - settings.top_p
    left_out[:, -1] = False
    return logits.masked_fill(left_out.scatter(1, places, left_out), float("-inf"))


def _draw(shares: torch.Tensor, luck: torch.Tensor) -> torch.Tensor:
    """The token at which the running sum of shares passes ``luck`` (0 … 1), int64 [texts]."""
    sums = shares.double().cumsum(dim=-1)
    reached = luck.double()[:, None] * sums[:, -1:]
    return (sums > reached).to(shares.dtype).argmax(dim=-1)


def _seed(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:7], "big")
