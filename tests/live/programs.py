"""Programs that use a live device as any program would, one function each; an exception is a failure.

    python -m tests.live.programs RESULTS [NAME ...]

runs them (all unless named) inside of a device's directory, each in a process of its own, and writes what failed into
the file RESULTS as JSON: name -> traceback, empty where all was well.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tb.live.client import Live, LiveError

PAGE = 4096


@contextlib.contextmanager
def mapped(path: Path, length: int = 0, offset: int = 0) -> Iterator[mmap.mmap]:
    """A shared mapping of a file, or of a part of it."""
    file = os.open(path, os.O_RDWR)
    memory = mmap.mmap(file, length, offset=offset)
    os.close(file)
    try:
        yield memory
    finally:
        memory.close()


@contextlib.contextmanager
def refused(*numbers: int) -> Iterator[None]:
    """What is done in here must fail with one of these errors."""
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise
    else:
        raise AssertionError(f"it was allowed, not refused with {[errno.errorcode[one] for one in numbers]}")


def device_and_mappings_see_each_other(device: Live) -> None:
    """What the device draws is there in a mapping, what was stored there the device copies, and nothing else moves."""
    path = device.create("seen", 64, 64, "rgba", "MORTON")
    with mapped(path) as memory:
        assert memory[:] == bytes(64 * 64 * 4)
        device.fill("seen", 8, 8, 16, 16, "01020304")
        image = np.frombuffer(memory[:], np.uint8).reshape(64, 64, 4)
        assert (image[8:24, 8:24] == [1, 2, 3, 4]).all() and int((image != 0).sum()) == 16 * 16 * 4
        memory[0:4] = b"abcd"
        device.copy("seen", 40, 40, 2, 1, 0, 0)
        assert memory[(40 * 64 + 40) * 4 :][:8] == b"abcd" + bytes(4)
        assert memory[(8 * 64 + 8) * 4 :][:4] == b"\1\2\3\4"


def read_and_write_mix_with_mappings(device: Live) -> None:
    """read(2) sees what was stored through mappings, and the other way round, at any offset and length."""
    path = device.create("mixed", 5000, 3, "gray")
    file = os.open(path, os.O_RDWR)
    with mapped(path) as memory:
        memory[4090:4100] = b"0123456789"
        assert os.pread(file, 10, 4090) == b"0123456789"
        assert os.pwrite(file, b"x" * 5000, 4000) == 5000
        assert memory[3999:9001] == b"\0" + b"x" * 5000 + b"\0"
        device.fill("mixed", 100, 1, 10, 1, "ff")
        assert os.pread(file, 12, 5099) == b"x" + b"\xff" * 10 + b"x"
        assert os.pwrite(file, b"yy", 5101) == 2
        device.copy("mixed", 0, 2, 12, 1, 99, 1)
        assert memory[10000:10012] == b"x\xffyy" + b"\xff" * 7 + b"x"
    os.close(file)


def a_part_is_mapped(device: Live) -> None:
    """A mapping of some pages, while the device draws on those and on others."""
    path = device.create("part", 1024, 16, "rgba")
    with mapped(path, 2 * PAGE, 5 * PAGE) as part:
        part[0:4] = b"here"
        device.fill("part", 512, 4, 512, 3, "0a0a0a0a")
        assert part[0:4] == b"here" and part[2048:2052] == b"\n\n\n\n" and part[PAGE + 2044 : PAGE + 2048] == b"\0" * 4
        device.fill("part", 0, 5, 1024, 1, "0b0b0b0b")
        assert part[0:PAGE] == b"\x0b" * PAGE and part[PAGE + 2048] == 10


def the_size_is_fixed(device: Live) -> None:
    """Truncation, growth and writes past the end are refused; an open with O_TRUNC is none of them."""
    path = device.create("fixed", 100, 100, "gray")
    file = os.open(path, os.O_RDWR)
    os.pwrite(file, b"kept", 0)
    for size in (0, 1, 9999, 10001):
        with refused(errno.EPERM, errno.EINVAL):
            os.ftruncate(file, size)
        if size:
            with refused(errno.EPERM, errno.EINVAL):
                os.truncate(path, size)
    with refused(errno.ENOSPC, errno.EFBIG):
        os.pwrite(file, b"12", 9999)
    with refused(errno.EOPNOTSUPP, errno.ENOSPC):
        os.posix_fallocate(file, 0, 20000)
    with open(path, "wb") as again:
        again.write(b"over")
    assert os.pread(file, 8, 0) == b"over\0\0\0\0" and os.fstat(file).st_size == 10000
    os.close(file)


def the_directory_is_closed(device: Live) -> None:
    """Files are made, removed and renamed by commands alone; the names say size, stride and format."""
    path = device.create("named", 30, 20, "rgb")
    assert path.name == "named_30x20_stride90.rgb" and path.stat().st_size == 1800
    directory = device.directory
    with refused(errno.EPERM):
        (directory / "new").write_bytes(b"")
    with refused(errno.EPERM):
        path.unlink()
    with refused(errno.EPERM):
        path.rename(directory / "other")
    with refused(errno.EPERM):
        (directory / "folder").mkdir()
    assert path in device.files() and {path.name, "status", "control"} <= set(os.listdir(directory))
    assert "cycle " in (directory / "status").read_text() and not os.access(directory / "nothing", os.F_OK)


def children_share_the_mapping(device: Live) -> None:
    """A forked child writes, the parent and the device see it, and the device's drawing is seen by both."""
    path = device.create("family", 64, 64, "rgba", "X_TILED")
    with mapped(path) as memory:
        memory[0:4] = b"mine"
        inward, outward = os.pipe()
        child = os.fork()
        if not child:
            memory[4:8] = b"your"
            os.write(outward, b"x")
            while memory[64 * 4] != 7:
                pass
            os._exit(0 if memory[0:8] == b"mineyour" else 1)
        os.read(inward, 1)
        device.copy("family", 0, 2, 2, 1, 0, 0)
        assert memory[2 * 256 : 2 * 256 + 8] == b"mineyour"
        device.fill("family", 0, 1, 64, 1, "07070707")
        assert os.waitpid(child, 0)[1] == 0


