"""Runs a pipeline on Ray Data: which work is left, who does it, what became of it."""
