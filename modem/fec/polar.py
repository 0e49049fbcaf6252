"""The burst header's code: 48 bits and a CRC-16 in 256 bits, decoded by list.

Polar code with the reliabilities of 5G NR, no rate matching. Successive
cancellation keeps the eight likeliest paths (Tal & Vardy, IEEE Trans. Inf.
Theory 61, 2015), with the min-sum path metric of Balatsoukas-Stimming et al.,
IEEE Trans. Signal Process. 63, 2015; the CRC picks among them.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from modem.fec.crc import crc16

Bits = npt.NDArray[np.uint8]
Reals = npt.NDArray[np.float32]

K = 48  # header bits
N = 256  # sent bits
_LEVELS = 8
_PATHS = 8

# The 64 most reliable of 256 places: 3GPP TS 38.212 table 5.3.1.2-1, indices below 256.
# fmt: off
_INFO_PLACES = np.array((
     63,  95, 111, 119, 123, 124, 125, 126, 127, 159, 175, 181, 182, 183, 185, 186,
    187, 188, 189, 190, 191, 203, 205, 206, 207, 211, 213, 214, 215, 217, 218, 219,
    220, 221, 222, 223, 227, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239,
    240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255,
))
# fmt: on
_FROZEN = np.ones(N, np.bool_)
_FROZEN[_INFO_PLACES] = False

# Larger LLRs carry no more information and could overflow in the sums.
_LLR_LIMIT = 1e4


def encode(bits: Bits) -> Bits:
    """Sent bits (256,) of header bits (48,), uint8."""
    bits = np.asarray(bits)
    if bits.shape != (K,) or bits.dtype != np.uint8:
        raise ValueError(f"bits must be ({K},) uint8, got {bits.shape} {bits.dtype}")
    word = np.zeros(N, np.uint8)
    data = np.packbits(bits)
    check = int(crc16(data[None])[0])
    word[_INFO_PLACES] = np.unpackbits(np.append(data, (check >> 8, check & 0xFF)).astype(np.uint8))
    for level in range(_LEVELS):
        pairs = word.reshape(-1, 2, 1 << level)
        pairs[:, 0] ^= pairs[:, 1]
    return word


def decode(llr: Reals) -> Bits | None:
    """Header bits (48,) of LLRs (256,), positive means 0; None where no path passes the CRC.

    Pure noise passes with probability 8 * 2**-16 at most.
    """
    llr = np.asarray(llr, np.float32)
    if llr.shape != (N,):
        raise ValueError(f"llr must be ({N},), got {llr.shape}")
    known = np.clip(np.nan_to_num(llr, nan=0.0), -_LLR_LIMIT, _LLR_LIMIT)
    words, metrics = _decode_list(known, _FROZEN)
    words = words[np.argsort(metrics, kind="stable")]
    blocks = np.packbits(words[:, _INFO_PLACES], axis=1)
    passed = np.flatnonzero(crc16(blocks) == 0)
    if passed.size == 0:
        return None
    return words[passed[0], _INFO_PLACES[:K]]


@njit(nogil=True)
def _descend(llr: Reals, tree: Reals, sums: Bits, place: int) -> None:
    """Bring the LLR of `place`, in tree[1], up to date for one path.

    tree  (256,) float32, LLRs of the nodes on the way to `place`: level s of 2**s at 2**s
    sums  (256,) uint8, in the same places the bits of the finished left sibling
    """
    level = 0
    while level < _LEVELS and not (place >> level) & 1:
        level += 1
    for s in range(min(level, _LEVELS - 1), -1, -1):
        size = 1 << s
        above = llr if s == _LEVELS - 1 else tree[2 * size : 4 * size]
        for i in range(size):
            a, b = above[i], above[size + i]
            if s == level:
                tree[size + i] = b - a if sums[size + i] else b + a
            else:
                smaller = min(abs(a), abs(b))
                tree[size + i] = smaller if (a < 0) == (b < 0) else -smaller


@njit(nogil=True)
def _ascend(sums: Bits, place: int, bit: int) -> None:
    """Enter the decided bit of `place` into the partial sums of one path."""
    current = np.empty(N, np.uint8)
    current[0] = bit
    size = 1
    while place & size:
        for i in range(size):
            current[size + i] = current[i]
            current[i] ^= sums[size + i]
        size *= 2
    if size < N:
        for i in range(size):
            sums[size + i] = current[i]


@njit(cache=True, nogil=True)
def _decode_list(llr: Reals, frozen: npt.NDArray[np.bool_]) -> tuple[Bits, Reals]:
    """The likeliest words (8, 256) before encoding and their penalties (8,)."""
    tree = np.zeros((_PATHS, N), np.float32)
    sums = np.zeros((_PATHS, N), np.uint8)
    words = np.zeros((_PATHS, N), np.uint8)
    penalty = np.zeros(_PATHS, np.float32)
    candidate = np.empty(2 * _PATHS, np.float32)
    taken = np.empty(2 * _PATHS, np.bool_)
    paths = 1
    for place in range(N):
        for path in range(paths):
            _descend(llr, tree[path], sums[path], place)
            value = tree[path, 1]
            # Candidates 2p and 2p + 1 extend path p by 0 and by 1.
            candidate[2 * path] = penalty[path] + max(-value, np.float32(0))
            candidate[2 * path + 1] = penalty[path] + max(value, np.float32(0))
        choices = 2 * paths
        for c in range(2 * _PATHS):
            taken[c] = frozen[place] and c < choices and c % 2 == 0
        if not frozen[place]:
            for _ in range(min(choices, _PATHS)):
                best = -1
                for c in range(choices):
                    if not taken[c] and (best < 0 or candidate[c] < candidate[best]):
                        best = c
                taken[best] = True
        # A path with both extensions taken is copied to the room of one with none.
        grown = paths
        room = 0
        for path in range(paths):
            zero, one = taken[2 * path], taken[2 * path + 1]
            if zero and one:
                if grown < _PATHS:
                    copy = grown
                    grown += 1
                else:
                    while taken[2 * room] or taken[2 * room + 1]:
                        room += 1
                    copy = room
                    room += 1
                for i in range(N):
                    tree[copy, i] = tree[path, i]
                    sums[copy, i] = sums[path, i]
                    words[copy, i] = words[path, i]
                penalty[copy] = candidate[2 * path + 1]
                words[copy, place] = 1
                _ascend(sums[copy], place, 1)
            if zero or one:
                bit = 0 if zero else 1
                penalty[path] = candidate[2 * path + bit]
                words[path, place] = bit
                _ascend(sums[path], place, bit)
        paths = grown
    return words[:paths], penalty[:paths]
