from __future__ import annotations

from pathlib import Path

import pytest

from curation.errors import UserError
from curation.registry import registered_stages, stage_class
from tests.curation.config.conftest import STAGES
from tests.curation.config.example_stages import Hint


def install(folder: Path, package: str, **stages: str) -> None:
    """Metadata of an installed package, as pip writes it."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in stages.items())
    (info / "entry_points.txt").write_text(f"[curation.stages]\n{lines}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_package_adds_stages(site: Path) -> None:
    install(site, "mine", hint=f"{STAGES}:Hint")
    assert stage_class("hint") is Hint
    assert registered_stages()["hint"] is Hint
    with pytest.raises(UserError, match='unknown stage; did you mean "hint"'):
        stage_class("hints")


def test_the_stages_of_this_package_are_registered() -> None:
    assert {"optical_flow", "text_detection", "clip_scores"} <= set(registered_stages())


def test_a_broken_package_is_told_about_only_where_it_is_used(site: Path) -> None:
    install(site, "broken", broken="not_there:X", hint=f"{STAGES}:Hint")
    assert "broken" not in registered_stages()
    assert stage_class("hint") is Hint
    with pytest.raises(UserError, match=r'^f:3: broken: cannot import "not_there": No module named'):
        stage_class("broken", place="f:3")


def test_two_packages_with_the_same_stage(site: Path) -> None:
    install(site, "first", hint=f"{STAGES}:Hint")
    install(site, "second", hint=f"{STAGES}:Rival")
    with pytest.raises(UserError, match='two packages register a stage "hint": first and second; uninstall one'):
        stage_class("hint")


def test_a_stage_under_another_name_than_its_own(site: Path) -> None:
    install(site, "mine", other=f"{STAGES}:Hint")
    with pytest.raises(UserError, match=r"the name of .*:Hint is not other; write hint as the key"):
        stage_class("other")
