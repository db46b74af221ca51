"""The result of one check of the installation, as one line with a remedy."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_lineage_events.escaping import line

_MAX_LINE = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check of a `subject`: the state that was `observed`, and `advice` if it is not `ok`.

    `doubtful`: it works, but is probably not intended.
    """

    ok: bool
    subject: str
    observed: str
    advice: str = ""
    doubtful: bool = False

    def __str__(self) -> str:
        """One line."""
        mark, advice = (
            ("WARN" if self.doubtful else "ok ") if self.ok else "NOT",
            f" -> {self.advice}" if self.advice else "",
        )
        return line(" ".join(f"{mark}  {self.subject}: {self.observed}{advice}".split("\n")), _MAX_LINE)
