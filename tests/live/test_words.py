"""Live mode without a kernel: the words of commands, the protocol's bytes, the log's lines, what is recorded."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import DeviceError
from models.fence import Fence
from models.layout import Layout
from models.memory import PAGE
from models.outside import Outside
from models.steps import Recall
from models.surface import Box, Surface
from models.workload.trace import Compose, Copy, Fill, Load, Store, Trace, Wait
from tb.live import commands, mount, protocol
from tb.live.arrivals import Arrival, Command, Finished, Left, Read, Stop, Write
from tb.live.commands import CommandError
from tb.live.connection import Connection
from tb.live.log import LogError, Logged, Replay, header_of
from tb.live.protocol import Op, ProtocolError, Request
from tb.live.recorder import Recorder
from tb.live.server import PATIENCE_MOST_S, Server, _Shared
from tests.models.world import make_world


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "no command"),
        ("paint a", "unknown command paint"),
        ("fill a 0 0 1 1", "fill with 5 words: use fill NAME X Y WIDTH HEIGHT PIXEL"),
        ("fill a 0 0 1 x 00", "x is no number"),
        ("fill a 0 0 1 -1 00", "-1 is no number"),
        ("fill a 0 0 1 0 00", "an empty box"),
        ("fill a 0 0 1 1 0x0", "0x0 is no pixel"),
        ("create a_b 1 1 rgb", "a_b is no name"),
        ("create a 1 1 b17", "unknown format b17"),
        ("create a 1 1 rgb ROUND", "unknown layout ROUND"),
    ],
)
def test_a_line_that_is_no_command_says_what_would_be(line: str, message: str) -> None:
    with pytest.raises(CommandError, match=message.replace("(", r"\(")):
        commands.parse(line)


def test_commands_are_read() -> None:
    assert commands.parse("create a 3 2 b5 morton") == commands.Create("a", 3, 2, "b5", Layout.MORTON)
    assert commands.parse("fill a 1 2 3 4 00ff") == commands.Fill("a", (1, 2, 3, 4), b"\0\xff")
    assert commands.parse("copy a 1 2 3 4 5 6") == commands.Copy("a", (1, 2, 3, 4), (5, 6), "a")
    assert commands.parse("wait") == commands.Wait(None)


def request(op: int, body: bytes, length: int | None = None) -> bytes:
    size = 40 + len(body)
    return struct.pack("=IIQQIIIHH", size if length is None else length, op, 7, 16, 0, 0, 99, 0, 0) + body


def test_a_request_is_taken_apart_and_a_torn_one_refused() -> None:
    body = struct.pack("=QQIIQII", 1, 8192, 3, 1, 0, 0, 0) + b"abc"
    one = Request.parse(request(Op.WRITE, body))
    assert (one.op, one.unique, one.node, one.pid) == (Op.WRITE, 7, 16, 99)
    assert protocol.write_arguments(one) == (8192, b"abc", True)
    for torn in (b"short", request(Op.WRITE, body, 50)):
        with pytest.raises(ProtocolError):
            Request.parse(torn)
    with pytest.raises(ProtocolError):
        protocol.write_arguments(Request.parse(request(Op.WRITE, body[:-1])))


@pytest.mark.parametrize(("minor", "more"), [(38, 1 << 4), (41, 0)])
def test_a_kernel_that_is_too_old_is_refused(minor: int, more: int) -> None:
    with pytest.raises(ProtocolError, match=r"Linux 6\.6"):
        protocol.init(Request.parse(request(Op.INIT, struct.pack("=IIIII", 7, minor, 0, 0, more))))
    answer = protocol.init(Request.parse(request(Op.INIT, struct.pack("=IIIII", 7, 41, 0, 0, 1 << 4))))
    assert struct.unpack_from("=IiQII", answer) == (len(answer), 0, 7, 7, 41) and len(answer) == 16 + 64


def test_only_an_open_that_truncates_is_told_from_a_change_of_size() -> None:
    def asked(valid: int, size: int) -> protocol.SetSize | None:
        return protocol.set_size(Request.parse(request(Op.SETATTR, struct.pack("=IIQQ", valid, 0, 0, size))))

    assert asked(32, 0) is None
    assert asked(8, 0) == protocol.SetSize(0, True)
    assert asked(8 | 64, 0) == protocol.SetSize(0, False)
    assert asked(8, 5) == protocol.SetSize(5, False)


class Script:
    """A kernel from which the same few things arrive, with looks at which nothing does."""

    def __init__(self) -> None:
        self.coming = [Command(1, "fill\r a\u2028b"), None, None, Read(5, "a", 0, PAGE, 3)]
        self.coming += [Write(6, "a", 9, b"\0x\n", 3, True), Stop("")]

    def next(self, seconds: float | None = None) -> object:
        return self.coming.pop(0)

    def __getattr__(self, name: str) -> object:
        return lambda *words: 1


def through(kernel: Logged | Replay) -> list[object]:
    """Meet everything, and answer."""
    met: list[object] = [kernel.next()]
    kernel.answer(1, "ok 1")
    met += [kernel.next(0), kernel.next(0), kernel.next(0)]
    kernel.give(5, b"data")
    met += [kernel.next()]
    kernel.took(6, 3)
    return [*met, kernel.next()]


def test_a_log_gives_back_what_arrived_and_holds_the_device_to_its_answers(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logged = Logged(Script(), path, {"width": 64}, lambda: 10)  # type: ignore[arg-type]
    met = through(logged)
    logged.close()
    assert header_of(path) == {"width": 64}
    assert through(Replay(path, lambda: 10)) == met and met[1] is None and isinstance(met[-1], Stop)
    with pytest.raises(LogError, match=r"log:3: the device answered answer 1 11 ok 1, and the log says answer 1 10"):
        through(Replay(path, lambda: 11))
    path.write_text(path.read_text().replace("faultline-live 3", "faultline-live 1", 1))
    with pytest.raises(LogError, match="is a log of version 1, and this device replays version 3 alone"):
        header_of(path)
    path.write_text("GIF89a\n")
    with pytest.raises(LogError, match="is no log of a live device"):
        header_of(path)
    with pytest.raises(LogError, match="cannot read the log"):
        header_of(tmp_path / "nothing")


class Slow:
    """A kernel that needs 50 ms for any recall, in which a program touches its page again whenever it gets it."""

    def __init__(self) -> None:
        self.touched, self.asked, self.left, self.recalls = 0, True, 0.0, 0

    def recall(self, *words: object) -> int:
        self.left = 0.05
        self.recalls += 1
        assert self.recalls < 20, "it goes on for ever"
        return self.recalls

    def give(self, unique: int, data: bytes) -> None:
        self.asked = True

    def next(self, seconds: float | None = None) -> Arrival | None:
        if self.asked:
            self.asked, self.touched = False, self.touched + 1
            return Read(self.touched, "shared", 0, PAGE, 1)
        self.left -= self.left if seconds is None else seconds
        return None if self.left > 0 else Finished(self.recalls)


class Held:
    """A kernel in which a read holds the page that each of the first 25 recalls is to drop, until it is answered."""

    def __init__(self) -> None:
        self.recalls, self.waited, self.read, self.held = 0, 0.0, False, False

    def recall(self, *words: object) -> int:
        self.recalls += 1
        self.read = self.recalls <= 25
        return self.recalls

    def give(self, unique: int, data: bytes) -> None:
        self.held = False

    def next(self, seconds: float | None = None) -> Arrival | None:
        if self.read:
            self.read, self.held = False, True
            return Read(self.recalls, "shared", 0, PAGE, 1)
        if not self.held:
            return Finished(self.recalls)
        assert seconds is not None, "it waits for ever"
        self.waited += seconds
        return None


def recall_once(kernel: Slow | Held) -> Server:
    """Have a server before this kernel recall a page that was given out."""
    world = make_world()
    server = Server(world.driver, kernel, None, now=lambda: 0)  # type: ignore[arg-type]
    dmabuf = world.driver.export(world.buffer)
    outside = Outside(world.driver, dmabuf)
    server._shared["shared"] = _Shared(world.buffer, dmabuf, outside, "shared")
    world.run(outside.reach(0))
    outside.load(0)
    server.recall(Recall("shared", (0,), ()))
    return server


def test_a_machine_too_busy_to_zap_in_time_is_given_more() -> None:
    kernel = Slow()
    server = recall_once(kernel)
    assert 4 < kernel.recalls < 8 and server.counts.repeated == kernel.recalls - 1


def test_a_page_that_is_read_again_and_again_is_not_held_for_longer_and_longer() -> None:
    kernel = Held()
    recall_once(kernel)
    assert kernel.recalls == 26 and kernel.waited < 25 * PATIENCE_MOST_S


def test_small_writes_to_a_page_take_no_more_room_than_the_page() -> None:
    world = make_world()
    outside = Outside(world.driver, world.driver.export(world.buffer))
    world.run(outside.reach(0))
    for at in range(5000):
        outside.post(0, at % 100, bytes([at % 256]))
    kept = outside._posted[0]
    assert len(kept) == 2 and outside.newest(0)[:100].tolist() == [at % 256 for at in range(4900, 5000)]


class Noted:
    """A kernel that only notes what it is answered."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def next(self, seconds: float | None = None) -> Arrival | None:
        raise AssertionError("something was begun that waits for the kernel")

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words: self.said.append((name, *words))


