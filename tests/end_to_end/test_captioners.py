"""`curation annotate` adds every caption to the clips of the trailer: the text of a direct call for that clip alone."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from curation.cli import app
from curation.stage import ClipSample
from stages.caption_merge import PROMPT
from stages.captioning.prompt import PromptTemplate
from stages.coca import Coca
from stages.videoblip import VideoBlipCaptions
from stages.vlm import VlmCaptions
from tests.models.tiny_blip2 import create_tiny_blip2
from tests.models.tiny_coca import TinyCoca, create_tiny_coca
from tests.models.tiny_llm import create_tiny_llm
from tests.models.tiny_vlm import create_tiny_qwen2_vl
from tests.stages.direct_captions import chat_answer, coca_caption, videoblip_caption, vlm_caption

POISONED = """
pipelines:
  poisoned:
    extends: quickstart
    stages:
      - poisoned:
          use: "tests.end_to_end.test_captioners:Poisoned"
          model: {tiny.config}
          pretrained: {tiny.checkpoint}
          generation_type: top_k
          seq_len: 9
          min_seq_len: 8
"""


@dataclass(frozen=True)
class Dataset:
    """Clips of the trailer."""

    folder: Path

    def annotate(self, stage: str, **settings: object) -> None:
        """`curation annotate --stage`, as a user calls it."""
        given = [f"--set={stage}.{name}={value}" for name, value in settings.items()]
        done = CliRunner().invoke(
            app, ["annotate", str(self.folder), "--stage", stage, "--quiet", "--in-process", *given]
        )
        assert done.exit_code == 0, done.output

    def caption_with_coca(self, tiny: TinyCoca) -> None:
        """Nothing is left to do the second time."""
        settings: dict[str, object] = {"generation_type": "top_k", "seq_len": 9, "min_seq_len": 8}
        self.annotate("coca", model=tiny.config, pretrained=tiny.checkpoint, **settings)

    def column(self, stage: str, column: str) -> dict[Path, object]:
        """The values by the clips' files."""
        rows = duckdb.sql(
            f"SELECT media, {column} FROM '{self.folder}/clips/*.parquet' "
            f"JOIN '{self.folder}/annotations/{stage}/*.parquet' USING (clip_id)"
        ).fetchall()
        return {self.folder / media: value for media, value in rows}


@pytest.fixture(scope="module")
def dataset(trailer_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset(shutil.copytree(trailer_dataset, tmp_path_factory.mktemp("captioners") / "dataset"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyCoca:
    return create_tiny_coca(tmp_path_factory.mktemp("coca"), name="coca_tiny_trailer")


def test_every_captioner_says_what_a_direct_call_says(dataset: Dataset, tiny: TinyCoca, tmp_path: Path) -> None:
    blip2 = create_tiny_blip2(tmp_path / "blip2", "opt", image_tokens=True)
    dataset.caption_with_coca(tiny)
    dataset.annotate("videoblip", model=blip2, num_frames=4, max_new_tokens=12, clips_per_pass=3)
    coca = dataset.column("coca", "caption_coca")
    videoblip = dataset.column("videoblip", "caption_videoblip")
    assert len(coca) == len(videoblip) >= 7
    assert coca == {clip: coca_caption(clip, tiny, 9) for clip in coca}
    assert videoblip == {
        clip: videoblip_caption(
            clip, blip2, num_frames=4, max_new_tokens=12, prompt=VideoBlipCaptions.Config().prompt
        )
        for clip in videoblip
    }  # fmt: skip
    assert len(set(coca.values())) > 3
    assert len(set(videoblip.values())) > 3

    llm = create_tiny_llm(tmp_path / "llm", end_weight=5.0)
    dataset.annotate("caption_merge", model=llm, max_new_tokens=24, clips_per_pass=3, max_words=1000)
    answers = {
        clip: chat_answer(
            llm,
            PromptTemplate(PROMPT).fill({"coca": str(coca[clip]), "videoblip": str(videoblip[clip])}),
            max_new_tokens=24,
        )
        for clip in coca
    }
    merged = dataset.column("caption_merge", "{'text': caption_llm, 'by': caption_llm_source}")
    written = {clip: row["text"] for clip, row in merged.items() if row["by"] == "llm"}  # type: ignore[index]
    assert written
    assert {clip: " ".join(str(text).split()) for clip, text in written.items()} == {
        clip: " ".join(answers[clip][0].split()) for clip in written
    }
    assert all(row["text"] for row in merged.values())  # type: ignore[index]


def test_a_chat_model_for_videos_says_what_a_direct_call_says(dataset: Dataset, tmp_path: Path) -> None:
    folder = create_tiny_qwen2_vl(tmp_path / "vlm")
    dataset.annotate("vlm", model=folder, num_frames=4, long_side=64, max_new_tokens=10, clips_per_pass=3)
    captions = dataset.column("vlm", "caption_vlm")
    prompt = VlmCaptions.Config().prompt
    assert captions == {
        clip: vlm_caption(clip, folder, num_frames=4, long_side=64, max_new_tokens=10, prompt=prompt)
        for clip in captions
    }
    assert len(set(captions.values())) > 3


def test_similarities_are_those_of_the_stored_embeddings(dataset: Dataset, tiny: TinyCoca) -> None:
    import open_clip
    import torch

    model = {"model": tiny.config, "pretrained": tiny.checkpoint}
    dataset.caption_with_coca(tiny)
    dataset.annotate("clip_scores", **model, aesthetic_weights="null")
    media = dataset.folder / "media"
    shutil.move(media, dataset.folder / "elsewhere")
    try:
        dataset.annotate("clip_similarity", **model, captions="[coca]")
    finally:
        shutil.move(dataset.folder / "elsewhere", media)
    captions = dataset.column("coca", "caption_coca")
    embeddings = dataset.column("clip_scores", "clip_embedding")
    tokenizer = open_clip.get_tokenizer(tiny.name)
    text_model = open_clip.create_model(tiny.name, pretrained=str(tiny.checkpoint)).eval()
    for clip, similarity in dataset.column("clip_similarity", "clip_similarity_coca").items():
        with torch.inference_mode():
            text = text_model.encode_text(tokenizer([captions[clip]]))[0]
        expected = torch.cosine_similarity(text, torch.tensor(embeddings[clip]), dim=0).item()
        assert similarity == pytest.approx(expected, abs=2e-4)


class Poisoned(Coca):
    """A captioner that one clip breaks."""

    name = "poisoned"
    reads = ("frames", "clip_index")
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_poisoned": pa.string()}

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        if any(clip.values["clip_index"] == 2 for clip in clips):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        return [{"caption_poisoned": row["caption_coca"]} for row in super().annotate(clips)]


def test_a_poisoned_clip_costs_that_clip_only(dataset: Dataset, tiny: TinyCoca, tmp_path: Path) -> None:
    config = tmp_path / "pipelines.yaml"
    config.write_text(POISONED.format(tiny=tiny))
    arguments = [
        "annotate",
        str(dataset.folder),
        "--stage",
        "poisoned",
        "--in-process",
        "--config",
        str(config),
        "-p",
        "poisoned",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1, done.output
    assert "RuntimeError: mat1 and mat2 shapes" in done.output
    numbers = dataset.column("poisoned", "clip_index")
    errors = dataset.column("poisoned", "poisoned_error")
    captions = dataset.column("poisoned", "caption_poisoned")
    assert [numbers[clip] for clip, error in errors.items() if error is not None] == [2]
    assert captions == {clip: None if numbers[clip] == 2 else coca_caption(clip, tiny, 9) for clip in captions}
