"""`flanjax self-instruct`: a model writes new tasks after the example of some, and their inputs and outputs.

Self-Instruct (Wang et al. 2022, https://arxiv.org/abs/2212.10560) writes instructions first, asks whether each one is a
classification, and then lets the model write inputs before outputs, or labels before inputs. Alpaca's recipe (Taori et al.
2023, https://github.com/tatsu-lab/stanford_alpaca) writes whole tasks in one step.

recipe.py    how tasks are made, as options
seeds.py     the tasks that a person wrote
wording.py   the prompts; wording.j2 has their words
parse.py     tasks, inputs and outputs in a reply
filters.py   what is no task, and what is no row
making.py    the pool, from the first prompt to the last
command.py   `flanjax self-instruct`
"""
