"""A sound that tells the time: a sweep whose pitch says where in the video it belongs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 44100
START_HZ, SWEEP_HZ_PER_S = 400.0, 60.0


def sweep(seconds: float, sample_rate: int = SAMPLE_RATE) -> npt.NDArray[np.float32]:
    """float32 [samples]: a sine whose pitch is START_HZ + SWEEP_HZ_PER_S · t at t seconds."""
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * (START_HZ + SWEEP_HZ_PER_S * t / 2) * t)).astype(np.float32)


def time_of(samples: npt.NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> float:
    """The source time in seconds of the middle of ``samples`` ([n], 0.1 to 0.5 s of the sweep), good to about 10 ms.

    The phase of the sweep, less that of a sweep of the same rate at pitch 0, is that of a plain sine: its pitch is
    read off the peak of a spectrum, zero-padded 16 times.
    """
    centred = (np.arange(len(samples)) - (len(samples) - 1) / 2) / sample_rate
    window = np.hanning(len(samples))
    analytic = samples * window * np.exp(-1j * np.pi * SWEEP_HZ_PER_S * centred**2)
    spectrum = np.abs(np.fft.fft(analytic, 16 * len(samples)))[: 8 * len(samples)]
    pitch = np.argmax(spectrum) * sample_rate / (16 * len(samples))
    return float((pitch - START_HZ) / SWEEP_HZ_PER_S)
