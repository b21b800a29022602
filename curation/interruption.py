"""What Ctrl-C ends a command with."""

from __future__ import annotations

# What Typer makes of SIGINT, and `ray_session` of SIGTERM.
INTERRUPTED = 130
STOPPED = "stopped; the same command goes on where this one ended"
