"""What stands in for a merged caption."""

from __future__ import annotations

import pytest

from stages.captioning.fallback import FallbackRule, fallback_caption

BOTH = {"coca": "a man on a bike", "videoblip": "a man rides a bike down a street"}


@pytest.mark.parametrize(
    ("rule", "captions", "expected"),
    [
        ("longest", BOTH, BOTH["videoblip"]),
        ("longest", {"coca": "abc", "videoblip": "xyz"}, "abc"),
        ("coca", BOTH, BOTH["coca"]),
        ("videoblip", BOTH, BOTH["videoblip"]),
        ("videoblip", {"coca": "abc", "vlm": "abcd"}, "abcd"),
        ("none", BOTH, None),
    ],
)
def test_rules(rule: FallbackRule, captions: dict[str, str], expected: str | None) -> None:
    assert fallback_caption(rule, captions) == expected
