"""`flanjax ablate`: many runs that differ in a few settings and in their seeds, planned, run and compared.

study.py     Study: a config, its axes, the number of seeds; read from a file or made of the command line
axes.py      an axis: labels, and the config keys that each label sets
plan.py      the runs of a study and their cost, made without running anything
runner.py    the runs one after another, each as processes of `flanjax train` and `flanjax heldout`
jobs.py      the same runs as jobs of a cluster
finished.py  the evaluations that lie in the study's folder, as arms
findings.py  what the arms say: scores, comparisons, a verdict for each axis
page.py      the page
command.py   the command
"""
