"""Video input: containers, time stamps, frames. Knows no stage and no model."""
