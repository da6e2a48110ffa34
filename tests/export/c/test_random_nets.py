import shutil
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("bakenn")

from selective_query.export._c import toolchain
from selective_query.export._c.nets import int8_net
from selective_query.nets.training import NetClassifier
from tests.export.c.random_nets import random_net

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
SANITISERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1")
MAIN = """
#include <stdio.h>
#include "sq_net.h"

int main(void)
{
    static float input[SQ_NET_N_INPUTS], output[SQ_NET_N_OUTPUTS];
    while (fread(input, sizeof input, 1, stdin)) {
        sq_net(input, output);
        fwrite(output, sizeof output, 1, stdout);
    }
    return 0;
}
"""


def run_sanitised(folder, made, X):
    (folder / "main.c").write_text(MAIN)
    files = [*toolchain.sources(folder), folder / "main.c"]
    flags = [flag for flag in toolchain.CFLAGS if flag != "-O3"]
    subprocess.run(
        ["cc", *flags, *toolchain.HOST_FLAGS, *SANITISERS, *files, "-o",
         folder / "run", "-lm"],
        check=True,
    )  # fmt: skip
    done = subprocess.run(
        [folder / "run"], input=np.float32(X).tobytes(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return np.frombuffer(done.stdout, np.float32).reshape(len(X), made.n_outputs)


@pytest.mark.parametrize("seed", range(24))
def test_random_nets_put_out_the_bits_of_the_twin(seed, tmp_path):
    rng = np.random.default_rng(seed)
    net, shape = random_net(rng)
    X = rng.normal(size=(30, *shape)).astype(np.float32)
    net.train()
    with torch.no_grad():
        net(torch.as_tensor(X))
    net = NetClassifier.from_trained(net.eval(), range(3))
    made = int8_net(net, X, tmp_path, core=["cortex-m7", None][seed % 2])
    np.testing.assert_array_equal(
        run_sanitised(tmp_path, made, X), made.reference(X), err_msg=repr(net.module)
    )