def a_killed_client_harms_nobody(device: Live) -> None:
    """Processes that are killed while they fault, store and command: the others go on."""
    path = device.create("deadly", 1024, 64, "rgba")
    for _ in range(4):
        device.fill("deadly", 0, 0, 1024, 64, "05050505")
        children = []
        for start in range(3):
            child = os.fork()
            if not child:
                with mapped(path) as memory:
                    for page in range(start, 64):
                        memory[page * PAGE] = memory[page * PAGE + 1]
                    with Live(device.directory) as own:
                        own.fill("deadly", 0, 0, 1024, 64, "06060606")
                signal.pause()
            children.append(child)
        time.sleep(0.03)
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
    device.fill("deadly", 0, 0, 1024, 64, "09090909")
    with mapped(path) as memory:
        assert memory[:] == b"\t" * (64 * PAGE)


def system_calls_take_mappings_as_buffers(device: Live) -> None:
    """read(2) and write(2) between a file and its own mapping, of one page too, and splice and sendfile."""
    path = device.create("own", 1024, 8, "rgba")
    file = os.open(path, os.O_RDWR)
    with mapped(path) as memory, memoryview(memory) as view:
        device.fill("own", 0, 0, 1024, 8, "01020304")
        assert os.preadv(file, [view[3 * PAGE : 4 * PAGE]], 0) == PAGE and view[3 * PAGE : 4 * PAGE] == view[0:PAGE]
        device.fill("own", 0, 5, 1024, 1, "05050505")
        assert os.pwritev(file, [view[5 * PAGE : 6 * PAGE]], 6 * PAGE) == PAGE and view[6 * PAGE] == 5
        device.fill("own", 0, 0, 1024, 8, "0a0b0c0d")
        view[0:4] = b"head"
        assert os.pwritev(file, [view[0:100]], 50) == 100 and view[50:58] == b"head\n\x0b\x0c\r"
        assert os.preadv(file, [view[0:PAGE]], 0) == PAGE and view[50:54] == b"head" == view[0:4]
        device.copy("own", 0, 7, 1024, 1, 0, 0)
        assert view[7 * PAGE : 8 * PAGE] == view[0:PAGE]
        device.fill("own", 0, 0, 1024, 8, "0e0e0e0e")
        near, far = socket.socketpair()
        with near, far:
            assert os.sendfile(near.fileno(), file, 0, 8) == 8 and far.recv(9) == b"\x0e" * 8
        inward, outward = os.pipe()
        os.write(outward, b"piped")
        assert os.splice(inward, file, 5, offset_dst=2 * PAGE) == 5 and view[2 * PAGE : 2 * PAGE + 6] == b"piped\x0e"
        os.close(inward)
        os.close(outward)
    os.close(file)


