"""Mounting and unmounting: as root, in a user namespace, or through fusermount3; and one line where none works.

The simulator's process holds the only descriptor of the connection, so that its end, however it comes, ends every wait
of every client, unless a thread of its own waits in the kernel for an answer of its own: then the process stays, dead
but unreaped, until somebody aborts the connection (D96). Whoever started it unmounts and aborts: the directory must not
depend on the process that may have crashed.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["MountError", "abort", "enter", "mount", "mounted", "obstacle", "unmount"]

DEVICE = "/dev/fuse"
CONNECTIONS = Path("/sys/fs/fuse/connections")
MOUNTS = Path("/proc/self/mountinfo")
OLDEST = 6, 6
"""The first kernel that maps files whose read(2) and write(2) it does not cache."""
_NOSUID, _NODEV = 2, 4
_FORCE, _DETACH = 1, 2
_FUSERMOUNT_S = 20.0
_libc = ctypes.CDLL(None, use_errno=True)


class MountError(Exception):
    """No mount can be made here; the message says why and what to do, in one line."""


def _kernel() -> tuple[int, ...]:
    """The kernel's version, as far as it matters."""
    numbers = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _fusermount() -> str | None:
    return shutil.which("fusermount3") or shutil.which("fusermount")


def _may_mount() -> bool:
    """Whether this process may mount by itself: the bit CAP_SYS_ADMIN of its effective capabilities."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> 21 & 1)
    return False


def _openable() -> str:
    """Why /dev/fuse cannot be opened; empty where it can."""
    try:
        os.close(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{DEVICE} cannot be opened ({error.strerror})"
    return ""


def _no_namespace() -> str:
    """Why no user namespace with mounts of its own can be made; empty where one can."""
    tool = shutil.which("unshare")
    if tool is None:
        return "there is no unshare to make a user namespace with"
    done = subprocess.run([tool, "-Urm", "true"], capture_output=True, check=False)
    said = " ".join(done.stderr.decode(errors="replace").split())
    return f"user namespaces are not allowed ({said})" if done.returncode else ""


def obstacle() -> str:
    """Why nothing can be mounted here, in one line; empty where it can."""
    if _kernel() < OLDEST:
        return f"nothing can be mounted here: Linux {os.uname().release} is too old, it takes {OLDEST[0]}.{OLDEST[1]}"
    if not Path(DEVICE).exists():
        return f"nothing can be mounted here: there is no {DEVICE} (load the kernel's module fuse, or allow the device)"
    closed = _openable()
    if _fusermount() is not None:
        return ""
    if closed:
        return f"nothing can be mounted here: {closed}, and there is no fusermount3 (apt install fuse3)"
    barred = "" if _may_mount() else _no_namespace()
    if barred:
        return (
            f"nothing can be mounted here: this user may not mount, {barred}, "
            "and there is no fusermount3 (apt install fuse3)"
        )
    return ""


def enter(arguments: Sequence[str]) -> None:
    """Go on in a user namespace, by running Python with these arguments anew, where mounting needs one.

    Returns where it does not. MountError where nothing can be mounted.
    """
    why = obstacle()
    if why:
        raise MountError(why)
    if _may_mount() and not _openable():
        return
    if _fusermount() is not None:
        return
    tool = shutil.which("unshare")
    assert tool is not None
    os.execv(tool, [tool, "-Urm", sys.executable, *arguments])


def mount(directory: Path) -> int:
    """Mount on an empty directory and return the connection's descriptor, closed on exec. MountError."""
    if _may_mount() and not _openable():
        descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        owner = f"user_id={os.getuid()},group_id={os.getgid()}"
        options = f"fd={descriptor},rootmode=40000,{owner},allow_other,max_read=4096"
        done = _libc.mount(
            b"faultline", os.fsencode(directory), b"fuse.faultline", _NOSUID | _NODEV, options.encode()
        )
        if done:
            said = os.strerror(ctypes.get_errno())
            os.close(descriptor)
            raise MountError(f"{directory} cannot be mounted on ({said}): run as root, or install fuse3")
        return descriptor
    return _through_fusermount(directory)


def _through_fusermount(directory: Path) -> int:
    """Have fusermount3 mount; it sends the descriptor over a socket."""
    tool = _fusermount()
    if tool is None:
        raise MountError(obstacle() or "nothing can be mounted here: install fuse3")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        environment = {**os.environ, "_FUSE_COMMFD": str(theirs.fileno())}
        command = [tool, "-o", "fsname=faultline,subtype=faultline,max_read=4096", "--", str(directory)]
        done = subprocess.run(
            command,
            env=environment,
            pass_fds=[theirs.fileno()],
            capture_output=True,
            timeout=_FUSERMOUNT_S,
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split()) or f"status {done.returncode}"
            raise MountError(f"{directory} cannot be mounted on: {said}")
        _, ancillary, *_ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors = array.array("i")
                descriptors.frombytes(data[:4])
                os.set_inheritable(descriptors[0], False)
                return descriptors[0]
    raise MountError(f"{directory} cannot be mounted on: {tool} gave no descriptor")


def mounted(directory: Path) -> bool:
    """Whether something is mounted on the directory, also where its server is dead."""
    return any(True for _ in _mounts(directory))


def _mounts(directory: Path) -> Iterator[str]:
    """The devices (MAJOR:MINOR) of all that is mounted on the directory.

    The kernel lists names in bytes, with blanks, newlines and backslashes in octal; what else it is is as it stands.
    """
    name = os.path.join(os.path.realpath(os.fsencode(directory.parent)), os.fsencode(directory.name))
    for line in MOUNTS.read_bytes().split(b"\n"):
        words = line.split(b" ")
        if len(words) > 4 and re.sub(rb"\\([0-7]{3})", lambda it: bytes([int(it[1], 8)]), words[4]) == name:
            yield words[2].decode("ascii")


def abort(directory: Path) -> None:
    """End the connection behind a mount through the kernel's control file system, where that is and this user may.

    The file belongs to whoever mounted. A dead server whose own threads wait for its answers ends by this alone.
    """
    for device in _mounts(directory):
        with contextlib.suppress(OSError):
            (CONNECTIONS / device.partition(":")[2] / "abort").write_text("1", encoding="ascii")


def unmount(directory: Path) -> None:
    """Unmount, at once and whoever uses it. Nothing where nothing is mounted.

    Their accesses fail from then on; through fusermount3, which only detaches, once the simulator's process has gone,
    unless its connection can be aborted. MountError where the mount stays.
    """
    while mounted(directory):
        if _libc.umount2(os.fsencode(directory), _FORCE | _DETACH) == 0:
            continue
        failed = ctypes.get_errno()
        tool = _fusermount()
        if failed == errno.EPERM and tool is not None:
            abort(directory)
            done = subprocess.run([tool, "-u", "-z", "--", str(directory)], capture_output=True, check=False)
            if done.returncode == 0:
                continue
        if mounted(directory):
            raise MountError(f"{directory} cannot be unmounted ({os.strerror(failed)}): umount -l {directory}")
