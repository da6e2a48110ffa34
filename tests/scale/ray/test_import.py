"""Without Ray the library works, and names the missing package where it is needed."""

import subprocess
import sys


def test_the_extra_is_named_where_ray_is_missing():
    code = (
        "import sys; sys.modules['ray'] = None; import selective_query.scale;"
        "import selective_query.scale.ray"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: selective_query.scale.ray needs Ray")
    assert "pip install 'selective-query[ray]'" in last
