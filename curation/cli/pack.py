"""`curation pack`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from curation.cli.options import Address, DatasetArgument, Quiet, Verbose

if TYPE_CHECKING:
    from curation.dataset.storage import Storage
    from curation.filters.selection import Selection
    from curation.shards.transcode import Transcode

NAME = "pack"
# Of object stores; they have errors of their own beside OSError.
DRIVERS = frozenset({"botocore", "aiobotocore", "aiohttp", "google", "gcsfs", "azure", "adlfs"})


def command(
    dataset: DatasetArgument,
    filter_name: Annotated[
        str, typer.Option("--filter", "-f", metavar="NAME", help="Pack what this filter keeps (curation filter).")
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="SHARDS", help="Folder or URL; else DATASET/shards/NAME."),
    ] = None,
    shard_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Largest shard: samples (1000) or bytes (1GB); else 1GB, or an eighth."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another order.")] = 0,
    captions: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            help="How often each caption is drawn, as caption_coca=0.5,caption_llm=0.5; else as in the SVD paper.",
        ),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option("--vector", metavar="COLUMN", help="Also pack this column of vectors, as key.COLUMN.npy."),
    ] = None,
    short_side: Annotated[
        int | None, typer.Option(min=16, help="Transcode: shrink clips to this short side, in pixels.")
    ] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, help="Transcode: at most so many frames per second.")] = None,
    codec: Annotated[Literal["h264", "hevc"] | None, typer.Option(help="Transcode: to this codec.")] = None,
    gop: Annotated[int | None, typer.Option(min=1, help="Transcode: a keyframe every so many frames (12).")] = None,
    crf: Annotated[int | None, typer.Option(min=0, max=51, help="Transcode: quality, smaller is better.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Shards written at a time; else one per CPU.")] = None,
    stale_ok: Annotated[
        bool, typer.Option("--stale-ok", help="Pack a selection that was made of an older state of the dataset.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the shards that are there; mend damaged ones.")
    ] = False,
    address: Address = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the clips that a filter keeps as WebDataset shards: media, annotations and a caption of each clip.

    A pack that was stopped goes on where it was. Same dataset, filter and options give the same bytes.

    Example: `curation pack dataset --filter lvd-f --shard-size 1GB --short-side 256`

    Exit status: 0 all done; 1 some clips could not be packed; 2 the request cannot run.
    """
    from curation.cli.pack_screen import PackScreen, print_packed
    from curation.dataset.description import read_description
    from curation.dataset.lock import no_writer
    from curation.dataset.storage import Storage, join
    from curation.errors import DiskFullError, UserError
    from curation.filters.selection import read_selection
    from curation.shards.folder import SHARDS
    from curation.shards.pack import Packer, PackSettings
    from curation.shards.size import ShardSize

    transcode = _transcode(short_side, fps, codec, gop, crf)
    size = None if shard_size is None else ShardSize.parse(shard_size)
    settings = PackSettings(size, seed, transcode, captions, tuple(vectors or ()))
    storage = Storage(dataset)
    read_description(storage)
    with no_writer(storage), PackScreen(quiet=quiet) as screen:
        selection = read_selection(storage, filter_name)
        if not stale_ok:
            _check_up_to_date(storage, selection)
        target = Storage(output or storage.url_of(join(SHARDS, filter_name)))
        packer = Packer(storage, target, selection, settings, screen)
        try:
            packed = packer.pack(workers=workers, address=address, verify=verify, verbose=verbose)
        except DiskFullError as error:
            raise UserError(f"{error}; make room and give the same command again") from error
        except Exception as error:
            if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in DRIVERS:
                raise
            told = " ".join(str(error).split())
            raise UserError(f"{target.url}: {told}; give the same command again when it can be reached") from error
    if not quiet:
        print_packed(packed, target.url)
    raise typer.Exit(1 if packed.manifest["left_out"] else 0)


def _transcode(
    short_side: int | None,
    fps: float | None,
    codec: Literal["h264", "hevc"] | None,
    gop: int | None,
    crf: int | None,
) -> Transcode | None:
    """What was asked for; None where nothing was."""
    from curation.errors import UserError
    from curation.shards.transcode import Transcode

    if fps is not None and not math.isfinite(fps):
        raise UserError(f"--fps {fps}: should be a number")
    given = {"short_side": short_side, "fps": fps, "codec": codec, "gop": gop, "crf": crf}
    given = {name: value for name, value in given.items() if value is not None}
    return Transcode(**given) if given else None  # type: ignore[arg-type]


def _check_up_to_date(storage: Storage, selection: Selection) -> None:
    from curation.errors import UserError

    if selection.is_stale(storage):
        raise UserError(
            f"{storage.url}: the tables have changed since {selection.name} was applied; apply it again: "
            f"curation filter {storage.url} --filter {selection.name}, or pack the old selection with --stale-ok"
        )
