"""Finds what is wrong with a mixture, without a model: how its tasks render (renders), and what its evaluation rows share with
training rows (leaks). `findings.Finding` is one result; `run_checks` gathers them all."""

from flanjax.check.findings import Finding, Report
from flanjax.check.run_checks import check_mixture

__all__ = ["Finding", "Report", "check_mixture"]
