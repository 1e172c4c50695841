"""The engine moves bytes: the copy matrix and its relatives, a whole system in one simulation."""

from __future__ import annotations

from typing import Any

import cocotb

from tests.system import copies
from tests.system.rtl_bench import score


@cocotb.test()
async def copy_matrix(dut: Any) -> None:
    """Lengths x offsets around page borders x columns, both ways, on every layout."""
    await score(dut, copies.copy_matrix)


@cocotb.test()
async def boxes(dut: Any) -> None:
    """Boxes with strides, ordered and overlapping; rows without gaps; objects behind a directory."""
    await score(dut, copies.boxes_with_strides, copies.rows_end_to_end, copies.two_level_objects)


@cocotb.test()
async def pixel_sizes(dut: Any) -> None:
    """Pixels of 1 to 16 bytes in every layout, drawn and transferred."""
    await score(dut, copies.every_pixel_size)


@cocotb.test()
async def tempers(dut: Any) -> None:
    """Fast, slow, stalling and reordering host memory."""
    await score(dut, copies.tempers)


@cocotb.test()
async def drawing_beside_dma(dut: Any) -> None:
    """Renderer and DMA at the same time."""
    await score(dut, copies.drawing)
