"""What teachers of a distilled base say about the rows that it learns from."""

import numpy as np
from _harness import CACHE
from _training_tasks import find_task, global_answers, trained
from _views import global_second_looks

N_FOLDS = 5


def the_global(dataset):
    """The global itself, which was trained on these rows."""
    return global_answers(dataset)[0]


def both_looks(dataset):
    """The global's mean over each row and its other view."""
    return (the_global(dataset) + global_second_looks(dataset)["fit"]) / 2


def folds(dataset):
    """The mean of five globals, each trained without a fifth of the rows."""
    return np.mean([_without(dataset, fold)["proba"] for fold in range(N_FOLDS)], 0)


def unseen(dataset):
    """Of five globals the one that was trained without the row."""
    fold_of_row = _fold_of_row(dataset)
    proba = np.empty_like(the_global(dataset))
    for fold in range(N_FOLDS):
        held_out = fold_of_row == fold
        proba[held_out] = _without(dataset, fold)["proba"][held_out]
    return proba


def _fold_of_row(dataset):
    n_rows = len(find_task(dataset).load()[0][1])
    return np.random.default_rng(0).permutation(n_rows) % N_FOLDS


def _without(dataset, fold):
    """What a global says of all the base's rows that was trained without a fold."""
    path = CACHE / "training" / f"{dataset}_global_without_{fold}.npz"
    if not path.exists():
        task = find_task(dataset)
        X, y = task.load()[0]
        seen = _fold_of_row(dataset) != fold
        net = trained(
            task, X[seen], y[seen], task.global_, seed=fold, rate=0.1,
            n_epochs=task.n_epochs_global, augment=task.augment_global,
            loss=task.loss_global,
        )  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, proba=net.predict_proba(X))
    with np.load(path) as stored:
        return dict(stored)
