"""WebDataset shards of a selection: planned, written in parallel, indexed, and read back."""
