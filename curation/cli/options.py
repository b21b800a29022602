"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT…",
        help="Videos, folders, globs, manifests (.txt, .csv, .jsonl, .parquet), or URLs of these.",
        show_default=False,
    ),
]
Output = Annotated[
    str, typer.Option("--output", "-o", metavar="DATASET", help="Dataset directory or URL.", show_default=False)
]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Dataset directory or URL.")]
Pipeline = Annotated[str, typer.Option("--pipeline", "-p", metavar="NAME", help="Pipeline of the config file.")]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Config file; else ./pipelines.yaml, else the one that is installed."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="STAGE.KEY=VALUE", help="Override a parameter; can be repeated."),
]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="Take only the first N videos.")]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="ADDR", envvar="RAY_ADDRESS", help="Ray cluster to join (host:port, or auto); else Ray starts here."
    ),
]
InProcess = Annotated[
    bool,
    typer.Option(
        "--in-process", help="Work in this process, without Ray: for small jobs, and to debug a stage with breakpoints."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the log of Ray and its workers.")]
Log = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Append one JSON object per event to this file (- is standard error)."),
]
Filter = Annotated[
    str, typer.Option("--filter", "-f", metavar="NAME", help="Filter of the config file.", show_default=False)
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Leave out rules over columns of stages that have not run.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Shards = Annotated[
    list[str], typer.Argument(metavar="SHARDS…", help="Folders or URLs of packed shards.", show_default=False)
]
RecipeName = Annotated[
    str, typer.Option("--recipe", "-r", metavar="NAME", help="Recipe of the config file.", show_default=False)
]
RecipeOverrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value of the recipe; can be repeated."),
]
DeviceName = Literal["auto", "cpu", "cuda"]
Device = Annotated[DeviceName, typer.Option(help="What to compute on; auto: a GPU where there is one.")]
