"""5G NR LDPC codes: base graphs, lifting sizes and rate matching.

Source: 3GPP TS 38.212, tables 5.3.2-1 (lifting sizes), 5.3.2-2 and 5.3.2-3
(base graphs), clauses 5.2.2 and 6.2.2 (choice of graph and size), 5.4.2.1
(rate matching, redundancy version 0).
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]

# Table 5.3.2-1: set index = place in this tuple, sizes are odd * 2**j up to 384.
_SET_ODD_PARTS = (2, 3, 5, 7, 9, 11, 13, 15)
LIFTING_SIZES = {
    size: index
    for index, first in enumerate(_SET_ODD_PARTS)
    for size in (first << j for j in range(8))
    if size <= 384
}

# Two columns of info bits are never sent. Beyond this rate the shortest codes send too little
# parity to solve for them even without noise.
MAX_RATE = 0.92


@dataclass(frozen=True, slots=True)
class BaseGraph:
    """One base graph: `entries` (edges, 10) int32, each row, column, shifts of sets 0-7."""

    number: int
    systematic_columns: int
    rows: int
    entries: IntArray

    @property
    def columns(self) -> int:
        return self.systematic_columns + self.rows


@cache
def base_graph(number: int) -> BaseGraph:
    """Base graph 1 or 2."""
    path = files("modem.fec").joinpath(f"nr_bg{number}.csv")
    with path.open("r", encoding="ascii") as table:
        entries = np.loadtxt(table, np.int32, delimiter=",")
    rows = int(entries[:, 0].max()) + 1
    return BaseGraph(number, int(entries[:, 1].max()) + 1 - rows, rows, entries)


@dataclass(frozen=True, slots=True)
class LiftedGraph:
    """The part of a lifted base graph that a code of k info and n sent bits uses.

    graph, z       base graph and lifting size; column c holds word bits c*z to c*z + z - 1
    rows           base-graph rows in use; the others touch only parity that is not sent
    filler         (start, stop) of the word's bits that are always 0 and never sent
    sent           (n,) int32, word position of each sent bit
    first_edge     (rows + 1,) int32, where each row's edges begin
    column, shift  (edges,) int32, of each circulant, shift reduced modulo z
    """

    graph: BaseGraph
    z: int
    rows: int
    filler: tuple[int, int]
    sent: IntArray
    first_edge: IntArray
    column: IntArray
    shift: IntArray

    @property
    def columns(self) -> int:
        return self.graph.systematic_columns + self.rows


def choose(k: int, n: int) -> tuple[int, int]:
    """Base graph number and lifting size for k info bits in n sent bits.

    The rule of TS 38.212: graph 2 for short blocks and low rates, then the smallest
    size whose (few enough) systematic columns hold k bits.
    """
    rate = k / n
    number = 2 if k <= 292 or (k <= 3824 and rate <= 0.67) or rate <= 0.25 else 1
    if number == 2 and k > 3840:
        number = 1
    columns = 22
    if number == 2:
        columns = 10 if k > 640 else 9 if k > 560 else 8 if k > 192 else 6
    return number, min(z for z in LIFTING_SIZES if columns * z >= k)


def lift(number: int, z: int, k: int, n: int) -> LiftedGraph:
    """Base graph `number` lifted by z, shortened to k info bits and cut to n sent bits."""
    graph = base_graph(number)
    info = graph.systematic_columns * z
    order = np.arange(2 * z, graph.columns * z, dtype=np.int32)
    order = order[(order < k) | (order >= info)]
    sent = order[np.arange(n) % order.size]
    rows = max(4, -(-(int(sent.max()) + 1 - info) // z))
    # Columns made of filler only are known zeros: no check needs them.
    row, column = graph.entries[:, 0], graph.entries[:, 1]
    used = (row < rows) & ((column * z < k) | (column * z >= info))
    return LiftedGraph(
        graph=graph,
        z=z,
        rows=rows,
        filler=(k, info),
        sent=sent,
        first_edge=np.searchsorted(row[used], np.arange(rows + 1)).astype(np.int32),
        column=np.ascontiguousarray(column[used]),
        shift=np.ascontiguousarray(graph.entries[used, 2 + LIFTING_SIZES[z]] % z),
    )
