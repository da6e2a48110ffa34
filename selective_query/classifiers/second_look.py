"""SecondLook: a base that looks again, at another view, where it is in doubt."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing, assert_all_finite, get_tags
from sklearn.utils.validation import check_is_fitted

from selective_query._models.layers import layer_outputs
from selective_query._utils.fitting import remember_columns, sliceable
from selective_query._utils.validation import (
    Interval,
    Offers,
    fit_context,
    hands_fit_on,
    is_frozen,
    num_samples,
)


class SecondLook(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A base whose probabilities are the mean over two views of an input.

    The second view, say the mirrored image, is looked at only where the largest
    probability of the first is below `below`. It takes no further flash, and one more
    pass on those rows. Use it as ``base_estimator`` of any hybrid: each row is still
    decided on its own. On a device, export the policy alone and average there.

    Parameters
    ----------
    estimator : classifier
        With predict_proba. It is cloned and fitted, on the first view only. A
        ``FrozenEstimator`` stays as it is; with one, this counts as frozen too and can
        be asked without a fit.
    view : callable
        From some rows of X to a second view of each, the same at each call: for
        images of shape (n, channels, height, width) ``lambda X: X[..., ::-1].copy()``
        mirrors them. One with a name, in a module, can be pickled.
    below : float, default=1.0
        Largest probability from which on the first look is enough, in (0, 1]; 1 looks
        twice at every input that is not certain. ``looks_twice(X).mean()`` is the share
        of second passes that a value costs.

    Attributes
    ----------
    estimator_ : classifier
    classes_ : ndarray of shape (n_classes,)

    References
    ----------
    Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional
    neural networks", NeurIPS 2012, section 4.1, for the mean over views.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from selective_query import SecondLook
    >>> X, y = load_digits(return_X_y=True)
    >>> def moved(X):
    ...     return np.roll(X.reshape(-1, 8, 8), 1, axis=2).reshape(len(X), -1)
    >>> model = SecondLook(LogisticRegression(max_iter=3000), moved, below=0.9)
    >>> model.fit(X[:900], y[:900]).predict_proba(X[900:]).shape
    (897, 10)
    >>> bool(model.looks_twice(X[900:]).mean() < 0.3)
    True
    """

    hands_fit_on = True

    _parameter_constraints = {
        "estimator": [Offers(["fit", "predict_proba"])],
        "view": [callable],
        "below": [Interval(Real, 0, 1, closed="right")],
    }

    def __init__(self, estimator, view, *, below=1.0):
        self.estimator = estimator
        self.view = view
        self.below = below

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            Handed on; the estimator must take it then.
        **fit_params
            Handed on too, such as ``global_proba=`` of a net.

        Returns
        -------
        self
        """
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        fitted = self.estimator
        if not is_frozen(fitted) or hands_fit_on(fitted):
            fitted = clone(fitted).fit(X, y, **fit_params)
        self.estimator_ = fitted
        remember_columns(self, X, fitted)
        return self

    @property
    def classes_(self):
        """Labels of the estimator, shape (n_classes,), as its columns stand."""
        check_is_fitted(self)
        return np.asarray(self._asked().classes_)

    def predict_proba(self, X):
        """Mean probabilities, shape (n_samples, n_classes), of the looks at each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If `view` does not return as many rows as it got, or a probability is
            no number.
        """
        X = self._sliceable(X)
        return self._looked_again(X, self._first_look(X))

    def predict(self, X):
        """The most probable labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def looks_twice(self, X):
        """Which rows get a second look.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        ndarray of shape (n_samples,), bool
        """
        return self._in_doubt(self._first_look(self._sliceable(X)))

    def proba_and_layer(self, X, name):
        """What ``predict_proba`` says, and a layer of a net at the first look.

        For ``base_features=``.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        name : str
            As in ``named_modules()`` of the net.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
        features : ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If there is no such layer, or as ``predict_proba`` does.
        """
        X = self._sliceable(X)
        found = layer_outputs(self._asked(), name, lambda: self._first_look(X))
        return self._looked_again(X, found[0]), found[1]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_") or is_frozen(self.estimator)

    def _asked(self):
        return getattr(self, "estimator_", self.estimator)

    def _sliceable(self, X):
        check_is_fitted(self)
        return sliceable(X, self)

    def _first_look(self, X):
        return np.array(self._asked().predict_proba(X), dtype=float)

    def _in_doubt(self, proba):
        return proba.max(axis=1, initial=0) < self.below

    def _looked_again(self, X, proba):
        again = np.flatnonzero(self._in_doubt(proba))
        if len(again):
            seen = self.view(_safe_indexing(X, again))
            if num_samples(seen) != len(again):
                raise ValueError(
                    "view must return as many rows as it gets. Got "
                    f"{num_samples(seen)} for {len(again)}."
                )
            proba[again] = (proba[again] + self._asked().predict_proba(seen)) / 2
        assert_all_finite(proba, input_name="probabilities of the estimator")
        return proba

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.classifier_tags = inner.classifier_tags
        return tags
