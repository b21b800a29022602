#!/usr/bin/env bash
# A small text-to-video model of moving shapes, and a check of what it has learned: colour, shape, direction, speed.
#
#     examples/moving_shapes_model.sh [FOLDER] [STEPS]
#
# Meant for a GPU; on a CPU take a few hundred STEPS and patience.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-moving_shapes}
steps=${2:-20000}

python examples/moving_shapes.py "$folder/shapes" --count 1440
curation run "$folder/shapes/manifest.csv" --output "$folder/dataset" --config examples/moving_shapes.yaml --pipeline shapes
curation filter "$folder/dataset" --filter shapes --config examples/moving_shapes.yaml
curation pack "$folder/dataset" --filter shapes --gop 4
curation train "$folder/dataset/shards/shapes" --recipe shapes --config examples/moving_shapes.yaml --output "$folder/model" --set "training.steps=$steps"
python examples/moving_shapes_check.py "$folder/model" "$folder/dataset/shards/shapes"

# How much moves in what is made, by our own motion_score: it should rise with the bucket that is asked for.
printf '%s\n' "a "{red,green,blue,yellow}" "{circle,square,triangle}" moves "{left,up}" steadily" > "$folder/prompts.txt"
for bucket in 0 4 7; do
    curation sample "$folder/model" --prompts "$folder/prompts.txt" --motion "$bucket" --output "$folder/motion_$bucket" --batch-size 24
done
curation run "$folder"/motion_0 "$folder"/motion_4 "$folder"/motion_7 --output "$folder/generated" --config examples/moving_shapes.yaml --pipeline shapes
python - "$folder/generated" <<'PYTHON'
import sys

import duckdb

clips, flow = (f"read_parquet('{sys.argv[1]}/{name}/*.parquet')" for name in ("clips", "annotations/optical_flow"))
folder = "regexp_extract(source, 'motion_[0-9]+')"
duckdb.sql(f"SELECT {folder} AS asked_for, avg(motion_score) FROM {clips} JOIN {flow} USING (clip_id) GROUP BY 1 ORDER BY 1").show()
PYTHON