def test_after_a_stop_nothing_new_is_begun_and_stores_are_taken() -> None:
    kernel, world = Noted(), make_world()
    server = Server(world.driver, kernel, None, now=lambda: 0)  # type: ignore[arg-type]
    dmabuf = world.driver.export(world.buffer)
    outside = Outside(world.driver, dmabuf)
    server._shared["one"] = _Shared(world.buffer, dmabuf, outside, "one")
    world.run(outside.reach(0))
    server._take(Stop())
    server._take(Command(1, "list"))
    server._take(Read(2, "one", 0, PAGE, 9))
    server._take(Write(3, "one", 0, b"new", 9, False))
    server._take(Write(4, "one", 0, b"kept", 9, True))
    server._take(Left("one"))
    assert kernel.said == [
        ("answer", 1, "error: the device is gone"),
        ("refuse", 2, errno.EIO),
        ("refuse", 3, errno.EIO),
        ("took", 4, 4),
    ]
    assert outside.newest(0)[:4].tobytes() == b"kept" and server._running == 0


def test_a_wait_for_all_goes_on_after_a_drawing_that_failed_and_names_each() -> None:
    world, waited = make_world(), []
    fences = [Fence(0, value) for value in range(3)]

    async def perform(steps: object, name: str) -> None:
        fence = fences[len(waited)]
        waited.append(fence)
        fence.finish(None if fence is fences[1] else DeviceError("FETCH_ERROR"))
        if fence.error is not None:
            raise fence.error

    server = Server(world.driver, Noted(), perform, now=lambda: 0)  # type: ignore[arg-type]
    for fence in fences:
        server._fences.add(fence)
    with pytest.raises(StopIteration):
        server._order(Command(7, "wait")).send(None)
    assert waited == fences
    ((word, number, text),) = server._kernel.said  # type: ignore[attr-defined]
    assert (word, number) == ("answer", 7) and text.startswith("error: drawing 1: ")
    assert "; drawing 3: " in text and "drawing 2" not in text


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), ValueError("broken"), KeyError("broken")])
def test_whatever_goes_wrong_in_the_notifier_is_told_and_it_goes_on(error: Exception) -> None:
    def job() -> None:
        raise error

    inward, outward = os.pipe()
    connection = Connection(inward, Path(), control="", status=str, answer=lambda number, text: None)
    try:
        asked = [connection._ask(job), connection._ask(lambda: None)]
        found = [connection.next(3.0), connection.next(3.0)]
    finally:
        os.close(outward)
        connection.close()
    assert [one.number for one in found if isinstance(one, Finished)] == asked
    assert isinstance(found[0], Finished) and found[1] == Finished(asked[1])
    assert "broken" in found[0].problem and ("Error" in found[0].problem) != isinstance(error, OSError)


