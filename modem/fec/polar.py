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
Flags = npt.NDArray[np.bool_]

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

# Keeps sums of LLRs finite; larger ones say nothing more.
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
    words = np.empty((_PATHS, N), np.uint8)
    penalty = np.empty(_PATHS, np.float32)
    _decode_list(known, _FROZEN, words, penalty)
    words = words[np.argsort(penalty, kind="stable")]
    blocks = np.packbits(words[:, _INFO_PLACES], axis=1)
    passed = np.flatnonzero(crc16(blocks) == 0)
    if passed.size == 0:
        return None
    return words[passed[0], _INFO_PLACES[:K]]


@njit(nogil=True)
def _descend(tree: Reals, sums: Bits, path: int, place: int) -> None:
    """Bring the LLR of `place`, in tree[path, 1], up to date."""
    size = 1
    while size < N and not place & size:
        size *= 2
    if size < N:
        for i in range(size):
            a, b = tree[path, 2 * size + i], tree[path, 3 * size + i]
            tree[path, size + i] = b - a if sums[path, size + i] else b + a
    while size > 1:
        size //= 2
        for i in range(size):
            a, b = tree[path, 2 * size + i], tree[path, 3 * size + i]
            smaller = min(abs(a), abs(b))
            tree[path, size + i] = smaller if (a < 0) == (b < 0) else -smaller


@njit(nogil=True)
def _ascend(sums: Bits, path: int, place: int, bit: int, current: Bits) -> None:
    """Enter the decided bit of `place` into the partial sums."""
    current[0] = bit
    size = 1
    while place & size:
        for i in range(size):
            current[size + i] = current[i]
            current[i] ^= sums[path, size + i]
        size *= 2
    for i in range(size):
        sums[path, size + i] = current[i]


@njit(nogil=True)
def _choose(candidate: Reals, choices: int, taken: Flags) -> None:
    """Take the eight candidates of least penalty."""
    for c in range(taken.size):
        taken[c] = False
    for _ in range(min(choices, _PATHS)):
        best = -1
        for c in range(choices):
            if not taken[c] and (best < 0 or candidate[c] < candidate[best]):
                best = c
        taken[best] = True


@njit(cache=True, nogil=True)
def _decode_list(llr: Reals, frozen: Flags, words: Bits, penalty: Reals) -> None:
    """Fill in the likeliest words (8, 256), before encoding, and their penalties (8,).

    The node of the code's tree at level s on the way to the current place has 2**s LLRs,
    kept from 2**s in `tree`, and in the same places of `sums` the bits of its left sibling.
    """
    tree = np.empty((_PATHS, 2 * N), np.float32)
    sums = np.empty((_PATHS, 2 * N), np.uint8)
    for path in range(_PATHS):
        for i in range(N):
            tree[path, N + i] = llr[i]
    current = np.empty(N, np.uint8)
    candidate = np.empty(2 * _PATHS, np.float32)
    taken = np.empty(2 * _PATHS, np.bool_)
    bit = np.empty(_PATHS, np.uint8)
    origin = np.empty(_PATHS, np.int64)
    paths = 1
    penalty[0] = 0
    for place in range(N):
        for path in range(paths):
            _descend(tree, sums, path, place)
            value = tree[path, 1]
            # Candidates 2p and 2p + 1 extend path p by 0 and by 1.
            candidate[2 * path] = penalty[path] + max(-value, np.float32(0))
            candidate[2 * path + 1] = penalty[path] + max(value, np.float32(0))
            bit[path] = 0
            origin[path] = path
        if not frozen[place]:
            _choose(candidate, 2 * paths, taken)
            grown = paths
            room = 0
            for path in range(paths):
                if not taken[2 * path + 1]:
                    continue
                slot = path
                if taken[2 * path]:
                    # Both extensions live: the second moves to a free slot, or to that of a
                    # path with neither.
                    slot = grown
                    if grown < _PATHS:
                        grown += 1
                    else:
                        while taken[2 * room] or taken[2 * room + 1]:
                            room += 1
                        slot = room
                        room += 1
                    for i in range(N):
                        tree[slot, i] = tree[path, i]
                        sums[slot, i] = sums[path, i]
                        words[slot, i] = words[path, i]
                bit[slot] = 1
                origin[slot] = path
            paths = grown
        for path in range(paths):
            penalty[path] = candidate[2 * origin[path] + bit[path]]
            words[path, place] = bit[path]
            _ascend(sums, path, place, bit[path], current)
