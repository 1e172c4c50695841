"""Utilization over size, a panel for each L: one picture a bus width and direction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from tb.bench.cases import LATENCIES
from tb.bench.figures import Figure
from tb.bench.peers import Peer
from tb.bench.report import PEER_WIDTH, US

__all__ = ["draw"]

_OURS = {"scattered": ("#c1121f", "o", "scattered descriptors"), "rows": ("#003049", "s", "rows of one box")}
_PEERS = {
    "iDMA, 64 in flight": ("#6a994e", "iDMA, 64 in flight"),
    "taxi dma_if_axi": ("#9d7fc0", "taxi dma_if_axi"),
    "axi_cdma": ("#e09f3e", "axi_cdma"),
    "ZipCPU axidma": ("#8d99ae", "ZipCPU axidma"),
}


def draw(figures: Sequence[Figure], direction: str, peers: Sequence[Peer], path: Path) -> None:
    """Draw the figures of one width and direction, their bound and (at 64 bits) the peers', into a PNG."""
    width = figures[0].width
    canvas = Canvas(figsize=(13, 7.6), layout="constrained")
    grid = canvas.subplots(2, 3, sharex=True, sharey=True).ravel()
    for panel, latency in zip(grid, LATENCIES, strict=False):
        _panel(panel, [f for f in figures if f.direction == direction and f.latency == latency], latency)
        if width == PEER_WIDTH:
            for peer in peers:
                if peer.name in _PEERS:
                    colour, label = _PEERS[peer.name]
                    values = [curve[LATENCIES.index(latency)] for curve in peer.aligned.values()]
                    label = f"{label}: descriptors given, not fetched"
                    panel.plot(list(peer.aligned), values, "--", color=colour, marker=".", lw=1.2, label=label)
                for size, line in peer.fetched.items():
                    value = line[LATENCIES.index(latency)]
                    label = f"{peer.name}: scattered list from memory"
                    panel.plot([size], [value], "*", color="#2a6f3c", ms=11, ls="none", label=label)
        panel.tick_params(labelbottom=True)
    grid[-1].axis("off")
    handles, labels = grid[0].get_legend_handles_labels()
    grid[-1].legend(handles, labels, loc="center", frameon=False, fontsize=11)
    canvas.suptitle(f"{direction}, {width}-bit bus: data beats a cycle over the bytes of a descriptor or row")
    canvas.savefig(path, dpi=110)


def _panel(panel: Axes, figures: Sequence[Figure], latency: int) -> None:
    """Ours, and the bound of the scattered descriptors."""
    for case, (colour, marker, words) in _OURS.items():
        mine = sorted((f for f in figures if f.case == case), key=lambda figure: figure.size)
        sizes = [figure.size for figure in mine]
        if case == "scattered":
            bounds = [figure.bound or 1.0 for figure in mine]
            panel.plot(sizes, bounds, color="black", lw=3.5, alpha=0.25, label="bound of scattered descriptors")
        panel.plot(sizes, [f.value for f in mine], color=colour, marker=marker, ms=5, label=f"{US}: {words}")
    panel.set_title(f"L = {latency}", fontsize=11)
    panel.set_xscale("log", base=2)
    panel.set_ylim(0, 1.05)
    panel.grid(alpha=0.3)
    panel.xaxis.set_major_locator(FixedLocator([8, 64, 256, 1024, 4096, 65536]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
