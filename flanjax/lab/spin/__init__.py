"""`flanjax spin`: self-play fine-tuning (SPIN, Chen et al. 2024, https://arxiv.org/abs/2401.01335).

A round pairs the data's answers with texts that the model of the round before, its opponent, writes after the same prompts, and
trains that model to tell them apart. Each round is an ordinary run with `objective.name=dpo`, whose mixture is its pairs.

play.py      what is played: config, rounds, prompts, how the opponent writes; checked when a play goes on
prompts.py   prompts and answers of the data, as data.parquet and as lines for `flanjax generate`
pairs.py     the data's answers beside the opponent's texts, as Parquet files and as a mixture
rounds.py    the rounds one after another, by `flanjax generate`, `train` and `heldout`
findings.py  what the rounds say: win rates, margins, held-out scores
page.py      the page
command.py   the command
"""
