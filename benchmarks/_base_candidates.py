"""Candidate bases: cheap models of several families, sizes and regularisations."""

from functools import partial

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

_tree = partial(DecisionTreeClassifier, random_state=0)
_forest = partial(ExtraTreesClassifier, random_state=0)


def _scaled(*steps):
    return make_pipeline(StandardScaler(), *steps)


def _linear(C):
    return LogisticRegression(C=C, max_iter=100)


def _net(*widths, alpha=1e-4):
    return _scaled(
        MLPClassifier(
            widths, alpha=alpha, learning_rate_init=0.01, max_iter=25, random_state=0
        )
    )


CANDIDATES = {
    **{f"tree of depth {depth}": _tree(max_depth=depth) for depth in (2, 4, 7, 11)},
    "tree, grown out": _tree(),
    "tree, leaves of 5": _tree(min_samples_leaf=5),
    "tree, leaves of 20": _tree(min_samples_leaf=20),
    "forest of 5, depth 6": _forest(5, max_depth=6),
    "forest of 10, depth 10": _forest(10, max_depth=10),
    **{f"logistic, C={C:g}": _scaled(_linear(C)) for C in (0.001, 0.01, 0.1, 1, 30)},
    "logistic on 8 components": _scaled(PCA(8, random_state=0), _linear(1)),
    "logistic on 60 kernels": _scaled(
        Nystroem(n_components=60, gamma=0.05, random_state=0), _linear(10)
    ),
    **{
        f"naive Bayes, smoothing {share:g}": _scaled(GaussianNB(var_smoothing=share))
        for share in (0.001, 0.03, 0.3)
    },
    "linear discriminant": _scaled(
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
    ),
    "naive Bayes on 8 components": _scaled(PCA(8, random_state=0), GaussianNB()),
    **{
        f"{n} neighbours": _scaled(KNeighborsClassifier(n_neighbors=n))
        for n in (1, 5, 25)
    },
    **{f"net of {width}": _net(width) for width in (4, 8, 16, 32, 64)},
    "net of 32, decayed": _net(32, alpha=3.0),
}
