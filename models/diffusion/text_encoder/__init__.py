"""Encoders of captions and of conditioning frames."""
