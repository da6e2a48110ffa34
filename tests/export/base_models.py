"""scikit-learn models that can be exported as steps, and rows to fit them on."""

from functools import cache

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

DATA = {"iris": load_iris, "digits": load_digits, "cancer": load_breast_cancer}


@cache
def table(name, strings=False):
    X, y = DATA[name](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))[:800]
    # As on a device.
    X, y = X[order].astype(np.float32).astype(float), y[order]
    return X, np.array([f"class {label}" for label in y]) if strings else y


def mlp(**parameters):
    return MLPClassifier((12,), max_iter=40, random_state=0, **parameters)


LOGISTIC = LogisticRegression(max_iter=200)
SGD = SGDClassifier(loss="log_loss", random_state=0)
MODELS = {
    "logistic": LOGISTIC,
    "sgd": SGD,
    "huber": SGDClassifier(loss="modified_huber", random_state=0),
    "one_vs_rest": OneVsRestClassifier(LOGISTIC),
    "one_vs_rest_sgd": OneVsRestClassifier(SGD),
    "one_vs_rest_trees": OneVsRestClassifier(RandomForestClassifier(5, max_depth=3)),
    "one_vs_rest_lda": OneVsRestClassifier(LinearDiscriminantAnalysis()),
    "lda": LinearDiscriminantAnalysis(),
    "gaussian": GaussianNB(),
    "bernoulli": BernoulliNB(binarize=2.5),
    "bernoulli_as_is": make_pipeline(MinMaxScaler(), BernoulliNB(binarize=None)),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(norm=True),
    "mlp_identity": mlp(activation="identity"),
    "mlp_logistic": mlp(activation="logistic"),
    "mlp_tanh": mlp(activation="tanh"),
    "mlp_relu": mlp(),
    "mlp_deep": MLPClassifier((8, 6), max_iter=20, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "tree_small": DecisionTreeClassifier(max_leaf_nodes=9, random_state=0),
    "extra_tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(12, random_state=0),
    "forest_small": RandomForestClassifier(9, max_depth=3, random_state=0),
    "extra_trees": ExtraTreesClassifier(9, random_state=0),
    "bag": BaggingClassifier(max_features=0.7, random_state=0),
    "bag_logistic": BaggingClassifier(LOGISTIC, 3, max_features=0.5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=6, random_state=0),
    "boosting_zero": GradientBoostingClassifier(n_estimators=3, init="zero"),
    "histogram": HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "sigmoid": CalibratedClassifierCV(LOGISTIC, cv=3),
    "sigmoid_forest": CalibratedClassifierCV(RandomForestClassifier(5), cv=2),
    "sigmoid_alone": CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=3),
    "temperature": CalibratedClassifierCV(LOGISTIC, cv=2, method="temperature"),
    "temperature_bayes": CalibratedClassifierCV(GaussianNB(), method="temperature"),
    "frozen": FrozenEstimator(LOGISTIC),
    "standard": make_pipeline(StandardScaler(), LOGISTIC),
    "min_max": make_pipeline(MinMaxScaler((-1, 2)), mlp()),
    "max_abs": make_pipeline(MaxAbsScaler(), GaussianNB()),
    "robust": make_pipeline("passthrough", RobustScaler(), SGD),
    "no_mean": make_pipeline(StandardScaler(with_mean=False), LOGISTIC),
    "no_deviation": make_pipeline(StandardScaler(with_std=False), LOGISTIC),
    "twice": make_pipeline(MinMaxScaler(), StandardScaler(), LOGISTIC),
    "pca": make_pipeline(StandardScaler(), PCA(3), LOGISTIC),
    "whitened": make_pipeline(PCA(3, whiten=True), GaussianNB()),
    "svd": make_pipeline(TruncatedSVD(2), LOGISTIC),
    "chosen": make_pipeline(StandardScaler(), SelectKBest(k=3), LOGISTIC),
    "chosen_bayes": make_pipeline(VarianceThreshold(), StandardScaler(), GaussianNB()),
    "chosen_trees": make_pipeline(SelectKBest(k=3), RandomForestClassifier(5)),
    "nested": make_pipeline(make_pipeline(MinMaxScaler(), PCA(3)), SGD),
    "scaled_trees": make_pipeline(StandardScaler(), RandomForestClassifier(5)),
    "scaled_bernoulli": make_pipeline(StandardScaler(), BernoulliNB()),
    "scaled_histogram": make_pipeline(
        RobustScaler(), HistGradientBoostingClassifier(max_iter=5)
    ),
    "pca_trees": make_pipeline(PCA(3), DecisionTreeClassifier(random_state=0)),
}  # fmt: skip


def fitted(kind, name, strings=False):
    X, y = table(name, strings)
    if kind == "frozen":
        return FrozenEstimator(clone(LOGISTIC).fit(X, y))
    return clone(MODELS[kind]).fit(X, y)
