"""5G NR LDPC codes: encoding and soft-decision decoding of blocks.

Bits are uint8, one per element. LLRs are float32, ln P(b=0) - ln P(b=1);
positive means 0.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from modem.fec.base_graph import MAX_RATE, IntArray, LiftedGraph, choose, lift
from modem.fec.ldpc_kernel import decode_blocks

Bits = npt.NDArray[np.uint8]

_MAX_K = 22 * 384

# No channel is surer than this, and messages must stay far below the decoder's own limit: a total
# that is clipped forgets what the channel said.
_SURE = np.float32(100.0)


class DecodeResult(NamedTuple):
    """What the decoder made of a batch of blocks.

    bits        (blocks, k) uint8, hard decisions, right or wrong
    converged   (blocks,) bool: every parity check holds and no info bit is left
                undecided. No proof of correctness: check a CRC.
    iterations  (blocks,) int32, iterations used
    """

    bits: Bits
    converged: npt.NDArray[np.bool_]
    iterations: npt.NDArray[np.int32]


class LdpcCode:
    """A code of k info bits (CRC included) in n sent bits.

    1 <= k <= 8448, k / n <= 0.92. Below the lowest rate of the base graph (1/3 or
    1/5) sent bits repeat. The first `systematic_bits` sent bits are info bits
    2 * lifting_size to k - 1, the rest is parity. Raises ValueError for other k, n.
    Source: 3GPP TS 38.212, 5.3.2 and 5.4.2.1.
    """

    def __init__(self, k: int, n: int) -> None:
        if not 1 <= k <= _MAX_K:
            raise ValueError(f"k must be 1 to {_MAX_K} bits, got {k}")
        if k > MAX_RATE * n:
            raise ValueError(f"k / n must be at most {MAX_RATE}, got {k} / {n}")
        self.k = k
        self.n = n
        self.base_graph, self.lifting_size = choose(k, n)
        self._lifted = lift(self.base_graph, self.lifting_size, k, n)
        self._schedule = _schedule(self._lifted)
        self.systematic_bits = max(k - 2 * self.lifting_size, 0)

    def encode(self, bits: Bits) -> Bits:
        """Sent bits (blocks, n) of info bits (blocks, k)."""
        bits = np.asarray(bits)
        if bits.ndim != 2 or bits.shape[1] != self.k or bits.dtype != np.uint8:
            raise ValueError(
                f"bits must be (blocks, {self.k}) uint8, got {bits.shape} {bits.dtype}"
            )
        lifted, z = self._lifted, self.lifting_size
        first_parity = lifted.graph.systematic_columns
        # Each column is kept twice in a row: a rotated column is then one slice.
        word = np.zeros((bits.shape[0], lifted.columns, 2, z), np.uint8)
        info = np.zeros((bits.shape[0], first_parity * z), np.uint8)
        info[:, : self.k] = bits
        word[:, :first_parity] = info.reshape(-1, first_parity, 1, z)
        twice = word.reshape(bits.shape[0], lifted.columns, 2 * z)

        def row_sum(row: int) -> Bits:
            """What the columns filled so far contribute to a row's checks."""
            total = np.zeros((bits.shape[0], z), np.uint8)
            for edge in range(lifted.first_edge[row], lifted.first_edge[row + 1]):
                shift = lifted.shift[edge]
                total ^= twice[:, lifted.column[edge], shift : shift + z]
            return total

        # In the sum of the core rows every parity column but the first cancels, and of
        # the first's three circulants two are equal.
        core = lifted.first_edge[4]
        first = lifted.shift[:core][lifted.column[:core] == first_parity]
        shift = int(np.bitwise_xor.reduce(first))
        solved = row_sum(0) ^ row_sum(1) ^ row_sum(2) ^ row_sum(3)
        word[:, first_parity] = np.roll(solved, shift, 1)[:, None]
        for row in range(lifted.rows):
            if row != 3:
                column = first_parity + row + (row < 3)
                word[:, column] = row_sum(row)[:, None]
        return word[:, :, 0].reshape(bits.shape[0], lifted.columns * z)[:, lifted.sent]

    def decode(self, llr: npt.NDArray[np.float32], max_iterations: int = 25) -> DecodeResult:
        """Info bits of received LLRs (blocks, n); positive means 0.

        LLRs of any size are taken, those that are not a number as unknown.
        """
        llr = np.ascontiguousarray(llr, np.float32)
        if llr.ndim != 2 or llr.shape[1] != self.n:
            raise ValueError(f"llr must be (blocks, {self.n}), got {llr.shape}")
        lifted = self._lifted
        blocks = llr.shape[0]
        bits = np.empty((blocks, self.k), np.uint8)
        converged = np.empty(blocks, np.bool_)
        iterations = np.empty(blocks, np.int32)
        limited = np.clip(llr, -_SURE, _SURE)
        limited[np.isnan(limited)] = 0
        decode_blocks(
            limited,
            lifted.sent,
            (lifted.columns, lifted.z),
            lifted.filler,
            *self._schedule,
            max_iterations,
            bits,
            converged,
            iterations,
        )
        return DecodeResult(bits, converged, iterations)


def _schedule(lifted: LiftedGraph) -> tuple[IntArray, IntArray, IntArray]:
    """first_edge, column and shift of the rows in the order in which they are decoded.

    A check with two bits that were not sent tells nothing of either, so that those with fewer come
    first, the smaller of them ahead: this saves a tenth of the iterations.
    """
    edges = [np.arange(*lifted.first_edge[row : row + 2]) for row in range(lifted.rows)]
    edges.sort(key=lambda row: (np.count_nonzero(lifted.column[row] < 2), row.size))
    first = np.cumsum([0, *(row.size for row in edges)]).astype(np.int32)
    every = np.concatenate(edges)
    return first, lifted.column[every], lifted.shift[every]
