import numpy as np
import pytest

from selective_query.costs import ESP32_S3, STM32F746, STM32U575
from selective_query.exceptions import DeviceLimitError, ExportError
from selective_query.export._c import emulator, firmware, toolchain

needs_compiler = pytest.mark.skipif(
    not toolchain.is_installed(), reason="needs the cross compiler"
)
needs_emulator = pytest.mark.skipif(
    not emulator.is_installed(), reason="needs the cross compiler and an emulator"
)
CALL = toolchain.Call("sq_model.h", "sq_decide", 4, "float", np.dtype("<f4"), 2)
HEADER = "void sq_decide(const float *input, float *output);\n"
MODEL = """
#include <math.h>
#include "sq_model.h"

{before}
void sq_decide(const float *input, float *output)
{{
    volatile float sum[{n}];
    for (int i = 0; i < {n}; i++)
        sum[i] = input[i % 4];
    output[0] = sum[0] + sum[3];
    output[1] = {expression};
}}
"""


@pytest.fixture
def write(tmp_path):
    def write(n=8, expression="expf(input[1])", before=""):
        (tmp_path / "sq_model.h").write_text(HEADER)
        text = MODEL.format(n=n, expression=expression, before=before)
        (tmp_path / "sq_model.c").write_text(text)
        (tmp_path / "main.c").write_text("#error runs the test vectors\n")
        return tmp_path

    return write


@needs_compiler
def test_linked_sizes_are_measured(write):
    small = firmware.link(write(expression="input[1]"), STM32F746, CALL)
    library = firmware.link(write(), STM32F746, CALL)
    table = "static const float table[1000] = {1, 2, 3};\nstatic float past[500];"
    large = firmware.link(
        write(40, "past[(int)input[0]]++ + table[(int)input[2]]", table),
        STM32F746,
        CALL,
    )
    assert (small.device, small.core) == ("STM32F746", "cortex-m7")
    assert 200 < small.flash_bytes < library.flash_bytes < 5000
    assert small.sram_bytes == 4 * 4 + 2 * 4
    assert large.sram_bytes == small.sram_bytes + 2000
    assert large.flash_bytes > 4000
    assert 8 * 4 <= small.stack_bytes < 8 * 4 + 32
    assert small.stack_bytes + 100 < library.stack_bytes <= small.stack_bytes + 160
    assert 160 <= large.stack_bytes < 256
    assert firmware.link(write(), STM32U575, CALL).core == "cortex-m33"


@needs_compiler
@pytest.mark.parametrize(
    ("before", "expression", "words"),
    [
        (
            "static float past[90000];",
            "past[(int)input[0]]++",
            "360,.* 32,... too many",
        ),
        ("static const float t[300000] = {1};", "t[(int)input[0]]", "flash_bytes"),
    ],
)
def test_artefacts_that_do_not_fit_report_the_excess_bytes(
    write, before, expression, words
):
    with pytest.raises(DeviceLimitError, match=words) as caught:
        firmware.link(write(8, expression, before), STM32F746, CALL)
    (memory,) = caught.value.report.memories
    assert memory.headroom < 0


def test_a_device_without_a_core_is_refused(tmp_path):
    with pytest.raises(ExportError, match=r"ESP32-S3 has no core .*cortex-m7"):
        firmware.link(tmp_path, ESP32_S3, CALL)
    with pytest.raises(ExportError, match="core must be one of cortex-m4, cortex-m7"):
        emulator.run(tmp_path, "cortex-m33", CALL, np.zeros((1, 4)))


@needs_compiler
@pytest.mark.parametrize(
    ("before", "expression", "words"),
    [
        ("static float f(float x) { return x > 0 ? x * f(x / 2) + f(x / 3) : 1; }",
         "f(input[0])", "calls itself"),
        ("float (*f)(float);", "f(input[0])", "through a pointer"),
        ("static float f(int n) { volatile float a[n]; a[n / 2] = 1; return a[1]; }",
         "f((int)input[0])", "dynamic size"),
    ],
)  # fmt: skip
def test_a_stack_without_a_bound_is_refused(write, before, expression, words):
    with pytest.raises(ValueError, match=words):
        firmware.link(write(8, expression, before), STM32F746, CALL)


@needs_compiler
def test_compiler_messages_are_passed_on(write):
    with pytest.raises(RuntimeError, match="undeclared"):
        firmware.link(write(expression="unknown"), STM32F746, CALL)


@needs_emulator
@pytest.mark.parametrize("core", emulator.MACHINES)
def test_the_emulator_answers_and_counts(write, core):
    X = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    few = emulator.run(write(16, "input[1] * 3"), core, CALL, X)
    many = emulator.run(write(1016, "input[1] * 3"), core, CALL, X)
    np.testing.assert_array_equal(few.outputs[:, 0], X[:, 0] + X[:, 3])
    np.testing.assert_array_equal(few.outputs[:, 1], X[:, 1] * np.float32(3))
    assert 3000 < many.instructions - few.instructions < 15_000
    assert many.stack_bytes - few.stack_bytes == pytest.approx(4000, abs=8)
    assert emulator.run(write(16, "input[1] * 3"), core, CALL, X).instructions == (
        few.instructions
    )


@needs_emulator
def test_the_stack_that_is_seen_is_within_the_bound(write):
    folder = write(100, "expf(input[1]) + logf(input[2])")
    bound = firmware.link(folder, STM32F746, CALL).stack_bytes
    seen = emulator.run(folder, "cortex-m7", CALL, np.ones((3, 4))).stack_bytes
    assert 400 <= seen <= bound + firmware.STACK_RESERVE


def test_tools_that_are_missing_are_named(write, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not toolchain.is_installed() and not emulator.is_installed()
    with pytest.raises(RuntimeError, match="gcc is not installed. Install it with apt"):
        firmware.link(write(), STM32F746, CALL)
    with pytest.raises(RuntimeError, match="gcc is not installed"):
        emulator.run(write(), "cortex-m4", CALL, np.zeros((1, 4)))
