"""The conditions under which each program runs."""

from __future__ import annotations

from dataclasses import dataclass

from tests.harm.running import PROGRAMS, Condition, Way

ALL = sorted(path.stem for path in PROGRAMS.glob("*.py") if path.stem != "kit")

UP = Condition("all well")
_ALL_OF_API_GONE = {"PREFECT_CLIENT_MAX_RETRIES": "0"}


@dataclass(frozen=True)
class Case:
    """A program with lineage under a condition, and the same without lineage to compare it with."""

    program: str
    way: Way
    condition: Condition

    def __str__(self) -> str:
        return f"{self.program}, {self.condition.name}, {self.way}"

    @property
    def without(self) -> Case:
        return Case(self.program, "plain", UP if self.condition.with_lineage_only else self.condition)


def _fault(name: str, fault: str) -> Condition:
    return Condition(name, {"HARM_FAULT": fault}, with_lineage_only=True, max_log_lines=1)


_EMISSION = "prefect_lineage_events.emission"
_INSTRUMENTATION = "prefect_lineage_events.instrumentation"
# Each breaks the entry function of one room. The program must behave as before.
FAULTS = [
    _fault("analyser raises", "prefect_lineage_events.sql.session:Session.analyze=raises"),
    _fault("analyser recurses", "prefect_lineage_events.sql.session:Session.analyze=recurses"),
    _fault("analyser hangs", "prefect_lineage_events.sql.session:Session.analyze=hangs"),
    _fault("analyser takes all memory", "prefect_lineage_events.sql.session:Session.analyze=explodes"),
    _fault("naming raises", "prefect_lineage_events.stores:Store.table=raises"),
    _fault("sanitising raises", f"{_EMISSION}.limits:sql_for_event=raises"),
    _fault("drafting raises", f"{_EMISSION}.coalescer:Coalescer.add=raises"),
    _fault("sending raises", f"{_EMISSION}.exporter:Exporter._emit=raises"),
    _fault("sending hangs", f"{_EMISSION}.exporter:Exporter._emit=hangs"),
    _fault("driver's description raises", f"{_INSTRUMENTATION}.driver:Driver.columns=raises"),
    _fault("finding the run raises", "prefect_lineage_events.context.run:_run_of=raises"),
    _fault("policy raises", "prefect_lineage_events.filters:Policy.captures=raises"),
    _fault("tracing raises", f"{_INSTRUMENTATION}.tracer:connection=raises"),
    _fault("counting rows raises", f"{_INSTRUMENTATION}.tracer:ConnectionTracer.rows=raises"),
    _fault("ending a transaction raises", f"{_INSTRUMENTATION}.tracer:ConnectionTracer._end=raises"),
    _fault("queue raises", f"{_EMISSION}.queue:NoteQueue.put=raises"),
    _fault("no analyser installed", "without sqlglot"),
    _fault("no thread to be had", "no threads"),
    Condition(
        "settings unreadable",
        {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_QUEUE_SIZE": "many"},
        max_log_lines=1,
        with_lineage_only=True,
    ),
    Condition("switched off", {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_ENABLED": "false"}, with_lineage_only=True),
]

# Faults that occur with and without lineage.
MISFORTUNES: list[tuple[Condition, list[str]]] = [
    (Condition("events refused", api="refused", max_log_lines=1), ["settled", "signal_term"]),
    (Condition("events silent", api="silent", max_log_lines=1, waits=True), ["settled", "raw_uncaught"]),
    (Condition("events stall", {"HARM_KEEPALIVE": "1"}, api="stalled", max_log_lines=1, waits=True), ["settled"]),
    (Condition("API dies in mid-flow", _ALL_OF_API_GONE, api="cut", max_log_lines=1, waits=True), ["cut_off"]),
    (Condition("API dies in mid-flow, default retries", api="cut", max_log_lines=1, waits=True), ["cut_off"]),
    (Condition("API away", api="away", max_log_lines=1, waits=True), ["settled"]),
    (
        Condition("-W error", arguments=("-W", "error::ResourceWarning", "-W", "error::RuntimeWarning")),
        ["settled", "forks"],
    ),
    (Condition("-X dev", arguments=("-X", "dev")), ["settled", "forks"]),
    (Condition("-OO", arguments=("-OO",)), ["settled"]),
    (Condition("stdout full", stdout="/dev/full"), ["settled"]),
    (Condition("files may not grow", file_size=40_000, max_log_lines=1), ["settled"]),
    (Condition("home is no directory", {"PREFECT_HOME": "/dev/null/home"}), ["settled"]),
    (
        Condition("queue full", {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_QUEUE_SIZE": "20"}, max_log_lines=1),
        ["many_statements"],
    ),
    (
        Condition("no time at the end", {"PREFECT_INTEGRATIONS_LINEAGE_EVENTS_DRAIN_TIMEOUT": "0"}, max_log_lines=1),
        ["settled"],
    ),
]

# These programs need an API that becomes unreachable, or more statements than can be analysed.
_NOT_WELL = {"cut_off", "many_statements"}


def ways(program: str) -> tuple[Way, ...]:
    """The ways to capture a program: connections of a user have one way; blocks have the class swap and the plugin.

    A program that hands over none of both is captured by the plugin alone.
    """
    text = (PROGRAMS / f"{program}.py").read_text()
    if "Connector" in text:
        return ("swap", "plugin")
    return ("swap",) if "traced" in text else ("plugin",)


CASES = [
    *(Case(program, way, UP) for program in ALL if program not in _NOT_WELL for way in ways(program)),
    *(Case("settled", "swap", fault) for fault in FAULTS),
    *(Case(program, "swap", condition) for condition, programs in MISFORTUNES for program in programs),
]
