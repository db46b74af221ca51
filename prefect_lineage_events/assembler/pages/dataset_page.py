"""The page of a dataset: its last writers and readers, its columns and their origins, and its neighbours. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from prefect_lineage_events.assembler.pages import links, transformations
from prefect_lineage_events.assembler.pages.changes import change
from prefect_lineage_events.assembler.pages.column_table import source_of
from prefect_lineage_events.assembler.pages.dataset_record import MAX_FLOWS, DatasetRecord, DatasetUser, Origin, encode
from prefect_lineage_events.assembler.pages.gaps import ROWS_KNOWN
from prefect_lineage_events.assembler.pages.markup import moment, more, place, shortened, table
from prefect_lineage_events.datasets import Dataset
from prefect_lineage_events.escaping import code, word
from prefect_lineage_events.events import STAR
from prefect_lineage_events.rendering.svg import data_uri, svg
from prefect_lineage_events.sentences import counted, listed
from prefect_lineage_events.stitching.model import DatasetUse, Edge, Evidence, Lineage, UnknownSource

MAX_COLUMNS = 300
MAX_NAMED = 5


def markdown(record: DatasetRecord) -> str:
    """The text, with the record itself in its last line."""
    parts = [
        f"# Lineage of {code(record.dataset.name)}",
        _summary(record),
        f"![Graph of the datasets around this one]({data_uri(svg(_graph(record), focus=record.dataset))})",
        *_users("Written by", "From", record.writers),
        *_users("Read by", "Into", record.readers),
        *_columns(record),
        encode(record),
    ]
    return "\n\n".join(parts) + "\n"


def description(dataset: Dataset) -> str:
    """The description of the page, as the list of artifacts shows it."""
    return f"Lineage of {code(dataset.name)}: the flows that write and read it, its columns and their origins."


def _summary(record: DatasetRecord) -> str:
    kind = record.kind if record.kind in ("table", "view", "file", "topic", "stage", "api") else "dataset"
    article = "An" if kind == "api" else "A"
    sentences = [f"{article} {kind.upper() if kind == 'api' else kind} {place(record.dataset.namespace)}."]
    sentences += [_last("written", record.writers)] if record.writers else ["No run is known that wrote it."]
    sentences += [_last("read", record.readers)] if record.readers else ["No run is known that read it."]
    if feed := links.events(record.dataset):
        sentences.append(f"All its {feed}.")
    return " ".join(sentences)


def _last(verb: str, users: Sequence[DatasetUser]) -> str:
    """`Last dropped by nightly at 2026-11-30 03:12 UTC.`"""
    newest = users[0]
    done = change(newest.lifecycle) if verb == "written" and newest.lifecycle else verb
    flow = links.flow_page(newest.flow_name, newest.flow_id)
    return f"Last {done} by {flow} at {links.run(moment(newest.began), newest.run_id, newest.kind)} UTC."


def _users(title: str, heading: str, users: Sequence[DatasetUser]) -> list[str]:
    """One row for each flow: its newest run, and the datasets at the other ends of its edges."""
    rows = [
        (
            links.flow_page(user.flow_name, user.flow_id),
            links.run(user.run_name, user.run_id, user.kind),
            moment(user.began),
            word(user.state.lower()) + ("" if user.complete else ", incomplete"),
            "" if user.rows is None else f"{user.rows:,}",
            _change(user),
        )
        for user in users
    ]
    if not rows:
        return []
    shown = table(("Flow", "Newest run", "Began (UTC)", "State", "Rows", "Change"), rows)
    others = [
        f"- {links.flow_page(user.flow_name, user.flow_id)}: {named}" for user in users if (named := _others(user))
    ]
    parts = [f"## {title}", shown, *([f"{heading}:", "\n".join(others)] if others else [])]
    return [*parts, f"Only the {MAX_FLOWS} flows with the newest runs are kept."] if len(users) == MAX_FLOWS else parts


def _change(user: DatasetUser) -> str:
    origin = f" from {links.dataset_page(user.renamed_from)}" if user.renamed_from else ""
    return f"{change(user.lifecycle)}{origin}".strip()


def _others(user: DatasetUser) -> str:
    named = listed([links.dataset_page(other) for other in user.datasets], MAX_NAMED)
    return ", ".join(part for part in (named, ROWS_KNOWN[user.sources]) if part)


def _columns(record: DatasetRecord) -> list[str]:
    """The columns in the order of the table, each with its type and its sources by all flows that write it."""
    origins: dict[str, dict[Origin, list[DatasetUser]]] = defaultdict(lambda: defaultdict(list))
    spelled: dict[str, str] = {}
    for user in record.writers:
        for origin in user.origins:
            key = spelled.setdefault(origin.column.casefold(), origin.column)
            origins[key][origin].append(user)
    types = {column.name: column.type for column in record.columns}
    known = {name.casefold(): name for name in types}
    order = {name: number for number, name in enumerate(types)}
    for column in origins:
        if column != STAR:
            order.setdefault(known.get(column.casefold(), column), len(order))
    by_name = {known.get(column.casefold(), column): found for column, found in origins.items()}
    several = sum(bool(user.origins) for user in record.writers) > 1
    names = [*order, *([STAR] if STAR in by_name else [])]
    rows = []
    for name in names[:MAX_COLUMNS]:
        named = (
            "all rows" if name == STAR else code(shortened(name)),
            word(type_) if (type_ := types.get(name)) else "",
        )
        sources = [_origin(origin, users, several=several) for origin, users in by_name.get(name, {}).items()]
        rows += [(*(named if not number else ("", "")), one) for number, one in enumerate(sources or [""])]
    if not rows:
        return []
    inferred = any(origin.inferred for found in origins.values() for origin in found)
    shown = "\n".join([table(("Column", "Type", "From"), rows), *more(len(names), MAX_COLUMNS, "columns")])
    left_out = sum(user.left_out for user in record.writers)
    rest = f"{counted(left_out, 'source')} of columns and rows are beyond the limits of this page."
    return ["## Columns", *([transformations.INFERRED] if inferred else []), shown, *([rest] if left_out else [])]


def _origin(origin: Origin, users: Sequence[DatasetUser], *, several: bool) -> str:
    """A source column. With several writers, their flows are named."""
    by = f" by {listed([word(user.flow_name) for user in users], MAX_NAMED)}" if several else ""
    return f"{source_of(origin)}{by}"


def _evidence(other: Dataset, users: Iterable[DatasetUser]) -> Evidence:
    """The evidence that the graph draws: inferred, unless some flow states the edge."""
    stated = any(other in user.datasets and other not in user.inferred for user in users)
    return "sql" if stated else "same flow"


def _graph(record: DatasetRecord) -> Lineage:
    """The dataset between its sources and the datasets that were written from it."""
    this = record.dataset
    sources = {source: None for user in record.writers for source in user.datasets}
    targets = {target: None for user in record.readers for target in user.datasets}
    doubts = [user for user in record.writers if user.sources != "known"]
    use = DatasetUse(this, record.kind, lifecycle=_lifecycle(record))
    return Lineage(
        inputs=(*map(DatasetUse, sources), *(() if record.writers else (use,))),
        outputs=(*((use,) if record.writers else ()), *map(DatasetUse, targets)),
        edges=(
            *(Edge(source, this, _evidence(source, record.writers)) for source in sources),
            *(Edge(this, target, _evidence(target, record.readers)) for target in targets),
        ),
        unknown=(UnknownSource(this, doubts[0].sources),) if doubts else (),
    )


def _lifecycle(record: DatasetRecord) -> Literal["DROP"] | None:
    """A dataset that its newest writer dropped is drawn as dropped."""
    return "DROP" if record.writers and record.writers[0].lifecycle == "DROP" else None
