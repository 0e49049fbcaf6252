"""Predictive coding of pixels: the exact codec's kernel, for both directions.

Every sample is predicted from its neighbours and from the channels already coded at its place
by a linear predictor whose weights are least squares over the past around it. What remains is
binarised and coded decision by decision with an adaptive range coder, in contexts of the
activity seen near by.

- Weights are solved anew for every other block of eight columns in every row, like the black
  squares of a chessboard, and averaged from the blocks above and to the left for the white ones
  (half the time for 0.3 % more bytes). They come from sums of products kept per block of
  columns. A block's sums fade from row to row, and a solution uses the block and its two
  neighbours, so the training window is an area around the sample and not a stretch of the scan
  (after Li & Orchard, "Edge-directed prediction for lossless compression of natural images",
  IEEE TIP 2001). Samples in busy places and badly predicted ones count less.
- Bias: the mean error in the context of activity and of which neighbours lie above the
  prediction is taken off (Wu & Memon, "Context-based, adaptive, lossless image coding", IEEE
  Trans. Comm. 1997).
- Flat areas: where the four nearest neighbours agree in every channel, one decision says that
  the pixel does too.
- The range coder narrows an interval [low, high] of 32-bit numbers and shifts out the leading
  bytes on which both ends agree (carry-less; Witten, Neal & Cleary, CACM 1987). A probability is
  the mean of a quick and a slow estimate.

Exactness on every machine: products and sums are integers held exactly in double precision and
the weights are rounded to 1/65536, so that predictions are integer arithmetic; only the solution
itself rounds, by the rules of IEEE 754 and without fast-math.

One kernel serves both directions, so that they cannot drift apart. It is one long function because
a compiled helper that takes arrays counts references at every call: decisions took five times as
long.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .least_squares import solve
from .margins import PAD, pad_end, pad_start

_OWN = 10  # neighbours of the channel's own
_OTHER = 6  # from each channel already coded: the sample here and five neighbours
_STRIDE = 24  # >= _OWN + 2 * _OTHER + 2
_BLOCK = 8  # columns that share a solution
_MAX_BLOCKS = 256  # to a row; wider blocks beyond 2048 columns keep the sums within the caches
_FADE = 27 / 32  # of a block's sums, from row to row
_ALWAYS = 4  # rows in which every block is solved

_LEVELS = 22  # contexts of activity
_THRESHOLDS = np.array([int(16 * 1.7**i) for i in range(_LEVELS - 1)], np.int64)
_BIAS_CONTEXTS = 256 * 8
_BIAS_MEMORY = 128
_SHIFTS = np.array([max(0, (level - 10) * 3 // 4) for level in range(_LEVELS)], np.int64)

# Rows of the models of one context: zero 8, sign 8, size classes 2 x 32, leading bits 16.
_SIGN, _SIZE, _LEADING, _NODES = 8, 16, 80, 96

# Stages of coding one residual, in order. SAME stands for the flat pixel's only decision.
_SAME, _IS_ZERO, _IS_NEGATIVE, _CLASS, _REST, _DONE = range(6)

_FLOOR = 24  # no decision is taken for more certain than this many parts in 65536
_QUICK, _SLOW = 28, 500  # memories of the two estimates, in decisions
_STEPS = np.array([(2 << 16) // (2 * n + 3) for n in range(_SLOW + 1)], np.int64)
_OVERREAD = 4  # bytes past its end that decoding a well-formed stream may look at


@njit(cache=True, nogil=True)
def code_samples(
    samples: np.ndarray,
    data: np.ndarray,
    decoding: bool,
    bits: int,
    order: np.ndarray,
    references: np.ndarray,
) -> int:
    """Encode `samples` into `data`, or decode `data` into `samples`.

    samples     (h, w, c) uint16, values below 2**bits, bits in 1..16
    data        (n,) uint8: the coded bytes, or the room for them
    order       (c,) int64, the channels in the order of coding
    references  (c, 2) int64, per place in the order: places of the last and of the first
                channel to predict from (the same place where there is one only), -1 for none
    returns     bytes written or read; -1 when the room or the bytes did not suffice
    """
    height, width, channels = samples.shape
    same_row = channels * _LEVELS * _NODES
    models = np.zeros((same_row + 4, 3), np.int32)  # quick and slow estimate of P(1), count
    models[:, :2] = 1 << 15
    rows = np.zeros((channels, 3, width + 2 * PAD), np.int32)
    errors = np.zeros((channels, 3, width + 2 * PAD), np.int32)  # sizes, in eighths
    block_width = max(_BLOCK, (width + _MAX_BLOCKS - 1) // _MAX_BLOCKS)
    blocks = (width + block_width - 1) // block_width
    sums = np.zeros((channels, blocks + 2, _STRIDE, _STRIDE))
    work = np.zeros((_STRIDE + 2, _STRIDE))
    vector = np.zeros(_STRIDE)
    features = np.zeros(_STRIDE, np.int64)
    weights = np.zeros((channels, _STRIDE), np.int64)  # in 1/65536
    kept = np.zeros((channels, blocks + 2, _STRIDE), np.int64)
    solved = np.zeros(channels, np.int64)
    near = np.zeros((channels, _OWN), np.int64)
    middle = np.zeros(channels, np.int64)
    value = np.zeros(channels, np.int64)
    signed = np.zeros(channels, np.int64)
    levels = np.zeros(channels, np.int64)
    bias_sum = np.zeros((channels, _BIAS_CONTEXTS), np.int64)
    bias_count = np.zeros((channels, _BIAS_CONTEXTS), np.int64)

    span = 1 << bits
    top = span - 1
    scale = max(bits - 8, 0)
    error_limit = 480 << scale
    ridge = 256.0 * (1 << (2 * scale))

    low, high, position, window = 0, 0xFFFFFFFF, 0, 0
    if decoding:
        for _ in range(4):
            window = (window << 8) | (data[position] if position < data.size else 0)
            position += 1
    limit = data.size + _OVERREAD if decoding else data.size

    for y in range(height):
        now, up, upup = y % 3, (y + 2) % 3, (y + 1) % 3
        if y > 0:
            pad_start(rows, now, up)
            pad_start(errors, now, up)
        for x in range(width):
            i = x + PAD
            block = x // block_width + 1

            flat = True
            for k in range(channels):
                west = rows[k, now, i - 1]
                if (
                    rows[k, up, i] != west
                    or rows[k, up, i - 1] != west
                    or rows[k, up, i + 1] != west
                ):
                    flat = False
                    break
            same = 0
            k = 0
            stage = _IS_ZERO
            base = 0
            if flat:
                same = 1
                base = same_row + 3
                for j in range(channels):
                    west = rows[j, now, i - 1]
                    if rows[j, now, i - 2] != west:
                        base = same_row + (base - same_row & 2)
                    if rows[j, upup, i] != west:
                        base = same_row + (base - same_row & 1)
                    if samples[y, x, order[j]] != west:
                        same = 0
                k = -1
                stage = _SAME

            while k < channels:
                residual = eighth = shift = place = p8 = raw8 = p = count = gradient = spread = 0
                if k >= 0:
                    # Neighbours and features.
                    w = near[k, 0] = rows[k, now, i - 1]
                    n = near[k, 1] = rows[k, up, i]
                    nw = near[k, 2] = rows[k, up, i - 1]
                    ne = near[k, 3] = rows[k, up, i + 1]
                    ww = near[k, 4] = rows[k, now, i - 2]
                    nn = near[k, 5] = rows[k, upup, i]
                    near[k, 6] = rows[k, upup, i + 1]
                    near[k, 7] = rows[k, up, i + 2]
                    near[k, 8] = rows[k, up, i - 2]
                    near[k, 9] = rows[k, upup, i - 1]
                    m = (w + n) >> 1
                    middle[k] = m
                    for j in range(_OWN):
                        features[j] = near[k, j] - m
                    count = _OWN
                    last = references[k, 0]
                    first = references[k, 1]
                    if last >= 0:
                        features[count] = value[last] - middle[last]
                        for j in range(_OTHER - 1):
                            features[count + 1 + j] = near[last, j] - middle[last]
                        count += _OTHER
                    if first != last:
                        features[count] = value[first] - middle[first]
                        for j in range(_OTHER - 1):
                            features[count + 1 + j] = near[first, j] - middle[first]
                        count += _OTHER

                    # Prediction, in eighths.
                    if solved[k] != y * blocks + block:
                        solved[k] = y * blocks + block
                        if (y + block) & 1 or y < _ALWAYS:
                            solve(sums, k, block, count, ridge, work, weights)
                            for j in range(count):
                                kept[k, block, j] = weights[k, j]
                        else:
                            for j in range(count):
                                weights[k, j] = (weights[k, j] + kept[k, block, j]) >> 1
                        for a in range(count + 1):
                            for b in range(a + 1):
                                sums[k, block, a, b] *= _FADE
                    total = m << 16
                    for j in range(count):
                        total += weights[k, j] * features[j]
                    raw8 = min(max((total + (1 << 12)) >> 13, 0), top << 3)

                    # Context of activity; bias.
                    gradient = abs(w - nw) + abs(n - nw) + abs(n - ne)
                    spread = abs(w - ww) + abs(n - nn)
                    activity = (
                        4 * (errors[k, now, i - 1] + errors[k, up, i])
                        + 2 * (errors[k, up, i - 1] + errors[k, up, i + 1])
                        + errors[k, now, i - 2]
                        + errors[k, upup, i]
                    )
                    if last < 0:
                        activity = 4 * activity + 32 * gradient
                    else:
                        activity = 3 * activity + 16 * gradient + 24 * errors[last, now, i]
                        if first != last:
                            activity += 8 * errors[first, now, i]
                    activity >>= 4
                    level = levels[k]
                    while level < _LEVELS - 1 and activity >= _THRESHOLDS[level]:
                        level += 1
                    while level > 0 and activity < _THRESHOLDS[level - 1]:
                        level -= 1
                    levels[k] = level
                    p = raw8 >> 3
                    place = (
                        (n > p)
                        | (w > p) << 1
                        | (nw > p) << 2
                        | (ne > p) << 3
                        | (2 * n - nn > p) << 4
                        | (2 * w - ww > p) << 5
                    )
                    if last >= 0:
                        place |= (signed[last] > 0) << 6 | (signed[last] < 0) << 7
                    place = place * 8 + min(level * 2 // 3, 7)
                    p8 = raw8
                    if bias_count[k, place] > 0:
                        p8 += bias_sum[k, place] // (bias_count[k, place] + 1)
                        p8 = min(max(p8, 0), top << 3)
                    p = min((p8 + 4) >> 3, top)
                    eighth = (p8 + 4) & 7
                    shift = _SHIFTS[level]
                    base = (k * _LEVELS + level) * _NODES
                    stage = _IS_ZERO
                    residual = np.int64(samples[y, x, order[k]]) - p
                    if residual >= span >> 1:
                        residual -= span
                    elif residual < -(span >> 1):
                        residual += span

                # Decisions. What is to be coded is known when encoding and ignored when decoding.
                size = abs(residual) - 1
                negative = start = size_class = remaining = rest = zero = 0
                while stage != _DONE:
                    row = -1
                    bit = 0
                    if stage == _IS_ZERO:
                        row = base + eighth
                        bit = residual == 0
                    elif stage == _IS_NEGATIVE:
                        row = base + _SIGN + eighth
                        bit = residual < 0
                    elif stage == _CLASS:
                        row = base + _SIZE + 2 * size_class + (negative ^ (eighth < 4))
                        bit = size >= (start + (1 << (size_class >> 1))) << shift
                    elif stage == _REST:
                        if size_class > 1 and remaining == (size_class >> 1) + shift:
                            row = base + _LEADING + (size_class >> 1)
                        bit = ((size - (start << shift)) >> (remaining - 1)) & 1
                    else:
                        row = base
                        bit = same

                    probability = 1 << 15
                    if row >= 0:
                        probability = (models[row, 0] + models[row, 1]) >> 1
                        probability = min(max(probability, _FLOOR), (1 << 16) - _FLOOR)
                    cut = low + (((high - low) * probability) >> 16)
                    if decoding:
                        bit = window <= cut
                    if bit:
                        high = cut
                    else:
                        low = cut + 1
                    while (low ^ high) < 1 << 24:
                        if position >= limit:
                            return -1
                        if decoding:
                            byte = data[position] if position < data.size else 0
                            window = ((window << 8) & 0xFFFFFFFF) | byte
                        else:
                            data[position] = high >> 24
                        position += 1
                        low = (low << 8) & 0xFFFFFFFF
                        high = ((high << 8) & 0xFFFFFFFF) | 0xFF
                    if row >= 0:
                        target = (1 << 16) if bit else 0
                        seen = models[row, 2]
                        models[row, 0] += (
                            (target - models[row, 0]) * _STEPS[min(seen, _QUICK)]
                        ) >> 16
                        models[row, 1] += ((target - models[row, 1]) * _STEPS[seen]) >> 16
                        if seen < _SLOW:
                            models[row, 2] = seen + 1

                    if stage == _IS_ZERO:
                        zero = 1 if bit else 0
                        stage = _DONE if bit else _IS_NEGATIVE
                    elif stage == _IS_NEGATIVE:
                        negative = 1 if bit else 0
                        stage = _CLASS
                    elif stage == _CLASS:
                        if bit:
                            start += 1 << (size_class >> 1)
                            size_class += 1
                        if not bit or size_class == 31:
                            remaining = (size_class >> 1) + shift
                            stage = _REST if remaining > 0 else _DONE
                    elif stage == _REST:
                        rest = (rest << 1) | bit
                        remaining -= 1
                        if remaining == 0:
                            stage = _DONE
                    else:
                        same = 1 if bit else 0
                        stage = _DONE
                if k < 0:
                    if same:
                        break
                    k = 0
                    continue

                residual = 0
                if not zero:
                    residual = (start << shift) + rest + 1
                    if negative:
                        residual = -residual
                actual = (p + residual) & top
                value[k] = actual
                signed[k] = residual
                if decoding:
                    samples[y, x, order[k]] = actual

                # Learn.
                miss8 = (actual << 3) - raw8
                bias_sum[k, place] += miss8
                bias_count[k, place] += 1
                if bias_count[k, place] >= _BIAS_MEMORY:
                    bias_count[k, place] >>= 1
                    bias_sum[k, place] >>= 1
                rows[k, now, i] = actual
                errors[k, now, i] = min(abs((actual << 3) - p8), error_limit)
                busy = (abs(miss8) + gradient + spread) >> 3
                trust = 256 // (4 + (busy >> scale))
                if trust > 0:
                    for j in range(count):
                        vector[j] = features[j]
                    vector[count] = actual - middle[k]
                    for a in range(0, count + 1, 2):  # two rows at a time are 10 % faster
                        even, odd = vector[a] * trust, vector[a + 1] * trust
                        for b in range(a + 2):
                            sums[k, block, a, b] += even * vector[b]
                            sums[k, block, a + 1, b] += odd * vector[b]
                k += 1

            if same:
                for k in range(channels):
                    actual = rows[k, now, i - 1]
                    rows[k, now, i] = actual
                    errors[k, now, i] = 0
                    if decoding:
                        samples[y, x, order[k]] = actual
            if y == 0:
                # The first row has nothing above it: its past stands in.
                for k in range(channels):
                    for j in range(1, PAD):
                        rows[k, up, i + j] = rows[k, upup, i + j] = rows[k, now, i]
                        errors[k, up, i + j] = errors[k, upup, i + j] = errors[k, now, i]
        pad_end(rows, now, width)
        pad_end(errors, now, width)

    if not decoding:
        # The shortest number in [low, high] that reads the same with zeros after it.
        for count in range(1, 5):
            keep = 32 - 8 * count
            number = ((low + (1 << keep) - 1) >> keep) << keep
            if number <= high:
                for j in range(count):
                    if position >= limit:
                        return -1
                    data[position] = (number >> (24 - 8 * j)) & 0xFF
                    position += 1
                break
    return position
