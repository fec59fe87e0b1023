"""flan_mini: a small FLAN. 60 tasks over public data in 17 clusters, a tenth of it with reasoning written out.

The recipe of FLAN (Wei et al. 2022) and of the Flan collection (Longpre et al. 2023) on data sets that are small enough for a
laptop: examples-proportional mixing with a cap of 3,000 rows a task, zero- and few-shot prompts, options shown and not shown,
some tasks turned round. The tasks are those of mixtures/flan/, where each opens with its link, its licence and one row.

`flan_mini.py:direct` leaves the reasoning out. `flan_mini.py:reviews_apart` is `direct` with IMDb's reviews as a cluster of
their own, so that they can be held out while the sentences and tweets of "sentiment" are trained on.

Ten tasks are not on the Hugging Face hub and need a mirror: the seven `cot_*` tasks (as flan_cot/<name>/train.parquet; see
mixtures/flan/chain_of_thought.py), rnnlg_hotel, newstest_de_en and mutual. `--config.data.on_error=quarantine` trains without
them.

Holding out entailment removes its tasks; paraphrase, as FLAN does, because telling a paraphrase is entailment both ways; and
multi30k, because its sentences are captions of the pictures that SNLI's premises describe.
"""

import dataclasses

from flanjax import Mixture, Part, StyleShares, load, proportional

library = load("flan.py:library", relative_to=__file__)

DIRECT = """
    sst2 imdb tweet_emotion rotten_tomatoes emotion
    ag_news dbpedia_14 trec banking77 subj
    glue_mrpc stsb paws_x_en
    cola wic
    winogrande gap
    rte cb snli sick wnli folio
    multirc dream boolq mctest_mc500 pubmed_qa subjqa_restaurants
    copa commonsense_qa piqa social_i_qa commonsense_qa_2 mc_taco
    web_questions creak
    arc_easy arc_challenge openbookqa
    gsm8k asdiv
    aeslc samsum dialogsum
    web_nlg_en e2e_nlg rnnlg_hotel
    multi30k newstest_de_en
    jfleg asset
    mutual
"""
# Their training rows are many, or serve as evaluation elsewhere: here a smaller split is enough for a cap of 3,000.
SPLITS = {
    "snli": ("validation", "test"),
    "e2e_nlg": ("validation", "test"),
    "dialogsum": ("validation", "test"),
    "boolq": ("validation[:80%]", "validation[80%:]"),
    "paws_x_en": ("validation[:80%]", "validation[80%:]"),
    "piqa": ("validation[:80%]", "validation[80%:]"),
    "social_i_qa": ("validation[:80%]", "validation[80%:]"),
    "winogrande": ("validation[:80%]", "validation[80%:]"),
    "dbpedia_14": ("train[:95%]", "train[95%:]"),
    "subj": ("train[:90%]", "train[90%:]"),
}
REASONING = "cot_gsm8k cot_aqua cot_ecqa cot_sensemaking cot_strategyqa cot_creak cot_qasc"


def _tasks(names):
    for task in (library.task(name) for name in names.split()):
        train, evaluation = SPLITS.get(task.name, (task.train, task.evaluation))
        yield dataclasses.replace(task, train=train, evaluation=evaluation)


direct = Mixture(
    name="direct",
    parts=list(_tasks(DIRECT)),
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.4, max_shots=5, options=0.75, chain_of_thought=0.0, inverted=0.1),
    exclusions={"entailment": ["paraphrase"], "paraphrase": ["entailment"]},
)
chain_of_thought = Mixture(
    name="chain_of_thought",
    parts=list(_tasks(REASONING)),
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.4, max_shots=3, options=0.75, chain_of_thought=0.8, inverted=0.1),
)
flan_mini = Mixture(name="flan_mini", parts=[Part(direct, 0.9), Part(chain_of_thought, 0.1)])
reviews_apart = dataclasses.replace(
    direct,
    name="reviews_apart",
    parts=[dataclasses.replace(t, cluster="reviews") if t.name == "imdb" else t for t in direct.tasks()],
)
