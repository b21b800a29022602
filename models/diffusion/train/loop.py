"""The training loop. State is counted in samples; everything random follows from a sample's counter.

The shape of the loop is that of "Analyzing and Improving the Training Dynamics of Diffusion Models" (arXiv 2312.02696).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from models.diffusion.ema import PowerProfile
from models.diffusion.ema_reconstruction import save_snapshot
from models.diffusion.recipe import Recipe
from models.diffusion.train.checkpoint import save
from models.diffusion.train.distributed import World
from models.diffusion.train.folder import RECIPE, SNAPSHOTS
from models.diffusion.train.lock import only_trainer
from models.diffusion.train.log import Log
from models.diffusion.train.meters import Clock, LossMeter
from models.diffusion.train.optimizer import learning_rate
from models.diffusion.train.parallel import whole_on_cpu
from models.diffusion.train.peak import peak_flops
from models.diffusion.train.setup import Job, set_up
from models.diffusion.train.step import take_step
from models.diffusion.train.stopping import StopRequest
from models.diffusion.train.validation import validate
from models.diffusion.train.watcher import Watcher
from models.diffusion.train.writing import SaveError, on_main, reason


def train(recipe: Recipe, shards: Sequence[str], output: Path, world: World, watcher: Watcher) -> bool:
    """Train to the end, from the newest checkpoint in ``output`` where there is one; every rank calls it.

    Returns whether the end was reached; else it was asked to stop, and has saved.

    Raises:
        DiffusionError: the recipe, the shards, the devices or the checkpoint do not fit together, the loss is not
            finite any more, or a checkpoint cannot be written.
    """
    stop = StopRequest(output)
    with only_trainer(output, world), stop.listening():
        job = set_up(recipe, shards, output, world, watcher)
        try:
            with closing(_Loop(job, output, world, watcher, stop)) as loop:
                return loop.run()
        except OSError as error:
            raise SaveError(f"{output}: {reason(error)}; checkpoints from before are whole") from error


class _Loop:
    def __init__(self, job: Job, output: Path, world: World, watcher: Watcher, stop: StopRequest) -> None:
        self.job, self.output, self.world, self.watcher, self.stop = job, output, world, watcher, stop
        self.recipe, self.training = job.recipe, job.training
        self.state = job.training.state
        self.meter = LossMeter(world.device)
        self.clock = Clock()
        self.log = Log(output, self.recipe.logging, self.state) if world.is_main else None
        self.logged_samples = self.saved_samples = self.state.samples
        self.norm = 0.0

    def run(self) -> bool:
        if self.world.is_main:
            self.recipe.save(self.output / RECIPE)
            self.watcher.started(self.state, self.recipe.training.steps, self.job.about)
        batches = self.job.data.batches(self.state.samples)
        self.clock.read()
        while self.state.steps < self.recipe.training.steps:
            with self.clock.waiting():
                parts = list(islice(batches, self.job.parts_per_step))
            samples, stopping = self.world.sum([sum(map(len, parts)), self.stop.is_made()])
            if stopping:
                return self._stopped()
            self.norm = take_step(
                self.training, self.job.objective, parts, int(samples), self.recipe.optimizer, self.world, self.meter
            )
            if self.world.is_main:
                self.watcher.stepped(self.state)
            self._look_up()
        return True

    def close(self) -> None:
        self.job.data.close()
        if self.log is not None:
            self.log.close()

    def _look_up(self) -> None:
        """What is due after this step."""
        step, recipe = self.state.steps, self.recipe
        last = step >= recipe.training.steps
        saving = last or step % recipe.checkpoints.every_steps == 0
        if saving or step % recipe.logging.every_steps == 0:
            self._write_line()
        with self.clock.stopped():
            every = recipe.checkpoints.snapshot_every_steps
            if every is not None and (last or step % every == 0):
                self._snapshot()
            if saving:
                self._save()
            every = recipe.validation.every_steps
            if every is not None and (last or step % every == 0):
                self._tell("validation", validate(self.job, self.output, self.world))

    def _write_line(self) -> None:
        samples = self.state.samples - self.logged_samples
        self.logged_samples = self.state.samples
        seconds, waiting = self.clock.read()
        loss, bands = self.meter.read(self.world)
        waiting = max(self.world.gather(waiting))
        with self.clock.stopped():  # the first time it counts the network's FLOPs
            utilisation = self._utilisation(samples / seconds)
        told: dict[str, Any] = {
            "loss": loss,
            "loss_by_sigma": bands,
            "grad_norm": self.norm,
            "learning_rate": learning_rate(self.recipe.optimizer, self.state.samples, self.recipe.training.batch_size),
            "samples_per_s": samples / seconds,
            "data_wait": waiting,
            "latents": "cached" if self.job.data.uses_cache else "encoded",
            "mfu": utilisation,
            "memory_gb": self._memory(),
        }
        self._tell("train", told)

    def _utilisation(self, samples_per_s: float) -> float | None:
        """Model FLOPs utilisation: a step costs three forward passes, whatever is computed again."""
        peak = peak_flops(self.world.device)
        return None if peak is None else 3 * self.job.forward_flops * samples_per_s / (peak * self.world.size)

    def _memory(self) -> float | None:
        """Most memory of this GPU that was allocated so far, GB."""
        if self.world.device.type != "cuda":
            return None
        return torch.cuda.max_memory_allocated(self.world.device) / 1e9

    def _snapshot(self) -> None:
        for profile in self.recipe.ema.profiles():
            if isinstance(profile, PowerProfile):
                weights = whole_on_cpu(self.training.ema.weights(profile.name), self.world)
                folder = self.output / SNAPSHOTS
                write = partial(save_snapshot, folder, profile, self.state.samples, weights)
                on_main(write, str(folder), self.world)

    def _save(self) -> None:
        if self.saved_samples == self.state.samples:
            return
        save(self.training, self.output, self.world, self.recipe, self.job.objective.conditioning, self.job.data_facts)
        self.saved_samples = self.state.samples
        if self.world.is_main:
            self.watcher.saved(self.output)

    def _stopped(self) -> bool:
        if self.logged_samples < self.state.samples:
            self._write_line()
        self._save()
        return False

    def _tell(self, event: str, told: dict[str, Any]) -> None:
        if self.log is not None:
            self.watcher.logged(self.log.write(event, self.state, told))
