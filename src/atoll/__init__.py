"""Atoll: a microservices toolkit for Python that is right under failure."""

from importlib.metadata import version

__version__ = version("atoll")
