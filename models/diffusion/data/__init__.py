"""Training data from packed shards."""
