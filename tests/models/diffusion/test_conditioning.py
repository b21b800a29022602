"""What the network is told: numbers, captions that are left out, frames with noise."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from models.diffusion.conditioning import UNKNOWN, Conditioning, ConditioningSettings, Conditions, FrameSettings
from models.diffusion.errors import DiffusionError
from models.diffusion.motion_buckets import MotionBuckets

NAN = math.nan
FRAME = ConditioningSettings(frame=FrameSettings())
MANY = range(4000)


def test_numbers_stand_in_the_order_of_the_published_checkpoints() -> None:
    settings = ConditioningSettings(frame=FrameSettings(), extra=("crop", "text_area"))
    micro = Conditioning(settings).micro(
        torch.tensor([7.0, 25.0]),
        torch.tensor([127.0, 3.0]),
        torch.tensor([0.02, 0.05]),
        {"crop": torch.tensor([[4.0, 8.0], [0.0, 1.0]]), "text_area": torch.tensor([0.01, NAN])},
    )
    assert settings.micro == ("fps", "motion_bucket", "augmentation", "crop", "text_area")
    assert settings.micro_width == 6
    expected = [[6, 127, 0.02, 4, 8, 0.01], [24, 3, 0.05, 0, 1, UNKNOWN]]
    assert torch.equal(micro, torch.tensor(expected))


def test_what_is_not_known_is_told_as_unknown() -> None:
    conditioning = Conditioning(ConditioningSettings(extra=("aesthetic_score",)), MotionBuckets((1.0, 2.0)))
    micro = conditioning.micro_of(
        fps=torch.tensor([8.0, 8.0, 8.0]),
        motion=torch.tensor([1.5, NAN, 1.5]),
        is_image=torch.tensor([False, False, True]),
        augmentation=None,
        extra={},
    )
    assert micro.tolist() == [[7, 1, UNKNOWN], [7, UNKNOWN, UNKNOWN], [UNKNOWN, UNKNOWN, UNKNOWN]]


def test_the_null_context_stands_for_the_share_that_is_dropped_and_only_there() -> None:
    null = torch.full((1, 2, 3), 9.0)
    conditioning = Conditioning(FRAME.model_copy(update={"drop": 0.15}), null_context=null)
    dropped = conditioning.dropped(0, MANY)
    # Four standard deviations of a binomial distribution around 15 %.
    assert float(dropped.float().mean()) == pytest.approx(0.15, abs=4 * math.sqrt(0.15 * 0.85 / len(MANY)))
    told = Conditions(torch.randn(4, 2, 3), torch.randn(4, 3), torch.randn(4, 5, 1, 2, 2))
    assert told.concat is not None
    some = torch.tensor([True, False, False, True])
    left = conditioning.without(told, some)
    assert left.concat is not None
    assert torch.equal(left.context[some], null.expand(2, -1, -1))
    assert torch.equal(left.context[~some], told.context[~some])
    assert left.concat[some].abs().sum() == 0
    assert torch.equal(left.concat[~some], told.concat[~some])
    assert torch.equal(left.micro, told.micro)


def test_each_sample_is_dropped_by_its_own_counter() -> None:
    conditioning = Conditioning(ConditioningSettings(drop=0.5))
    together = conditioning.dropped(3, range(10, 40))
    apart = torch.cat([conditioning.dropped(3, [index]) for index in range(10, 40)])
    assert torch.equal(together, apart)
    assert together.any()
    assert not together.all()


@pytest.mark.parametrize(("drop", "expected"), [(0.0, False), (1.0, True)])
def test_all_or_none_are_dropped(drop: float, expected: bool) -> None:
    dropped = Conditioning(ConditioningSettings(drop=drop)).dropped(0, range(200))
    assert torch.equal(dropped, torch.full((200,), expected))


def test_noise_on_the_frame_has_a_level_of_its_own_for_each_sample() -> None:
    sigma = Conditioning(FRAME).augmentation(0, MANY)
    logarithm = sigma.double().log()
    assert len(sigma.unique()) > 0.99 * len(MANY)
    assert float(logarithm.mean()) == pytest.approx(-3, abs=4 * 0.5 / math.sqrt(len(MANY)))
    assert float(logarithm.std()) == pytest.approx(0.5, rel=0.05)


def test_the_noise_of_each_sample_is_scaled_by_its_own_level() -> None:
    conditioning = Conditioning(FRAME)
    sigma = torch.tensor([0.01, 0.1, 1.0])
    noise = conditioning.augmented(torch.zeros(3, 3, 64, 64), sigma, 0, [5, 6, 7])
    assert noise.flatten(1).std(dim=1) == pytest.approx(sigma, rel=0.05)
    again = conditioning.augmented(torch.zeros(1, 3, 64, 64), sigma[1:2], 0, [6])
    assert torch.equal(again[0], noise[1])


def test_the_frame_is_scaled_and_copied_over_time() -> None:
    settings = ConditioningSettings(frame=FrameSettings(scale=2))
    latent = torch.randn(2, 3, 4, 4)
    copied = Conditioning(settings).over_time(latent, 5)
    assert copied.shape == (2, 5, 3, 4, 4)
    assert torch.equal(copied, (2 * latent)[:, None].repeat(1, 5, 1, 1, 1))


def test_without_a_frame_in_the_recipe_there_is_none_to_be_told() -> None:
    with pytest.raises(DiffusionError, match=r"conditioning\.frame is null"):
        Conditioning(ConditioningSettings()).augmentation(0, [0])


def test_saved_and_read_again_it_is_the_same(tmp_path: Path) -> None:
    conditioning = Conditioning(FRAME, MotionBuckets((0.1, 1 / 3, 7.0)))
    conditioning.save(tmp_path / "conditioning.json")
    assert Conditioning.load(tmp_path / "conditioning.json", torch.ones(1, 1, 1)) == conditioning
    (tmp_path / "conditioning.json").write_text('{"settings": {"drop": 2}}')
    with pytest.raises(DiffusionError, match=r"conditioning\.json: cannot be read as the conditioning"):
        Conditioning.load(tmp_path / "conditioning.json", torch.ones(1, 1, 1))


def test_a_number_stands_once() -> None:
    with pytest.raises(ValidationError, match="each may stand once"):
        ConditioningSettings(extra=("crop", "crop"))
