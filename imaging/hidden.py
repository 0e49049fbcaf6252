"""A few bytes hidden in a picture's least significant bits: LSB matching at keyed places.

Each bit goes into one sample of colour. Where the sample's lowest bit differs, the sample goes up
or down by one, whichever way chance says: unlike overwriting the bit, that leaves no trace in the
counts of even and odd values (Sharp, "An implementation of key-based digital signal
steganography", Information Hiding 2001). README.md has the format to the bit, and what it is worth.
"""

from __future__ import annotations

import hashlib
from math import ceil, log10, prod, sqrt
from os import urandom

import numpy as np

from .errors import ImagingError, NothingHiddenError

MAX_SECRET = 0xFFFF  # bytes, what the field of the length can say
_LENGTH_BYTES, _CHECK_BYTES = 2, 8
_HEAD_BYTES = _LENGTH_BYTES + _CHECK_BYTES
# Every second sample at most: drawing places then takes few words, and three of four samples
# stay as they are even in a picture that is full.
_SAMPLES_PER_BIT = 2
_SAMPLES_PER_BYTE = 8 * _SAMPLES_PER_BIT
_LABEL = b"dialtone hidden 1"
_SCRYPT_LOG2_N, _SCRYPT_R, _SCRYPT_P = 15, 8, 3  # as passphrases of transfers: 32 MiB
_SCRYPT_MEMORY = 64 << 20
_WORD_BYTES = 8
_PIECE = 1 << 20  # samples looked at at a time


