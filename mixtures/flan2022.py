"""FLAN 2022 (Longpre et al. 2023, arXiv:2301.13688; Chung et al. 2022, arXiv:2210.11416), with Super-NaturalInstructions.

    git clone https://github.com/allenai/natural-instructions
    export FLANJAX_SUPERNI=natural-instructions
    flanjax show mixtures/flan2022.py:flan2022

| name | FLAN 2021 | T0 | Super-NI | chain of thought | dialogue | source |
|---|---|---|---|---|---|---|
| flan2022 | 0.40 | 0.32 | 0.20 | 0.05 | 0.03 | the released code, run_example.py |
| flan2022_a | 0.52 | 0.15 | 0.30 | 0.03 | within the first | Flan-T5's ablations (2210.11416, table 23, A) |
| flan2022_b | 0.46 | 0.279 | 0.242 | 0.018 | within the first | the Flan-T5 that was released (B) |
| superni | | | 1 | | | Wang et al. 2022 (arXiv:2204.07705), its official split |

Within a submixture, tasks are proportional to their rows up to 30,000, 20,000, 5,000, 100,000 and 200,000. Of T0, only what is
not in FLAN 2021 counts. The released code puts all of Super-NI into one task, so that its cap does nothing there; here, as in
the paper, each of its tasks has the cap. The 57 tasks made from MMLU are left out, so that MMLU can be an evaluation.

The clusters to hold out are those of mixtures/flan.py and of Super-NI (`flanjax.importers.superni.TEST_CLUSTERS`).
"""

import os

from flanjax import Mixture, Part, StyleShares, equal, load, proportional
from flanjax.importers import superni as import_superni

FOLDER = "FLANJAX_SUPERNI"


def _folder():
    folder = os.environ.get(FOLDER, "")
    if not folder:
        raise ValueError(
            f"{FOLDER} is not set: it names a clone of https://github.com/allenai/natural-instructions, whose tasks are a "
            "fifth of FLAN 2022. Without it, mixtures/flan.py:flan2021 is the nearest"
        )
    return folder


def _from_flan(name):
    return load(f"flan.py:{name}", relative_to=__file__)


_FOUND = import_superni(_folder(), split=None, mmlu=False)  # FLAN trained on the test tasks too
_HALVES = StyleShares(few_shot=0.5, options=0.5, chain_of_thought=0.0, inverted=None)
_flan, _t0 = _from_flan("flan2021"), _from_flan("t0_plus_plus")
_corpora = {corpus for task in _flan.tasks() for corpus in task.corpora}
_new_in_t0 = [
    task.name for task in _t0.tasks() if not task.corpora & _corpora and task.name not in {t.name for t in _flan.tasks()}
]

flan = Mixture(
    name="flan", parts=list(_flan.tasks()), rate=proportional(cap=30_000), styles=_HALVES, exclusions=_flan.exclusions
)
t0_sf = Mixture(name="t0_sf", parts=list(_t0.only(_new_in_t0).tasks()), rate=proportional(cap=20_000), styles=_HALVES)
niv2 = _FOUND.mixture("niv2", rate=proportional(cap=5_000))
chain_of_thought, dialogue = _from_flan("chain_of_thought"), _from_flan("dialogue")

flan2022 = Mixture(
    name="flan2022",
    parts=[Part(flan, 0.40), Part(t0_sf, 0.32), Part(niv2, 0.20), Part(chain_of_thought, 0.05), Part(dialogue, 0.03)],
)
_flan_and_dialogue = Mixture(name="flan_and_dialogue", parts=[flan, dialogue], rate=proportional(cap=30_000))


def _paper(name, flan_share, t0_share, niv2_share, cot_share):
    parts = [
        Part(_flan_and_dialogue, flan_share),
        Part(t0_sf, t0_share),
        Part(niv2, niv2_share),
        Part(chain_of_thought, cot_share),
    ]
    return Mixture(name=name, parts=parts)


flan2022_a = _paper("flan2022_a", 0.52, 0.15, 0.30, 0.03)
flan2022_b = _paper("flan2022_b", 0.46, 0.279, 0.242, 0.018)

# Tk-Instruct's own recipe: 100 instances a task, all tasks alike.
superni = import_superni(_folder(), mmlu=True, max_instances=100).mixture("superni", rate=equal())
