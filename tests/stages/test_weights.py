"""What stages say of their weights, against a real server: missing, to be fetched, here, impossible."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest
from transformers import BertTokenizerFast

from curation.errors import UserError
from curation.stage import Requirement
from models import aesthetic
from models.craft import DETECTOR_FILE, packaged_weights
from models.hub import HubModel
from models.openclip_source import find_source
from stages.caption_merge import CaptionMerge
from stages.clip_scores import ClipScores
from stages.clip_similarity import ClipSimilarity
from stages.openclip_requirement import openclip_requirement
from stages.text_detection import TextDetection
from stages.vlm import VlmCaptions
from stages.weights import hub_requirement, size_text
from tests.models.hub_fixtures import hub_fixture  # noqa: F401
from tests.models.hub_material import single, tensors
from tests.models.hub_server import HubServer, Repository
from tests.models.tiny_clip import create_tiny_clip

NAME = "org/tiny"
OPENAI = "timm/vit_large_patch14_clip_224.openai"


def fetch(requirement: Requirement) -> None:
    assert requirement.fetch is not None
    requirement.fetch()


def test_a_model_of_the_hub(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    files = single(size=1000)
    hub.repositories[NAME] = Repository(files)
    missing = hub_requirement("vlm", HubModel(NAME), download=False)
    assert "the weights of org/tiny (4.1 kB) are not on this machine" in str(missing.problem)
    assert "--set vlm.download=true" in str(missing.problem)
    assert "--set vlm.model=/path" in str(missing.problem)
    allowed = hub_requirement("vlm", HubModel(NAME), download=True)
    assert (allowed.problem, allowed.download_bytes) == (None, missing.download_bytes)
    fetch(missing)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    here = hub_requirement("vlm", HubModel(NAME), download=False)
    assert (here.problem, here.download_bytes) == (None, 0)
    assert [file.problem() for file in here.files()] == [None] * 5


def test_a_worker_fetches_nothing_unasked(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(single(size=1000))
    for stage in (CaptionMerge(CaptionMerge.Config(model=NAME)), VlmCaptions(VlmCaptions.Config(model=NAME))):
        with pytest.raises(UserError, match=f"{stage.name}: the weights of {NAME} .* are not on this machine"):
            stage.setup()
    assert HubModel(NAME).local() is None


def test_a_model_that_cannot_be_had(hub: HubServer, tmp_path: Path) -> None:
    unknown = hub_requirement("vlm", HubModel(NAME), download=False)
    assert f"size unknown: no repository {NAME}" in str(unknown.problem)
    asked = hub_requirement("vlm", HubModel(NAME), download=True)
    assert str(asked.problem).startswith(f"no repository {NAME}")
    with pytest.raises(UserError, match=f"vlm: no repository {NAME}"):
        fetch(asked)
    folder = hub_requirement("caption_merge", HubModel(str(tmp_path / "no")), download=True, key="llm")
    assert "no such file or folder" in str(folder.problem)
    assert "--set caption_merge.llm=/path" in str(folder.problem)
    assert folder.fetch is None


def test_a_tag_of_openclip(hub: HubServer, tmp_path: Path) -> None:
    cache = str(tmp_path / "own")
    hub.repositories[OPENAI] = Repository({"open_clip_model.safetensors": tensors(0), "model.safetensors": tensors(1)})
    missing = openclip_requirement("clip_scores", "ViT-L-14", "openai", download=False, cache_dir=cache)
    assert "about 1.7 GB" in str(missing.problem)
    assert [(file.name, file.path) for file in missing.files()] == [("open_clip_model.safetensors", None)]
    fetch(missing)
    here = openclip_requirement("clip_scores", "ViT-L-14", "openai", download=False, cache_dir=cache)
    (file,) = here.files()
    assert (here.problem, file.path, file.problem()) == (None, find_source("ViT-L-14", "openai", cache).weights, None)
    assert file.proof == "SHA-256"


def test_an_openclip_model_of_the_hub_is_pulled_and_used(hub: HubServer, tmp_path: Path) -> None:
    tiny = create_tiny_clip(tmp_path, name="tiny-hub")
    hub.repositories[NAME] = Repository({path.name: path.read_bytes() for path in tiny.folder.iterdir()})
    config = ClipScores.Config(model=f"hf-hub:{NAME}", pretrained=None, aesthetic_weights=None)
    (missing,) = ClipScores(config).requirements()
    assert "curation models pull" in str(missing.problem)
    assert len(missing.files()) == 2
    fetch(missing)
    stage = ClipScores(config)
    assert [requirement.problem for requirement in stage.requirements()] == [None]
    stage.setup()


@pytest.mark.parametrize("where", ["beside the weights", "in a repository of its own"])
def test_a_tokenizer_of_the_hub_is_fetched_ahead(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As SigLIP's models have; nothing is fetched by a worker."""
    from huggingface_hub import constants

    tiny = create_tiny_clip(tmp_path, name="tiny-words", tokenizer="org/words")
    tokenizer = tmp_path / "tokenizer"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "street"]
    BertTokenizerFast(vocab={word: number for number, word in enumerate(words)}).save_pretrained(tokenizer)
    files = {path.name: path.read_bytes() for path in tokenizer.iterdir()}
    if where == "beside the weights":
        own = {path.name: path.read_bytes() for path in tiny.folder.iterdir()}
        hub.repositories[NAME] = Repository({**own, **files})
        config = ClipSimilarity.Config(model=f"hf-hub:{NAME}", pretrained=None)
    else:
        hub.repositories["org/words"] = Repository(
            {**files, "config.json": b'{"model_type": "bert"}', "model.safetensors": tensors(0)}
        )
        cache = str(tmp_path / "own")
        config = ClipSimilarity.Config(model=str(tiny.config), pretrained=str(tiny.checkpoint), cache_dir=cache)
    (missing,) = ClipSimilarity(config).requirements()
    assert "curation models pull" in str(missing.problem)
    fetch(missing)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    stage = ClipSimilarity(config)
    assert [requirement.problem for requirement in stage.requirements()] == [None]
    (here,) = stage.requirements()
    assert {"tokenizer.json", "tokenizer_config.json"} <= {file.name for file in here.files()}
    stage.setup()
    assert not any("model.safetensors" in request for request in hub.requests if "org/words" in request)


