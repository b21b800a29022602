"""Training: from a recipe and shards to checkpoints."""
