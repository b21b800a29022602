"""Models of the hub, against a real server: found, listed, fetched, compared, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.hub import HubError, HubModel
from tests.models.hub_fixtures import hub_fixture  # noqa: F401
from tests.models.hub_material import needed, sharded, single, small_files, tensors
from tests.models.hub_server import HubServer, Repository

NAME = "org/tiny"
MODEL = HubModel(NAME)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("files", [single(), sharded()])
def test_a_model_is_fetched_once_and_only_what_is_needed(hub: HubServer, files: dict[str, bytes]) -> None:
    hub.repositories[NAME] = Repository(files)
    assert MODEL.local() is None
    listed = MODEL.files()
    assert {file.name: file.num_bytes for file in listed} == {name: len(files[name]) for name in needed(files)}
    assert [file.path for file in listed] == [None] * len(listed)
    folder = MODEL.fetch()
    assert contents(folder) == {name: files[name] for name in needed(files)}
    assert MODEL.local() == folder
    asked = len(hub.requests)
    assert MODEL.fetch() == folder
    here = MODEL.files()
    assert len(hub.requests) == asked
    assert {file.name for file in here} == needed(files)
    assert [(file.proof, file.problem()) for file in here if file.name.endswith(".safetensors")] == [
        ("SHA-256", None) for file in here if file.name.endswith(".safetensors")
    ]
    assert {file.proof for file in here} == {"SHA-256", "git id"}


def test_a_snapshot_without_its_tokenizer_is_not_complete(hub: HubServer) -> None:
    """As `hf download NAME config.json model.safetensors` leaves it."""
    from huggingface_hub import snapshot_download

    files = single()
    hub.repositories[NAME] = Repository(files)
    snapshot_download(NAME, allow_patterns=["config.json", "model.safetensors"])
    assert MODEL.local() is None
    assert {file.name for file in MODEL.files() if file.path is None} == needed(files) - {
        "config.json", "model.safetensors",
    }  # fmt: skip
    assert contents(MODEL.fetch()) == {name: files[name] for name in needed(files)}


def test_weights_come_after_the_small_files(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(sharded())
    MODEL.fetch()
    fetched = [request.rpartition("/")[2] for request in hub.requests if request.startswith("GET /org")]
    assert [name.endswith(".safetensors") for name in fetched] == sorted(
        name.endswith(".safetensors") for name in fetched
    )


def test_pickled_weights_only_where_there_are_no_others(hub: HubServer) -> None:
    files = {**small_files(), "pytorch_model.bin": b"PK", "flax_model.msgpack": b"flax"}
    hub.repositories[NAME] = Repository(files)
    assert set(contents(MODEL.fetch())) == set(files) - {"README.md", "flax_model.msgpack"}


def test_one_file(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository({**small_files(), "tiny-q8.gguf": b"GGUF-and-more"})
    model = HubModel(NAME, file="tiny-q8.gguf")
    path = model.fetch()
    assert path.read_bytes() == b"GGUF-and-more"
    assert model.local() == path
    assert set(contents(path.parent)) == {"tiny-q8.gguf"}
    assert HubModel(NAME, file=("other.gguf", "tiny-q8.gguf")).local() == path
    with pytest.raises(HubError, match=r"holds no other\.gguf"):
        HubModel(NAME, file="other.gguf").files()


def test_a_pinned_commit_needs_no_branch(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(single())
    pinned = HubModel(NAME, revision="c" * 40)
    folder = pinned.fetch()
    assert folder.name == "c" * 40
    assert pinned.local() == folder
    assert MODEL.local() is None
    assert HubModel(NAME, revision="d" * 40).local() is None


def test_a_file_that_is_not_the_published_one_is_removed(hub: HubServer) -> None:
    files = single()
    repository = Repository(files, sent={"model.safetensors": tensors(1)})
    assert len(repository.sent["model.safetensors"]) == len(files["model.safetensors"])
    hub.repositories[NAME] = repository
    with pytest.raises(HubError, match=r"model\.safetensors came damaged.*SHA-256"):
        MODEL.fetch()
    assert MODEL.local() is None
    repository.sent.clear()
    assert (MODEL.fetch() / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_what_was_damaged_later_is_found_without_a_network(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(single())
    MODEL.fetch()
    asked = len(hub.requests)
    weights = {file.name: file for file in MODEL.files()}["model.safetensors"]
    assert weights.path is not None
    weights.path.write_bytes(tensors(3))
    assert "SHA-256" in str(weights.problem())
    weights.path.write_bytes(tensors(3)[:-4])
    assert "bytes instead of" in str(weights.problem())
    weights.path.resolve().unlink()
    assert weights.problem() == "it is not there"
    assert len(hub.requests) == asked


def test_offline_what_is_here_is_used_and_what_is_not_is_told(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    hub.repositories[NAME] = Repository(single())
    folder = MODEL.fetch()
    asked = len(hub.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert MODEL.fetch() == folder
    assert MODEL.files()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE") as failure:
        HubModel("org/other").fetch()
    assert "\n" not in str(failure.value)
    assert len(hub.requests) == asked


def test_no_such_repository_or_revision(hub: HubServer) -> None:
    with pytest.raises(HubError, match=f"no repository org/tiny at {hub.url}"):
        MODEL.fetch()
    hub.repositories[NAME] = Repository(single())
    with pytest.raises(HubError, match="no revision 'v2'"):
        HubModel(NAME, revision="v2").fetch()
    with pytest.raises(HubError, match="neither a path on this machine nor a repository's name"):
        HubModel("not a name").files()


def test_a_gated_repository_tells_what_to_do(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repositories[NAME] = Repository(single(), gated=True)
    with pytest.raises(HubError, match=r"is gated: accept its terms.*hf auth login") as failure:
        MODEL.fetch()
    assert "\n" not in str(failure.value)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "s" * 34)
    assert MODEL.fetch().is_dir()


def test_a_repository_without_weights(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(small_files())
    with pytest.raises(HubError, match="holds no weights"):
        MODEL.fetch()


def test_a_hub_that_does_not_answer(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubError, match=r"cannot be fetched from http://127\.0\.0\.1:9") as failure:
        MODEL.files()
    assert "\n" not in str(failure.value)
    hub.repositories["org/other"] = Repository(single())
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    with pytest.raises(HubError, match="org/other cannot be fetched from http"):
        HubModel("org/other").files()
    assert hub.requests == []
    assert HubModel("org/other").fetch().is_dir()


def test_the_hub_is_asked_once_for_a_model_that_is_missing(hub: HubServer) -> None:
    hub.repositories[NAME] = Repository(single())
    MODEL.files()
    asked = len(hub.requests)
    HubModel(NAME).files()
    assert len(hub.requests) == asked


def test_folders_and_files_of_this_machine(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    model = HubModel(str(folder))
    assert model.local() is None
    with pytest.raises(HubError, match="no such file or folder"):
        model.fetch()
    folder.mkdir()
    for name, content in sharded().items():
        (folder / name).write_bytes(content)
    assert model.fetch() == folder
    assert {file.name for file in model.files()} == needed(sharded())
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(HubError, match=r"model-00002-of-00002\.safetensors is missing"):
        model.fetch()
    file = folder / "model-00001-of-00002.safetensors"
    assert HubModel(str(file)).fetch() == file
    assert HubModel(str(folder), file=file.name).local() == file
    with pytest.raises(HubError, match="no such file or folder"):
        HubModel("weights.gguf").files()
