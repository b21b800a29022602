"""What thumbnails of a stretch of video say about mixing: inner products of all pairs of frames.

Everything that is asked about a possible dissolve from frame a to frame b (how far apart the ends are, how close the
frames between lie to the line from one to the other, how much contrast is lost half-way) follows from the Gram matrix
of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, WIDTH, Thumbnails

Floats = npt.NDArray[np.float32]

# Luma is averaged to 32 × 18, chroma to 16 × 9.
LUMA_VECTOR = LUMA_SIZE // 4


def picture_vectors(thumbs: Thumbnails) -> tuple[Floats, Floats]:
    """Frames as vectors: (texture [n, d], colour [n, 3]).

    Texture is luma and the two chroma planes, each less its mean over the frame, luma first, and scaled so that
    squared lengths are variances in squared levels, summed over the planes; colour is the three means.
    """
    luma = _halved(thumbs[:, :LUMA_SIZE].reshape(-1, 1, HEIGHT, WIDTH))
    chroma = _halved(thumbs[:, LUMA_SIZE:].reshape(-1, 2, HEIGHT // 2, WIDTH // 2))
    planes = [luma[:, 0], chroma[:, 0], chroma[:, 1]]
    colour = np.stack([plane.mean(axis=1) for plane in planes], axis=1)
    textures = [(plane - plane.mean(axis=1, keepdims=True)) / np.float32(np.sqrt(plane.shape[1])) for plane in planes]
    return np.concatenate(textures, axis=1), np.asarray(colour, np.float32)


def fine_texture(texture: Floats) -> Floats:
    """The part of the luma texture that a 5 × 5 blur removes: [n, d]."""
    import cv2

    planes = texture[:, :LUMA_VECTOR].reshape(-1, HEIGHT // 2, WIDTH // 2)
    fine = np.stack([plane - cv2.blur(plane, (5, 5)) for plane in planes])
    return np.asarray(fine.reshape(len(texture), -1), np.float32)


def _halved(planes: npt.NDArray[np.uint8]) -> Floats:
    """Means of 2 × 2 pixels: uint8 [n, c, h, w] → float32 [n, c, h · w / 4]."""
    rows = planes[:, :, ::2].astype(np.uint16) + planes[:, :, 1::2]
    sums = rows[..., ::2] + rows[..., 1::2]
    return np.asarray(sums.reshape(*planes.shape[:2], -1) / 4, np.float32)


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