def test_a_checkpoint_at_a_plain_address(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip.pretrained

    content = tensors(2)
    digest = hashlib.sha256(content).hexdigest()
    hub.repositories["org/plain"] = Repository({f"{digest}/tiny.pt": content})
    tag = {"url": f"{hub.url}/org/plain/resolve/main/{digest}/tiny.pt"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED["ViT-B-32"], "plain", tag)
    needed = openclip_requirement("clip_scores", "ViT-B-32", "plain", download=True, cache_dir=str(tmp_path))
    assert (needed.problem, [file.path for file in needed.files()]) == (None, [None])
    fetch(needed)
    (file,) = openclip_requirement("clip_scores", "ViT-B-32", "plain", download=True, cache_dir=str(tmp_path)).files()
    assert (file.path, file.proof) == (tmp_path / "tiny.pt", "SHA-256")
    (tmp_path / "tiny.pt").write_bytes(tensors(3))
    assert "SHA-256" in str(file.problem())


def test_an_aesthetic_head(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tensors(4)
    hub.repositories["org/heads"] = Repository({"head.safetensors": content})
    head = aesthetic.PublishedHead(
        "head.safetensors",
        f"{hub.url}/org/heads/resolve/main/head.safetensors",
        hashlib.sha256(content).hexdigest(),
        len(content),
    )
    monkeypatch.setattr(aesthetic, "_HEADS", {"ViT-L-14": head})
    stage = ClipScores(ClipScores.Config(cache_dir=str(tmp_path)))
    *_, missing = stage.requirements()
    assert f"head.safetensors ({size_text(len(content))}) is not in" in str(missing.problem)
    fetch(missing)
    *_, here = stage.requirements()
    assert (here.problem, [file.problem() for file in here.files()]) == (None, [None])


def test_weights_of_easyocr(hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import easyocr.easyocr

    archive = tmp_path / "craft.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(packaged_weights() / DETECTOR_FILE, DETECTOR_FILE)
    hub.repositories["org/ocr"] = Repository({"craft.zip": archive.read_bytes()})
    craft = {**easyocr.easyocr.detection_models["craft"], "url": f"{hub.url}/org/ocr/resolve/main/craft.zip"}
    monkeypatch.setitem(easyocr.easyocr.detection_models, "craft", craft)
    folder = tmp_path / "ocr"
    stage = TextDetection(TextDetection.Config(model_dir=folder))
    (missing,) = stage.requirements()
    assert "curation models pull" in str(missing.problem)
    fetch(missing)
    (here,) = stage.requirements()
    assert (here.problem, [file.problem() for file in here.files()]) == (None, [None])
    shutil.copy(archive, folder / DETECTOR_FILE)
    (damaged,) = stage.requirements()
    assert "SHA-256" in str(damaged.files()[0].problem())
