"""What thumbnails of a stretch of video say about mixing: inner products of all pairs of frames.

Everything that is asked about a possible dissolve from frame a to frame b (how far apart the ends are, how close the
frames between lie to the line from one to the other, how much contrast is lost half-way) follows from the Gram matrix of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnails

Floats = npt.NDArray[np.float32]


def picture_vectors(thumbs: Thumbnails) -> tuple[Floats, Floats]:
    """Frames as vectors: (texture [n, d], colour [n, 3]).

    Texture is luma averaged to 32 × 18 and the two chroma planes, each less its mean over the frame and scaled so that
    squared lengths are variances in squared levels, summed over the planes; colour is the three means.
    """
    count = len(thumbs)
    luma = thumbs[:, :LUMA_SIZE].reshape(count, HEIGHT // 2, 2, WIDTH // 2, 2).astype(np.float32).mean(axis=(2, 4))
    chroma = thumbs[:, LUMA_SIZE:].reshape(count, 2, -1).astype(np.float32)
    planes = np.concatenate([luma.reshape(count, 1, -1), chroma], axis=1)
    colour = planes.mean(axis=2)
    texture = (planes - colour[:, :, None]) / np.sqrt(planes.shape[2])
    return texture.reshape(count, -1), colour


def fine_texture(texture: Floats) -> Floats:
    """The part of the texture that a 5 × 5 blur removes: [n, d]."""
    import cv2

    planes = texture.reshape(-1, HEIGHT // 2, WIDTH // 2)
    return np.stack([plane - cv2.blur(plane, (5, 5)) for plane in planes]).reshape(len(texture), -1)


@dataclass(frozen=True)
class Evidence:
    """``texture``, ``fine``, ``colour``: Gram matrices [n, n] of the frames of a window."""

    texture: Floats
    fine: Floats
    colour: Floats

    @classmethod
    def of(cls, thumbs: Thumbnails) -> Evidence:
        """Measure the frames uint8 [n, THUMBNAIL_SIZE]."""
        texture, colour = picture_vectors(thumbs)
        fine = fine_texture(texture)
        return cls(texture @ texture.T, fine @ fine.T, colour @ colour.T)
