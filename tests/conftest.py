"""Fixtures of all tests. They isolate tests from the developer's Prefect and OpenLineage, and start one real Prefect
server.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.services.loopback import refuse_other_hosts
from tests.services.postgres import started
from tests.services.prefect_tables import Tables
from tests.services.process import STARTS_WITHIN, free_port

# Before anything imports Prefect, which reads its settings once: no profile, no server and no target of the developer.
_HOME = tempfile.TemporaryDirectory(prefix="lineage-tests-")
_KEPT = {"OPENLINEAGE_COMPATIBILITY_TESTS"}  # no setting of the client: where its tests are
for name in [n for n in os.environ if n.startswith(("PREFECT_", "OPENLINEAGE")) and n not in _KEPT]:
    del os.environ[name]
os.environ |= {
    "PREFECT_HOME": str(Path(_HOME.name) / "client"),
    # The lowest Prefect has these below the home of the user, so that a task finds results of an earlier session cached.
    "PREFECT_LOCAL_STORAGE_PATH": str(Path(_HOME.name) / "client" / "storage"),
    "PREFECT_MEMO_STORE_PATH": str(Path(_HOME.name) / "client" / "memo_store.toml"),
    "PREFECT_LOGGING_SETTINGS_PATH": str(Path(_HOME.name) / "client" / "logging.yml"),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_CLI_PROMPT": "false",
    # Integrations that are installed for some tests have plugins and blocks too. To import them all would take each
    # program a second, and each server six. `tests/test_plugin.py` has a program with all of them, `make demo` a server.
    "PREFECT_PLUGINS_ALLOW": "prefect_lineage_events",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "DO_NOT_TRACK": "1",
    # Cloud clients look for credentials of their machine at an outside address, which no test may request.
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_GCE_CHECK": "true",
    "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
}
sys.addaudithook(refuse_other_hosts)

# No test fails because of its duration: the machine may be busy. Each run tries the same examples, so that failures
# depend on a change and not on chance; `make fuzz` searches for new ones.
hypothesis_settings.register_profile(
    "patient", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole flows and the other files that start servers: a long file that starts last leaves other
    workers idle.
    """
    servers = {"prefect_server_process", "unshared_prefect_server"}
    starting = {item.path for item in items if servers & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: (item.path.parent.name != "flows", item.path not in starting))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The scheduler of `--dist loadfile`, which the Makefile gives; pytest-xdist's own for its other values."""
    from tests.scheduling import Scheduling

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_unconfigure() -> None:
    gc.unfreeze()  # extensions print complaints about objects that exist at exit


_collected_for: list[Path] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Collect a test's garbage before the next test: connections and cursors report and log as they go.

    What survives a collection is excluded from the next ones until the file ends: to look at all objects of imported
    libraries takes 50 ms, which is longer than most tests.
    """
    if item.path not in _collected_for[-1:]:
        _collected_for.append(item.path)
        gc.unfreeze()
        _collect_silently()
    result = yield
    _collect_silently()
    return result


def _collect_silently() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("prefect_lineage_events.emission.worker.put", lambda _: True)
        gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class PrefectServer:
    """A running server. `environment` has the variables with which a child process uses this server and no other."""

    api_url: str
    pid: int
    log: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PREFECT_API_URL": self.api_url}


_tables = Tables(Path(_HOME.name))


@contextmanager
def running_server(name: str, port: int | None = None, **environment: str) -> Iterator[PrefectServer]:
    """A real Prefect server on a loopback port, by default a free one. A server of the same name has the same home."""
    home = Path(_HOME.name) / name
    home.mkdir(parents=True, exist_ok=True)
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in environment:
        _tables.give(home)
    port = port or free_port()
    log = home / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    variables = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_MEMO_STORE_PATH": str(home / "memo_store.toml"),
        "PREFECT_UI_ENABLED": "false",
        # A server stores events up to five seconds after it received them. Here it takes half a second, which is late
        # as well.
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "0.5",
        **environment,
    }
    with log.open("w") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=variables)
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}/api/health", log)
        _tables.keep(home)
        yield PrefectServer(f"http://127.0.0.1:{port}/api", process.pid, log)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


_last_api_url = ""


def _send_waiting_events() -> None:
    """Send what our worker holds and what Prefect's own does, and end that: it sends the events of task runs to the
    server that was this process's first, whichever is its API later.
    """
    from prefect.events.worker import EventsWorker

    from prefect_lineage_events.emission import worker

    worker.flush(60)
    if worker._worker is not None:
        worker._worker._exporter.wait(time.monotonic() + 60)
    EventsWorker.drain_all(timeout=60)


@contextmanager
def as_api(server: PrefectServer) -> Iterator[PrefectServer]:
    """The server as the Prefect API of this process, and (by `environment`) of its children."""
    from prefect.settings import PREFECT_API_URL

    from prefect_lineage_events.testing.kept_settings import kept_settings

    global _last_api_url
    if server.api_url != _last_api_url:
        _send_waiting_events()
        _last_api_url = server.api_url
    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = server.api_url
    try:
        with kept_settings({PREFECT_API_URL: server.api_url}):
            yield server
    finally:
        if before is None:
            del os.environ["PREFECT_API_URL"]
        else:
            os.environ["PREFECT_API_URL"] = before


# A server slows with what earlier files left on it: automations, their runs, events. After thousands of runs it was seen
# to trigger minutes late and to record no task runs.
_FILES_OF_A_SERVER = 4


class _SharedServers:
    """Servers of this process's test files, one at a time of each database, each used by a few files."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._used: dict[str, tuple[PrefectServer, ExitStack, int]] = {}
        self._started = 0

    def of_next_file(
        self, database: str, start: Callable[[str], AbstractContextManager[PrefectServer]]
    ) -> PrefectServer:
        server, own, files = self._used.get(database) or (None, ExitStack(), _FILES_OF_A_SERVER)
        if server is None or files >= _FILES_OF_A_SERVER:
            _send_waiting_events()
            own.close()
            self._started += 1
            own = self._stack.enter_context(ExitStack())
            server, files = own.enter_context(start(f"{database}-{self._started}")), 0
        self._used[database] = server, own, files + 1
        return server


