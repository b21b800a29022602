"""`curation filter` on synthetic datasets of many clips, against a bare read of the same columns.

    python -m benchmarks.filter [--clips 1000000] [--clips 20000000] [--repeat 3] [--keep FOLDER]

A dataset has the columns that the filter lvd-f reads, in tables as a run writes them: clips in the order of their
videos, annotations in that of clip_id. Each row is a process of its own: reading the columns table by table with DuckDB
and with pyarrow, nothing else; joining them with DuckDB; `curation filter`, from start to the written selection. The
last row is one move of a threshold on a table in memory: percentiles, verdicts and funnel anew.

20,000,000 clips take 2 GB of disk, and some minutes to be made.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.measure import BYTES_PER_RSS_UNIT, Usage, run

STAGES = {
    "optical_flow": ("motion_score", "CASE WHEN random() < 0.01 THEN NULL ELSE 40 * random() * random() END"),
    "text_detection": ("text_area", "greatest(0, 0.3 * random() - 0.2)"),
    "clip_scores": ("aesthetic_score", "3 + 2 * random() + 2 * random()"),
    "clip_similarity": ("clip_similarity", "0.15 + 0.2 * random()"),
}
MOVES = 20


def main() -> None:
    """Print a table for each number of clips."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, action="append", help="default: 1000000")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make the datasets here, and take those that are there")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    parser.add_argument("--dataset", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        WORKERS[options.worker](options.dataset)
        return
    with tempfile.TemporaryDirectory() as folder:
        for clips in options.clips or [1_000_000]:
            dataset = (options.keep or Path(folder)) / f"clips-{clips}"
            if not (dataset / "dataset.json").exists():
                _make(dataset, clips)
            print(f"\n{clips:,} clips\n\n| what | CPU s | wall s | peak MiB | × bare read |")
            print("| --- | --- | --- | --- | --- |")
            _table(dataset, options.repeat)


def _table(dataset: Path, repeat: int) -> None:
    worker = [sys.executable, "-m", "benchmarks.filter", "--dataset", str(dataset), "--worker"]
    start = "from curation.cli import main; main()"
    command = [sys.executable, "-c", start, "filter", str(dataset), "--filter", "lvd-f", "--quiet"]
    commands = {
        "bare read, DuckDB": [*worker, "duckdb"],
        "bare read, pyarrow": [*worker, "pyarrow"],
        "bare join, DuckDB": [*worker, "join"],
        "curation filter": command,
    }
    bare = None
    for label, words in commands.items():
        usages = [run(words) for _ in range(repeat)]
        bare = bare or _cpu(usages)
        peak = median(usage.peak_bytes for usage in usages) / 2**20
        wall = median(usage.wall_s for usage in usages)
        print(f"| {label} | {_cpu(usages):.2f} | {wall:.2f} | {peak:.0f} | {_cpu(usages) / bare:.1f} |", flush=True)
    print(f"| a threshold moves | {run([*worker, 'move']).output.strip()} |", flush=True)


def _cpu(usages: list[Usage]) -> float:
    return median(usage.cpu_s for usage in usages)


def _make(dataset: Path, clips: int) -> None:
    import duckdb

    from curation.dataset.description import describe
    from curation.dataset.storage import Storage

    numbers = f"range({clips}) AS numbers(number)"
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(f"{folder}/work.db") as connection:
        connection.execute("SELECT setseed(0.5)").fetchall()
        video = "md5((number // 11)::VARCHAR)"
        queries = {
            "clips": f"SELECT md5(number::VARCHAR) AS clip_id, {video} AS video_id, {video} || '.mp4' AS source, "
            f"(number % 11)::INTEGER AS clip_index, 0::DOUBLE AS start_s, 2 + 10 * random() AS end_s FROM {numbers} "
            "ORDER BY video_id, clip_index"
        }
        for stage, (column, value) in STAGES.items():
            queries[f"annotations/{stage}"] = (
                f"SELECT md5(number::VARCHAR) AS clip_id, ({value})::FLOAT AS {column}, NULL::VARCHAR AS {stage}_error "
                f"FROM {numbers} ORDER BY clip_id"
            )
        for table, query in queries.items():
            (dataset / table).mkdir(parents=True, exist_ok=True)
            part = dataset / table / "part-000000-synthetic.parquet"
            connection.execute(f"COPY ({query}) TO '{part}' (FORMAT parquet, COMPRESSION zstd)").fetchall()
    describe(Storage(str(dataset)), {"name": "synthetic", "stages": []})


def _tables(dataset: Path) -> dict[str, list[str]]:
    """Files of the tables with the columns that lvd-f needs."""
    columns = {"clips": ["clip_id", "start_s", "end_s"]}
    columns |= {f"annotations/{stage}": ["clip_id", column] for stage, (column, _) in STAGES.items()}
    return {f"{dataset}/{table}/part-000000-synthetic.parquet": names for table, names in columns.items()}


def _duckdb(dataset: Path) -> None:
    import duckdb

    for file, columns in _tables(dataset).items():
        duckdb.sql(f"SELECT {', '.join(columns)} FROM '{file}'").to_arrow_table()


def _pyarrow(dataset: Path) -> None:
    import pyarrow.parquet as pq

    for file, columns in _tables(dataset).items():
        pq.read_table(file, columns=columns)


def _join(dataset: Path) -> None:
    import duckdb

    clips, *others = _tables(dataset)
    joins = " ".join(f"LEFT JOIN '{file}' AS t{number} USING (clip_id)" for number, file in enumerate(others))
    scores = ", ".join(column for column, _ in STAGES.values())
    duckdb.sql(f"SELECT clip_id, end_s - start_s, {scores} FROM '{clips}' {joins}").to_arrow_table()


def _move(dataset: Path) -> None:
    from curation.config import default_config_path, load_config
    from curation.dataset.storage import Storage
    from curation.filters import ClipTable, check_filter, evaluate, funnel, load_filter, resolve

    config = load_config(default_config_path())
    table = ClipTable.open(Storage(str(dataset)))
    cpu_s, wall_s = [], []
    for move in range(MOVES):
        wanted = load_filter(
            config, "lvd-f", [f"text_area.max={0.01 + 0.001 * move}", f"motion_score.drop_lowest={move}%"]
        )
        checked = check_filter(wanted, table.columns, str(dataset))
        table.need(checked.columns)
        cpu, wall = time.process_time(), time.perf_counter()
        funnel(evaluate(resolve(checked.filter, table), table), table.seconds)
        cpu_s.append(time.process_time() - cpu)
        wall_s.append(time.perf_counter() - wall)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_PER_RSS_UNIT / 2**20
    print(f"{median(cpu_s):.3f} | {median(wall_s):.3f} | {peak:.0f} | ")


WORKERS = {"duckdb": _duckdb, "pyarrow": _pyarrow, "join": _join, "move": _move}

if __name__ == "__main__":
    main()
