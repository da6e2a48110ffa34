"""Bound the stack of a C function from the compiler's own figures."""

import re
from functools import cache

# Assumed stack of a call into the C library, which comes compiled, without figures.
LIBRARY_BYTES = 128
_NODE = re.compile(r'^node: { title: "([^"]+)"')
_EDGE = re.compile(r'^edge: { sourcename: "([^"]+)" targetname: "([^"]+)"')
_BYTES = re.compile(r"(\d+) bytes \((\w+)")


def stack_bound(call_graphs, function):
    """Return the stack bytes of a function: the deepest path through its calls.

    Each function on the path counts with the compiler's figure, and a call into the C
    library with 128 bytes.

    Parameters
    ----------
    call_graphs : iterable of Path
        Files written by ``gcc -fcallgraph-info=su``, one per source file.
    function : str

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there is no bound: a function is recursive, calls through a pointer, or
        has a frame of dynamic size.
    """
    frames, calls = {}, {}
    for path in call_graphs:
        for line in path.read_text().splitlines():
            if edge := _EDGE.match(line):
                calls.setdefault(edge[1], set()).add(edge[2])
            elif (node := _NODE.match(line)) and (size := _BYTES.search(line)):
                frames[node[1]] = int(size[1])
                if size[2] == "dynamic" and "bounded" not in line:
                    raise ValueError(f"{node[1]} has a stack frame of dynamic size.")
    above = []

    @cache
    def depth(name):
        if name == "__indirect_call":
            raise ValueError(f"{above[-1]} calls a function through a pointer.")
        if name not in frames:
            return LIBRARY_BYTES
        if name in above:
            raise ValueError(f"{name} calls itself.")
        above.append(name)
        below = max(map(depth, calls.get(name, ())), default=0)
        above.pop()
        return frames[name] + below

    if function not in frames:
        raise ValueError(f"No call graph has the function {function}.")
    return depth(function)
