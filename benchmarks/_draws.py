"""Rows for repeated draws: of real digits, or from a simulated distribution."""

from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split


def draw_rows(dataset, n, seed, *, stratify=True):
    """Return n rows for training and others for evaluation: X, X_new, y, y_new."""
    if dataset == "digits":
        X, y = load_digits(return_X_y=True)
        X = X / 16
    else:
        X, y = make_classification(
            n_samples=n + 4000,
            n_features=20,
            n_informative=8,
            n_classes=4,
            flip_y=0.05,
            random_state=seed,
        )
    labels = y if stratify else None
    return train_test_split(X, y, train_size=n, random_state=seed, stratify=labels)
