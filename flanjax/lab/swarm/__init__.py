"""`flanjax swarm` and `flanjax weights`: the proportions of clusters that serve held-out tasks best, chosen by many short runs.

losses.py    the held-out loss of each run, from its predictions
fit.py       a log-linear law of the loss over proportions, its cross-validation, and the proportions that it finds best
choice.py    a swarm's fit, judged: chosen weights with bootstrap intervals, or why there are none
swarm.py     the runs of a study as rows of a swarm
page.py      the page
command.py   the commands
"""
