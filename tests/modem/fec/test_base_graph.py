"""The base graphs against the structure TS 38.212 gives them."""

import numpy as np
import pytest

from modem.fec.base_graph import LIFTING_SIZES, base_graph, choose

# Row weights of table 5.3.2-2, as published with the code (Richardson & Kudekar 2018).
_BG1_ROW_WEIGHTS = [
    *[19, 19, 19, 19, 3, 8, 9, 7, 10, 9, 7, 8, 7, 6, 7, 7, 6, 6, 6, 6, 6, 6, 5],
    *[5, 6, 5, 5, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 5, 5, 4, 5, 4, 5, 5, 4],
]


@pytest.mark.parametrize(
    ("number", "edges", "rows", "systematic"), [(1, 316, 46, 22), (2, 197, 42, 10)]
)
def test_dimensions(number, edges, rows, systematic):
    graph = base_graph(number)
    assert graph.entries.shape == (edges, 10)
    assert graph.rows == rows
    assert graph.systematic_columns == systematic
    places = {(row, column) for row, column in graph.entries[:, :2].tolist()}
    assert len(places) == edges


def test_row_weights_of_graph_1():
    weights = np.bincount(base_graph(1).entries[:, 0])
    assert weights.tolist() == _BG1_ROW_WEIGHTS


def test_lifting_sizes():
    assert len(LIFTING_SIZES) == 51
    assert min(LIFTING_SIZES) == 2
    assert max(LIFTING_SIZES) == 384
    assert [LIFTING_SIZES[z] for z in (256, 384, 320, 224, 288, 352, 208, 240)] == list(range(8))


@pytest.mark.parametrize("number", [1, 2])
def test_shifts_fit_the_largest_size_of_their_set(number):
    largest = [max(z for z, index in LIFTING_SIZES.items() if index == i) for i in range(8)]
    shifts = base_graph(number).entries[:, 2:]
    assert (shifts >= 0).all()
    assert (shifts < largest).all()


@pytest.mark.parametrize("number", [1, 2])
def test_extension_rows_each_own_one_unshifted_parity_column(number):
    graph = base_graph(number)
    own = graph.entries[graph.entries[:, 1] >= graph.systematic_columns + 4]
    assert (own[:, 1] == graph.systematic_columns + own[:, 0]).all()
    assert own[:, 0].tolist() == list(range(4, graph.rows))
    assert not own[:, 2:].any()


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    [
        (8448, 16896, (1, 384)),
        (3824, 7648, (2, 384)),
        (3840, 7680, (1, 176)),
        (3840, 16000, (2, 384)),
        (2112, 2816, (1, 96)),
        (292, 330, (2, 40)),
        (640, 1280, (2, 72)),
        (560, 1120, (2, 72)),
        (192, 400, (2, 32)),
        (1, 8, (2, 2)),
    ],
)
def test_choice_follows_the_standard(k, n, expected):
    assert choose(k, n) == expected