@pytest.mark.parametrize("name", ["plain", "K\u00fcche", "a b\tc\\d", "\u30c6\u30b9\u30c8", "ext4\udcff"])
def test_a_mount_is_found_and_aborted_by_any_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = os.fsencode(tmp_path / name)
    for letter in b"\\ \t\n":
        listed = listed.replace(bytes([letter]), b"\\%03o" % letter)
    (tmp_path / "mounts").write_bytes(b"9 1 0:77 / %b rw - fuse.faultline faultline rw\n\n" % listed)
    (tmp_path / "77").mkdir()
    monkeypatch.setattr(mount, "MOUNTS", tmp_path / "mounts")
    monkeypatch.setattr(mount, "CONNECTIONS", tmp_path)
    assert mount.mounted(tmp_path / name) and not mount.mounted(tmp_path / "other")
    mount.abort(tmp_path / "other")
    assert not (tmp_path / "77" / "abort").exists()
    mount.abort(tmp_path / name)
    assert (tmp_path / "77" / "abort").read_text() == "1"


@pytest.mark.parametrize(
    ("unshare", "told"),
    [
        (None, "there is no unshare"),
        ("echo 'unshare: write failed: Operation not permitted' >&2; exit 1", "write failed: Operation not permitted"),
        ("exit 0", ""),
    ],
)
def test_why_nothing_can_be_mounted_is_one_line(
    unshare: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if unshare is not None:
        (tmp_path / "unshare").write_text(f"#!/bin/sh\n{unshare}\n")
        (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mount, "DEVICE", __file__)
    monkeypatch.setattr(mount, "_may_mount", lambda: False)
    why = mount.obstacle()
    assert told in why and bool(why) == bool(told) and "\n" not in why
    assert "apt install fuse3" in why or not told
    monkeypatch.setattr(mount, "DEVICE", str(tmp_path / "nothing"))
    assert f"there is no {tmp_path}/nothing" in mount.obstacle()
    monkeypatch.setattr(mount, "OLDEST", (99, 0))
    assert "is too old" in mount.obstacle()


def test_what_was_done_becomes_a_trace_of_each_buffer(tmp_path: Path) -> None:
    surface = Surface(0, 512, 8, 4, Layout.Y_TILED)
    recorder = Recorder()
    recorder.created("a", surface)
    recorder.created("b", surface)
    recorder.loaded("a", range(1), 77)
    recorder.loaded("a", range(1, 2), 77)
    changed = bytearray(PAGE)
    changed[100:104] = changed[2148:2152] = b"abcd"
    recorder.stored("a", 1, np.zeros(PAGE, np.uint8), 0, bytes(changed), 0)
    recorder.stored("a", 0, np.zeros(PAGE, np.uint8), 0, bytes(PAGE), 0)
    recorder.filled("a", Box(0, 0, 64, 1))
    recorder.copied("a", Box(0, 0, 64, 1), "a", 256, 4)
    recorder.copied("b", Box(0, 0, 64, 1), "a", 256, 4)
    recorder.waited()
    files = recorder.write(tmp_path / "1")
    assert [file.name for file in files] == ["1-a.trace", "1-b.trace"]
    actions = [Trace.parse(file.read_text(), file.name).actions for file in files]
    assert actions[0] == (
        Load("p1", Box(0, 0, 2048, 4)),
        Store("p1", Box(100, 2, 4, 2)),
        Fill(Box(0, 0, 64, 1)),
        Copy(Box(0, 0, 64, 1), 256, 4),
        Compose(Box(256, 4, 64, 1)),
        Wait(),
    )
    assert actions[1] == (Fill(Box(0, 0, 64, 1)), Wait())
