"""The words of a shown statement, some of them hidden."""

from __future__ import annotations

from collections.abc import Sequence

ENDS = frozenset({",", ")", ";", "]"})


class Hidden:
    """Words, some of them hidden; consecutive hidden words are one `?`."""

    def __init__(self, words: list[str], spaced: list[bool]) -> None:
        self.words = words
        self.spaced = spaced
        self._gone = [False] * len(words)
        self._end = len(words)

    def hide(self, start: int, end: int) -> None:
        if start < min(end, len(self.words)) and not self._gone[start]:
            self.words[start] = "?"
            self._gone[start + 1 : end] = [True] * (min(end, len(self.words)) - start - 1)

    def is_hidden(self, i: int) -> bool:
        return self._gone[i] or self.words[i] == "?"

    def cut(self, marks: frozenset[str], end: int) -> None:
        """Remove everything from the first of these marks on, if it is before `end` and within a word."""
        shown = (
            i for i, word in enumerate(self.words[:end]) if word in marks and not (self._gone[i] or self.spaced[i])
        )
        self._end = next(shown, len(self.words))

    def result(self) -> tuple[list[str], list[bool]]:
        """The remaining words; `?` alone if the first word is hidden (an address): the text is no statement then."""
        if self.words[:1] == ["?"]:
            return ["?"], [False]
        if True not in self._gone and self._end == len(self.words):
            return self.words, self.spaced
        kept = [i for i, gone in enumerate(self._gone[: self._end]) if not gone]
        return [self.words[i] for i in kept], [self.spaced[i] for i in kept]


def after_name(upper: Sequence[str], i: int) -> int:
    """The position after the dotted name at i."""
    end = i + 1
    while end + 1 < len(upper) and upper[end] == ".":
        end += 2
    return min(end, len(upper))


def closing(upper: Sequence[str], i: int) -> int:
    """The index of the parenthesis that closes the one at i, or the number of words."""
    depth = 0
    for k in range(i, len(upper)):
        depth += (upper[k] == "(") - (upper[k] == ")")
        if not depth:
            return k
    return len(upper)


def end_of_word(upper: Sequence[str], spaced: Sequence[bool], i: int) -> int:
    """The position after the words that follow the one at i without a blank (`p@ss/w0rd`)."""
    end = i + 1
    while end < len(upper) and not spaced[end] and upper[end] not in ENDS:
        end += 1
    return end
