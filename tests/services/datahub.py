"""DataHub's OpenLineage endpoint, as far as its published code shows it: a stand-in, proved against a record.

The record, with the commits of the files that were read, is tests/delivery/profiles/recorded/datahub.json. No real
DataHub ran.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

Version = Literal["old", "main"]

_PLATFORMS = {"awsathena": "athena", "sqlserver": "mssql"}
_FILES = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "abs", "abfss": "abs"}
_FILES |= {"wasb": "abs", "wasbs": "abs", "dbfs": "dbfs", "file": "file"}
_NO_URI = re.compile(r"[\s\"<>\\^`{|}\[\]]|%(?![0-9A-Fa-f]{2})")
_OLD = {"string": "String", "long": "Number", "int": "Number", "timestamp": "Time", "struct": "Map"}
_MAIN = {
    **dict.fromkeys(("string", "varchar", "char"), "String"),
    **dict.fromkeys(("boolean", "bool"), "Boolean"),
    **dict.fromkeys(("bytes", "binary"), "Bytes"),
    **dict.fromkeys(("byte", "short", "long", "int", "integer", "double", "float", "decimal", "numeric"), "Number"),
    **dict.fromkeys(("timestamp", "datetime", "date", "time"), "Time"),
    **dict.fromkeys(("struct", "record", "map", "object"), "Map"),
    **dict.fromkeys(("array", "list"), "Array"),
    "enum": "Enum",
}


class IngestionFailed(Exception):
    """The endpoint responds with 500."""


@dataclass
class DataHub:
    """A receiver, with the aspects that it stored: the last one of each kind and entity."""

    version: Version = "main"
    schemas: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)
    properties: set[str] = field(default_factory=set)
    edges: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    columns: set[tuple[str, str]] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)

    def receive(self, event: Mapping[str, Any]) -> int:
        try:
            self._receive(event)
        except IngestionFailed:
            return 500
        return 200 if self.version == "old" else 202

    def _receive(self, event: Mapping[str, Any]) -> None:
        flow, job = self.job(event)
        sides: tuple[set[str], set[str]] = (set(), set())
        for side, datasets in zip(sides, (event["inputs"], event["outputs"]), strict=True):
            for one in datasets:
                if urn := self.urn(one):
                    side.add(checked(f"urn:li:dataset:(urn:li:dataPlatform:{urn},PROD)"))
                    self._aspects(urn, one)
        facets = event["run"].get("facets", {})
        if parent := facets.get("parent"):
            self.parents.add(f"unknown,{parent['job']['name']}")
        for tag in facets.get("tags", {}).get("tags", []):
            self.tags.add(checked(f"urn:li:tag:{tag['key']}"))
        # One aspect of the job, which replaces that of the event before.
        self.edges[checked(f"urn:li:dataJob:(urn:li:dataFlow:({flow},NS),{job})")] = sides

    def _aspects(self, urn: str, one: Mapping[str, Any]) -> None:
        facets = one.get("facets", {})
        if source := facets.get("dataSource"):
            self.instances[urn] = source["name"]
        if facets.keys() & {"dataSource", "storage", "version", "documentation"}:
            self.properties.add(urn)
        if fields := facets.get("schema", {}).get("fields"):
            self.schemas[urn] = {f["name"]: (self._native(f), self.type_of(f.get("type"))) for f in fields}
        for column, into in facets.get("columnLineage", {}).get("fields", {}).items():
            for source in into["inputFields"]:
                if upstream := self.urn(source):
                    ends = ((upstream, source["field"]), (urn, column))
                    for dataset, name in ends:
                        tuple_of_two(f"urn:li:dataset:(urn:li:dataPlatform:{dataset},PROD),{name}")
                    self.columns.add((f"{upstream}.{source['field']}", f"{urn}.{column}"))

    def _native(self, column: Mapping[str, Any]) -> str:
        native = column.get("type")
        if native is None and self.version == "old":
            raise IngestionFailed("nativeDataType is required")
        return native or "unknown"

    def type_of(self, spelled: str | None) -> str:
        if self.version == "old":
            return _OLD.get(spelled or "", "Null")
        return _MAIN.get((spelled or "").lower(), "Null")

    def job(self, event: Mapping[str, Any]) -> tuple[str, str]:
        facets = event["run"].get("facets", {})
        engine = facets.get("processing_engine", {}).get("name")
        if engine is None and self.version == "old":
            raise IngestionFailed("Unable to determine orchestrator")
        name = event["job"]["name"]
        flow = name.split(".")[0]
        if not flow:
            raise IngestionFailed("an empty part of a URN")
        return f"{(engine or 'unknown').lower()},{flow}", name

    def urn(self, dataset: Mapping[str, Any]) -> str | None:
        """Platform and name; None where no URN can be made, and the dataset is lost without a word."""
        namespace, name = dataset["namespace"], dataset["name"]
        identifiers = dataset.get("facets", {}).get("symlinks", {}).get("identifiers", [])
        for one in (one for one in identifiers if one["type"] == "TABLE"):
            namespace = "glue" if one["namespace"].startswith(("arn:aws:glue:", "aws:glue:")) else "hive"
            name = re.sub("/", ".", one["name"].removeprefix("table/"))
        if "://" not in namespace and (self.version == "old" or "://" not in name):
            return f"{namespace},{name}"
        joined = namespace if "://" in namespace else ""
        address = joined + ("" if not joined or joined.endswith("/") or name.startswith("/") else "/") + name
        if _NO_URI.search(address):
            return None
        scheme, _, rest = address.partition("://")
        if scheme in _FILES:
            return f"{_FILES[scheme]},{rest.rstrip('/')}"
        return f"{_PLATFORMS.get(scheme, scheme)},{name}"


def checked(urn: str) -> str:
    """The URN, if `UrnValidationUtil` accepts it in its strict mode."""
    if len(quote_plus(urn)) > 512 or "\u241f" in urn:
        raise IngestionFailed(urn)
    balanced(urn)
    if urn.startswith("urn:li:dataset:("):
        tuple_of_two(urn.removeprefix("urn:li:dataset:(urn:li:dataPlatform:").removesuffix(",PROD)"))
    if urn.startswith("urn:li:dataJob:("):
        flow, _, job = urn.removeprefix("urn:li:dataJob:(").removesuffix(")").partition(",NS),")
        tuple_of_two(f"{flow.removeprefix('urn:li:dataFlow:(').replace(',', ';', 1)},{job}")
    return urn


def tuple_of_two(text: str) -> None:
    """Check that a tuple has two parts, without reserved characters in the last one."""
    depth, parts = 0, [""]
    for mark in text:
        depth += (mark == "(") - (mark == ")")
        if mark == "," and not depth:
            parts.append("")
        else:
            parts[-1] += mark
    if depth or len(parts) != 2 or any(mark in parts[1] for mark in "()"):
        raise IngestionFailed(text)


def balanced(text: str) -> None:
    if text.count("(") != text.count(")"):
        raise IngestionFailed(text)
