"""How deep the stack of a C function grows, by the compiler's own figures."""

import re
from functools import cache

# What one call into the C library may take: it comes compiled, without figures.
LIBRARY_BYTES = 128
_NODE = re.compile(r'^node: { title: "([^"]+)"')
_EDGE = re.compile(r'^edge: { sourcename: "([^"]+)" targetname: "([^"]+)"')
_BYTES = re.compile(r"(\d+) bytes \((\w+)")


def stack_bound(call_graphs, function):
    """Bytes of stack below a function: the longest path through its calls.

    Each function on the path counts with what the compiler says it takes, and a call
    into the C library with 128 bytes.

    Parameters
    ----------
    call_graphs : iterable of Path
        That ``gcc -fcallgraph-info=su`` wrote, one for each source file.
    function : str

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When there is no bound: a function calls itself, calls by a pointer, or takes
        an amount that depends on values.
    """
    frames, calls = {}, {}
    for path in call_graphs:
        for line in path.read_text().splitlines():
            if edge := _EDGE.match(line):
                calls.setdefault(edge[1], set()).add(edge[2])
            elif (node := _NODE.match(line)) and (size := _BYTES.search(line)):
                frames[node[1]] = int(size[1])
                if size[2] == "dynamic" and "bounded" not in line:
                    raise ValueError(f"{node[1]} takes an amount that is not fixed.")
    above = []

    @cache
    def depth(name):
        if name == "__indirect_call":
            raise ValueError(f"{above[-1]} calls a function by a pointer.")
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
