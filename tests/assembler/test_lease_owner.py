"""The process that owns a lease counts as exited when it has, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_lineage_events.assembler import lease

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

_PRINT_ID = "from prefect_lineage_events.assembler import lease; print(lease.this_process(), flush=True); input()"


@pytest.fixture
def other():
    process = subprocess.Popen(
        [sys.executable, "-c", _PRINT_ID], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


def test_a_running_process_has_not_exited(other):
    assert not lease.has_exited(lease.this_process())
    assert not lease.has_exited(other.stdout.readline().strip())


def test_a_zombie_counts_as_exited(other):
    name = other.stdout.readline().strip()
    assert name
    other.kill()
    # Waits without reaping: a killed process closes its files before it has ended.
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert lease.has_exited(name)
    other.wait()
    assert lease.has_exited(name)


def test_a_reused_pid_is_another_process():
    machine, pid, began = lease.this_process().split("/")
    assert lease.has_exited(f"{machine}/{pid}/{int(began) - 1}")


def test_processes_of_other_machines_count_as_running():
    _, pid, began = lease.this_process().split("/")
    assert not lease.has_exited(f"elsewhere/{pid}/{began}")
    assert not lease.has_exited("")
