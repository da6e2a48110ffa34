"""Convert a fitted policy to plain data and back."""

from sklearn.utils.validation import check_is_fitted

from selective_query.budgets._plain import (
    check_rows,
    checked_parts,
    from_plain,
    to_plain,
    to_plain_fields,
)
from selective_query.budgets._solving.calibration import Calibration
from selective_query.budgets.base import Budget
from selective_query.budgets.combined import check_coverage
from selective_query.rule import FORMAT, Rule


class PlainFormMixin:
    """Requires ``rule_``, ``has_global_``, ``_calibration`` and parameters."""

    def to_dict(self):
        """The fitted policy as plain data: its rule, parameters and calibration rows.

        Returns
        -------
        dict

        Raises
        ------
        TypeError
            If it cannot be written as plain data; see :meth:`Rule.to_dict`. This
            includes any policy whose router was given as an object, because another
            ``fit`` would start from that object.
        """
        check_is_fitted(self, "rule_")
        return {
            "format": FORMAT,
            "parameters": to_plain_fields(self.get_params(deep=False)),
            "rule": self.rule_.to_dict(),
            "has_global": self.has_global_,
            "rows": to_plain(self._calibration),
        }

    @classmethod
    def from_dict(cls, data):
        """Rebuild the policy that `to_dict` wrote, after checking every part.

        Parameters
        ----------
        data : dict

        Returns
        -------
        RoutingPolicy
            Its router is a ProgramRouter with the program of the fitted one. Another
            ``fit`` starts from the parameters, as usual.

        Raises
        ------
        ValueError
            If the format differs, or a part is missing, unknown or damaged.
        """
        data = checked_parts(data, "A policy", FORMAT, cls._PARTS)
        parameters = data["parameters"]
        if not isinstance(parameters, dict) or parameters.keys() != set(
            cls._get_param_names()
        ):
            raise ValueError(
                f"parameters must be {', '.join(cls._get_param_names())}. Got "
                f"{parameters!r:.60}."
            )
        kinds = {"coverage": Budget | float | None}
        policy = cls(
            **{
                name: from_plain(v, kinds.get(name, str | float | None))
                for name, v in parameters.items()
            }
        )
        policy._validate_params()
        check_coverage(policy.coverage)
        policy.rule_ = Rule.from_dict(data["rule"])
        policy.has_global_ = from_plain(data["has_global"], bool)
        policy._calibration = from_plain(data["rows"], Calibration)
        check_rows(policy._calibration)
        return policy

    _PARTS = ("parameters", "rule", "has_global", "rows")
