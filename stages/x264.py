"""What an encoder can be told by its name in a configuration."""

from __future__ import annotations

from typing import Literal

X264Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]
"""The presets of x264, the fastest first; x265 has the same."""
