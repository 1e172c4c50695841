"""What `make bench` shows: how the bound comes about, and our figures in tables beside the bound and the peers'."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from tb.bench.cases import DIRECTIONS, LATENCIES
from tb.bench.figures import Figure
from tb.bench.peers import Peer

__all__ = ["PEER_WIDTH", "TABLE_WIDTH", "US", "derivation", "show"]

US = "faultline"
PEER_WIDTH = 64
"""Bus width in bits at which the peers were measured."""
TABLE_WIDTH = 124
"""Characters that the tables need."""

_COMPARED = (
    "Peers: same memory model. `given` descriptors wait at a port and cost no beat, ours cross the bus, as do those of "
    "a list\nfrom memory. The peers copy from memory to memory, ours move between memory and their own device memory."
)

_Lines = Iterator[tuple[str, str, list[str]]]


def derivation(width: int) -> str:
    """How the bound comes about at a bus width in bits, in a few lines."""
    word = width // 8
    beats = -(-32 // word)
    table = f"{8 / word:g}"
    return "\n".join(
        (
            f"Bound, {width} bit: a channel moves a beat of {word} bytes a cycle. A descriptor of S bytes is D = "
            f"ceil(S/{word}) beats of data;",
            f"  readback sends them on W with {beats} of its completion record:       D / (D + {beats})",
            f"  writeback takes them on R with {beats} of its descriptor:             D / (D + {beats})",
            f"  both at once: R has descriptors of both, W records of both: D / (D + {2 * beats})",
            f"  a translation that is not cached takes {table} of R: page of writeback D / (D + {beats} + {table})",
            f"  rows of a box share its descriptor: 1, and as little as D / (D + {table}) a page of writeback",
            f"  unaligned rows touch a word more: S / (S + {word}); a memory that stalls a quarter of the time: .75",
            "Latency is in none of them: a run loses about 2 L cycles to fill and drain.",
        )
    )


def show(console: Console, figures: Sequence[Figure], peers: Sequence[Peer]) -> None:
    """Print every table of one bus width."""
    width = figures[0].width
    beside = peers if width == PEER_WIDTH else ()
    console.print(derivation(width), highlight=False, markup=False, soft_wrap=True)
    if not beside:
        console.print(f"The peers were measured at {PEER_WIDTH} bits only, so none stands here.", highlight=False)
    else:
        console.print(_COMPARED, highlight=False, markup=False, soft_wrap=True)
    for title, names, given in (
        ("scattered descriptors of S bytes, from a full ring in host memory", ("scattered",), True),
        ("rows of one box, S bytes each, each row elsewhere", ("rows",), True),
        ("pages translated for the first time, whole, and 64 bytes of each", ("cold pages", "cold scatter"), True),
        ("rows of one box, 3 bytes into a host word and 5 into a device word", ("unaligned",), False),
        ("pages, both directions at once", ("both",), False),
    ):
        mine = [figure for figure in figures if figure.case in names]
        if mine:
            console.print(_curves(f"{title}; {width} bit", mine, beside, given))
    for peer in beside:
        if peer.unaligned:
            console.print(f"  unaligned: {peer.name} {peer.unaligned}", highlight=False)
    stalled = [figure for figure in figures if figure.case.startswith("stall")]
    if stalled:
        console.print(_stalls(stalled, beside))
    counted = [figure for figure in figures if figure.cycles is not None]
    if counted:
        console.print(_latencies(counted, beside))
    if beside:
        console.print(_pace(figures, beside), highlight=False)


def _table(title: str, columns: Sequence[str], caption: str = "") -> Table:
    table = Table(
        title=title,
        caption=caption or None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 1 else "right", no_wrap=True)
    return table


def _curves(title: str, figures: Sequence[Figure], peers: Sequence[Peer], given: bool) -> Table:
    table = _table(
        f"{title}: data beats a cycle, % of bound",
        ("S", "engine", "bound", *(f"L={latency}" for latency in LATENCIES)),
    )
    names = list(dict.fromkeys(figure.case for figure in figures))
    for name in names:
        for size in sorted({figure.size for figure in figures if figure.case == name}):
            head = str(size)
            for who, bound, cells in _lines(name if len(names) > 1 else "", figures, name, size, peers, given):
                table.add_row(head, who, bound, *cells)
                head = ""
            table.add_section()
    return table


def _lines(word: str, figures: Sequence[Figure], name: str, size: int, peers: Sequence[Peer], given: bool) -> _Lines:
    """(who, bound, a cell a latency): ours first, then the peers that have a figure of this size."""
    for direction in DIRECTIONS:
        mine = {f.latency: f for f in figures if (f.case, f.direction, f.size) == (name, direction, size)}
        if mine:
            bound = next(iter(mine.values())).bound
            cells = [
                f"{mine[latency].value:.4f} {mine[latency].share:6.1%}" if latency in mine else ""
                for latency in LATENCIES
            ]
            yield f"{US} {direction}{', ' + word if word else ''}", f"{bound:.4f}", cells
    for peer in peers if given else ():
        if name == "scattered" and size in peer.fetched:
            yield f"{peer.name}, list from memory", "", [f"{value:.3f}       " for value in peer.fetched[size]]
        if name != "cold scatter" and size in peer.aligned:
            yield f"{peer.name} (given)", "", [f"{value:.3f}       " for value in peer.aligned[size]]


def _stalls(figures: Sequence[Figure], peers: Sequence[Peer]) -> Table:
    patterns = list(dict.fromkeys(figure.case for figure in figures))
    table = _table(
        "R and W stalled a quarter of the time, S=4096, L=13",
        ("", "engine", *(pattern.removeprefix("stall ") for pattern in patterns), "cycles that refused read data"),
        "Data beats a cycle, at most .75.",
    )
    for direction in DIRECTIONS:
        mine = {figure.case: figure for figure in figures if figure.direction == direction}
        values = [f"{mine[pattern].value:.4f}" if pattern in mine else "" for pattern in patterns]
        table.add_row("", f"{US} {direction}", *values, str(sum(figure.refused for figure in mine.values())))
    for peer in peers:
        if peer.stalls and len(patterns) == len(peer.stalls):
            table.add_row("", peer.name, *(f"{value:.3f}" for value in peer.stalls), "")
    return table


def _latencies(figures: Sequence[Figure], peers: Sequence[Peer]) -> Table:
    table = _table(
        "latency in cycles, L=13, idle engine, translation cached",
        ("cycles", "engine", "from", "to"),
        "Ours begin with the answer to the register write: fetch of\nthe descriptor, record and interrupt are in them. "
        "The peers'\nbegin at a port that takes descriptors and end with the last\nwrite response, but for one with a "
        "doorbell.",
    )
    for column in table.columns[2:]:
        column.justify = "left"
    for figure in figures:
        table.add_row(f"{figure.value:g}", f"{US} {figure.direction}, 4096 bytes", *figure.case.split(" to "))
    for peer in peers:
        if peer.doorbell:
            table.add_section()
            for cycles, end in zip(peer.doorbell, ("descriptor AR", "data AR"), strict=True):
                table.add_row(str(cycles), peer.name, "doorbell", end)
    ends = ("first AR", "last write response, 64 bytes", "last write response, 4096 bytes")
    for number, end in enumerate(ends):
        table.add_section()
        for peer in peers:
            if peer.latency:
                table.add_row(str(peer.latency[number]), peer.name, "acceptance", end)
    return table


def _pace(figures: Sequence[Figure], peers: Sequence[Peer]) -> str:
    """Cycles a descriptor of 8 bytes at L = 3, in a line."""
    mine = [f for f in figures if (f.case, f.size, f.latency) == ("scattered", 8, LATENCIES[0])]
    words = [f"{US} {figure.direction} {1 / figure.value:.1f} (bound {1 / (figure.bound or 1):g})" for figure in mine]
    words += [f"{peer.name} {peer.pace:g}" for peer in peers if peer.pace]
    return "Cycles a descriptor of 8 bytes, L=3 (ours fetched from memory, the peers' given): " + ", ".join(words)
