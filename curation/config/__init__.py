"""Configuration: from `pipelines.yaml` and the command line to a checked pipeline."""

from curation.config.check import check_pipeline, requirements
from curation.config.file import ConfigFile, Entry, default_config_path, load_config
from curation.config.fingerprint import annotator_fingerprint, split_fingerprint, stage_fingerprint
from curation.config.pipeline import ResolvedPipeline, ResolvedStage
from curation.config.resolve import override_stage, resolve_pipeline

__all__ = [
    "ConfigFile",
    "Entry",
    "ResolvedPipeline",
    "ResolvedStage",
    "annotator_fingerprint",
    "check_pipeline",
    "default_config_path",
    "load_config",
    "override_stage",
    "requirements",
    "resolve_pipeline",
    "split_fingerprint",
    "stage_fingerprint",
]
