"""Layered LDPC decoding kernel: one compiled function for every code.

The check-node rule is the corrected min-sum. For two magnitudes

    a [+] b = max(0, min(a, b) + g(a + b) - g(|a - b|)),   g(x) = max(0, 0.9124 - 0.165 x)**4

where g approximates ln(1 + exp(-x)), so that [+] follows the exact rule of
sum-product (Hagenauer et al., IEEE Trans. Inf. Theory 42, 1996) without a
logarithm. Messages to the members of a check come from a forward and a
backward pass of [+]; signs are kept apart.

The helpers are short loops over few contiguous arrays that never overlap:
LLVM vectorises those and gives up on one large loop.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Reals = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

# Bounds every message, so that totals stay far from overflow whatever the input.
LLR_LIMIT = np.float32(1e4)

_ZERO = np.float32(0)


@njit(nogil=True, fastmath=True)
def _correction(x: np.float32) -> np.float32:
    t = max(np.float32(0.9124) - np.float32(0.165) * x, _ZERO)
    t *= t
    return t * t


@njit(nogil=True, fastmath=True)
def _box_plus(a: Reals, b: Reals, out: Reals) -> None:
    """out = a [+] |b|, element by element."""
    for i in range(out.size):
        x = a[i]
        y = abs(b[i])
        value = min(x, y) + _correction(x + y) - _correction(abs(x - y))
        out[i] = max(value, _ZERO)


@njit(nogil=True, fastmath=True)
def _copy_size(incoming: Reals, out: Reals) -> None:
    for i in range(out.size):
        out[i] = abs(incoming[i])


@njit(nogil=True, fastmath=True)
def _receive(total: Reals, message: Reals, incoming: Reals, sign: Reals) -> None:
    """What the members of the checks say, less what these checks told them before."""
    for i in range(incoming.size):
        value = total[i] - message[i]
        value = min(max(value, -LLR_LIMIT), LLR_LIMIT)
        incoming[i] = value
        sign[i] = -sign[i] if value < _ZERO else sign[i]


@njit(nogil=True, fastmath=True)
def _send(incoming: Reals, sign: Reals, message: Reals, total: Reals) -> None:
    """Give the message magnitudes their signs and add them to the members."""
    for i in range(incoming.size):
        value = message[i] * sign[i]
        value = -value if incoming[i] < _ZERO else value
        message[i] = value
        total[i] = incoming[i] + value


@njit(nogil=True, fastmath=True)
def _flip_signs(total: Reals, sign: Reals) -> None:
    for i in range(sign.size):
        sign[i] = -sign[i] if total[i] < _ZERO else sign[i]


@njit(nogil=True, fastmath=True)
def _satisfied(word: Reals, first_edge: Ints, column: Ints, shift: Ints, sign: Reals) -> bool:
    """Whether the signs of the totals fulfil every check; stops at the first that fails."""
    z = sign.size
    for row in range(first_edge.size - 1):
        sign[:] = 1
        for edge in range(first_edge[row], first_edge[row + 1]):
            total = word[column[edge]]
            head = z - shift[edge]
            _flip_signs(total[z - head :], sign[:head])
            _flip_signs(total[: z - head], sign[head:])
        if sign.min() < _ZERO:
            return False
    return True


@njit(cache=True, nogil=True, fastmath=True)
def decode_blocks(
    total: Reals,
    first_edge: Ints,
    column: Ints,
    shift: Ints,
    max_iterations: int,
    converged: npt.NDArray[np.bool_],
    iterations: Ints,
) -> None:
    """Decode each codeword in place.

    total        (blocks, columns, z) float32, channel LLRs, finite and at most LLR_LIMIT
                 in size; becomes the LLRs after decoding
    first_edge   (rows + 1,) int32, where the edges of each base-graph row begin
    column       (edges,) int32, column of each edge
    shift        (edges,) int32, right shift of each circulant, 0 <= shift < z
    converged    (blocks,) bool, filled: every check holds
    iterations   (blocks,) int32, filled: iterations used
    """
    z = total.shape[2]
    width = 0
    for row in range(first_edge.size - 1):
        width = max(width, first_edge[row + 1] - first_edge[row])
    messages = np.empty((column.size, z), np.float32)
    incoming = np.empty((width, z), np.float32)
    # before[k] gathers the members ahead of k, after[k % 2] those behind it.
    before = np.empty((width, z), np.float32)
    after = np.empty((2, z), np.float32)
    sign = np.empty(z, np.float32)
    for block in range(total.shape[0]):
        word = total[block]
        messages[:] = 0
        converged[block] = False
        iterations[block] = max_iterations
        for iteration in range(max_iterations):
            for row in range(first_edge.size - 1):
                begin = first_edge[row]
                last = first_edge[row + 1] - begin - 1
                sign[:] = 1
                for k in range(last + 1):
                    member = word[column[begin + k]]
                    message = messages[begin + k]
                    head = z - shift[begin + k]
                    _receive(member[z - head :], message[:head], incoming[k, :head], sign[:head])
                    _receive(member[: z - head], message[head:], incoming[k, head:], sign[head:])
                _copy_size(incoming[0], before[1])
                for k in range(2, last + 1):
                    _box_plus(before[k - 1], incoming[k - 1], before[k])
                _copy_size(incoming[last], after[(last - 1) % 2])
                messages[begin + last] = before[last]
                for k in range(last - 1, 0, -1):
                    _box_plus(before[k], after[k % 2], messages[begin + k])
                    _box_plus(after[k % 2], incoming[k], after[(k - 1) % 2])
                messages[begin] = after[0]
                for k in range(last + 1):
                    member = word[column[begin + k]]
                    message = messages[begin + k]
                    head = z - shift[begin + k]
                    _send(incoming[k, :head], sign[:head], message[:head], member[z - head :])
                    _send(incoming[k, head:], sign[head:], message[head:], member[: z - head])
            if _satisfied(word, first_edge, column, shift, sign):
                converged[block] = True
                iterations[block] = iteration + 1
                break