def pages_are_locked_pinned_and_dropped(device: Live) -> None:
    """What mlock and a pipe hold on to is zapped all the same; nothing is lost where a program drops its entries."""
    path = device.create("held", 1024, 8, "rgba")
    libc = ctypes.CDLL(None, use_errno=True)
    with mapped(path) as memory:
        device.fill("held", 0, 0, 1024, 8, "01010101")
        page = (ctypes.c_char * PAGE).from_buffer(memory)
        where = ctypes.c_void_p(ctypes.addressof(page))
        assert libc.mlock(where, ctypes.c_size_t(PAGE)) == 0
        device.fill("held", 0, 0, 1024, 8, "02020202")
        assert memory[0] == 2
        inward, outward = os.pipe()
        part = (ctypes.c_size_t * 2)(ctypes.addressof(page), PAGE)
        assert libc.vmsplice(outward, part, ctypes.c_size_t(1), 0) == PAGE
        device.fill("held", 0, 0, 1024, 8, "03030303")
        assert memory[0:PAGE] == b"\3" * PAGE and os.read(inward, 1) == b"\2"
        memory[0:4] = b"kept"
        assert libc.munlock(where, ctypes.c_size_t(PAGE)) == 0
        del page
        memory.madvise(mmap.MADV_DONTNEED)
        assert memory[0:5] == b"kept\3"
        file = os.open(path, os.O_RDWR)
        with mmap.mmap(file, PAGE, flags=mmap.MAP_PRIVATE) as private:
            private[0:4] = b"mine"
            assert private[0:5] == b"mine\3" and os.pread(file, 5, 0) == b"kept\3" == memory[0:5]
        for one in (file, inward, outward):
            os.close(one)


def stopped_clients_hold_nobody_up(device: Live) -> None:
    """Processes that stand still wherever SIGSTOP meets them, also in a fault: the device goes on all the same."""
    path = device.create("halted", 1024, 16, "rgba")
    children = []
    with mapped(path) as memory:
        for _ in range(4):
            child = os.fork()
            if not child:
                while True:
                    for page in range(16):
                        memory[page * PAGE] = memory[page * PAGE + 1]
            children.append(child)
        for turn in range(20):
            for child in children:
                os.kill(child, signal.SIGCONT if turn % 2 else signal.SIGSTOP)
            device.wait(device.fill("halted", 0, 0, 1024, 16, f"{turn:02x}010101"))
            device.flush("halted")
        for child in children:
            os.kill(child, signal.SIGKILL)
            assert os.waitpid(child, 0)[1] == signal.SIGKILL
        device.fill("halted", 0, 0, 1024, 16, "12121212")
        assert memory[:] == b"\x12" * (16 * PAGE)


def many_processes_write_one_buffer(device: Live) -> None:
    """Twenty-four of them, each a byte of every page in a mapping of its own, while the device fills: all is there."""
    path = device.create("many", 1024, 16, "rgba")
    children = []
    for number in range(24):
        child = os.fork()
        if not child:
            with mapped(path) as own:
                for page in range(16):
                    own[page * PAGE + number] = number + 1
            os._exit(0)
        children.append(child)
    for turn in range(10):
        device.fill("many", 512, 0, 512, 16, f"{turn:02x}010101")
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    device.copy("many", 512, 0, 6, 16, 0, 0)
    with mapped(path) as memory:
        for page in range(16):
            for at in (0, 2048):
                assert memory[page * PAGE + at :][:24] == bytes(range(1, 25)), (page, at)


