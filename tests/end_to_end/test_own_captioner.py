"""The captioner of docs/captions/own_captioner.md, as it is written there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
import torch
from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration, BlipImageProcessor, BlipProcessor

from tests.end_to_end.conftest import Uninterrupted, curation

PAGE = Path(__file__).parents[2] / "docs" / "captions" / "own_captioner.md"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
WORDS = [*SPECIAL, "a", "street", "tree", "bicycle", "bus", "man", "in", "on", "the"]


def block(language: str) -> str:
    """The one block of the page in this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BLIP with random weights that write some words, as `save_pretrained` writes it."""
    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("blip")
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), bos_token="[DEC]", eos_token="[SEP]")
    own = {"encoder_hidden_size": 32, "bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    size = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BlipConfig(
        text_config=size | own | {"vocab_size": len(WORDS)}, vision_config=size | {"image_size": 32, "patch_size": 8}
    )
    BlipForConditionalGeneration(config).save_pretrained(folder)
    BlipProcessor(BlipImageProcessor(size={"height": 32, "width": 32}), tokenizer).save_pretrained(folder)
    return folder


def test_the_page_works_as_it_is_written(uninterrupted: Uninterrupted, blip: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(uninterrupted.dataset, dataset)
    (tmp_path / "blip_captions.py").write_text(block("python"))
    (tmp_path / "pipelines.yaml").write_text(block("yaml"))
    command = block("bash").split()
    assert command[:2] == ["curation", "annotate"]
    arguments = [str(tmp_path / name) if name in ("dataset", "pipelines.yaml") else name for name in command[1:]]
    on_cpu = [f"--set=blip.model={blip}", "--set=blip.run.num_gpus=0", "--in-process"]
    done = curation(*arguments, *on_cpu, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    captions = duckdb.sql(f"SELECT caption_blip FROM '{dataset}/annotations/blip/*.parquet'").fetchall()
    clips = duckdb.sql(f"SELECT clip_id FROM '{dataset}/clips/*.parquet'").fetchall()
    assert len(captions) == len(clips) > 0
    assert all(set(text.split()) <= set(WORDS) for (text,) in captions)
