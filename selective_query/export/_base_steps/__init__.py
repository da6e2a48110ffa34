"""Models of scikit-learn as steps of a program, alone and with a score behind them."""

from selective_query.export._base_steps.base_program import BaseProgram, base_program
from selective_query.export._base_steps.joined import JoinedProgram, joined

__all__ = ["BaseProgram", "JoinedProgram", "base_program", "joined"]
