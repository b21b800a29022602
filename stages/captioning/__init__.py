"""What captioning stages are made of, besides their models."""
