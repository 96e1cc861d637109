"""Where in a YAML file a key stands, for messages, and which keys are there twice: YAML itself takes the last."""

from collections.abc import Iterator

import yaml


def line_of(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Line (1-based) of the deepest part of ``location`` that exists in the file.

    Parameters
    ----------
    node : yaml.Node or None
        Root of the file, as ``yaml.compose`` gives it.
    location : tuple of int or str
        Keys and positions, from the root down.
    """
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                return line
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def repeated_keys(node: yaml.Node | None) -> Iterator[str]:
    """Tell every key that stands twice in one place, with the line (1-based) of the second."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                yield f"line {key.start_mark.line + 1}: {key.value} is there twice"
            seen.add(str(key.value))
            yield from repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from repeated_keys(value)
