"""Counting again when little has changed: only what moved is counted."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[Any]
# Beyond this share of all clips, counting them all is as fast.
MOST_MOVED = 0.2
MICROSECONDS = 1_000_000


class Combinations:
    """How many clips carry each code, and how long they are together.

    Lengths are added as whole microseconds, which a double holds exactly: adding and taking away leaves no error.
    """

    def __init__(self, seconds: npt.NDArray[np.float64]) -> None:
        self._lengths = np.round(seconds * MICROSECONDS)
        self._codes: Numbers = np.zeros(0, np.uint8)
        self._clips: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._micros: npt.NDArray[np.float64] = np.zeros(0)

    def count(self, codes: Numbers, size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Clips and seconds of each code below ``size``; ``codes``: unsigned [clips], not to be written to any more."""
        before = self._codes
        if len(self._clips) == size and before.dtype == codes.dtype and len(codes):
            moved = np.flatnonzero(before != codes)
            if len(moved) < MOST_MOVED * len(codes):
                lengths = self._lengths[moved]
                for sign, those in ((-1, before[moved]), (1, codes[moved])):
                    self._clips = self._clips + sign * np.bincount(those, minlength=size)
                    self._micros = self._micros + sign * np.bincount(those, lengths, size)
                self._codes = codes
                return self._clips, self._micros / MICROSECONDS
        places = codes.astype(np.intp)
        self._clips = np.bincount(places, minlength=size).astype(np.int64)
        self._micros = np.bincount(places, self._lengths, size).astype(np.float64)
        self._codes = codes
        return self._clips, self._micros / MICROSECONDS


class Bars:
    """How many of some clips stand in each bar of a chart. May be used by several threads."""

    def __init__(self, bins: npt.NDArray[np.uint8], size: int) -> None:
        """``bins``: the bar of each clip, less than ``size``, which is at most 128."""
        self._bins, self._size = bins, size
        self._chosen: npt.NDArray[np.bool_] = np.zeros(len(bins), np.bool_)
        self._counts = np.zeros(size, np.int64)
        self._lock = threading.Lock()

    def count(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """int64 [size]: of the clips that are chosen, bool [clips], not to be written to any more."""
        with self._lock:
            moved = np.flatnonzero(self._chosen != chosen)
            if len(moved) < MOST_MOVED * len(chosen):
                comes = chosen[moved]
                bins = self._bins[moved]
                self._counts = self._counts + np.bincount(bins[comes], minlength=self._size)
                self._counts = self._counts - np.bincount(bins[~comes], minlength=self._size)
            else:
                # A bar number uses seven bits; the eighth sends the others elsewhere.
                others = np.left_shift(~chosen, 7, dtype=np.uint8)
                self._counts = np.bincount(self._bins | others, minlength=256)[: self._size].astype(np.int64)
            self._chosen = chosen
            return self._counts
