"""Convert scikit-learn models to program steps, alone or followed by a score."""

from selective_query.export._base_steps.base_program import BaseProgram, base_program
from selective_query.export._base_steps.joined import JoinedProgram, joined

__all__ = ["BaseProgram", "JoinedProgram", "base_program", "joined"]
