"""Shared by hybrid and abstaining classifiers: the fit flow and its checks."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone

from selective_query._models.answers import LOGITS
from selective_query._models.sides import (
    FitRows,
    GlobalSide,
    Side,
    Sides,
    rows_of_fit,
    warn_of_weak_models,
)
from selective_query._utils.fitting import (
    become,
    refuse_other_names,
    remember_columns,
    unfitted,
)
from selective_query._utils.labels import pick_rows
from selective_query._utils.validation import (
    HasMethods,
    Offers,
    fit_context,
    is_frozen,
    warn_user,
)
from selective_query.budgets._columns import local_parts, rows_that_stay
from selective_query.budgets._solving.calibration import (
    check_certifiable_weights,
    hold_out,
)
from selective_query.budgets.combined import check_coverage
from selective_query.classifiers._deciding import DecidingMixin, check_base
from selective_query.classifiers._fit_checks import (
    CONSTRAINTS,
    OUT_OF_FOLD,
    tagged,
)
from selective_query.classifiers._on_device import (
    footprint_of,
    refuse_too_large,
)
from selective_query.exceptions import (
    CertificateError,
    MissingEvidenceError,
    ModelWarning,
)
from selective_query.footprint._device_check import check_device
from selective_query.policy import RoutingPolicy
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import (
    make_router,
    refuse_bound,
    router_name,
)

# Below this mean correlation, the feature columns of two fits are not comparable.
LEAST_AGREEMENT = 0.5
# How to provide the evidence that a router needs.
SOURCES = {
    "base_logits": f"Set base_features={LOGITS!r}, or choose another router.",
    "base_features": "Give base_features= a transformer of X, a function f(base, X) or "
    "the name of a layer, or choose another router.",
}


class BaseSelectiveClassifier(
    DecidingMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """A base, a router and an operating point; subclasses define what a query does."""

    _parameter_constraints = {
        **CONSTRAINTS,
        "base_estimator": [Offers(["fit", "predict"])],
        "router": [str, BaseRouter],
        "adaptation": [HasMethods(["adapt"]), None],
    }

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the models that are not frozen, the router, and the threshold.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
            Inputs in the form that the models take. They must be new to frozen models:
            errors on training data say nothing about errors on new data.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Frequency weights, for the models that take them, the router and the
            threshold.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, y has fewer than two classes, labels or
            columns do not match those of a frozen model, a model gives an invalid
            answer, or `cv` does not partition the rows. The classifier is then left as
            it was.
        CertificateError
            If `confidence` is given where it would not be valid.
        DeviceLimitError
            If the base, or the base with its router, does not fit the device.
        """
        self._check_target(self.coverage)
        self._check_base()
        if self.device is not None:
            check_device(self.device)
        X, y, sample_weight, classes = rows_of_fit(X, y, sample_weight, self._models())
        self._check_classes(classes)
        self._check_confidence()
        self._check_router(X)
        if self.confidence is not None and sample_weight is not None:
            check_certifiable_weights(np.isin(sample_weight, (0, 1)).all())
        for who, model in self._models().items():
            refuse_other_names(model, X, who)
        fitted = unfitted(self)
        fitted.classes_ = classes
        fitted._learn(X, y, sample_weight)
        return become(self, fitted)

    def _learn(self, X, y, weight):
        if isinstance(self.calibration, Real):
            self._fit_held_out(X, y, weight)
        else:
            self._fit_cross(X, y, weight)
        self.operating_point_ = self.policy_.operating_point_
        self.footprint_ = self.device and footprint_of(self.edge_, self.device, X)
        remember_columns(self, X, self.base_estimator_)

    def _global_model(self):
        """The global as given, or None without one."""
        return None

    def _global_stays(self):
        """Whether the known answers of the global are those of the model in use."""
        model = self._global_model()
        return model is None or is_frozen(model)

    def _models(self):
        """The models as given, keyed by parameter name."""
        models = {"base_estimator": self.base_estimator}
        if self._global_model() is not None:
            models["global_estimator"] = self._global_model()
        return models

    def _check_base(self):
        check_base(self.base_estimator)

    def _check_target(self, coverage):
        check_coverage(coverage)

    def _check_classes(self, classes):
        """Refuse parameters that do not fit the classes."""

    def _check_confidence(self):
        """Refuse, before anything is fitted, a certificate that cannot be given."""
        router = make_router(self.router)
        refuse_bound(router)
        held_out = isinstance(self.calibration, Real)
        if self.confidence is None or held_out:
            return
        budget = check_coverage(self.coverage)
        if budget is not None and budget.measures_quality and not self._global_stays():
            raise CertificateError(
                f"confidence={self.confidence} for {budget!r} needs answers of the "
                "global that will be in use. Set calibration=0.2 to hold out a share "
                "of the rows, or freeze the global; or set confidence=None."
            )
        if router.learns or not is_frozen(self.base_estimator):
            raise CertificateError(
                f"confidence={self.confidence} needs rows that nothing was fitted on. "
                "Set calibration=0.2 to hold out a share of the rows, or use a frozen "
                "base with a router that learns nothing (max_probability, entropy, "
                "...); or set confidence=None."
            )

    def _check_router(self, X):
        """Refuse a router that needs evidence that will not be there."""
        router = make_router(self.router)
        router.check_before_fit(X)
        kinds = ["X", "base_proba"]
        if self.base_features is not None:
            is_logits = self.base_features == LOGITS
            kinds.append("base_logits" if is_logits else "base_features")
        for name in router.required_evidence:
            if name not in kinds:
                raise MissingEvidenceError(
                    f"router={router_name(self.router)!r} needs {name}, and with "
                    f"base_features={self.base_features!r} there is only "
                    f"{', '.join(kinds)}. {SOURCES.get(name, '')}".rstrip()
                )

    def _fit_cross(self, X, y, weight):
        """Fit on all rows; router and threshold learn from out-of-fold answers."""
        self._refuse_moving_layers()
        sides = self._adapted(self._sides(X, y, weight))
        self.policy_ = self._new_policy().fit(
            sides.outcomes,
            change=sides.base.change_by_refit() if self.calibration is None else (),
            answers_exact=self._global_stays(),
        )
        self._fit_models(sides)
        self._warn_of_moving_features(sides.base)
        warn_of_weak_models(sides.outcomes, self._frozen())

    def _sides(self, X, y, weight):
        rows = FitRows(X, y, weight, self.classes_, self.cv, self.n_jobs, self.verbose)
        base = Side(
            self.base_estimator,
            rows,
            "base_estimator",
            self.base_features,
            compares=self.calibration is None or callable(self.base_features),
        )
        if self.device is not None:
            refuse_too_large(base, self.device, make_router(self.router))
        stays, local = None, local_parts(check_coverage(self.coverage))
        if local:
            stays = rows_that_stay(local, self._evidence_of_fit(base))
        return Sides(base, GlobalSide(self._global_model(), rows, stays))

    def _evidence_of_fit(self, base):
        """Evidence that marks rows which must stay, before the global is queried."""
        return base.answers.evidence(base.rows.X)

    def _refuse_moving_layers(self):
        """Raise if a router would learn from layers of a net that is refitted."""
        name = self.base_features
        if (
            isinstance(name, str)
            and name != LOGITS
            and not is_frozen(self.base_estimator)
            and make_router(self.router).learns
        ):
            raise ValueError(
                f"base_features={name!r} names a layer of a net that is refitted on "
                "each fold. The meaning of a layer's units differs between fits, so "
                f"router={router_name(self.router)!r} would learn from columns that do "
                "not match those of the net in use. Fit the net and freeze it, "
                "base_estimator=FrozenEstimator(net), and give fit rows that are new "
                "to it; or use base_features='logits'."
            )

    def _warn_of_moving_features(self, base):
        """Warn if the columns of a feature function change meaning from fit to fit."""
        if (
            callable(self.base_features)
            and not base.stays
            and self.policy_.router_.learns
            and (
                self.calibration == OUT_OF_FOLD
                or base.agreement_of_features() < LEAST_AGREEMENT
            )
        ):
            warn_user(
                "base_features returns different columns for each fit of the base, or "
                "calibration='out_of_fold' skips this check, so a router that learns "
                "from them may not fit those of the base in use. Fit the base and "
                "freeze it, base_estimator=FrozenEstimator(base), and give fit rows "
                "that are new to it; or give a transformer of X.",
                ModelWarning,
            )

    def _adapted(self, sides):
        """Both sides, with the row weights from the adaptation."""
        if self.adaptation is None:
            return sides
        self.adaptation_ = clone(self.adaptation)
        return self.adaptation_.adapt(sides, self._new_policy())

    def _fit_held_out(self, X, y, weight):
        """Fit on part of the rows; the rest are used only for the threshold."""
        self._refuse_moving_layers()
        train, held_out = hold_out(len(y), self.calibration, self.random_state)
        sides = self._adapted(self._sides(*pick_rows(train, X, y, weight)))
        self._fit_models(sides)
        # The global is queried too, so that budgets on quality can be solved later.
        local = local_parts(check_coverage(self.coverage))
        outcomes = self._outcomes(*pick_rows(held_out, X, y, weight), local)
        policy = self._new_policy()
        if make_router(self.router).learns:
            self.policy_ = policy.fit(sides.outcomes, outcomes)
            self._warn_of_moving_features(sides.base)
        else:
            self.policy_ = policy.fit(outcomes)
        warn_of_weak_models(outcomes, self._frozen())

    def _frozen(self):
        """Which sides were given frozen, by parameter name."""
        return {who: is_frozen(model) for who, model in self._models().items()}

    def _new_policy(self):
        return RoutingPolicy(
            self.router,
            self.coverage,
            confidence=self.confidence,
            random_state=self.random_state,
        )

    def _fit_models(self, sides):
        self.base_estimator_ = sides.base.fitted

    def __sklearn_tags__(self):
        return tagged(super().__sklearn_tags__(), self._models().values())
