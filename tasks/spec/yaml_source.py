"""A YAML file with the line of every value, so that messages can point at mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.parser import ParserError
from ruamel.yaml.scanner import ScannerError

from satisfice.domain.errors import UserError
from satisfice.tasks.spec.mistakes import Mistake, Path, Spot

_QUOTES = "put quotes around text that contains any of : # , [ ] { }"
_SPACES = "indent with spaces"


class _PlainConstructor(SafeConstructor):
    """Reads dates as text, since no value of a study is a date."""


_PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


@dataclass(frozen=True)
class _Place:
    line: int  # from 0
    column: int  # from 0
    width: int  # 0: nothing is underlined


@dataclass(frozen=True)
class Source:
    """A YAML file as text and as data.

    Attributes:
        path: The file as messages name it.
        text: Its content.
        data: The content as Python values (YAML 1.2: `1e-4` is a number, `no` is text).
    """

    path: str
    text: str
    data: Any
    _root: Node

    def refuse(self, mistakes: Iterable[Mistake]) -> None:
        """Raise all mistakes as one error, ordered by line; do nothing if there are none.

        Raises:
            UserError: The message names file and line, and shows the place.
        """
        found = sorted(((self._place(one), one) for one in mistakes), key=lambda pair: pair[0].line)
        if len(found) == 1:
            place, mistake = found[0]
            raise UserError(self._told(place, mistake), mistake.hint)
        if found:
            blocks = (str(UserError(self._told(place, one), one.hint)) for place, one in found)
            raise UserError("\n".join(blocks), f"{len(found)} mistakes in {self.path}")

    def line(self, path: Path) -> int:
        """Return the line of an existing value, counted from 1."""
        return int(self._find(path)[1].start_mark.line) + 1

    def _told(self, place: _Place, mistake: Mistake) -> str:
        told = f"{self.path}:{place.line + 1}: {mistake.message}"
        if mistake.within is not None and not place.width:  # folded, so that columns do not match
            pointer = mistake.within.pointer().splitlines()
            return "\n    ".join([told, *pointer])
        return told + _excerpt(self.text, place)

    def _place(self, mistake: Mistake) -> _Place:
        key, node = self._find(mistake.path)
        if mistake.spot is Spot.VALUE and mistake.within is None:
            return self._extent(node if _has_extent(node) else key or node)
        if mistake.within is not None:
            return self._inside(node, mistake)
        begin = (key or node).start_mark
        if mistake.spot is Spot.SECTION:
            return _Place(begin.line, begin.column, 0)
        return self._extent(key or node)

    def _find(self, path: Path) -> tuple[Node | None, Node]:
        key, node = None, self._root
        for step in path:
            pairs = node.value if isinstance(node, MappingNode) else []
            if isinstance(node, SequenceNode) and isinstance(step, int):
                key, node = None, node.value[step]
                continue
            for one, value in pairs:
                if one.value == str(step):
                    key, node = one, value
        return key, node

    def _extent(self, node: Node) -> _Place:
        begin, end = node.start_mark, node.end_mark
        line = self.text.splitlines()[begin.line] if self.text else ""
        until = end.column if end.line == begin.line else len(line.rstrip())
        return _Place(begin.line, begin.column, max(until - begin.column, 1))

    def _inside(self, node: Node, mistake: Mistake) -> _Place:
        error, begin = mistake.within, node.start_mark
        assert error is not None  # noqa: S101 - for the type checker
        lines = self.text.splitlines()
        # Text in quotes begins a column later, text in a block (| or >) a line later.
        for at, after in ((begin.line, begin.column), (begin.line + 1, 0)):
            column = lines[at].find(error.text.rstrip(), after) if at < len(lines) else -1
            if column >= 0:
                return _Place(at, column + error.column, error.width)
        return _Place(begin.line, begin.column, 0)


def _has_extent(node: Node) -> bool:
    """Tell whether a value can be underlined: a scalar that is not empty, or a flow collection."""
    if isinstance(node, ScalarNode):
        return bool(node.value)
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def _excerpt(text: str, place: _Place) -> str:
    if not place.width:
        return ""
    line = text.splitlines()[place.line].replace("\t", " ").rstrip()
    indent = len(line) - len(line.lstrip())
    return f"\n    {line[indent:]}\n    {' ' * (place.column - indent)}{'^' * place.width}"


def parse(path: str, text: str) -> Source:
    """Read the text of a YAML file.

    Args:
        path: The file as messages name it.
        text: Its content.

    Raises:
        UserError: It is not YAML, it is empty, or a key is given twice.
    """
    reader = YAML(typ="safe", pure=True)
    reader.Constructor = _PlainConstructor
    try:
        root = reader.compose(text)
        if root is None:
            raise UserError(f"{path}:1: the file is empty, expected a study")
        Source(path, text, None, root).refuse(_twice(root))
        return Source(path, text, reader.constructor.construct_document(root), root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _Place(mark.line, mark.column, 1) if mark else _Place(0, 0, 0)
        place = _within(text, place)
        told = f"{path}:{place.line + 1}: this is not YAML: {error.problem}"
        notation = isinstance(error, ScannerError | ParserError)
        hint = _SPACES if "\\t" in error.problem else _QUOTES if notation else ""
        raise UserError(told + _excerpt(text, place), hint) from None
    except YAMLError as error:  # a character that is not allowed
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise UserError(f"{path}:{line}: {str(error).splitlines()[0]}") from None
    except ValueError as error:  # a number with thousands of digits
        raise UserError(f"{path}: this is not YAML: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: it is nested too deeply for a study") from None


def _within(text: str, place: _Place) -> _Place:
    lines = text.splitlines() or [""]
    if place.line < len(lines):
        return place
    return _Place(len(lines) - 1, len(lines[-1]), 1)


def _twice(root: Node) -> Iterator[Mistake]:
    """Yield the keys that are given twice in one mapping, of which only the last would count."""
    for path, node in _nodes(root):
        first: dict[str, int] = {}
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            name = str(key.value)
            if name in first:
                told = f"key {name!r} is given twice, expected once"
                before = f"the first is in line {first[name]}"
                yield Mistake((*path, name), f"{told}; {before}", spot=Spot.KEY)
            first.setdefault(name, key.start_mark.line + 1)


def _nodes(root: Node) -> Iterator[tuple[Path, Node]]:
    seen: set[int] = set()  # an alias may refer to a node that contains it
    todo: list[tuple[Path, Node]] = [((), root)]
    while todo:
        path, node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield path, node
        if isinstance(node, SequenceNode):
            todo += [((*path, at), one) for at, one in enumerate(node.value)]
        elif isinstance(node, MappingNode):
            todo += [((*path, str(key.value)), value) for key, value in node.value]
