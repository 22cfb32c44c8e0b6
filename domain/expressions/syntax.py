"""Parsing the rule language into Python's syntax tree, with errors that point into the text."""

from __future__ import annotations

import ast

from satisfice.domain.errors import UserError

MAX_LENGTH = 500


class ExpressionError(UserError):
    """An expression with a mistake.

    Attributes:
        text: The expression as written.
        column: The position of the mistake, from 0.
        width: Its length in characters.
    """

    def __init__(self, message: str, text: str, column: int, width: int, hint: str = "") -> None:
        super().__init__(message, hint)
        self.text = text
        self.column = column
        self.width = max(width, 1)

    def pointer(self) -> str:
        """Return the expression with the mistake underlined, on two lines."""
        return f"{self.text.rstrip()}\n{' ' * self.column}{'^' * self.width}"


def parse(text: str) -> ast.expr:
    """Return the syntax tree of a text, with positions counted in characters of the text.

    Raises:
        ExpressionError: It is too long, empty, or not a Python expression.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"an expression has at most {MAX_LENGTH} characters, this one has {len(text)}",
            text[:60],
            0,
            60,
        )
    if not text.strip():
        raise ExpressionError("the expression is empty", text, 0, 1)
    lead = len(text) - len(text.lstrip())
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = lead + max((getattr(error, "offset", 1) or 1) - 1, 0)
        reason = getattr(error, "msg", None) or str(error)
        column = min(column, len(text.rstrip()) - 1)
        reason = "compare with ==" if text[column] == "=" else reason
        raise ExpressionError("this is not an expression", text, column, 1, reason) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset = lead + _characters(text[lead:], node.col_offset)
            node.end_col_offset = lead + _characters(text[lead:], node.end_col_offset or 0)
    return tree


def _characters(text: str, offset: int) -> int:
    """Convert an offset in bytes of UTF-8, as the parser counts, to one in characters."""
    return len(text.encode()[:offset].decode(errors="ignore"))


def dotted(node: ast.AST) -> str | None:
    """Return the name that a node reads, with dots, or None if it reads none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def refusal(text: str, node: ast.AST, message: str, hint: str = "") -> ExpressionError:
    """Return an error that points at a node of the syntax tree."""
    column = getattr(node, "col_offset", 0)
    width = (getattr(node, "end_col_offset", None) or column + 1) - column
    return ExpressionError(message, text, column, width, hint)
