"""Lines of shell blocks that cannot run in the tests, and the reasons."""

from __future__ import annotations

import re

# By a word of the line: a new line is run unless a row excuses it.
UNRUNNABLE = {
    "docker": "there is no container engine, and no registry",
    "kubectl": "there is no cluster",
    "cloud login": "opens a browser, and needs an account of Prefect Cloud",
    "api.prefect.cloud": "is the address of a service",
    "pip": "asks an index for packages; `make package` builds the wheel and uses it in an empty environment",
    "venv": "the environment of the tests takes its place, which has the package",
}


def reason_of(line: str) -> str | None:
    """The word of UNRUNNABLE that excuses a line."""
    return next((word for word in UNRUNNABLE if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line)), None)
