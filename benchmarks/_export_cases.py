"""Data, bases and rules on which exports are measured."""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from selective_query import HybridClassifier, list_routers
from selective_query.budgets import All, Coverage, GroupCoverage, StayLocal
from selective_query.datasets import load_dataset
from selective_query.nets.training import NetClassifier
from selective_query.routers import member_votes

# Rows for the models, the router, the artefact's own threshold, and the comparison.
SIZES = {
    "digits": (400, 500, 300, 597),
    "letter": (1500, 1500, 1000, 5000),
    "covertype": (1500, 1500, 1000, 5000),
}
ALONE, NET = "rule alone", "net"
BASES = ("linear", "bayes", "perceptron", "forest", "boosted", "bins", "scaled", NET)
# The attributes of letters are small integers, and can serve as categories or words.
OF_WORDS = ("one-hot", "words")
# Combined with every base; all other routers with these two bases, and alone.
FEW = ("entropy", "benefit", "boosted_benefit")
ROUTED = ("linear", "boosted", ALONE)
RULED = ("linear", "forest")
HALF = 5.0


def halves(X):
    """Return two groups, by the values of one column."""
    return np.where(X[:, 2] > HALF, "large", "small")


def is_marked(X):
    return X[:, 3] > 3 * HALF


RULES = {
    "coverage": 0.8,
    "groups": All(Coverage(0.7), GroupCoverage(0.5, by=halves)),
    "classes": GroupCoverage(0.7, by="predicted_class"),
    "must stay": All(Coverage(0.7), StayLocal(is_marked)),
}


@dataclass(frozen=True)
class Case:
    """A hybrid to export: data, kind of labels, base, router and rule."""

    data: str
    labels: str
    base: str
    router: str
    rule: str

    @cached_property
    def rows(self):
        """Return (X, y) of each of the four parts of the data."""
        parts = rows_of(self.data)
        if self.labels == "text":
            parts = [(X, np.array([f"c{label}" for label in y])) for X, y in parts]
        if self.base in AS:
            parts = [(AS[self.base](X, self.data), y) for X, y in parts]
        return parts

    def fitted(self):
        """Return the hybrid; ValueError if the router cannot be fitted on this base."""
        features = {
            "energy": "logits", "mahalanobis": pca_of(self.data),
            "agreement": member_votes,
        }  # fmt: skip
        base = self.base
        if base == ALONE:
            base = "linear" if self.router == "energy" else "forest"
        return HybridClassifier(
            models_of(self.data, self.labels, base),
            models_of(self.data, self.labels, "global", base),
            router=self.router, coverage=RULES[self.rule], random_state=0,
            base_features=features.get(self.router),
        ).fit(*self.rows[1])  # fmt: skip


def cases(datasets):
    """Return each base with some routers, each router with some bases, each rule."""
    routers = list_routers(without_program=False)
    for data in datasets:
        found = [("numbers", b, r, "coverage") for b in (*BASES, ALONE) for r in FEW]
        found += [("numbers", b, r, "coverage") for r in routers for b in ROUTED]
        found += [
            (labels, base, "benefit", rule)
            for labels in ("numbers", "text")
            for base in RULED
            for rule in RULES
        ]
        if data == "letter":
            found += [("numbers", b, r, "coverage") for b in OF_WORDS for r in FEW]
        for key in dict.fromkeys(found):
            if key[2] != "agreement" or key[1] == ALONE:
                yield Case(data, *key)


@cache
def rows_of(name):
    """Return the rows of the data, in four parts."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        data = load_dataset(name)
        X, y = np.asarray(data.X, dtype=float), data.y
    ends = np.cumsum(SIZES[name])
    order = np.random.default_rng(0).permutation(len(y))[: ends[-1]]
    # As on a device.
    X = np.float32(X).astype(float)
    return [(X[rows], y[rows]) for rows in np.split(order, ends[:-1])]


def as_words(X, data):
    """Return each row as a text with one word per column."""
    return [" ".join(f"a{i}v{v:.0f}" for i, v in enumerate(row)) for row in X]


def standardised(X, data):
    """Return inputs for an int8 net: columns of about the same scale."""
    scaler = StandardScaler().fit(rows_of(data)[0][0])
    return np.float32(scaler.transform(X)).astype(float)


# Bases that need another form of the rows, as does the global paired with them.
AS = {"words": as_words, NET: standardised}


@cache
def pca_of(data):
    return PCA(5).fit(rows_of(data)[0][0])


@cache
def models_of(data, labels, name, beside=None):
    """Return a fitted, frozen model that reads the rows in the form of its base."""
    X, y = Case(data, labels, beside or name, "", "").rows[0]
    made = make_model(name, X, len(np.unique(y)))
    return FrozenEstimator(made.fit(X, y))


def make_model(name, X, n_classes):
    """Return an unfitted model.

    Parameters
    ----------
    name : str
    X : array-like
        Rows like those that it will see.
    n_classes : int
    """
    if name == NET:
        torch.manual_seed(0)  # of the initial weights
        layers = nn.Sequential(
            nn.Linear(X.shape[1], 32), nn.ReLU(), nn.Linear(32, n_classes)
        )
        return NetClassifier(layers, n_epochs=20, learning_rate=0.05, random_state=0)
    logistic = LogisticRegression(max_iter=200)
    trees = ExtraTreesClassifier(60, random_state=0)
    tokens = TfidfVectorizer(token_pattern=r"[a-z0-9]+", max_features=200)
    reads_words = isinstance(X[0], str)
    return {
        "global": make_pipeline(TfidfVectorizer(), trees) if reads_words else trees,
        "linear": make_pipeline(StandardScaler(), logistic),
        "bayes": GaussianNB(),
        "perceptron": make_pipeline(
            StandardScaler(), MLPClassifier((32,), max_iter=100, random_state=0)
        ),
        "forest": RandomForestClassifier(20, max_depth=8, random_state=0),
        "boosted": GradientBoostingClassifier(n_estimators=5, random_state=0),
        "bins": HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "scaled": make_pipeline(StandardScaler(), PCA(8), logistic),
        "one-hot": make_pipeline(OneHotEncoder(handle_unknown="ignore"), logistic),
        "words": make_pipeline(tokens, logistic),
    }[name]
