"""Rows made from how templates use their variables: what has keys, what is looped over, what is compared with a number."""

import random
from typing import Any, NamedTuple

from jinja2 import nodes

TEXT_METHODS = frozenset(["split", "lower", "upper", "strip", "replace", "startswith", "index", "join", "capitalize", "title"])
OTHER_METHODS = frozenset(["append", "update", "pop", "items", "keys", "values", "get", "extend", "insert", "remove", "count"])
LIST_FILTERS = frozenset(["join", "choice", "random", "most_frequent", "list", "map", "select", "selectattr", "reject"])
LIST_FILTERS |= {"rejectattr", "unique", "sort", "min", "max", "sum", "first", "last"}
NUMBER_FILTERS = frozenset(["round", "abs", "int", "float"])
WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "mat",
    "rain",
    "why?",
    "(A)",
    "yes,",
    "7",
    "3.5",
    "New",
    "York",
    "|",
    "Ünder",
    "'q'",
    "x_y\n",
)


class Uses(NamedTuple):
    """How often a variable, or a part of one, is used as each kind; and what it is compared with. A path has "[]" for items."""

    kinds: dict[tuple[str, ...], dict[str, int]]
    compared: dict[tuple[str, ...], list[Any]]


def uses(trees: list[nodes.Template]) -> Uses:
    found = Uses({}, {})
    for tree in trees:
        names: dict[str, tuple[str, ...]] = {}
        for _ in range(2):  # a name may be used before the loop that explains it is met
            for node in tree.find_all(nodes.Node):
                _note(node, names, found)
    return found


def _path(node: nodes.Node, names: dict[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    if isinstance(node, nodes.Name):
        return names.get(node.name, (node.name,))
    if isinstance(node, nodes.Getattr):
        base = _path(node.node, names)
        return None if base is None or node.attr in TEXT_METHODS | OTHER_METHODS else (*base, node.attr)
    if isinstance(node, nodes.Getitem):
        base = _path(node.node, names)
        if base is None or isinstance(node.arg, nodes.Slice):
            return base
        return (*base, node.arg.value if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) else "[]")
    if isinstance(node, nodes.Filter) and node.node is not None and node.name in LIST_FILTERS | {"trim", "default"}:
        return _path(node.node, names)
    return None


def _note(node: nodes.Node, names: dict[str, tuple[str, ...]], found: Uses) -> None:
    def note(about: nodes.Node | None, kind: str) -> tuple[str, ...] | None:
        path = None if about is None else _path(about, names)
        if path is not None:
            kinds = found.kinds.setdefault(path, {})
            kinds[kind] = kinds.get(kind, 0) + 1
        return path

    if isinstance(node, nodes.For):
        looped = node.iter
        over = looped.args if isinstance(looped, nodes.Call) else [looped]
        targets = node.target.items if isinstance(node.target, nodes.Tuple) else [node.target]
        for target, items in zip(targets, over, strict=False):
            path = note(items, "int" if getattr(getattr(looped, "node", None), "name", "") == "range" else "list")
            if path is not None and isinstance(target, nodes.Name):
                names[target.name] = (*path, "[]")
    elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
        path = _path(node.node, names)
        if path is not None and path != (node.target.name,):
            names[node.target.name] = path
    elif isinstance(node, nodes.Getitem):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            note(node.node, "dict")
        elif isinstance(node.arg, nodes.Slice):
            note(node.node, "text")
            for bound in (node.arg.start, node.arg.stop):
                note(bound, "int")
        else:
            note(node.node, "list")
            note(node.arg, "int")
    elif isinstance(node, nodes.Getattr):
        note(node.node, "text" if node.attr in TEXT_METHODS else "list" if node.attr in OTHER_METHODS else "dict")
    elif isinstance(node, nodes.Filter):
        note(node.node, "list" if node.name in LIST_FILTERS else "int" if node.name in NUMBER_FILTERS else "text")
    elif isinstance(node, nodes.Compare):
        for operand in node.ops:
            if isinstance(operand.expr, nodes.Const) and (path := _path(node.expr, names)) is not None:
                found.compared.setdefault(path, []).append(operand.expr.value)
    elif isinstance(node, nodes.Add | nodes.Sub | nodes.Mul | nodes.Mod | nodes.Div):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(other, nodes.Const):
                note(side, "int" if isinstance(other.value, int) else "text")
    elif isinstance(node, nodes.Output):
        for child in node.nodes:
            note(child, "text")


def make_row(names: frozenset[str], found: Uses, rng: random.Random) -> dict[str, Any]:
    return {name: _value((name,), found, rng) for name in sorted(names)}


def _value(path: tuple[str, ...], found: Uses, rng: random.Random, depth: int = 0) -> Any:
    if rng.random() < 0.05:
        return _anything(rng)
    kinds = found.kinds.get(path, {})
    keys = {other[len(path)] for other in found.kinds if len(other) > len(path) and other[: len(path)] == path}
    if keys - {"[]"} and depth < 6:
        return {key: _value((*path, key), found, rng, depth + 1) for key in sorted(keys - {"[]"})}
    compared = found.compared.get(path, [])
    if compared and rng.random() < 0.7:
        return rng.choice(compared)
    if ("[]" in keys or kinds.get("list")) and depth < 6 and rng.random() < 0.95:
        return [_value((*path, "[]"), found, rng, depth + 1) for _ in range(rng.choice((0, 1, 2, 3, 4, 5)))]
    if kinds.get("int") and rng.random() < 0.95:
        return rng.choice((0, 0, 1, 1, 2, 3, -1))
    return _text(rng)


def _anything(rng: random.Random) -> Any:
    """Returns a value of a kind that the templates give no reason for."""
    texts = [_text(rng) for _ in range(rng.randrange(7))]
    return rng.choice(
        (None, True, 4, 0.5, "7", "0.25", "a b c d e f g h i j", texts, {"text": texts, "label": texts}, texts[:1] * 9)
    )


def _text(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randrange(0, 30)))
