"""Layer upon layer, as conda merges them. Pure.

A word comes from the layer that counts most. Lists are joined, what counts more first; tables are joined, and the layer
that counts more sets what both have. `#!top` puts an item of a list before all others, `#!bottom` behind them, and
`#!final` shuts out every layer that would count more.
https://www.anaconda.com/blog/conda-configuration-engine-power-users
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from kernel_iso.condarc.layers import Layer, Value


def word(layers: Sequence[Layer], name: str) -> str:
    """The text of a key, "" where nobody sets it.

    >>> word([Layer("", {"offline": Value("yes")}), Layer("", {"offline": Value("no")})], "offline")
    'no'
    """
    found = _counting(layers, name)
    return str(found[-1].value) if found else ""


def items(layers: Sequence[Layer], name: str) -> tuple[str, ...]:
    """The list of a key, each item once.

    >>> system, own = Value(("a", "b", "c"), flags=(("c", "top"), ("b", "bottom"))), Value(("d", "b"))
    >>> items([Layer("/etc", {"channels": system}), Layer("~", {"channels": own})], "channels")
    ('c', 'd', 'a', 'b')
    """
    found = _counting(layers, name)
    top = [item for value in found for item, flag in value.flags if flag == "top"]
    rest = [item for value in reversed(found) for item in value.value]
    # The lower layer's bottom ends up last.
    bottom = [item for value in reversed(found) for item, flag in value.flags if flag == "bottom"]
    behind = dict.fromkeys(reversed(bottom))
    return (*(item for item in dict.fromkeys((*top, *rest)) if item not in behind), *reversed(behind))


def pairs(layers: Sequence[Layer], name: str) -> dict[str, str]:
    """The table of a key.

    >>> system, own = Value({"a": "1", "b": "2"}, flags=(("a", "final"),)), Value({"a": "3", "b": "4"})
    >>> pairs([Layer("/etc", {"custom_channels": system}), Layer("~", {"custom_channels": own})], "custom_channels")
    {'a': '1', 'b': '4'}
    """
    return {key: str(value) for key, value in _joined(_counting(layers, name)).items()}


def lists(layers: Sequence[Layer], name: str) -> dict[str, tuple[str, ...]]:
    """The table of lists of a key; a list of the layer that counts more replaces another."""
    return {key: tuple(value) for key, value in _joined(_counting(layers, name)).items()}


def _joined(found: Iterable[Value]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    fixed: set[str] = set()
    for value in found:
        made |= {key: item for key, item in value.value.items() if key not in fixed}
        fixed |= {key for key, flag in value.flags if flag == "final"}
    return made


def _counting(layers: Sequence[Layer], name: str) -> list[Value]:
    """What the layers set, the lowest first, as far as the first one that is final."""
    found = []
    for layer in layers:
        if value := layer.values.get(name):
            found.append(value)
            if value.final:
                break
    return found
