"""What datamodel-code-generator writes, made readable: descriptions as docstrings, not as Meta.

``text: Annotated[str, Meta(description="The words.")]`` becomes ``text: str`` with a docstring
below it. Constraints stay in Meta; examples and titles, which nothing reads, go.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from codegen.render import docstring

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["polish"]

_MARK = re.compile(r"^( *)(?:'|\"\"\")<docstring (\d+)>(?:'|\"\"\")$", re.MULTILINE)


def polish(source: str, title: str) -> str:
    """The same module with a title, a list of its names, and its descriptions as docstrings.

    Args:
        source: a module as datamodel-code-generator writes it.
        title: the module's docstring.

    Raises:
        SyntaxError: the source is not Python.
    """
    polisher = _Polisher()
    tree = polisher.visit(ast.parse(source))
    names = sorted(_public(tree.body))
    exported = ast.parse(f"__all__ = {names!r}").body[0]
    places = [index for index, node in enumerate(tree.body) if isinstance(node, _IMPORTS)]
    tree.body.insert(max(places, default=-1) + 1, exported)
    # ast.unparse writes a string below a field as an ordinary one, so docstrings follow as text.
    text = ast.unparse(ast.fix_missing_locations(tree))
    return f"{docstring(title)}\n\n{_MARK.sub(polisher.restore, text)}\n"


_IMPORTS = (ast.Import, ast.ImportFrom)


def _public(body: Iterable[ast.stmt]) -> Iterable[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _plain_default(field: ast.AnnAssign) -> None:
    """Make ``field(default_factory=list)`` an empty list, which msgspec copies each time."""
    if not isinstance(field.value, ast.Call) or len(field.value.keywords) != 1:
        return
    (keyword,) = field.value.keywords
    if keyword.arg == "default_factory" and isinstance(keyword.value, ast.Name):
        empty = {"dict": ast.Dict([], []), "list": ast.List([], ast.Load())}
        field.value = empty.get(keyword.value.id, field.value)


class _Polisher(ast.NodeTransformer):
    def __init__(self) -> None:
        self._descriptions: list[str] = []
        self._description = ""

    def restore(self, mark: re.Match[str]) -> str:
        """The docstring that a mark stands for."""
        margin = mark[1]
        return margin + docstring(self._descriptions[int(mark[2])], len(margin))

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = self._statements(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.body = self._statements(node.body)
        return node

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The statements with a mark for each docstring, and without needless ones."""
        kept: list[ast.stmt] = []
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                if not isinstance(kept[-1] if kept else None, ast.Expr):
                    kept.append(self._mark(str(statement.value.value)))
                continue
            self._description = ""
            if isinstance(statement, ast.AnnAssign):
                _plain_default(statement)
            kept.append(self.visit(statement))
            if isinstance(statement, ast.AnnAssign) and self._description:
                kept.append(self._mark(self._description))
        real = [node for node in kept if not isinstance(node, ast.Pass)]
        return real or [ast.Pass()]

    def _mark(self, text: str) -> ast.Expr:
        self._descriptions.append(text)
        return ast.Expr(ast.Constant(f"<docstring {len(self._descriptions) - 1}>"))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        if not (isinstance(node.value, ast.Name) and node.value.id == "Annotated"):
            return node
        if not isinstance(node.slice, ast.Tuple):
            return node
        kind, *extras = node.slice.elts
        kept = [extra for extra in extras if not self._emptied(extra)]
        if not kept:
            return kind
        node.slice.elts = [kind, *kept]
        return node

    def _emptied(self, extra: ast.expr) -> bool:
        """Take the description out of a Meta; whether nothing is left in it."""
        if not (isinstance(extra, ast.Call) and isinstance(extra.func, ast.Name)):
            return False
        constraints: list[ast.keyword] = []
        for keyword in extra.keywords:
            if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
                self._description = str(keyword.value.value)
            elif keyword.arg not in {"description", "examples", "title"}:
                constraints.append(keyword)
        extra.keywords = constraints
        return not constraints
