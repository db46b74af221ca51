"""Code that runs before every program of the corpus: it records how the program ends, and applies the fault of a test.

`HARM_REPORT`: the file for the last exception and the time at which the interpreter began to end. `HARM_FAULT`: the
broken function of the package, as `module:attribute=how`. `HARM_KEEPALIVE`: seconds after which a websocket notices
that its peer does not answer, with and without lineage; Prefect's client tries eleven times.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, TracebackType

_PROGRAMS = os.environ.get("HARM_PROGRAMS", "")
_PID = os.getpid()


def _report(**entry: object) -> None:
    if os.getpid() == _PID:  # not of forked children
        with Path(os.environ["HARM_REPORT"]).open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _described(error: BaseException | None, depth: int = 0) -> object:
    if error is None or depth > 8:
        return None
    lines: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(_PROGRAMS):
            line = f"{Path(code.co_filename).name}:{trace.tb_lineno} {code.co_name}"
            # DuckDB is called in an extra frame of the user's code, so a line may occur twice
            lines += [line] if lines[-1:] != [line] else []
        trace = trace.tb_next
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": str(error),
        "lines": lines,
        "cause": _described(error.__cause__, depth + 1),
        "context": _described(error.__context__, depth + 1),
        "suppress": error.__suppress_context__,
    }


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _report(error=_described(error))
    sys.__excepthook__(kind, error, trace)


def _shutdown_of(shutdown: object) -> object:
    def _shutdown() -> None:
        _report(ending=time.time())
        shutdown()  # type: ignore[operator]

    return _shutdown


def _raises(*_: object, **__: object) -> None:
    raise RuntimeError("broken by the test")


def _hangs(*_: object, **__: object) -> None:
    time.sleep(3600)


def _explodes(*_: object, **__: object) -> None:
    hoard = []
    for _unit in range(16):
        hoard.append(bytearray(16_000_000))
    raise MemoryError(f"after {len(hoard)} pieces")


def _recurses(*args: object, **kwargs: object) -> None:
    _recurses(*args, **kwargs)


_HOW = {"raises": _raises, "hangs": _hangs, "explodes": _explodes, "recurses": _recurses}


def _break(fault: str) -> None:
    place, how = fault.split("=")
    module_name, attribute = place.split(":")

    def patch(module: ModuleType) -> None:
        *owners, name = attribute.split(".")
        target: object = module
        for owner in owners:
            target = getattr(target, owner)
        setattr(target, name, _HOW[how])

    import wrapt

    wrapt.register_post_import_hook(patch, module_name)


def _no_threads_for_lineage() -> None:
    start = threading.Thread.start

    def refusing(self: threading.Thread) -> None:
        if self.name.startswith("prefect-lineage"):
            raise RuntimeError("can't start new thread")
        start(self)

    threading.Thread.start = refusing  # type: ignore[method-assign]


def _keep_websockets_alive_for(seconds: float) -> None:
    import wrapt

    def patch(module: ModuleType) -> None:
        module.connect.__init__.__kwdefaults__ |= dict.fromkeys(
            ("ping_interval", "ping_timeout", "close_timeout"), seconds
        )

    wrapt.register_post_import_hook(patch, "websockets.asyncio.client")


if "HARM_REPORT" in os.environ:
    sys.excepthook = _excepthook
    threading._shutdown = _shutdown_of(threading._shutdown)  # type: ignore[attr-defined]
    if "HARM_KEEPALIVE" in os.environ:
        _keep_websockets_alive_for(float(os.environ["HARM_KEEPALIVE"]))
    _fault = os.environ.get("HARM_FAULT", "")
    if _fault == "no threads":
        _no_threads_for_lineage()
    elif _fault.startswith("without "):
        sys.modules[_fault.removeprefix("without ")] = None  # type: ignore[assignment]
    elif _fault:
        _break(_fault)
