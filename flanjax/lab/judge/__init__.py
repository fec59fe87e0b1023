"""`flanjax judge` and `flanjax entail`: what a model says of other models' written answers.

answers.py   the written answers of an evaluation, and the pairs of two evaluations
judges.py    what is asked for a verdict: a model loaded here, or an address; how a verdict is read
verdicts.py  the verdicts as a file that survives an interruption, and as a table
summary.py   win rate, position bias, agreement with the references
command.py   `flanjax judge`
entail.py    `flanjax entail`: SummaC's score, with a model of natural language inference
"""
