"""A process that holds a claim is known to be dead when it is, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prefect_lineage_events.assembler import lease

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

_TELL = "from prefect_lineage_events.assembler import lease; print(lease.this_process(), flush=True); input()"


@pytest.fixture
def other():
    process = subprocess.Popen([sys.executable, "-c", _TELL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


def test_a_living_process_is_not_dead(other):
    assert not lease.has_exited(lease.this_process())
    assert not lease.has_exited(other.stdout.readline().strip())


def test_a_killed_process_is_dead_even_before_anybody_buried_it(other):
    name = other.stdout.readline().strip()
    other.kill()
    # Ended, and left for us to bury: a killed process closes its files before it is dead.
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert lease.has_exited(name)
    other.wait()
    assert lease.has_exited(name)


def test_another_process_with_its_number_is_not_it():
    machine, pid, began = lease.this_process().split("/")
    assert lease.has_exited(f"{machine}/{pid}/{int(began) - 1}")


def test_of_other_machines_nothing_is_known():
    _, pid, began = lease.this_process().split("/")
    assert not lease.has_exited(f"elsewhere/{pid}/{began}")
    assert not lease.has_exited("")
