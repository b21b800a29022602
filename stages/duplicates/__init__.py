"""The parts of `dedup` and `perceptual_hash`: picture hashes, vectors on disk, nearest neighbours, groups."""
