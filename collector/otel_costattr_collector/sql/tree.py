"""The syntax tree that `EXPLAIN AST` prints, read strictly.

Each line is one node, its depth is its indentation and the number of its children is printed: a
text that does not add up is refused, so nothing can be hidden by a name that looks like a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from .errors import denied

_LINE: Final = re.compile(
    r"(?P<indent> *)(?P<kind>[A-Za-z:]+)(?P<text>(?: .*?)??)"
    r"(?: \(alias (?P<alias>.*?)\))?(?: \(children (?P<children>\d+)\))?",
    re.DOTALL,
)


@dataclass(slots=True, kw_only=True)
class Node:
    """One node of the tree.

    Attributes:
        kind: `Function`, `TableIdentifier`, ...
        text: The rest of its line without alias and count: a name or a literal.
        children: Its children, in order.
    """

    kind: str
    text: str
    children: list[Node] = field(default_factory=list)


def read_tree(printed: str) -> Node:
    """Return the root of a printed tree.

    Raises:
        SqlError: The text is no single tree whose counts add up.
    """
    root: Node | None = None
    path: list[tuple[Node, int]] = []
    for line in printed.removesuffix("\n").rstrip("\n").split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            raise _unreadable(line)
        node = Node(kind=match["kind"], text=match["text"].strip())
        depth = len(match["indent"])
        _close(path, depth)
        if depth != len(path) or (root is not None and not path):
            raise _unreadable(line)
        if path:
            path[-1][0].children.append(node)
        else:
            root = node
        path.append((node, int(match["children"] or 0)))
    _close(path, 0)
    if root is None:
        raise _unreadable(printed)
    return root


def _close(path: list[tuple[Node, int]], depth: int) -> None:
    while len(path) > depth:
        node, announced = path.pop()
        if len(node.children) != announced:
            raise _unreadable(node.kind)


def _unreadable(what: str) -> Exception:
    return denied(f"the query cannot be checked near {what.strip()[:60]!r}")
