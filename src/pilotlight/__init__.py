"""Pilotlight: a development server for Python web apps. The public API and nothing else."""

__version__ = "0.1.0"
