"""Layered LDPC decoding kernel: one compiled function for every code.

The check-node rule is the corrected min-sum. For two magnitudes

    a [+] b = min(a, b) + g(a + b) - g(|a - b|),   g(x) = max(0, 0.9124 - 0.165 x)**4

where g approximates ln(1 + exp(-x)), so that [+] follows the exact rule of
sum-product (Hagenauer et al., IEEE Trans. Inf. Theory 42, 1996) without a
logarithm. (It comes out negative by 0.2 % of the smaller one at most.) Messages
to the members of a check come from a forward and a backward pass of [+]; signs
are kept apart.

The helpers are short loops over few contiguous arrays that never overlap:
LLVM vectorises those and gives up on one large loop.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Reals = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Unsigned = np.uint64

# Bounds every message, so that totals stay far from overflow whatever the input.
LLR_LIMIT = np.float32(1e4)

_LOOK_EVERY = 4  # base-graph rows from one look at all the checks to the next
_ZERO = np.float32(0)
_ONE = np.float32(1)


@njit(nogil=True, fastmath=True)
def _root(x: np.float32) -> np.float32:
    """Square root of g."""
    t = max(np.float32(0.9124) - np.float32(0.165) * x, _ZERO)
    return t * t


@njit(nogil=True, fastmath=True)
def _box_plus(x: np.float32, y: np.float32) -> np.float32:
    a, b = _root(x + y), _root(abs(x - y))
    # As a product, so that nothing known on one side gives exactly nothing.
    return min(x, y) + (a - b) * (a + b)


@njit(nogil=True, fastmath=True)
def _forward(before: Reals, incoming: Reals, k: int) -> None:
    """What the members up to k say together."""
    for i in range(before.shape[1]):
        before[k + 1, i] = _box_plus(before[k, i], abs(incoming[k, i]))


@njit(nogil=True, fastmath=True)
def _backward(
    before: Reals, incoming: Reals, k: int, after: Reals, messages: Reals, edge: int, sign: Reals
) -> None:
    """The message to member k from those on both sides, and what it says added to those behind."""
    for i in range(before.shape[1]):
        own = incoming[k, i]
        behind = after[i]
        messages[edge, i] = _flip(_box_plus(before[k, i], behind) * sign[i], own)
        after[i] = _box_plus(behind, abs(own))


@njit(nogil=True, fastmath=True)
def _outermost(
    size: Reals, incoming: Reals, k: int, messages: Reals, edge: int, sign: Reals
) -> None:
    """The message to the first or last member from all others, which lie on one side of it."""
    for i in range(size.size):
        messages[edge, i] = _flip(size[i] * sign[i], incoming[k, i])


@njit(nogil=True, fastmath=True)
def _copy_size(source: Reals, out: Reals) -> None:
    for i in range(out.size):
        out[i] = abs(source[i])


@njit(nogil=True, fastmath=True)
def _fill(row: Reals, value: np.float32) -> None:
    for i in range(row.size):
        row[i] = value


@njit(nogil=True, fastmath=True)
def _less(total: np.float32, message: np.float32) -> np.float32:
    return min(max(total - message, -LLR_LIMIT), LLR_LIMIT)


@njit(nogil=True, fastmath=True)
def _flip(value: np.float32, other: np.float32) -> np.float32:
    return -value if other < _ZERO else value


@njit(nogil=True, fastmath=True)
def _receive(
    word: Reals, column: int, shift: Unsigned, messages: Reals, edge: int,
    incoming: Reals, member: int, sign: Reals,
) -> None:  # fmt: skip
    """What one member of each check says, less what these checks told it before."""
    z = np.uint64(sign.size)
    head = z - shift
    for i in range(head):
        value = _less(word[column, shift + i], messages[edge, i])
        incoming[member, i] = value
        sign[i] = _flip(sign[i], value)
    for i in range(head, z):
        value = _less(word[column, i - head], messages[edge, i])
        incoming[member, i] = value
        sign[i] = _flip(sign[i], value)


@njit(nogil=True, fastmath=True)
def _send(
    word: Reals, column: int, shift: Unsigned, messages: Reals, edge: int, incoming: Reals,
    member: int,
) -> None:  # fmt: skip
    """Add the message to what the member said."""
    z = np.uint64(messages.shape[1])
    head = z - shift
    for i in range(head):
        word[column, shift + i] = incoming[member, i] + messages[edge, i]
    for i in range(head, z):
        word[column, i - head] = incoming[member, i] + messages[edge, i]


@njit(nogil=True, fastmath=True)
def _flip_signs(word: Reals, column: int, shift: Unsigned, sign: Reals) -> None:
    z = np.uint64(sign.size)
    head = z - shift
    for i in range(head):
        sign[i] = _flip(sign[i], word[column, shift + i])
    for i in range(head, z):
        sign[i] = _flip(sign[i], word[column, i - head])


@njit(nogil=True, fastmath=True)
def _satisfied(
    word: Reals, first_edge: Ints, column: Ints, shift: Ints, sign: Reals, first: int
) -> bool:
    """Whether the signs of the totals fulfil every check; rows are looked at from `first` on, and
    no more of them when one fails."""
    rows = first_edge.size - 1
    for i in range(rows):
        row = (first + i) % rows
        _fill(sign, _ONE)
        for edge in range(first_edge[row], first_edge[row + 1]):
            _flip_signs(word, column[edge], np.uint64(shift[edge]), sign)
        least = _ONE
        for j in range(sign.size):
            least = min(least, sign[j])
        if least < _ZERO:
            return False
    return True


@njit(nogil=True, fastmath=True)
def _place(llr: Reals, sent: Ints, word: Reals) -> None:
    """Add the LLRs of the sent bits to their places in the word."""
    flat = word.reshape(-1)
    for i in range(sent.size):
        flat[sent[i]] += llr[i]


@njit(nogil=True, fastmath=True)
def _decide(word: Reals, bits: Bits) -> bool:
    """Hard decisions of the info bits; whether there is one for each of them."""
    flat = word.reshape(-1)
    decided = True
    for i in range(bits.size):
        decided &= flat[i] != _ZERO
        bits[i] = flat[i] < _ZERO
    return decided


@njit(cache=True, nogil=True, fastmath=True)
def decode_blocks(
    llr: Reals,
    sent: Ints,
    shape: tuple[int, int],
    filler: tuple[int, int],
    first_edge: Ints,
    column: Ints,
    shift: Ints,
    max_iterations: int,
    bits: Bits,
    converged: Flags,
    iterations: Ints,
) -> None:
    """Decode blocks one after another; fills the last three arguments.

    llr          (blocks, n) float32, finite, at most LLR_LIMIT in size
    sent         (n,) int32, word position of each sent bit
    shape        columns of the word, z
    filler       start and end of the word's bits known to be 0
    first_edge   (rows + 1,) int32, where the edges of each base-graph row begin
    column       (edges,) int32, column of each edge
    shift        (edges,) int32, right shift of each circulant, 0 <= shift < z
    bits         (blocks, k) uint8
    converged    (blocks,) bool: every check holds and every info bit is decided
    iterations   (blocks,) int32
    """
    z = shape[1]
    rows = first_edge.size - 1
    width = 0
    for row in range(rows):
        width = max(width, first_edge[row + 1] - first_edge[row])
    word = np.empty(shape, np.float32)
    messages = np.empty((column.size, z), np.float32)
    incoming = np.empty((width, z), np.float32)
    # before[k] gathers the members ahead of k, `after` those behind the one it is the turn of.
    before = np.empty((width, z), np.float32)
    after = np.empty(z, np.float32)
    sign = np.empty(z, np.float32)
    for block in range(llr.shape[0]):
        _fill(word.reshape(-1), _ZERO)
        _fill(word.reshape(-1)[filler[0] : filler[1]], LLR_LIMIT)
        _fill(messages.reshape(-1), _ZERO)
        _place(llr[block], sent, word)
        converged[block] = False
        iterations[block] = max_iterations
        for iteration in range(max_iterations):
            for row in range(rows):
                begin = first_edge[row]
                last = first_edge[row + 1] - begin - 1
                _fill(sign, _ONE)
                for k in range(last + 1):
                    e = begin + k
                    _receive(word, column[e], np.uint64(shift[e]), messages, e, incoming, k, sign)
                    if k == 0:
                        _copy_size(incoming[0], before[1])
                    elif k < last:
                        _forward(before, incoming, k)
                _outermost(before[last], incoming, last, messages, begin + last, sign)
                _copy_size(incoming[last], after)
                for k in range(last - 1, 0, -1):
                    _backward(before, incoming, k, after, messages, begin + k, sign)
                _outermost(after, incoming, 0, messages, begin, sign)
                for k in range(last + 1):
                    e = begin + k
                    _send(word, column[e], np.uint64(shift[e]), messages, e, incoming, k)
                # Most blocks are done before the iteration is. A check passes that knows nothing
                # of a bit, so that all of them must be decided.
                if row == rows - 1 or row % _LOOK_EVERY == _LOOK_EVERY - 1:
                    good = _satisfied(word, first_edge, column, shift, sign, row + 1)
                    converged[block] = good and _decide(word, bits[block])
                    if converged[block]:
                        break
            if converged[block]:
                iterations[block] = iteration + 1
                break
        if not converged[block]:
            _decide(word, bits[block])
