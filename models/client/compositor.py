"""A compositor on the exporting device: it imports the buffer, which gives the very same object, and scans it out.

No mapping and no DMA: importing on the device that exported is the way the thread's last word recommends (R3).
"""

from __future__ import annotations

from models.dmabuf import Buffer, DmaBuf
from models.driver import Driver
from models.events import Import, ScanOutDone
from models.importer import DeviceFiles
from models.memory import Bytes
from models.oracle import Oracle, failing
from models.steps import Note, Steps

__all__ = ["Compositor"]


class Compositor:
    """A client of the device `driver.device` that shows buffers."""

    def __init__(self, name: str, driver: Driver, watch: dict[Buffer, Oracle] | None = None) -> None:
        self.name = name
        self.driver = driver
        self.handles = DeviceFiles(driver.device)
        self.watch = watch if watch is not None else {}

    def show(self, dmabuf: DmaBuf) -> Steps[Bytes]:
        """Import a buffer, wait for its writers and scan it out; return the raw device bytes, tiled as they lie.

        What the display's own tile decoder makes of them is judged by the oracle where there is one: each byte may be
        from any moment since the call. The import stays until `close`.
        """
        oracle = self.watch.get(dmabuf.buffer)
        token = oracle.read_begins() if oracle else 0
        with failing(oracle, token):
            handle, same = self.handles.import_dmabuf(dmabuf)
            buffer = self.handles.buffer(handle)
            same = same and buffer is dmabuf.buffer
            yield Note(Import(process=self.name, buffer=buffer.name, device=self.driver.device, same=same))
            raw = yield from self.driver.scan_out(buffer)
        yield Note(ScanOutDone(process=self.name, buffer=buffer.name, bytes=raw.size))
        if oracle:
            oracle.read_ends(token, self.name, buffer.surface.box, buffer.surface.detile(raw))
        return raw

    def close(self) -> Steps[None]:
        """Give every import back."""
        yield from self.handles.close_all()
