"""A run by its name, from Prefect's API."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from prefect_lineage_events.graph import run_names
from prefect_lineage_events.graph.names import AmbiguousNameError


@pytest.mark.parametrize(("number", "others"), [(2, ""), (10, ""), (11, " and 1 more"), (250, " and 240 more")])
def test_runs_of_one_name_are_counted_and_the_newest_ten_listed(
    number: int, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = UUID(int=1)
    runs = [{"id": str(uuid4()), "name": "daily", "flow_id": str(flow)} for _ in range(number)]
    monkeypatch.setattr(
        run_names.api,
        "post",
        lambda _, path, body: {"/flow_runs/filter": runs[: body.get("limit")], "/flow_runs/count": number}[path],
    )
    monkeypatch.setattr(run_names, "flow_names", lambda *_: {str(flow): "sales"})
    with pytest.raises(AmbiguousNameError) as raised:
        run_names.run_id_of(None, "daily")  # type: ignore[arg-type]
    ids = ", ".join(f"{run['id']} (sales)" for run in runs[:10])
    assert str(raised.value) == f"{number} runs have the name 'daily': {ids}{others}"
