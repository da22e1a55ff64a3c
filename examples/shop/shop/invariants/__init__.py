"""What must be true of the shop whenever it is quiet, whatever was done to it before."""

from shop.invariants.checks import INVARIANTS

__all__ = ["INVARIANTS"]
