"""The same training on the workers of a Ray cluster, by `ray.train.torch.TorchTrainer`.

A worker or machine that is lost ends the group; Ray starts it anew, with as many workers as there is room for, and it
goes on from the last checkpoint. OUTPUT must be a folder that every machine sees.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.diffusion.errors import DiffusionError
from models.diffusion.recipe import Recipe
from models.diffusion.train.distributed import Device
from models.diffusion.train.setup import accumulation
from models.diffusion.train.stopping import StopRequest

# Times that lost workers are replaced.
RESTARTS = 10
_RAY, _PROBLEM = "ray", "problem.txt"


@dataclass(frozen=True)
class Workers:
    """``least`` to ``most`` processes train together, each with one GPU, or ``cpus`` CPUs where there are none."""

    least: int
    most: int
    gpus: bool
    cpus: float = 1


def train_on_ray(recipe: Recipe, shards: Sequence[str], output: Path, workers: Workers) -> bool:
    """`models.diffusion.train.loop.train` on the cluster that `ray.init` joined; SIGTERM and Ctrl-C reach all workers.

    Relative paths are meant from this process's working directory, on the other machines too.

    Raises:
        DiffusionError: as there, or workers were lost more often than `RESTARTS` times.
    """
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    for number in range(workers.least, workers.most + 1):
        accumulation(recipe, number)
    resources = {"CPU": workers.cpus, **({"GPU": 1.0} if workers.gpus else {})}
    count: Any = workers.most if workers.least == workers.most else (workers.least, workers.most)
    stop = _StopEverywhere(output)
    told = {
        "recipe": recipe.model_dump_json(),
        "shards": list(shards),
        "output": str(output.resolve()),
        "directory": os.getcwd(),
        "device": "cuda" if workers.gpus else "cpu",
    }
    work: Any = _work
    trainer: Any = TorchTrainer(
        work,
        train_loop_config=told,
        torch_config=TorchConfig(backend="nccl" if workers.gpus else "gloo"),
        scaling_config=ScalingConfig(num_workers=count, use_gpu=workers.gpus, resources_per_worker=resources),
        run_config=RunConfig(
            name=_RAY, storage_path=str(output.resolve()), failure_config=FailureConfig(max_failures=RESTARTS)
        ),
    )
    stop.forget()
    _problem_of(output).unlink(missing_ok=True)
    with stop.listening():
        try:
            ended: dict[str, Any] = trainer.fit().return_value
        except TrainingFailedError as error:
            raise DiffusionError(f"the training on Ray failed: {_first_line(error)}") from error
    if ended["problem"] is not None:
        raise DiffusionError(ended["problem"])
    return bool(ended["finished"])


class _StopEverywhere(StopRequest):
    """A signal to this process is passed on as the file that the workers look for."""

    def _heard(self, number: int, frame: Any) -> None:
        super()._heard(number, frame)
        self.make()


def _problem_of(output: Path) -> Path:
    """Where a worker writes down what starting again would not mend."""
    return output / _RAY / _PROBLEM


def _work(told: dict[str, Any]) -> dict[str, Any]:
    """One worker. A problem that all ranks have found together is returned. One of a single rank, for which the others
    would wait, ends the group; when Ray starts it again it is told by all."""
    from ray.train.torch import get_device

    from models.diffusion.train.distributed import joined
    from models.diffusion.train.loop import train
    from models.diffusion.train.step import DivergedError
    from models.diffusion.train.watcher import Watcher
    from models.diffusion.train.writing import SaveError

    device: Device = told["device"]
    recipe, output = Recipe.model_validate_json(told["recipe"]), Path(told["output"])
    if _problem_of(output).exists():
        return {"finished": False, "problem": _problem_of(output).read_text(encoding="utf-8")}
    if os.path.isdir(told["directory"]):
        os.chdir(told["directory"])
    with joined(device, get_device() if device == "cuda" else None) as world:
        try:
            finished = train(recipe, told["shards"], output, world, Watcher())
        except (DivergedError, SaveError) as error:
            return {"finished": False, "problem": str(error)}
        except DiffusionError as error:
            if world.size == 1:
                return {"finished": False, "problem": str(error)}
            _problem_of(output).parent.mkdir(parents=True, exist_ok=True)
            _problem_of(output).write_text(str(error), encoding="utf-8")
            raise
        return {"finished": finished, "problem": None}


def _first_line(error: Exception) -> str:
    """What the first worker that failed said."""
    failures = getattr(error, "worker_failures", {})
    cause = next(iter(failures.values()), error)
    return next((line.strip() for line in str(cause).splitlines()[::-1] if line.strip()), type(error).__name__)
