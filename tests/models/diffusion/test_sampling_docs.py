"""The code in docs/sampling.md and docs/diffusion_math.md, run as it is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from models.diffusion.edm import EDM
from models.diffusion.samplers import heun
from models.diffusion.schedules import karras
from tests.models.diffusion.tiny_trained import recipe_of, write_text_encoder, write_training

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_sampling_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_training(tmp_path / "runs" / "tiny", recipe_of(write_text_encoder(tmp_path)), samples=(10,))
    monkeypatch.chdir(tmp_path)
    exec(blocks("sampling.md")[0], {})
    assert (tmp_path / "circle.mp4").stat().st_size > 500


def test_samplers_for_any_network() -> None:
    def net(x: torch.Tensor, c_noise: torch.Tensor, told: float) -> torch.Tensor:
        return x * told

    noise = torch.randn(1, 2, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    names: dict[str, Any] = {"net": net, "noise": noise, "conditions": {"told": 0.1}}
    exec(blocks("sampling.md")[1], names)
    sigmas = karras(25, 0.002, 80)
    expected = heun(lambda x, sigma: EDM().denoise(net, x, sigma, told=0.1), 80 * noise, sigmas)
    torch.testing.assert_close(names["latents"], expected)


def test_a_discrete_model_as_a_denoiser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stable-diffusion-2-1" / "scheduler"
    folder.mkdir(parents=True)
    (folder / "scheduler_config.json").write_text(
        json.dumps({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    )
    monkeypatch.chdir(tmp_path)
    called: list[dict[str, Any]] = []

    def net(x: torch.Tensor, timestep: torch.Tensor, **told: Any) -> torch.Tensor:
        called.append({"timestep": timestep, **told})
        return x

    names = {"net": net, "x": torch.ones(2, 1, 4, 3, 3), "sigma": torch.tensor([0.1, 5.0]), "context": "told"}
    exec(blocks("diffusion_math.md")[0], names)
    assert called[0]["context"] == "told"
    assert 0 < float(called[0]["timestep"][0]) < float(called[0]["timestep"][1]) < 999
