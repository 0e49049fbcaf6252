"""The burst header: what a receiver must know before it can read a superframe.

48 bits, protected by a CRC-16 and a polar code of rate 1/4, sent as QPSK on the header carriers
of the sync symbol and repeated over all of them:

    2 version | 3 variant | 8 speed | 12 data blocks | 1 last | 16 superframe number | 6 zero
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modem.constellation import map_bits, soft_demap
from modem.fec import polar
from modem.fec.interleaver import golden_permutation

_VERSION = 0
_WIDTHS = (2, 3, 8, 12, 1, 16, 6)
_CELLS = polar.N // 2


@dataclass(frozen=True, slots=True)
class BurstHeader:
    """The fields of a burst header.

    speed        1-based number in the profile, 1 to 255
    data_blocks  packets of the superframe, 1 to 4095
    last         no superframe follows
    number       of the superframe in its transmission, modulo 65536
    variant      which of the profiles that share a preamble, 0 to 7
    """

    speed: int
    data_blocks: int
    last: bool
    number: int
    variant: int = 0

    def cells(self, count: int) -> NDArray[np.complex64]:
        """(count,) QPSK cells."""
        value = 0
        fields = (
            _VERSION, self.variant, self.speed, self.data_blocks, int(self.last), self.number, 0
        )  # fmt: skip
        for field, width in zip(fields, _WIDTHS, strict=True):
            value = value << width | field
        bits = np.unpackbits(np.frombuffer(value.to_bytes(6, "big"), np.uint8))
        return map_bits(polar.encode(bits).reshape(-1, 2), 2)[_places(count)]


def read_header(
    cells: NDArray[np.complexfloating], noise_var: NDArray[np.floating]
) -> BurstHeader | None:
    """The header in equalised cells (n,) with noise variances (n,), or None if none is valid."""
    llr = np.zeros((_CELLS, 2), np.float32)
    np.add.at(llr, _places(cells.size), soft_demap(cells, noise_var, 2))
    bits = polar.decode(llr.reshape(-1))
    if bits is None:
        return None
    value = int.from_bytes(np.packbits(bits).tobytes(), "big")
    fields = []
    for width in reversed(_WIDTHS):
        fields.append(value & (1 << width) - 1)
        value >>= width
    reserved, number, last, data, speed, variant, version = fields
    if version != _VERSION or reserved or not speed or not data:
        return None
    return BurstHeader(speed, data, bool(last), number, variant)


def _places(count: int) -> NDArray[np.int64]:
    """Which cell of the code word each of `count` header carriers carries."""
    return golden_permutation(_CELLS)[np.arange(count) % _CELLS]
