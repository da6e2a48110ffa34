"""From a dataset to outcomes: which cheap and expensive models, fitted on which rows.

Three disjoint parts: rows for the models, rows for the routers (train), and rows that
neither has seen (test).
"""

import numpy as np
from _harness import CACHE
from joblib import Memory
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from selective_query import Outcomes, outcomes_from_models
from selective_query.cli._running.demo import make_models
from selective_query.datasets import load_dataset

memory = Memory(CACHE, verbose=0)

IMAGENET_BASES = {
    "mobilenetv2": "keras/mobilenetV2",
    "resnet18": "pytorch/resnet18",
    "resnet50": "keras/resnet50",
}
IMAGENET_GLOBAL = "keras/nasnetlarge"


def make_outcomes(name):
    """Return outcomes of the routers' rows and of the test rows, cached.

    Parameters
    ----------
    name : str
        One of ``RECIPES``.

    Returns
    -------
    train, test : Outcomes
    """
    return RECIPES[name]()


def split(n, *sizes, seed=0):
    """Return disjoint random rows: one part of each size, and one with the rest."""
    order = np.random.default_rng(seed).permutation(n)
    return np.split(order, np.cumsum(sizes))


def _two_models(base, global_, X, y, n_fit, n_train, features=None):
    fit, train, test = split(len(y), n_fit, n_train)
    base.fit(X[fit], y[fit])
    global_.fit(X[fit], y[fit])
    return tuple(
        outcomes_from_models(base, global_, X[rows], y[rows], base_features=features)
        for rows in (train, test)
    )


def _linear():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))


@memory.cache
def digits():
    data = load_dataset("digits")
    return _two_models(*make_models(), data.X, data.y, 600, 600)


@memory.cache
def letter():
    data = load_dataset("letter")
    global_ = ExtraTreesClassifier(200, random_state=0, n_jobs=2)
    return _two_models(_linear(), global_, data.X, data.y, 6000, 7000)


@memory.cache
def covertype():
    data = load_dataset("covertype")
    global_ = HistGradientBoostingClassifier(max_iter=200, random_state=0)
    return _two_models(_linear(), global_, data.X, data.y, 30_000, 20_000)


def _pooled(images):
    return images.reshape(len(images), 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)


@memory.cache
def fashion_mnist():
    data = load_dataset("fashion_mnist")
    fit, train = split(len(data.y), 40_000)
    base = make_pipeline(FunctionTransformer(_pooled), _linear())
    flat = FunctionTransformer(lambda images: images.reshape(len(images), -1))
    forest = ExtraTreesClassifier(100, random_state=0, n_jobs=2)
    global_ = make_pipeline(flat, forest)
    base.fit(data.X[fit], data.y[fit])
    global_.fit(data.X[fit], data.y[fit])
    parts = (data.X[train], data.y[train]), (data.X_test, data.y_test)
    return tuple(
        _without_inputs(
            outcomes_from_models(
                base, global_, X, y, base_features=lambda _, images: _pooled(images)
            )
        )
        for X, y in parts
    )


def _without_inputs(outcomes):
    """Return the outcomes without X, which no router uses and which fills the cache."""
    names = ("base_proba", "base_features", "global_proba", "y", "classes")
    return Outcomes(**{name: getattr(outcomes, name) for name in names})


@memory.cache
def cifar10():
    from _cifar_nets import train_pair

    data = load_dataset("cifar10")
    fit, train = split(len(data.y), 35_000)
    ask_base, ask_global = train_pair(data.X[fit], data.y[fit])
    found = []
    for X, y in ((data.X[train], data.y[train]), (data.X_test, data.y_test)):
        proba, logits, embedding = ask_base(X)
        found.append(
            Outcomes(
                base_proba=proba,
                base_logits=logits,
                base_features=embedding,
                global_proba=ask_global(X)[0],
                y=y,
            )
        )
    return tuple(found)


def imagenet(base):
    data = load_dataset("imagenet_val_top5")
    outcomes = data.outcomes(IMAGENET_BASES[base], IMAGENET_GLOBAL)
    train, test = split(outcomes.n_rows, outcomes.n_rows // 2)
    return outcomes.take(train), outcomes.take(test)


@memory.cache
def routellm():
    data = load_dataset("routellm")
    parts = split(len(data.texts), len(data.texts) // 2)
    features = make_pipeline(
        TfidfVectorizer(min_df=3, sublinear_tf=True, ngram_range=(1, 2)),
        TruncatedSVD(100, random_state=0),
    ).fit([data.texts[i] for i in parts[0]])
    return tuple(
        Outcomes(
            base_features=features.transform([data.texts[i] for i in rows]),
            base_utility=data.base_utility[rows],
            global_utility=data.global_utility[rows],
        )
        for rows in parts
    )


RECIPES = {
    "digits": digits,
    "letter": letter,
    "covertype": covertype,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    **{f"imagenet_{base}": lambda b=base: imagenet(b) for base in IMAGENET_BASES},
    "routellm": routellm,
}
