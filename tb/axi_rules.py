"""The names of the rules of tb/hdl/axi_checker.sv and tb/hdl/axil_checker.sv, in the order of their bits.

The order is that of the hardware: the channels one after another, each with the rules of tb/hdl/axi_channel.sv, then
those of addresses and bursts.  docs/axi-checker.md says what each means; tests hold names, bits, page and
twins together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["AXIL_RULES", "AXI_RULES", "broken_rules", "needs_four_states"]

_ADDRESS = ("ID", "ADDR", "LEN", "SIZE", "BURST", "LOCK", "CACHE", "PROT", "QOS", "REGION", "USER")
_AXI_CHANNELS = {
    "AW": _ADDRESS,
    "W": ("DATA", "STRB", "LAST", "USER"),
    "B": ("ID", "RESP", "USER"),
    "AR": _ADDRESS,
    "R": ("ID", "DATA", "RESP", "LAST", "USER"),
}
_AXIL_CHANNELS = {
    "AW": ("ADDR", "PROT"),
    "W": ("DATA", "STRB"),
    "B": ("RESP",),
    "AR": ("ADDR", "PROT"),
    "R": ("DATA", "RESP"),
}
_ADDRESS_RULES = (
    *("4KIB", "SIZE", "BURST", "WRAP_LEN", "WRAP_ALIGN", "FIXED_LEN", "INCR_ONLY"),
    *("EXCL_LEN", "EXCL_ALIGN", "EXCL_POWER", "EXCL_MAX", "CACHE_RA", "CACHE_WA"),
    *("LITE_LEN", "LITE_SIZE", "LITE_LOCK", "WINDOW"),
)
_BURST_RULES = (
    *("AW_OVERFLOW", "AR_OVERFLOW", "AW_EXCL_PAIR", "AW_EXCL_MATCH"),
    *("W_ADDRESS", "W_LAST", "W_COUNT", "W_STRB", "B_OUTSTANDING", "B_EARLY", "B_EXOKAY"),
    *("R_OUTSTANDING", "R_LAST", "R_COUNT", "R_INTERLEAVE", "R_EXOKAY"),
)
_ANSWER_RULES = ("B_OUTSTANDING", "B_EARLY", "B_EXOKAY", "R_OUTSTANDING", "R_EXOKAY")


def _channels(channels: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The rules of axi_channel for each channel."""
    for channel, signals in channels.items():
        rules = [f"{signal}_X" for signal in (*signals, "VALID", "READY")]
        rules += [f"{signal}_STABLE" for signal in signals]
        for rule in (*rules, "HELD", "RESET", "AFTER_RESET", "READY_WAIT"):
            yield f"{channel}_{rule}"


AXI_RULES: tuple[str, ...] = tuple(
    f"AXI_{rule}"
    for rule in (
        *_channels(_AXI_CHANNELS),
        *(f"{channel}_{rule}" for channel in ("AW", "AR") for rule in _ADDRESS_RULES),
        *_BURST_RULES,
    )
)
"""Rules of an AXI4 port: bit n of axi_checker's `violated` is rule n."""

AXIL_RULES: tuple[str, ...] = tuple(f"AXIL_{rule}" for rule in (*_channels(_AXIL_CHANNELS), *_ANSWER_RULES))
"""Rules of an AXI4-Lite port: bit n of axil_checker's `violated` is rule n."""


def broken_rules(rules: tuple[str, ...], violated: int) -> list[str]:
    """The names of the bits that are set."""
    return [name for bit, name in enumerate(rules) if violated >> bit & 1]


def needs_four_states(rule: str) -> bool:
    """Whether only a simulator that knows X and Z can see the rule broken."""
    return rule.endswith("_X")
