"""What a worker needs to build its stage: class, parameters, resources. Picklable."""

from __future__ import annotations

from dataclasses import dataclass

from curation.stage import RunPolicy, Stage, StageConfig


@dataclass(frozen=True)
class StageSpec:
    """One stage of a pipeline with the resources that one of its actors gets."""

    name: str
    stage_class: type[Stage]
    config: StageConfig
    run: RunPolicy
    fingerprint: str
    num_cpus: float = 1.0

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the stage reads with these parameters."""
        return self.stage_class(self.config).inputs()

    def build(self) -> Stage:
        """The stage, not yet set up."""
        device = "cuda" if self.run.num_gpus > 0 else "cpu"
        return self.stage_class(self.config, num_cpus=self.num_cpus, device=device)
