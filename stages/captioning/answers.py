"""Whether what a language model answered is a caption, and the caption without the talk around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LONGEST_ANSWER = 20_000  # characters; what is longer is not even looked at
Fault = Literal["refusal", "empty", "run_on"]


@dataclass(frozen=True)
class Verdict:
    """``caption`` without the talk around it, and what is wrong with it (None: it can be used)."""

    caption: str
    fault: Fault | None


def judge(text: str, *, finished: bool = True, refused: bool = False, max_words: int) -> Verdict:
    """Whether an answer can be used as a caption.

    ``finished``: the model came to an end by itself; ``refused``: its server held the answer back. A run-on is an
    answer that did not end, or is longer than ``max_words``; it is not cut: where to is anyone's guess.
    """
    if len(text) > LONGEST_ANSWER:
        return Verdict(text[:LONGEST_ANSWER], "run_on")
    caption = clean(text)
    if refused or is_refusal(caption):
        return Verdict(caption, "refusal")
    if not finished or len(caption.split()) > max_words:
        return Verdict(caption, "run_on")
    if not any(character.isalnum() for character in caption):
        return Verdict(caption, "empty")
    return Verdict(caption, None)


def clean(text: str) -> str:
    """The caption in an answer, on one line: without thoughts, "Here is …:", closing remarks, quotation and bold marks.

    Cleaning twice is cleaning once.
    """
    while True:
        shorter = text
        for strip in (_without_thoughts, _without_closing, _without_opening, _without_marks):
            shorter = strip(shorter.strip())
        if shorter == text:
            text = " ".join(text.split())
            if text == shorter:
                return text
        else:
            text = shorter


def is_refusal(text: str) -> bool:
    """Whether the answer says that there will be none, or that none could be made."""
    plain = " ".join(text.translate(_APOSTROPHES).split())
    return bool(_REFUSAL.match(plain) or _SAYS_IT_IS_AN_AI.search(plain))


def _without_thoughts(text: str) -> str:
    return _OPEN_THOUGHTS.sub("", _CLOSED_THOUGHTS.sub("", text))


def _without_closing(text: str) -> str:
    return _CLOSING.sub("", text)


def _without_opening(text: str) -> str:
    found = _OPENING.match(text.translate(_APOSTROPHES))
    return text[found.end() :] if found else text


def _without_marks(text: str) -> str:
    text = _MARKS.sub("", text)
    for left, right in _QUOTES:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == left and text[-1] == right and left not in inner and right not in inner:
            return inner
    return text


def _pattern(*alternatives: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """Any of the alternatives; a space stands for any white space."""
    text = f"{before}(?:{'|'.join(alternatives)}){after}".replace(" ", r"\s+")
    return re.compile(text, re.IGNORECASE | re.DOTALL)


_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'"})
_QUOTES = (('"', '"'), ("“", "”"), ("«", "»"), ("'", "'"))
_MARKS = re.compile(r"\A(?:[-*•>#]+\s+|\*\*|__)|(?:\*\*|__)\Z")
_CLOSED_THOUGHTS = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THOUGHTS = re.compile(r"<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)

_APOLOGY = (
    r"\A(?:unfortunately\W+|(?:i am |i'm )?(?:so |very |really )?sorry\b\W*|(?:i )?apologi[sz]e\b[^.]{0,60}\W+"
    r"|my apologies\W+|but )*"
)
_REFUSAL = _pattern(
    r"as an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"i (?:cannot|can't|can not|could not|couldn't|won't|will not|don't|do not|am not able|am unable|must decline)\b",
    r"i(?:'m| am) (?:not able|unable|an? ai|just an?|an? (?:large )?language model)\b",
    r"i (?:would )?(?:need|require) (?:more|additional|the|to see)\b",
    r"(?:please|could you|can you) (?:please )?(?:provide|share|give|upload|send)\b",
    r"(?:there (?:is|are)|you(?:'ve| have)) no(?:t provided)?(?: any)? (?:captions?|descriptions?)\b",
    r"you (?:did not|didn't|haven't|have not) provided?\b",
    r"it (?:seems|looks|appears)(?: like| that)? (?:you|the captions?) (?:\w+ )?(?:not|no|haven't|didn't|missing)\b",
    before=_APOLOGY,
)
_SAYS_IT_IS_AN_AI = _pattern(r"\bas an? (?:ai|artificial intelligence)(?: language)?(?: model| assistant)?,")

_CAPTION = (
    r"(?:(?:the|a|an|your|my|one|single|final|merged|combined|unified|new|short|concise|resulting|revised|possible|video"
    r"|clip) )*(?:captions?|descriptions?|summary|answer|result|output)\b"
)
_OPENING = _pattern(
    r"(?:sure|certainly|of course|absolutely|okay|ok|great|got it|no problem)(?: thing)?[!,.:;](?=\s|\Z)\s*",
    r"here(?:'s| is| are) [^:\n]{0,120}:\s*",
    rf"(?:this is|below is|the following is) {_CAPTION}[^:\n]{{0,80}}:\s*",
    rf"[*_]*{_CAPTION}(?: (?:of|for) [^:\n.,]{{0,60}})?(?: (?:is|could be|would be|reads))?\s*:\s*",
    before=r"\A",
)
_CLOSING = _pattern(
    r"(?:note|explanation)\b",
    r"(?:please )?let me know\b",
    r"(?:i (?:hope|have|tried|combined|merged|kept|made)|i've)\b",
    r"this (?:merged |combined |new |single )?(?:caption|description|version|sentence)\b",
    r"(?:feel free|would you like|is there anything)\b",
    before=r"\n\s*\W{0,3}",
    after=r".*\Z",
)
