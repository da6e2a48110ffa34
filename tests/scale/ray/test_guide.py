"""The guide's examples for Ray run, and agree with the hybrid."""

import doctest
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray.serve")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::ray"),  # Ray's own, of its own calls
]
GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "scale.rst"
CODE = re.compile(r"code-block:: python\n\n((?:   .*\n|\n)+)")


def test_the_guide_runs(ray_cluster):
    from ray import serve

    text = GUIDE.read_text()
    before = doctest.DocTestParser().get_examples(text)
    found = {}
    for example in before:
        exec(compile(example.source, GUIDE.name, "single"), found)
    codes = [textwrap.dedent(code) for code in CODE.findall(text)]
    assert len(codes) == 3
    serve.start(http_options={"host": "127.0.0.1", "port": 18438})
    try:
        for code in codes:
            exec(code, found)
    finally:
        serve.shutdown()
    hybrid, X = found["hybrid"], found["X_new"]
    assert found["outcomes"].n_rows == len(found["X"])
    np.testing.assert_array_equal(found["labels"], hybrid.predict(X))
    np.testing.assert_array_equal(found["answer"]["labels"], hybrid.predict(X[:5]))
    queried = ~hybrid.predict_coverage(X[:5])
    np.testing.assert_array_equal(found["answer"]["queried"], queried)