def bad_commands_get_an_error(device: Live) -> None:
    """A text for whatever makes no sense, and the connection goes on; half a command harms nobody."""
    device.create("good", 16, 16, "rgba")
    for line in (
        *("", "nothing", "fill", "fill good 0 0 17 1 00000000", "fill good 0 0 1 1 00", "fill good 0 0 1 1 zz"),
        *("fill good 0 0 0 1 00000000", "fill none 0 0 1 1 00000000", "copy good 0 0 2 2 1 1", "wait 99999999"),
        *("wait x", "wait 1 2", "fill good 99999999999999999999 0 1 1 00000000"),
        *("create good 1 1 gray", "create a/b 1 1 gray", "create a 0 1 gray", "create a 70000 1 gray", "destroy none"),
        *("create a 1 1 blue", "create a 1 1 gray SPIRAL", "poll", "copy good 0 0 1 1 0 0 none", "flush", "\u00e4"),
        "create huge 60000 60000 rgba",
    ):
        try:
            device.command(line)
        except LiveError as error:
            if len(str(error)) < 10:
                raise
        else:
            raise AssertionError(f"{line!r} was carried out")
    chance = random.Random(1)
    words = ["fill", "copy", "create", "wait", "poll", "flush", "destroy", "list", "good", "none", "0", "1", "16", "-1"]
    words += ["65536", "9" * 30, "00000000", "0", "gray", "b5", "rgba", "MORTON", "\u00b2", "x" * 200, "1.5", "0x1", ""]
    for _ in range(1500):
        line = " ".join(chance.choice(words) for _ in range(chance.randrange(9)))
        if line.split()[:2] not in (["destroy", "good"], ["status"]):
            with contextlib.suppress(LiveError):
                device.command(line)
    for name in {*words} - {"good"}:
        with contextlib.suppress(LiveError):
            device.destroy(name)
    for broken in (b"fill good 0 0 1", b"x" * 10000 + b"\n", b"\xff\xfe\n", b"create gone 16 16 gray\n"):
        with socket.socket(socket.AF_UNIX) as half:
            half.connect(str(device.directory / "control"))
            half.sendall(broken)
    while not any(path.name.startswith("gone_") for path in device.files()):
        time.sleep(0.01)  # it was whole, so it is carried out, though nobody hears of it
    assert device.wait(device.fill("good", 0, 0, 16, 16, "11111111")) > 0


def a_destroyed_buffer_lives_while_it_is_open(device: Live) -> None:
    """The name goes at once, the bytes with the last mapping; then the name is free, and the memory too."""
    before = len(device.files())
    for _ in range(9):  # together more than there is device memory
        path = _when_free(lambda: device.create("short", 1024, 1024, "rgba"))
        with mapped(path) as memory:
            memory[0:4] = b"abcd"
            device.destroy("short")
            assert not path.exists() and memory[0:4] == b"abcd"
            try:
                device.fill("short", 0, 0, 1, 1, "00000000")
            except LiveError:
                pass
            else:
                raise AssertionError("it was drawn on")
    assert len(device.files()) == before


def a_buffer_is_destroyed_while_others_use_it(device: Live) -> None:
    """Two draw on a buffer and one flushes it while it is made, stored to and destroyed again and again."""
    end, children = time.monotonic() + 5, []
    for line in ("fill x 0 0 256 16 01020304", "copy x 0 0 64 4 64 8", "flush x"):
        child = os.fork()
        if not child:
            with Live(device.directory) as own:
                while time.monotonic() < end:
                    try:
                        own.command(line)
                    except LiveError as error:
                        if "there is no buffer" not in str(error):
                            os.write(2, f"{line}: {error}\n".encode())
                            os._exit(1)
            os._exit(0)
        children.append(child)
    while time.monotonic() < end:
        path = _when_free(lambda: device.create("x", 256, 16, "rgba", "Y_TILED"))
        with mapped(path) as memory:
            for page in range(4):
                memory[page * PAGE] = 1
            device.destroy("x")
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


def _when_free(create: Callable[[], Path]) -> Path:
    """Create a buffer as soon as its name is free: who had it open last has just closed it."""
    for _ in range(500):
        with contextlib.suppress(LiveError):
            return create()
        time.sleep(0.01)
    return create()


