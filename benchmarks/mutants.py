"""Mutation tests: would the tests detect a small mistake in the code that decides?

mutmut changes one thing at a time in the files that `pyproject.toml` names: a sign, a
bound, an argument, a default. A mutant is killed if a test that reaches its function
fails. Mutants that only change a message, or put None in place of a variable, are
uninformative and left out; from the others a sample is drawn for each file, the same
each time. Mutants proven to be equivalent are listed in `mutants_equivalent.json` with
the reason, and not counted. A killed mutant is not tried again until its function
changes, so a run can be interrupted; `rm -r mutants` starts from scratch, which is
needed after an existing test was extended. The exit status is 1 below the target.
"""

import argparse
import ast
import difflib
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from _harness import print_table
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import (
    get_mutant_name,
    mangled_name_from_mutant_name,
    orig_function_and_class_names_from_key,
)

HERE = Path(__file__).parent
ROOT = HERE.parent
EQUIVALENT = HERE / "mutants_equivalent.json"
AIM = 0.9
DEAD = {"killed", "timeout", "segfault"}


class Mutant(NamedTuple):
    """One change in one function; `was` and `becomes` are the differing lines."""

    path: str
    key: str
    function: str
    was: str
    becomes: str
    fingerprint: str

    @property
    def change(self):
        return self.function, self.was, self.becomes


def mutants_of(path):
    """Return all mutants of a file that change more than a message."""
    code = path.read_text()
    mutated = mutate_file_contents(str(path), code)
    lines = mutated.code.splitlines(keepends=True)
    text = {
        name: "".join(lines[span.start - 1 : span.end])
        for name, span in mutated.line_span_by_function_name.items()
    }
    for name in mutated.mutant_names:
        mangled = mangled_name_from_mutant_name(name)
        before, after = (
            re.sub(r"(def )\S+?(\()", r"\1_\2", text[which], count=1)
            for which in (f"{mangled}__mutmut_orig", name)
        )
        was, becomes = _difference(before, after)
        if _silent(before) == _silent(after) or re.fullmatch(
            r'[^=(]+ = (None|"")', becomes
        ):
            continue
        key = get_mutant_name(path, name)
        parts = orig_function_and_class_names_from_key(key)[::-1]
        function = f"{path}:{'.'.join(filter(None, parts))}"
        fingerprint = mutated.hash_by_function_name[mangled]
        yield Mutant(str(path), key, function, was, becomes, fingerprint)


def _difference(before, after):
    lines = list(
        difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    )[2:]
    return (
        "\n".join(line[1:].strip() for line in lines if line.startswith(sign))
        for sign in "-+"
    )


def _silent(function):
    """Return the function without its messages and without the strict check of zip."""

    class Silence(ast.NodeTransformer):
        def visit_Raise(self, node):
            return ast.Raise(exc=None, cause=None)

        def visit_JoinedStr(self, node):
            return ast.Constant("")

        def visit_Call(self, node):
            self.generic_visit(node)
            words = [word for word in node.keywords if word.arg != "strict"]
            return ast.Call(node.func, node.args, words)

        def visit_Constant(self, node):
            return ast.Constant("" if isinstance(node.value, str) else node.value)

    return ast.dump(Silence().visit(ast.parse(textwrap.dedent(function))))


def sampled(mutants, n):
    """Sample mutants by a hash of their text, independently of other lines."""

    def place(mutant):
        return hashlib.sha256(repr(mutant.change).encode()).hexdigest()

    return sorted(mutants, key=place)[:n]


def states(path):
    """Return the stored state of each mutant whose function has not changed since."""
    tried = SourceFileMutationData(path=path)
    tried.load()
    return {
        (key, tried.hash_by_function_name.get(_function(key))): status_by_exit_code[
            code
        ]
        for key, code in tried.exit_code_by_key.items()
    }


def _function(key):
    return mangled_name_from_mutant_name(key).rpartition(".")[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="path or part of it; default: all")
    parser.add_argument("--per-file", type=int, default=8)
    parser.add_argument("--all", action="store_true", help="every mutant")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    os.chdir(ROOT)
    paths = [
        path
        for path in sorted(Path("selective_query").rglob("*.py"))
        if config().should_mutate(path)
        and (not options.files or any(part in str(path) for part in options.files))
    ]
    known = {
        (entry["function"], entry["was"], entry["becomes"]): entry["why"]
        for entry in json.loads(EQUIVALENT.read_text())
    }
    chosen, equivalent = {}, defaultdict(int)
    for path in paths:
        sample = sampled(mutants_of(path), None if options.all else options.per_file)
        chosen[path] = [mutant for mutant in sample if mutant.change not in known]
        equivalent[path] = len(sample) - len(chosen[path])
    left = [
        mutant.key
        for path, mutants in chosen.items()
        for mutant in mutants
        if states(path).get((mutant.key, mutant.fingerprint)) not in DEAD
    ]
    if left:
        mutmut = Path(sys.executable).with_name("mutmut")
        command = [mutmut, "run", "--max-children", str(options.jobs), *left]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout[-5000:] + done.stderr[-5000:])
    alive = report(chosen, equivalent)
    sys.exit(alive > (1 - AIM) * sum(map(len, chosen.values())))


def report(chosen, equivalent):
    """Print the number killed in each file and the survivors; return their number."""
    rows, survivors = [], []
    for path, mutants in chosen.items():
        state = states(path)
        living = [m for m in mutants if state.get((m.key, m.fingerprint)) not in DEAD]
        survivors += living
        rows.append(
            {
                "file": str(path),
                "mutants": len(mutants),
                "killed": len(mutants) - len(living),
                "survived": len(living),
                "equivalent": equivalent[path],
            }
        )
    total = {name: sum(row[name] for row in rows) for name in rows[0] if name != "file"}
    print_table([*rows, {"file": "all", **total}], dict.fromkeys(rows[0], ""))
    for mutant in survivors:
        print(f"\n{mutant.key}\n{mutant.function}\n- {mutant.was}\n+ {mutant.becomes}")
    return len(survivors)


if __name__ == "__main__":
    main()
