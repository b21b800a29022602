"""Tests of curation, stages and models."""
