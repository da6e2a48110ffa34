"""Folders of C in practice: threads, compilers, other files, odd labels."""

import shutil
import subprocess
import threading

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from selective_query import HybridClassifier
from selective_query.export import EdgeClassifier, export_c
from selective_query.export._c.host import compile_c

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")

X, y = load_digits(return_X_y=True)
ODD = [
    "",
    'it\'s "q"',
    "é",
    "日本",
    "back\\slash",
    "what??!",
    "*/",
    "/*",
    "\n\x01",
    "😀1",
]


def hybrid_of(labels=y):
    base = GaussianNB(var_smoothing=0.1).fit(X[:600], labels[:600])
    other = SVC().fit(X[:600], labels[:600])
    return HybridClassifier(
        FrozenEstimator(base), FrozenEstimator(other), router="margin", coverage=0.8
    ).fit(X[600:1200], labels[600:1200])


@pytest.fixture(scope="module")
def hybrid():
    return hybrid_of()


def test_threads_do_not_interfere(hybrid, tmp_path):
    export_c(hybrid, tmp_path / "c")
    edge = EdgeClassifier(tmp_path / "c")
    expected, n_wrong = edge.predict_proba(X[1200:]), []

    def ask():
        for _ in range(5):
            n_wrong.append((edge.predict_proba(X[1200:]) != expected).any(axis=1).sum())

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert n_wrong == [0] * 30


@pytest.mark.parametrize("name", ["thesis.txt", "mine.c", "artefact.json"])
def test_files_of_others_are_not_lost(name, hybrid, tmp_path):
    folder = tmp_path / "c"
    if name == "artefact.json":  # of another tool
        folder.mkdir()
    else:
        export_c(hybrid, folder)
    (folder / name).write_text("{}")
    with pytest.raises(ValueError, match="of format 1|holds other files.*" + name):
        export_c(hybrid, folder)
    assert (folder / name).read_text() == "{}"


def test_build_products_of_make_may_be_replaced(hybrid, tmp_path):
    export_c(hybrid, tmp_path / "c")
    subprocess.run(["make", "-s", "run"], cwd=tmp_path / "c", check=True)
    assert (tmp_path / "c" / "sq_run").exists()
    export_c(hybrid, tmp_path / "c")
    assert not (tmp_path / "c" / "sq_run").exists()


def test_the_working_folder_is_not_replaced(hybrid, tmp_path, monkeypatch):
    (tmp_path / "c").mkdir()
    monkeypatch.chdir(tmp_path / "c")
    with pytest.raises(ValueError, match="must not be the working directory"):
        export_c(hybrid, ".")
    export_c(hybrid, "ein Ordner/é")
    assert EdgeClassifier("ein Ordner/é").predict(X[:3]).shape == (3,)


@pytest.mark.parametrize("compiler", ["cc -O1 -g", "env cc", ""])
def test_a_compiler_may_come_with_arguments(compiler, hybrid, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", compiler)
    report = export_c(hybrid, tmp_path / "c", example=X[1200:])
    assert report.decisions_equal == 597


def test_a_compiler_that_fails_is_named(hybrid, tmp_path, monkeypatch):
    monkeypatch.setenv("CC", "false")
    with pytest.raises(RuntimeError, match=r"false failed \(1\)"):
        export_c(hybrid, tmp_path / "c")
    assert not any(tmp_path.iterdir())


def test_labels_of_any_text_are_those_of_c(tmp_path):
    labels = np.array(ODD)
    hybrid = hybrid_of(labels[y])
    export_c(hybrid, tmp_path / "c", example=X[1200:])
    edge = EdgeClassifier(tmp_path / "c")
    np.testing.assert_array_equal(edge.classes_, hybrid.classes_)
    main = tmp_path / "labels.c"
    main.write_text(
        '#include <stdio.h>\n#include "sq_model.h"\nint main(void)\n{\n'
        "    const char *const labels[] = SQ_LABELS;\n"
        "    for (int k = 0; k < SQ_CLASSES; k++) {\n"
        "        fputs(labels[k], stdout);\n"
        "        putchar(7);\n    }\n    return 0;\n}\n"
    )
    compile_c([main, f"-I{tmp_path / 'c'}", "-Wall", "-Werror"], tmp_path / "labels")
    done = subprocess.run([tmp_path / "labels"], capture_output=True, check=True)
    assert done.stdout.decode().split("\7")[:-1] == hybrid.classes_.tolist()


def test_useless_arguments_are_refused(hybrid, tmp_path):
    policy = hybrid.policy_
    with pytest.raises(ValueError, match="calibration must be None for a policy"):
        export_c(policy, tmp_path / "c", calibration=(X[1200:], y[1200:]))
    with pytest.raises(ValueError, match="dtype of a policy or rule alone"):
        export_c(policy.rule_, tmp_path / "c", dtype="int8")
    with pytest.raises(ValueError, match="without y sets the activation ranges"):
        export_c(hybrid, tmp_path / "c", calibration=X[1200:])
