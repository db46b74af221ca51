"""Who holds a claim, told so that another process on the same machine can see when it is dead.

Without Linux's /proc nobody can tell: then a claim is only over when its time is.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """This process among all that ever were on this machine (and in its container); empty where that cannot be told."""
    try:
        return f"{_machine()}/{os.getpid()}/{_began(os.getpid())}"
    except OSError:
        return ""


def is_dead(holder: str) -> bool:
    """Was it a process of this machine, and is it no more? False for what cannot be known."""
    machine, _, process = holder.partition("/")
    pid, _, began = process.partition("/")
    try:
        if machine != _machine():
            return False
    except OSError:
        return False
    try:
        return _began(int(pid)) != began
    except OSError:
        return True


def _machine() -> str:
    """The kernel's boot, and the container's processes in it."""
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    processes = (_PROC / "self/ns/pid").readlink()
    return f"{boot}.{processes}"


def _began(pid: int) -> str:
    """When a process began, in ticks since the boot: ids of processes come again. Killed and not buried is dead."""
    # the name of a program may be any bytes
    state, *rest = (_PROC / str(pid) / "stat").read_text("latin-1").rpartition(")")[2].split()
    if state in "ZX":
        raise ProcessLookupError(pid)
    return rest[18]
