r"""The ends of lines, \n and \r\n, of a text that people with different editors have written."""

from __future__ import annotations

from difflib import SequenceMatcher

UNIX, DOS = "\n", "\r\n"


def without_dos(text: str) -> str:
    r"""The text with \n only."""
    return text.replace(DOS, UNIX)


def with_ends_of(text: str, edited: str) -> str:
    r"""``edited``, which was made of ``text`` `without_dos`, with the end that each line has in ``text``; a new line
    ends as most lines of ``text`` do."""
    usual = DOS if 2 * text.count(DOS) > text.count(UNIX) else UNIX
    written = text.removesuffix(UNIX).split(UNIX)
    before = [line.removesuffix("\r") for line in written]
    ends = [DOS if line.endswith("\r") else UNIX for line in written]
    if not text.endswith(UNIX):
        ends[-1] = usual
    after = edited.removesuffix(UNIX).split(UNIX)
    found = [usual] * len(after)
    for old, new, size in _same(before, after):
        found[new : new + size] = ends[old : old + size]
    if text and not text.endswith(UNIX) and before[-1] == after[-1]:
        found[-1] = ""
    return "".join(line + end for line, end in zip(after, found, strict=True))


def _same(before: list[str], after: list[str]) -> list[tuple[int, int, int]]:
    """Runs of equal lines: where they begin in both, and how many there are. Most lie around one place of change."""
    shorter = min(len(before), len(after))
    head = next((number for number in range(shorter) if before[number] != after[number]), shorter)
    room = shorter - head
    tail = next((number for number in range(room) if before[-1 - number] != after[-1 - number]), room)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    between = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return [
        (0, 0, head),
        *((head + one.a, head + one.b, one.size) for one in between),
        (len(before) - tail, len(after) - tail, tail),
    ]
