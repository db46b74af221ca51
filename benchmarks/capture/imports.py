"""Time of importing this package beyond that of importing Prefect, and of our block beyond the one it extends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def report() -> None:
    print("\nimport, best of five, seconds and as a ratio to `import prefect` alone")
    statements = {
        "import prefect.flows": "import prefect.flows",
        "  + prefect_lineage_events": "import prefect.flows, prefect_lineage_events",
        "  + record_read": "import prefect.flows; from prefect_lineage_events import record_read",
        "  + SqlAlchemyLineage's base": "import prefect.flows; from prefect_sqlalchemy import SqlAlchemyConnector",
        "  + SqlAlchemyLineage": "import prefect.flows; from prefect_lineage_events import SqlAlchemyLineage",
    }
    best = {name: min(_import_seconds(code) for _ in range(5)) for name, code in statements.items()}
    unit = best["import prefect.flows"]
    for name, seconds in best.items():
        print(f"{name:<44}{seconds:9.2f} {seconds / unit:19.2f}")


def _import_seconds(code: str) -> float:
    timing = f"import time; t = time.perf_counter(); exec({code!r}); print(time.perf_counter() - t)"
    answer = subprocess.run([sys.executable, "-c", timing], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return float(answer.stdout)
