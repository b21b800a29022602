#!/usr/bin/env bash
# From videos to a video of a model of one's own, on a CPU, with nothing downloaded: about six minutes on two cores.
#
#     examples/first_model.sh [FOLDER] [VIDEOS] [STEPS]
#
# A film trailer and VIDEOS synthetic videos with captions are cut, scored, filtered and packed; STEPS steps are trained
# and a video is sampled. So few steps teach colours, hardly more: see docs/training.md.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-first_model}
videos=${2:-48}
steps=${3:-800}

python examples/moving_shapes.py "$folder/shapes" --count "$videos"
curation run examples/videos/big_buck_bunny_trailer.mp4 "$folder/shapes/manifest.csv" --output "$folder/dataset" --config examples/first_model.yaml --pipeline first --in-process
curation filter "$folder/dataset" --filter first --config examples/first_model.yaml
curation pack "$folder/dataset" --filter first --short-side 64 --gop 4
curation train "$folder/dataset/shards/first" --recipe tiny --output "$folder/model" --device cpu --set "training.steps=$steps"
curation sample "$folder/model" --prompt "a red circle moves left quickly" --output "$folder/red_circle.mp4" --device cpu
