"""Settings whose captions are compared with those that OpenCLIP itself writes.

coca_captions.json holds, for each of them, the captions of `pictures(NUMBER)` one by one by the tiny CoCa, from
`open_clip.CoCa.generate` of open_clip_torch 3.3.0 with transformers 4.55.4: under transformers 5 it searches no beams.
Where such versions are installed, this makes the file again:

    python -m tests.models.coca_settings > tests/models/coca_captions.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

NUMBER = 4
CAPTIONS = Path(__file__).with_name("coca_captions.json")
SETTINGS: list[dict[str, Any]] = [
    {},
    {"num_beams": 4, "num_beam_groups": 1, "min_seq_len": 2, "seq_len": 12},
    {"generation_type": "top_k", "top_k": 1, "repetition_penalty": 1.3, "seq_len": 15},
    {"generation_type": "top_p", "top_p": 1e-9, "seq_len": 16},
]


def _record() -> None:
    import open_clip

    from tests.models.tiny_coca import create_tiny_coca, pictures

    captions = []
    with tempfile.TemporaryDirectory() as folder:
        tiny = create_tiny_coca(Path(folder))
        model, _, transform = open_clip.create_model_and_transforms(tiny.name, pretrained=str(tiny.checkpoint))
    for settings in SETTINGS:
        captions.append([_caption(model.eval(), transform, picture, settings) for picture in pictures(NUMBER)])
    json.dump(captions, sys.stdout, indent=1)


def _caption(model: Any, transform: Any, picture: Any, settings: dict[str, Any]) -> str:
    import open_clip
    from PIL import Image

    tokens = model.generate(transform(Image.fromarray(picture))[None], **settings)[0]
    text = open_clip.decode(tokens).split("<end_of_text>")[0].replace("<start_of_text>", "")
    return " ".join(text.split())


if __name__ == "__main__":
    _record()