def fences_come_in_order(device: Live) -> None:
    """A drawing is pending until somebody waits, since time passes for work only; then it and all before are done."""
    device.create("fenced", 512, 512, "rgba", "Y_TILED")
    before = -1
    while before != (before := int(device.status()["cycle"])):
        time.sleep(0.1)  # until what others left is done
    first, second = (device.fill("fenced", 0, 0, 512, 512, f"0{n}000000") for n in (1, 2))
    cycle = int(device.status()["cycle"])
    time.sleep(0.05)
    assert not device.done(second) and int(device.status()["cycle"]) - cycle < 200
    end = device.wait(second)
    assert device.done(first) and device.done(second) and end - cycle > 512 * 512 * 4 // 64


def standard_programs_read_and_write_pictures(device: Live) -> None:
    """dd and cp move bytes in and out; ImageMagick, where it is, reads a file as the picture that it is."""
    path = device.create("picture", 64, 48, "rgb", "MORTON")
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    source = Path(os.environ["TMPDIR"]) / f"live-{os.getpid()}.rgb"
    try:
        source.write_bytes(picture.tobytes())
        subprocess.run(["cp", source, path], check=True)
        device.copy("picture", 0, 0, 8, 8, 56, 40)
        expected = picture.copy()
        expected[0:8, 0:8] = picture[40:48, 56:64]
        found = subprocess.run(["dd", f"if={path}", "bs=1000"], check=True, capture_output=True).stdout
        assert found == expected.tobytes()
        tool = shutil.which("magick") or shutil.which("convert")
        if tool and b"Version: ImageMagick" in subprocess.run([tool, "-version"], capture_output=True).stdout:
            done = subprocess.run(
                [tool, "-size", "64x48", "-depth", "8", str(path), "ppm:-"], check=False, capture_output=True
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.endswith(expected.tobytes()), done.stdout[:20]
    finally:
        source.unlink(missing_ok=True)


def the_end_of_a_file_is_kept(device: Live) -> None:
    """A page past the end of the file is SIGBUS, the rest of the last page is zeros; reads past the end are empty."""
    path = device.create("end", 5000, 1, "gray")
    file = os.open(path, os.O_RDWR)
    assert os.pread(file, 100, 4990) == bytes(10) and os.pread(file, 1, 5000) == b"" == os.pread(file, 9, 1 << 40)
    with mmap.mmap(file, 5000) as memory:
        page = (ctypes.c_char * 5000).from_buffer(memory)
        assert ctypes.string_at(ctypes.addressof(page) + 4990, PAGE * 2 - 4990) == bytes(PAGE * 2 - 4990)
        del page
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    for store in (False, True):
        child = os.fork()
        if not child:
            where = libc.mmap(None, 3 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, file, 0)
            ctypes.memset(where + 2 * PAGE, 1, 1) if store else ctypes.string_at(where + 2 * PAGE, 1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] & 127 == signal.SIGBUS
    assert device.wait() > 0
    os.close(file)


def stores_are_handed_over_by_msync_and_past_the_cache(device: Live) -> None:
    """msync hands stores over; O_DIRECT reads and writes see what mappings see."""
    path = device.create("direct", 1024, 4, "rgba")
    file = os.open(path, os.O_RDWR | os.O_DIRECT)
    with mapped(path) as memory, mmap.mmap(-1, PAGE) as own:
        memory[0:4] = b"sync"
        before = int(device.status()["writes"])
        memory.flush()
        assert int(device.status()["writes"]) > before
        memory[4:8] = b"more"
        assert os.preadv(file, [own], 0) == PAGE and own[:9] == b"syncmore\0"
        own[:5] = b"other"
        assert os.pwritev(file, [own], PAGE) == PAGE and memory[PAGE : PAGE + 8] == b"otherore"
        device.copy("direct", 0, 3, 2, 1, 0, 1)
        assert os.preadv(file, [own], 3 * PAGE) == PAGE and own[:9] == b"otherore\0"
    os.close(file)


def modes_and_times_stay_as_they_are(device: Live) -> None:
    """A change of them is passed over without an error, so that cp -p and tar go through; none is there afterwards."""
    path = device.create("modes", 16, 16, "gray")
    before = path.stat()
    path.chmod(0o600)
    os.utime(path, (1, 1))
    after = path.stat()
    assert (before.st_mode, before.st_mtime, before.st_uid) == (after.st_mode, after.st_mtime, after.st_uid)
    source = Path(os.environ["TMPDIR"]) / f"live-{os.getpid()}.gray"
    source.write_bytes(b"p" * 256)
    try:
        subprocess.run(["cp", "-p", source, path], check=True)
    finally:
        source.unlink()
    assert path.read_bytes() == b"p" * 256


def _crowd(device: Live, clients: list[socket.socket], most: int, word: bytes) -> bytes:
    """Connect one client after another, until one is told `word` or there are `most`; return what the last was told."""
    told = b""
    while len(clients) < most and word not in told:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(30)
        client.connect(str(device.directory / "control"))
        clients.append(client)
        with contextlib.suppress(BrokenPipeError):
            client.sendall(b"list\n")
        told = client.recv(100)
    return told


def two_hundred_clients_and_no_more(device: Live) -> None:
    """As many as have a place are served, one more hears why not, and places come back."""
    clients: list[socket.socket] = []
    told = _crowd(device, clients, 250, b"too many")
    assert told.startswith(b"error: too many clients") and 100 < len(clients) <= 201, (told, len(clients))
    for client in clients:
        client.close()
    _when_free(lambda: Path(str(Live(device.directory).wait())))


def without_a_descriptor_left_it_refuses_and_goes_on(device: Live) -> None:
    """At its limit of open files a device tells clients and buffers so, serves those that it has, and recovers."""
    with mapped(device.create("limit", 64, 64, "rgba")) as memory:
        simulator = device.process()
        soft, hard = resource.prlimit(simulator, resource.RLIMIT_NOFILE)
        open_files = max(int(name) for name in os.listdir(f"/proc/{simulator}/fd"))
        clients: list[socket.socket] = []
        resource.prlimit(simulator, resource.RLIMIT_NOFILE, (open_files + 4, hard))
        try:
            told = _crowd(device, clients, 60, b"descriptor")
            assert told.startswith(b"error: the device has no descriptor left"), told
            with contextlib.suppress(LiveError):
                device.create("more", 64, 64, "rgba")
                raise AssertionError("a buffer was made without a descriptor")
            device.fill("limit", 0, 0, 64, 64, "07070707")
            assert memory[5000] == 7
        finally:
            resource.prlimit(simulator, resource.RLIMIT_NOFILE, (soft, hard))
            for client in clients:
                client.close()
    _when_free(lambda: Path(str(Live(device.directory).wait())))
    _when_free(lambda: device.create("more", 64, 64, "rgba"))


PROGRAMS: dict[str, Callable[[Live], None]] = {
    one.__name__: one
    for one in (
        device_and_mappings_see_each_other,
        read_and_write_mix_with_mappings,
        a_part_is_mapped,
        the_size_is_fixed,
        the_directory_is_closed,
        children_share_the_mapping,
        a_killed_client_harms_nobody,
        system_calls_take_mappings_as_buffers,
        pages_are_locked_pinned_and_dropped,
        stopped_clients_hold_nobody_up,
        many_processes_write_one_buffer,
        bad_commands_get_an_error,
        a_destroyed_buffer_lives_while_it_is_open,
        a_buffer_is_destroyed_while_others_use_it,
        fences_come_in_order,
        standard_programs_read_and_write_pictures,
        the_end_of_a_file_is_kept,
        stores_are_handed_over_by_msync_and_past_the_cache,
        modes_and_times_stay_as_they_are,
        two_hundred_clients_and_no_more,
        without_a_descriptor_left_it_refuses_and_goes_on,
    )
}


def main(results: str, *names: str) -> int:
    """Run the programs and write what failed."""
    found = {}
    for name in names or PROGRAMS:
        inward, outward = os.pipe()
        child = os.fork()
        if not child:
            try:
                with Live() as device:
                    before = device.files()
                    PROGRAMS[name](device)
                    for path in set(device.files()) - set(before):
                        device.destroy(path.name.partition("_")[0])
            except BaseException:
                os.write(outward, traceback.format_exc().encode()[-4000:])
            os._exit(0)
        os.close(outward)
        with os.fdopen(inward, "rb") as said:
            text = said.read().decode()
        status = os.waitpid(child, 0)[1]
        found[name] = text or (f"ended with {status}" if status else "")
    Path(results).write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