@pytest.fixture(scope="session")
def _shared_servers() -> Iterator[_SharedServers]:
    with ExitStack() as stack:
        yield _SharedServers(stack)
        _send_waiting_events()


@pytest.fixture(scope="module")
def prefect_server_process(_shared_servers: _SharedServers) -> PrefectServer:
    """A server on SQLite."""
    return _shared_servers.of_next_file("sqlite", running_server)


@pytest.fixture(scope="module")
def prefect_on_postgres(_shared_servers: _SharedServers) -> PrefectServer:
    """A server on PostgreSQL."""
    cluster = started()
    if cluster is None:
        pytest.skip("PostgreSQL's server is not installed (/usr/lib/postgresql/*/bin/initdb)")

    def start(name: str) -> AbstractContextManager[PrefectServer]:
        url = cluster.url(cluster.database(name.replace("-", "_")), driver="asyncpg")
        return running_server(name, PREFECT_API_DATABASE_CONNECTION_URL=url)

    return _shared_servers.of_next_file("postgres", start)


@pytest.fixture(scope="module")
def unshared_prefect_server(request: pytest.FixtureRequest) -> Iterator[PrefectServer]:
    """A server on SQLite of one test file, as its Prefect API: an automation that fired for a run of another file does
    not fire again until its window has passed.
    """
    with running_server(request.module.__name__) as server, as_api(server):
        yield server
        _send_waiting_events()


@pytest.fixture
def prefect_server(prefect_server_process: PrefectServer) -> Iterator[PrefectServer]:
    """The server on SQLite as this test's Prefect API."""
    with as_api(prefect_server_process) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def each_prefect_server(request: pytest.FixtureRequest) -> Iterator[PrefectServer]:
    """A server on each of Prefect's databases as the test's Prefect API."""
    name = "prefect_server_process" if request.param == "sqlite" else "prefect_on_postgres"
    with as_api(request.getfixturevalue(name)) as server:
        yield server


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Clear the cached settings before and after a test: they are read once in a process, and a test may change the
    environment.
    """
    from prefect_lineage_events import filters
    from prefect_lineage_events.settings import settings

    for cached in (settings, filters.current):
        cached.cache_clear()
    yield
    for cached in (settings, filters.current):
        cached.cache_clear()


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Log records of this test only. Threads of earlier tests log at any time, and asyncio logs when their objects are
    collected.
    """
    earlier = set(threading.enumerate()) - {threading.current_thread()}
    caplog.handler.addFilter(lambda record: record.name != "asyncio" and threading.current_thread() not in earlier)
    return caplog


@pytest.fixture(autouse=True)
def fresh_openlineage_environment() -> Iterator[None]:
    with own_openlineage_environment():
        yield


@contextmanager
def own_openlineage_environment() -> Iterator[None]:
    """Restore the variables of the OpenLineage client, which writes values derived from `OPENLINEAGE_URL` into the
    environment.
    """
    before = _openlineage_environment()
    yield
    for name in _openlineage_environment().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _openlineage_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("OPENLINEAGE")}


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the Prefect server ended with code {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=30):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError(f"the Prefect server did not answer:\n{log.read_text()[-3000:]}")
