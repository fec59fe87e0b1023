"""The published mixtures, assembled from mixtures/flan/: FLAN 2021, T0, and the parts of FLAN 2022 that need no folder.

    flanjax show mixtures/flan.py:flan2021
    flanjax train --config configs/flan_t5.py:base --config.mixture=mixtures/flan.py:flan2021 --workdir runs/flan2021

| name | source | rate |
|---|---|---|
| flan2021, flan2021_30k | Wei et al. 2022 (arXiv:2109.01652), capped at 3,000 rows a data set, or at 30,000 | proportional |
| t0, t0_plus, t0_plus_plus | Sanh et al. 2022 (arXiv:2110.08207): 500,000 rows divided among a data set's templates | t0 |
| chain_of_thought, dialogue | Longpre et al. 2023 (arXiv:2301.13688): their submixtures | proportional, 100,000 and 200,000 |
| instructions | Alpaca, Dolly and their like | proportional |
| library | every task of mixtures/flan/, for a look around | proportional |

The templates are our own, so what is reproduced is the choice of data sets, their proportions and their styles, not the words.
mixtures/flan2022.py has FLAN 2022 and Super-NaturalInstructions, which need a folder of the latter. What can no longer be had
as data is named at the top of each cluster's file; `MISSING` lists it for FLAN 2021.

Leaving one cluster out, as FLAN did for each of its models: `--config.heldout=CLUSTER`. What else must leave training with it
is in the mixtures' `exclusions` (FLAN's rules) and in the tasks' lineage (what FLAN's rules missed: QNLI is made from SQuAD,
WNLI from Winograd schemas).
"""

import dataclasses

from flanjax import Mixture, StyleShares, load, proportional
from flanjax import t0 as t0_rate

FILES = (
    "chain_of_thought",
    "closed_book_qa",
    "common_sense",
    "conversational_qa",
    "coreference",
    "dialogue",
    "entailment",
    "instructions",
    "linguistic",
    "math",
    "paraphrase",
    "program_synthesis",
    "reading_comprehension",
    "reading_documents",
    "reading_domains",
    "reading_exams",
    "reading_multiple_choice",
    "reading_with_common_sense",
    "science_qa",
    "sentiment",
    "structure_to_text",
    "summarization",
    "text_formatting",
    "topic",
    "translation",
)
_PARTS = {name: load(f"flan/{name}.py:{name}", relative_to=__file__) for name in FILES}

# When one of these clusters is held out, FLAN takes the others out of training too (its task_splits.py).
_EXCLUSIONS = {
    "reading_comprehension": ["reading_with_common_sense"],
    "common_sense": ["reading_with_common_sense"],
    "reading_with_common_sense": ["reading_comprehension", "common_sense"],
    "paraphrase": ["entailment"],
    "entailment": ["paraphrase"],
}
library = Mixture(name="library", parts=list(_PARTS.values()), rate=proportional(cap=3000), exclusions=_EXCLUSIONS)
_TASKS = {task.name: task for task in library.tasks()}


def _tasks(names, cluster=None):
    tasks = [_TASKS[name] for name in names.split()]
    return [dataclasses.replace(t, cluster=cluster) for t in tasks] if cluster else tasks


# --- FLAN 2021 -------------------------------------------------------------------------------------------------------
# Its clusters have the names that its code gives them here, where ours differ.
FLAN2021 = {
    "summarization": "aeslc cnn_dailymail gigaword multi_news samsum xsum wiki_lingua_english_en ag_news",
    "structure_to_text": "web_nlg_en common_gen e2e_nlg dart",
    "reading_comprehension": "squad squad_v2 drop multirc openbookqa boolq",
    "open_domain_qa": "trivia_qa natural_questions_open arc_challenge arc_easy",
    "paraphrase": "glue_mrpc glue_qqp paws_wiki stsb",
    "sentiment": "imdb sentiment140 yelp_polarity sst2",
    "text_formatting": "true_case fix_punct word_segment",
    "common_sense": "copa hellaswag story_cloze piqa",
    "translation": "opus100_en_es wmt14_fr_en wmt16_cs_en wmt16_de_en wmt16_fi_en wmt16_ro_en wmt16_ru_en wmt16_tr_en",
    "coreference": "definite_pronoun_resolution winogrande wsc",
    "entailment": "anli_r1 anli_r2 anli_r3 cb rte mnli_matched mnli_mismatched qnli wnli snli",
    "conversational_qa": "quac coqa",
    "word_disambiguation": "wic",
    "linguistic_acceptability": "cola",
    "question_classification": "trec",
    "reading_with_common_sense": "record cosmos_qa",
}
MISSING = {
    "newsroom": "is given out by hand, after a form",
    "opinion_abstracts_rotten_tomatoes": "is no longer where it was",
    "opinion_abstracts_idebate": "is no longer where it was",
    "para_crawl_enes": "OPUS-100's English and Spanish stands in for it",
    "math_dataset": "the hub has only the program that makes it",
}


