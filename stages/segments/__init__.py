"""Label segmentation: which parts of a video show what its label says."""
