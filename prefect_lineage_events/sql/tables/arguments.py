"""Arguments of a function call, as far as they are texts and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prefect_lineage_events.sql.names import Part
from prefect_lineage_events.sql.tables.recovery_names import read_parts
from prefect_lineage_events.sql.words import Kind, Words

Argument = str | tuple[Part, ...] | list[str] | None  # a text, a name, a list of texts; None: known only at run time


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call, by position and by name."""

    positional: Sequence[Argument]
    named: Mapping[str, Argument] = field(default_factory=dict)

    def at(self, position: int, *names: str) -> Argument:
        """The argument of one of these names, else the one at `position`; None if there is none."""
        for name in names:
            if name in self.named:
                return self.named[name]
        return self.positional[position] if position < len(self.positional) else None

    def text(self, position: int, *names: str) -> str | None:
        """The text of a literal, or of a bare name in its stead (ClickHouse: `remote('h', db, t)`)."""
        found = self.at(position, *names)
        if isinstance(found, tuple):
            return found[0][0] if len(found) == 1 else None
        return found if isinstance(found, str) else None


def arguments_at(words: Words, opening: int, dialect: str) -> Arguments:
    """The arguments in the parentheses that open at `opening`."""
    positional: list[Argument] = []
    named: dict[str, Argument] = {}
    for start, end in words.items(opening):
        key = words.word(start).lower() if words.word(start + 1) in ("=>", "=", ":=") else ""
        argument = _argument_at(words, start + 2 if key else start, end, dialect)
        if key:
            named[key] = argument
        else:
            positional.append(argument)
    return Arguments(positional, named)


def _argument_at(words: Words, at: int, end: int, dialect: str) -> Argument:
    if words.kind(at) == Kind.STRING and end == at + 1:
        return words.texts[at]
    parts, stop = read_parts(words, at, dialect) if words.is_name(at) else ([], at)
    return tuple(parts) if parts and stop == end else None
