"""Compile several artefacts into one program for this machine and run it on rows."""

import subprocess

import numpy as np

from selective_query.export._c.toolchain import CFLAGS, HOST_FLAGS, sources

SANITISERS = (
    "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
)  # fmt: skip
RENAMED = """\
#define sq_decide sq_decide_{i}
#define sq_call sq_call_{i}
#include "{folder}/sq_model.c"
#include "{folder}/{header}"
"""
MAIN = """\
#include <stdio.h>

{declared}

typedef void call(const float *, float *);
static const struct {{ call *run; int n_inputs, n_outputs, n_rows; }} calls[] = {{
{listed}
}};

int main(void)
{{
    static float input[{most_inputs}], output[{most_outputs}];
    for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {{
        for (int row = 0; row < calls[i].n_rows; row++) {{
            for (int j = 0; j < calls[i].n_outputs; j++) output[j] = 0;
            size_t n = calls[i].n_inputs;
            if (fread(input, sizeof(float), n, stdin) != n) return 1;
            calls[i].run(input, output);
            fwrite(output, sizeof(float), calls[i].n_outputs, stdout);
        }}
    }}
    return 0;
}}
"""


def run_on_rows(made, calls, rows, sanitised):
    """Return the outputs of several decision functions for their rows.

    Parameters
    ----------
    made : Path
        A folder for the compiled files.
    calls : list of (Path, Call)
        Folder of each decision function, and how to call it on a row.
    rows : list of ndarray of shape (n_rows, n_inputs), float32
    sanitised : bool
        Whether to compile with the sanitisers of addresses and undefined behaviour.

    Returns
    -------
    list of ndarray of shape (n_rows, n_outputs), float32
    """
    files = [calls[0][0] / "sq_ops.c"]
    for i, (folder, call) in enumerate(calls):
        (folder / call.header).write_text(call.source)
        files.append(made / f"renamed_{i}.c")
        files[-1].write_text(
            RENAMED.format(i=i, folder=folder.name, header=call.header)
        )
    return _run(made, files, [(f"sq_call_{i}", call) for i, (_, call) in
                              enumerate(calls)], rows, sanitised)  # fmt: skip


def run_net(folder, call, rows, sanitised):
    """Return the outputs of a net alone for its rows, shape (n_rows, n_outputs)."""
    files = sources(folder)
    return _run(folder, files, [(call.function, call)], [rows], sanitised)[0]


def _run(made, files, named, rows, sanitised):
    """Compile the files with a main that runs each function on its rows, and run it."""
    (made / "fed_main.c").write_text(
        MAIN.format(
            declared="\n".join(f"void {f}(const float *, float *);" for f, _ in named),
            listed="\n".join(
                f"    {{{f}, {call.n_inputs}, {call.n_outputs}, {len(of_call)}}},"
                for (f, call), of_call in zip(named, rows, strict=True)
            ),
            most_inputs=max(call.n_inputs for _, call in named),
            most_outputs=max(call.n_outputs for _, call in named),
        )
    )
    flags = [*CFLAGS, *HOST_FLAGS, *(SANITISERS if sanitised else ())]
    program = made / "fed"
    command = ["cc", *flags, *files, made / "fed_main.c", "-o", program, "-lm"]
    _checked(command)
    given = b"".join(np.ascontiguousarray(r, np.float32).tobytes() for r in rows)
    flat = np.frombuffer(_checked([program], given), np.float32)
    sizes = [len(r) * call.n_outputs for (_, call), r in zip(named, rows, strict=True)]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return [
        part.reshape(len(r), -1) for part, r in zip(parts, rows, strict=True)
    ]  # fmt: skip


def _checked(command, given=None):
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-4000:])
    return done.stdout
