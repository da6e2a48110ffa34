"""The cross compiler: build an image for a Cortex-M from a folder of C."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

COMPILER, SIZE = "arm-none-eabi-gcc", "arm-none-eabi-size"
INSTALL = (
    "Install it with apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi "
    "qemu-system-arm."
)
# No fused multiply-add: it would round once where the host rounds twice.
CFLAGS = ("-std=c11", "-O3", "-ffp-contract=off", "-ffunction-sections",
          "-fdata-sections")  # fmt: skip
# Keep Arm instructions out of kernels compiled for the host.
HOST_FLAGS = ("-D__GNUC_PYTHON__", "-D__RESTRICT=__restrict")
CORE_FLAGS = {
    "cortex-m4": ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"),
    "cortex-m7": ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16"),
    "cortex-m33": ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16"),
}
NOT_FLASHED = {"main.c", "sq_vectors.c"}  # only for the test vectors
_OVERFLOW = re.compile(r"region `(\w+)' overflowed by (\d+) bytes")


@dataclass(frozen=True)
class Call:
    """The C function called for each row: ``function(input, output)``.

    Parameters
    ----------
    header : str
        Header that declares it.
    function : str
    n_inputs : int
    output : str
        C type of the output.
    dtype : numpy.dtype
        NumPy dtype of the output.
    n_outputs : int, default=1
    input : str, default="float"
        C type of the input.
    source : str, default=""
        Text of the header, if the artefact has no suitable one.
    """

    header: str
    function: str
    n_inputs: int
    output: str
    dtype: np.dtype
    n_outputs: int = 1
    input: str = "float"
    source: str = ""

    @property
    def defines(self):
        """Compiler flags for the harness."""
        return (
            f'-DCALL_HEADER="{self.header}"', f"-DCALL_FUNCTION={self.function}",
            f"-DCALL_INPUT={self.input}", f"-DCALL_N_INPUT={self.n_inputs}",
            f"-DCALL_OUTPUT={self.output}", f"-DCALL_N_OUTPUT={self.n_outputs}",
        )  # fmt: skip


@dataclass(frozen=True)
class Memory:
    """Addresses and sizes of the memories, for the linker."""

    flash_at: int
    flash_bytes: int
    ram_at: int
    ram_bytes: int
    stack_bytes: int


class Overflow(Exception):
    """An image does not fit: ``excess`` contains bytes by memory name."""

    def __init__(self, excess):
        super().__init__(excess)
        self.excess = excess


def template(name):
    """Return the text of a template file."""
    return (files("selective_query.export._c") / "templates" / name).read_text()


def is_installed(*programs):
    """Whether all programs are on the path."""
    return all(shutil.which(program) for program in programs or (COMPILER, SIZE))


def sources(folder):
    """Return the C files of an artefact, without those for its test vectors."""
    return sorted(p for p in folder.glob("*.c") if p.name not in NOT_FLASHED)


def compiled(folder, core, call, out, *, defines=()):
    """Compile an artefact and a main that calls it; return the object files.

    Parameters
    ----------
    folder : Path
    core : str
        Key of `CORE_FLAGS`.
    call : Call
    out : Path
        Output folder, also for the compiler's call graphs (``*.ci``).
    defines : tuple of str
        Additional flags for the main.

    Returns
    -------
    list of Path
    """
    for name in ("sq_startup.c", "sq_harness.c"):
        (out / name).write_text(template(name))
    if call.source:
        (out / call.header).write_text(call.source)
    objects = []
    for source in (*sources(folder), out / "sq_startup.c", out / "sq_harness.c"):
        own = (*call.defines, *defines) if source.parent == out else ()
        objects.append(out / f"{source.stem}.o")
        _run(COMPILER, *_flags(core), *own, f"-I{folder}", f"-I{out}",
             "-fcallgraph-info=su", "-c", source, "-o", objects[-1])  # fmt: skip
    return objects


def linked(objects, core, memory, out):
    """Link the image, an ELF file; return its path.

    Raises
    ------
    Overflow
        When it does not fit a memory.
    """
    script, image = out / "linker.ld", out / "image.elf"
    script.write_text(_linker_script(memory))
    _run(COMPILER, *_flags(core), *objects, "-nostartfiles", "--specs=nano.specs",
         "-Wl,--gc-sections", f"-Wl,-T,{script}", "-lm", "-o", image)  # fmt: skip
    return image


def sections(image):
    """Return the bytes of flash and static RAM of an image, without the stack."""
    found = dict.fromkeys((".text", ".ARM.exidx", ".data", ".bss"), 0)
    for line in _run(SIZE, "-A", image).splitlines():
        name, *numbers = line.split() or [""]
        if name in found:
            found[name] = int(numbers[0])
    text, exidx, data, bss = found.values()
    return text + exidx + data, data + bss


def _flags(core):
    return *CORE_FLAGS[core], "-mthumb", "-mfloat-abi=hard", *CFLAGS


def _linker_script(memory):
    script = template("linker.ld")
    for name, value in vars(memory).items():
        script = script.replace(f"@{name.upper()}@", hex(value))
    return script


def _run(*command):
    if not is_installed(command[0]):
        raise RuntimeError(f"{command[0]} is not installed. {INSTALL}")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        excess = {name: int(n) for name, n in _OVERFLOW.findall(done.stderr)}
        if excess:
            raise Overflow(excess)
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
