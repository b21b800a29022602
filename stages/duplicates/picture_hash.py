"""A hash of a picture's coarse structure, which encoding, scaling and brightness hardly change.

As pHash does it: the signs of a picture's low frequencies (a discrete cosine transform) against their median.
Source: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010. That hash has 8 × 8 bits;
in these, two title cards in the same lettering differ by as little as a card and its encoded copy. Here it has 16 × 16.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SIDE = 16
BITS = SIDE * SIDE
PICTURE_SIDE = 2 * SIDE
# Standard deviation in levels of 8-bit luma under which a picture shows nothing: black, a fade, one colour with noise.
FLAT = 2.0

Bits = npt.NDArray[np.bool_]


def picture_hash(picture: npt.NDArray[np.float32]) -> Bits:
    """bool [BITS] of a grey picture, float32 [h, w] of 0 … 255. All false for a flat one, and for no other."""
    import cv2

    small = cv2.resize(picture, (PICTURE_SIDE, PICTURE_SIDE), interpolation=cv2.INTER_AREA)
    if small.std() < FLAT:
        return np.zeros(BITS, bool)
    low = cv2.dct(small)[:SIDE, :SIDE].reshape(-1)
    return np.asarray(low > np.median(low[1:]))


def to_text(hashes: Bits) -> str:
    """Hashes bool [n, BITS] in hexadecimal digits, one after the other."""
    return np.packbits(hashes).tobytes().hex()


def to_vectors(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """float32 [len(texts), n × BITS]: 1 and −1 for the bits, 0 for those of flat pictures.

    The cosine of two vectors is 1 − 2 × the share of bits that differ, over the pictures that are not flat in both.

    Raises:
        ValueError: a text is no hash, or they are of different lengths.
    """
    packed = np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(len(texts), -1)
    bits = np.unpackbits(packed, axis=1).reshape(len(texts), -1, BITS)
    shown = bits.any(axis=2, keepdims=True)
    return np.where(shown, 2 * bits.astype(np.float32) - 1, np.float32(0)).reshape(len(texts), -1)