def capacity(pixels: np.ndarray) -> int:
    """How many bytes `hide` can hide in a picture: 0 to 65535.

    pixels  (h, w) or (h, w, c), 1 to 4 channels, uint8 or uint16
    Raises ImagingError where it is no such array.
    """
    return max(0, min(MAX_SECRET, prod(_colour_shape(pixels)) // _SAMPLES_PER_BYTE - _HEAD_BYTES))


def hide(pixels: np.ndarray, secret: bytes, where: bytes = b"") -> np.ndarray:
    """The same picture with `secret` in the lowest bits of some of its colour samples.

    pixels   (h, w) or (h, w, c), 1 to 4 channels, uint8 or uint16; it is left as it is
    secret   1 to `capacity(pixels)` bytes
    where    a passphrase that chooses the places; without one, everybody with this program
             finds the secret
    returns  a new array of the same shape and type; samples differ by at most 1, alpha not at all

    Two calls give different pictures, both of which hold the secret.
    Raises ImagingError where the picture is too small (naming the needed size) or no such array.
    """
    shape = _colour_shape(pixels)
    if not secret:
        raise ImagingError("there is nothing to hide: the secret is empty")
    if len(secret) > MAX_SECRET:
        raise ImagingError(
            f"a picture hides at most {MAX_SECRET} bytes, and there are {len(secret)}"
        )
    if len(secret) > capacity(pixels):
        raise ImagingError(
            f"the picture is too small to hide {len(secret)} bytes: {_needed(len(secret), shape)}"
        )
    order = _Order(shape, where)
    length = len(secret).to_bytes(_LENGTH_BYTES, "big")
    payload = length + _check(length, secret) + secret
    bits = np.unpackbits(np.frombuffer(order.masked(payload), np.uint8))
    hidden = np.array(pixels, order="C")
    samples = _samples(hidden)
    places = order.places(len(bits))
    index = np.unravel_index(places, samples.shape)
    values = samples[index]
    change = (values & 1) != bits
    up = np.unpackbits(np.frombuffer(urandom(len(payload)), np.uint8)).astype(bool)
    up = (up | (values == 0)) & (values != np.iinfo(pixels.dtype).max)
    samples[index] = np.where(change, np.where(up, values + 1, values - 1), values)
    return hidden


def reveal(pixels: np.ndarray, where: bytes = b"") -> bytes:
    """What `hide` has hidden in a picture with the same `where`.

    pixels  as for `hide`; an alpha channel may have come or gone since
    Raises NothingHiddenError where there is nothing, ImagingError where it is no such array.
    """
    shape = _colour_shape(pixels)
    most = capacity(pixels)
    if most == 0:
        raise NothingHiddenError
    samples = _samples(pixels)
    order = _Order(shape, where)
    length = int.from_bytes(_read(samples, order, _LENGTH_BYTES), "big")
    if not 1 <= length <= most:
        raise NothingHiddenError
    payload = _read(samples, order, _HEAD_BYTES + length)
    secret = payload[_HEAD_BYTES:]
    if payload[_LENGTH_BYTES:_HEAD_BYTES] != _check(payload[:_LENGTH_BYTES], secret):
        raise NothingHiddenError
    return secret


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures' colour in dB, infinite where they are equal.

    a, b  of one shape and type, as for `hide`
    """
    first, second = _samples(a), _samples(b)
    rows = max(1, _PIECE // max(1, prod(first.shape[1:])))
    total = 0.0
    for start in range(0, len(first), rows):
        piece = slice(start, start + rows)
        difference = first[piece].astype(np.float64) - second[piece]
        total += float(np.vdot(difference, difference))
    if total == 0:
        return float("inf")
    return 10 * log10(float(np.iinfo(a.dtype).max) ** 2 * first.size / total)


class _Order:
    """The places of one picture size and passphrase, and the mask that lies over the payload."""

    def __init__(self, shape: tuple[int, int, int], where: bytes) -> None:
        height, width, colours = shape
        label = _LABEL + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([colours])
        self._n = prod(shape)
        self._seed = label
        if where:
            self._seed += hashlib.scrypt(
                where,
                salt=label,
                n=1 << _SCRYPT_LOG2_N,
                r=_SCRYPT_R,
                p=_SCRYPT_P,
                maxmem=_SCRYPT_MEMORY,
                dklen=32,
            )

    def places(self, count: int) -> np.ndarray:
        """(count,) int64: the first different sample numbers of the order, at most half of all."""
        words = count + count // 2
        while True:
            stream = hashlib.shake_256(self._seed + b"places").digest(_WORD_BYTES * words)
            drawn = np.frombuffer(stream, ">u8") % np.uint64(self._n)
            _, first = np.unique(drawn, return_index=True)
            if len(first) >= count:
                return drawn[np.sort(first)[:count]].astype(np.int64)
            words *= 2

    def masked(self, payload: bytes) -> bytes:
        """The payload under the mask, or a masked one without it."""
        mask = hashlib.shake_256(self._seed + b"mask").digest(len(payload))
        return bytes(a ^ b for a, b in zip(payload, mask, strict=True))


def _read(samples: np.ndarray, order: _Order, n_bytes: int) -> bytes:
    values = samples[np.unravel_index(order.places(8 * n_bytes), samples.shape)]
    return order.masked(np.packbits((values & 1).astype(np.uint8)).tobytes())


def _check(length: bytes, secret: bytes) -> bytes:
    return hashlib.sha256(_LABEL + length + secret).digest()[:_CHECK_BYTES]


def _colour_shape(pixels: np.ndarray) -> tuple[int, int, int]:
    """Height, width and channels of colour: 1 or 3."""
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.ndim not in (2, 3) or not 1 <= channels <= 4 or 0 in pixels.shape:
        raise ImagingError(f"pixels of shape {pixels.shape} are no picture")
    if pixels.dtype not in (np.uint8, np.uint16):
        raise ImagingError(f"samples must have 8 or 16 bits, got {pixels.dtype}")
    return pixels.shape[0], pixels.shape[1], 1 if channels < 3 else 3


def _samples(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 1 or 3): a view of the colour, without alpha."""
    _, _, colours = _colour_shape(pixels)
    return (pixels if pixels.ndim == 3 else pixels[:, :, None])[:, :, :colours]


def _needed(n_bytes: int, shape: tuple[int, int, int]) -> str:
    height, width, colours = shape
    fewest = ceil((n_bytes + _HEAD_BYTES) * _SAMPLES_PER_BYTE / colours)
    side = ceil(sqrt(fewest))
    kind = "grey" if colours == 1 else "colour"
    return (
        f"that takes {fewest} pixels of {kind}, {side} x {side} for example, "
        f"and it has {width} x {height}"
    )
