"""A client that only looks: it maps a shared buffer read-only and loads regions of it."""

from __future__ import annotations

from models.client.process import Process
from models.dmabuf import DmaBuf
from models.memory import Bytes
from models.page_table import Mapping
from models.steps import Steps
from models.surface import Box

__all__ = ["Reader"]


class Reader(Process):
    """A process that reads what others have written."""

    def receive(self, dmabuf: DmaBuf) -> Mapping:
        """Take a shared buffer over a socket, so to speak: a read-only descriptor and a mapping of all of it."""
        return self.map(self.files.install(dmabuf.get(), writable=False), write=False)

    def look(self, mapping: Mapping, box: Box) -> Steps[Bytes]:
        """Load a region; shape (height, width in bytes)."""
        return (yield from self.load_box(mapping, box))
