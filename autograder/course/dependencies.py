"""Which cells a check can depend on, told from the names that their sources use.

Told are names at the top level. What code reaches by other ways (a string that is evaluated, a
setting of the whole process) is not seen; so whoever relies on this looks again without it.
"""

from __future__ import annotations

import ast
import functools
import re
import symtable
from collections.abc import Iterable, Iterator, Sequence

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@functools.lru_cache(5000)
def names_used(source: str) -> frozenset[str]:
    """Return the global names that a cell uses, in its functions, too.

    Of a cell that does not parse (it holds a magic, or a mistake) every word counts.
    """
    try:
        tables = [symtable.symtable(source, "cell", "exec")]
    except (SyntaxError, ValueError):
        return frozenset(re.findall(r"\w+", source))
    found = set()
    for table in tables:  # which grows
        tables += table.get_children()
        is_top = table.get_type() == "module"
        found |= {each.get_name() for each in table.get_symbols() if is_top or each.is_global()}
    return frozenset(found)


@functools.lru_cache(5000)
def names_defined(source: str) -> frozenset[str]:
    """Return the global names that a cell may define, or whose objects it may change.

    Of a cell that does not parse every word counts.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return frozenset(re.findall(r"\w+", source))
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, DEFINITIONS):
            found.add(statement.name)
        else:
            found.update(name for node in ast.walk(statement) for name in _changed_by(node))
    return frozenset(found)


def _changed_by(node: ast.AST) -> Iterator[str]:
    """Yield the names that one node of a program stores, or stores something in."""
    if isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name))


def needed_for(names: Iterable[str], sources: Sequence[str]) -> set[int]:
    """Return the numbers of the cells that some names depend on.

    Args:
        names: that are looked up after the cells have run.
        sources: of the cells that run, in order.
    """
    found: set[int] = set()
    waiting = list(names)
    looked_up: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in looked_up:
            continue
        looked_up.add(name)
        for number, source in enumerate(sources):
            if number not in found and name in names_defined(source):
                found.add(number)
                waiting += names_used(source)
    return found
