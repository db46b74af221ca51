"""A transaction and its savepoints, as a store nests them: the effect of each step by the store's rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from prefect_lineage_events.sql.model import Control
from prefect_lineage_events.sql.transactions.rules import TransactionRules

Outcome = Literal["nothing", "commit", "rollback", "mark", "return", "merge"]


@dataclass(frozen=True, slots=True)
class Nesting:
    """An open transaction, or none. `savepoints` are the names of the savepoints that it can return to, oldest first.

    `begun`: a statement began it explicitly. `depth` counts BEGINs if the store does. `base`: the savepoint that began
    the transaction, and ends it. `failed`: a statement of it failed, and the store accepts only its end or a return to
    a savepoint.
    """

    is_open: bool = False
    begun: bool = False
    savepoints: tuple[str, ...] = ()
    depth: int = 0
    base: bool = False
    failed: bool = False

    def opened(self) -> Nesting:
        """A transaction that the driver or the store opened for a statement."""
        return self if self.is_open else replace(CLOSED, is_open=True, depth=1)

    def with_failure(self, failed: bool) -> Nesting:
        """The transaction after a failed statement, or after one that has not failed; a closed one cannot fail."""
        return replace(self, failed=failed and self.is_open)

    def after(self, control: Control, rules: TransactionRules) -> tuple[Nesting, Outcome, int]:
        """The nesting after a step, the effect of the step, and the index of its savepoint in `savepoints`.

        `mark`: a savepoint was set, replacing the one at that index if there is one. `return`: everything after the
        savepoint is undone; -1 is the start of the transaction. `merge`: everything after the savepoint belongs to what
        was before it, and the savepoint no longer exists.
        """
        step = control.step
        if step == "begin":
            return self._begin(rules)
        if step in ("commit", "prepare"):
            if self.depth > 1 and not self.failed and rules.nested_begin == "counted":
                return replace(self, depth=self.depth - 1), "nothing", -1
            return self._end(control, "rollback" if self.failed else "commit")
        if step == "savepoint":
            return self._set(control.name, rules)
        if step == "release":
            return self._release(control.name, rules)
        if step == "rollback_to" or (step == "rollback" and control.name in self.savepoints):
            return self._return(control.name)
        if step in ("rollback", "lost"):
            return self._end(control, "rollback")
        return self, "nothing", -1

    def _begin(self, rules: TransactionRules) -> tuple[Nesting, Outcome, int]:
        fresh = Nesting(is_open=True, begun=True, depth=1)
        if not self.is_open:
            return fresh, "nothing", -1
        if rules.nested_begin == "commits":
            return fresh, "commit", -1
        depth = self.depth + 1 if self.begun and rules.nested_begin == "counted" else self.depth
        return replace(self, begun=True, depth=depth), "nothing", -1

    def _end(self, control: Control, outcome: Outcome) -> tuple[Nesting, Outcome, int]:
        after = Nesting(is_open=True, begun=True, depth=1) if control.chain else CLOSED
        return after, outcome, -1

    def _set(self, name: str, rules: TransactionRules) -> tuple[Nesting, Outcome, int]:
        base = not self.is_open and rules.savepoint_begins
        opened = replace(self.opened(), base=self.base or base, begun=self.begun or base)
        index = len(self.savepoints)
        if rules.same_savepoint == "replaces" and name in self.savepoints:
            index = self.savepoints.index(name)
        kept = self.savepoints[:index] + self.savepoints[index + 1 :]
        return replace(opened, savepoints=(*kept, name)), "mark", index

    def _release(self, name: str, rules: TransactionRules) -> tuple[Nesting, Outcome, int]:
        index = self._index_of(name)
        if index == -1:
            return self, "nothing", -1
        if index == 0 and self.base:
            return CLOSED, "commit", -1
        return replace(self, savepoints=self.savepoints[:index]), "merge", index

    def _return(self, name: str) -> tuple[Nesting, Outcome, int]:
        """Return to a savepoint. One that was not seen was set before everything that is known."""
        index = self._index_of(name)
        kept = self.savepoints[: index + 1]
        return replace(self, savepoints=kept, failed=False), "return", index

    def _index_of(self, name: str) -> int:
        return next((i for i in range(len(self.savepoints) - 1, -1, -1) if self.savepoints[i] == name), -1)


CLOSED = Nesting()