def _flan2021(name, cap):
    return Mixture(
        name=name,
        parts=[task for cluster, names in FLAN2021.items() for task in _tasks(names, cluster)],
        rate=proportional(cap=cap),
        styles=StyleShares(few_shot=0.0, options=1.0, chain_of_thought=0.0, inverted=None),
        exclusions=_EXCLUSIONS,
    )


flan2021 = _flan2021("flan2021", 3000)
flan2021_30k = _flan2021("flan2021_30k", 30_000)

# --- T0 --------------------------------------------------------------------------------------------------------------
# CommonsenseQA is in T0 through CoS-E, which has its questions.
T0 = {
    "multiple_choice_qa": "cos_e dream quail quartz social_i_qa wiqa cosmos_qa qasc quarel sciq wiki_hop",
    "extractive_qa": "adversarial_qa_dbidaf adversarial_qa_dbert adversarial_qa_droberta quoref ropes duorc_self "
    "duorc_paraphrase",
    "closed_book_qa": "kilt_hotpotqa wiki_qa",
    "sentiment": "amazon_polarity app_reviews imdb rotten_tomatoes yelp_review_full",
    "summarization": "cnn_dailymail gigaword multi_news samsum xsum",
    "topic": "ag_news dbpedia_14 trec",
    "structure_to_text": "common_gen wiki_bio",
    "paraphrase": "glue_mrpc glue_qqp paws_wiki",
}
T0_PLUS = {
    "multiple_choice_qa": "arc_easy arc_challenge openbookqa piqa race_middle race_high hellaswag",
    "extractive_qa": "squad_v2",
    "closed_book_qa": "trivia_qa web_questions",
}
T0_PLUS_PLUS = {"extractive_qa": "multirc record boolq", "superglue": "wsc copa wic"}
# What T0 is evaluated on, and never trained on: hold these clusters out. Two of T0's training sets leave with them, which T0
# kept: HotpotQA, whose passages ANLI's first rounds are written about, and CommonGen, which has captions of ActivityNet, as
# HellaSwag does.
T0_HELDOUT = {
    "natural_language_inference": "rte cb anli_r1 anli_r2 anli_r3",
    "coreference_resolution": "wsc winogrande",
    "sentence_completion": "copa story_cloze hellaswag",
    "word_sense": "wic",
}


def _t0(name, *parts):
    trained = [(cluster, task) for part in parts for cluster, names in part.items() for task in names.split()]
    taken = {task for _, task in trained}
    held = [(cluster, task) for cluster, names in T0_HELDOUT.items() for task in names.split() if task not in taken]
    return Mixture(
        name=name,
        parts=[dataclasses.replace(_TASKS[task], cluster=cluster) for cluster, task in (*trained, *held)],
        rate=t0_rate(500_000),
        # 841 of promptsource's 2,085 templates show their choices.
        styles=StyleShares(few_shot=0.0, options=0.4, chain_of_thought=0.0, inverted=None),
    )


t0 = _t0("t0", T0)
t0_plus = _t0("t0_plus", T0, T0_PLUS)
t0_plus_plus = _t0("t0_plus_plus", T0, T0_PLUS, T0_PLUS_PLUS)

# --- the smaller submixtures of FLAN 2022 ----------------------------------------------------------------------------
# Inverted templates ride at 0.3 beside 1.0 in the released code; half of the prompts are few-shot.
_INVERTED = 0.3 / 1.3
COT = "cot_gsm8k cot_strategyqa cot_creak cot_qasc cot_esnli cot_ecqa cot_sensemaking cot_aqua cot_qed"
chain_of_thought = Mixture(
    name="chain_of_thought",
    parts=_tasks(COT),
    rate=proportional(cap=100_000),
    styles=StyleShares(few_shot=0.5, options=1.0, chain_of_thought=1.0, inverted=_INVERTED),
)
dialogue = Mixture(
    name="dialogue",
    parts=[task for task in _PARTS["dialogue"].tasks() if task.train],
    rate=proportional(cap=200_000),
    styles=StyleShares(few_shot=0.5, options=1.0, chain_of_thought=0.0, inverted=_INVERTED),
)
instructions = _PARTS["instructions"]
