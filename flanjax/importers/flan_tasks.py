"""Which cluster and which corpora a task of the FLAN collection or of T0 has, by its name.

Dumps of these collections keep only the names of their tasks. The names are those of FLAN 2021 and FLAN 2022
(https://github.com/google-research/FLAN, flan/v2) and of P3, where a name is the dataset, its configuration and the prompt:
"paws_labeled_final_Rewrite". The tasks of Super-NaturalInstructions are not here, because their names do not tell their
corpora; add them with `{**FLAN_TASKS, **superni(folder).origins()}`.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple


class Origin(NamedTuple):
    """Where a task belongs, and the corpora that its rows derive from."""

    cluster: str
    lineage: tuple[str, ...] = ()


def find(name: str, table: Mapping[str, Origin]) -> Origin | None:
    """Returns the row of the table for a task's plain name; None if there is none.

    A row is for the tasks that have its name, or begin with it and go on with "_", "-" or "."; "*" and "[0-9]" in it mean what
    they do in file names. Of several rows the one with the longest name counts.

    >>> find("glue_mrpc_2.0.0", FLAN_TASKS)
    Origin(cluster='paraphrase', lineage=('mrpc',))
    """
    fitting = [row for row in table if fnmatchcase(name, row) or fnmatchcase(name, f"{row}[_.-]*")]
    return table[max(fitting, key=len)] if fitting else None


# Cluster, as in mixtures/flan/ -> the beginning of a task's name -> its corpora.
_CLUSTERS = {
    "chain_of_thought": {
        "cot_creak": "creak",
        "cot_ecqa": "ecqa commonsense_qa",
        "cot_esnli": "esnli snli flickr30k flickr8k",
        "cot_gsm8k": "gsm8k",
        "cot_input_inversion_creak": "creak",
        "cot_input_inversion_ecqa": "ecqa commonsense_qa",
        "cot_input_inversion_esnli": "esnli snli flickr30k flickr8k",
        "cot_input_inversion_gsm8k": "gsm8k",
        "cot_input_inversion_qasc": "qasc",
        "cot_input_inversion_sensemaking": "sensemaking",
        "cot_input_inversion_strategyqa": "strategy_qa",
        "cot_qasc": "qasc",
        "cot_sensemaking": "sensemaking",
        "cot_strategyqa": "strategy_qa",
        "stream_aqua": "aqua_rat",
        "stream_input_inversion_aqua": "aqua_rat",
        "stream_input_inversion_qed": "qed natural_questions",
        "stream_qed": "qed natural_questions",
    },
    "closed_book_qa": {
        "kilt_tasks_hotpotqa": "hotpot_qa",
        "natural_questions_open": "natural_questions",
        "trivia_qa": "trivia_qa",
        "web_questions": "web_questions",
        "wiki_qa": "wiki_qa",
    },
    "common_sense": {
        "copa": "copa",
        "cos_e": "cos_e commonsense_qa",
        "hellaswag": "hellaswag activitynet wikihow",
        "lambada": "lambada",
        "piqa": "piqa",
        "social_i_qa": "social_i_qa",
        "story_cloze": "roc_stories",
        "super_glue_copa": "copa",
    },
    "conversational_qa": {
        "coqa": "coqa",
        "quac": "quac",
    },
    "coreference": {
        "definite_pronoun_resolution": "definite_pronoun_resolution winograd_schemas",
        "super_glue_wsc": "winograd_schemas",
        "winogrande": "winogrande winograd_schemas",
        "wsc": "winograd_schemas",
        "wsc273": "winograd_schemas",
    },
    "dialogue": {
        "qrecc": "qrecc quac natural_questions",
        "wiki_dialog": "wiki_dialog",
    },
    "entailment": {
        "anli": "anli",
        "cb": "commitmentbank",
        "glue_mnli": "mnli",
        "glue_qnli": "qnli squad",
        "glue_rte": "rte",
        "glue_wnli": "winograd_schemas",
        "mnli": "mnli",
        "qnli": "qnli squad",
        "rte": "rte",
        "snli": "snli flickr30k flickr8k",
        "super_glue_cb": "commitmentbank",
        "super_glue_rte": "rte",
        "wnli": "winograd_schemas",
    },
    "linguistic": {
        "cola": "cola",
        "glue_cola": "cola",
        "super_glue_wic": "wic wordnet_examples wiktionary",
        "wic": "wic wordnet_examples wiktionary",
    },
    "math": {
        "math_dataset": "math_dataset",
    },
    "paraphrase": {
        "glue_mrpc": "mrpc",
        "glue_qqp": "qqp",
        "glue_stsb": "stsb flickr30k flickr8k msr_video mrpc",
        "paws": "paws",
        "paws_wiki": "paws",
        "stsb": "stsb flickr30k flickr8k msr_video mrpc",
    },
    "reading_comprehension": {
        "adversarial_qa": "adversarial_qa squad",
        "bool_q": "boolq natural_questions",
        "dream": "dream",
        "drop": "drop",
        "duorc": "duorc",
        "multirc": "multirc mctest",
        "quoref": "quoref",
        "race": "race",
        "squad": "squad",
        "super_glue_boolq": "boolq natural_questions",
        "super_glue_multirc": "multirc mctest",
        "tydiqa": "tydiqa",
        "wiki_hop": "wiki_hop",
    },
    "reading_with_common_sense": {
        "cosmos_qa": "cosmos_qa",
        "quail": "quail",
        "quarel": "quarel",
        "quartz": "quartz",
        "record": "record cnn_dailymail",
        "ropes": "ropes",
        "super_glue_record": "record cnn_dailymail",
    },
    "science_qa": {
        "ai2_arc": "ai2_arc",
        "arc": "ai2_arc",
        "openbookqa": "openbookqa",
        "qasc": "qasc",
        "sciq": "sciq",
        "unified_qa_science_inst": "ai2_science",
        "wiqa": "wiqa",
    },
    "sentiment": {
        "amazon_polarity": "amazon_polarity",
        "app_reviews": "app_reviews",
        "glue_sst2": "sst rotten_tomatoes",
        "imdb": "imdb",
        "imdb_reviews": "imdb",
        "rotten_tomatoes": "rotten_tomatoes",
        "sentiment140": "sentiment140",
        "sst2": "sst rotten_tomatoes",
        "yelp_polarity": "yelp_polarity yelp_reviews",
        "yelp_polarity_reviews": "yelp_polarity yelp_reviews",
        "yelp_review_full": "yelp_polarity yelp_reviews",
    },
    "structure_to_text": {
        "common_gen": "common_gen",
        "dart": "dart web_nlg e2e_nlg wikitablequestions wikisql",
        "e2e_nlg": "e2e_nlg",
        "gem_common_gen": "common_gen",
        "gem_dart": "dart web_nlg e2e_nlg wikitablequestions wikisql",
        "gem_e2e_nlg": "e2e_nlg",
        "gem_web_nlg": "web_nlg dbpedia",
        "web_nlg": "web_nlg dbpedia",
        "wiki_bio": "wiki_bio",
    },
    "summarization": {
        "aeslc": "aeslc enron",
        "cnn_dailymail": "cnn_dailymail",
        "gem_wiki_lingua": "wiki_lingua wikihow",
        "gigaword": "gigaword",
        "huggingface_xsum": "xsum",
        "multi_news": "multi_news",
        "newsroom": "newsroom",
        "opinion_abstracts_idebate": "idebate",
        "opinion_abstracts_rotten_tomatoes": "rotten_tomatoes",
        "samsum": "samsum",
        "wiki_lingua": "wiki_lingua wikihow",
        "xsum": "xsum",
    },
    "text_formatting": {
        "fix_punct": "para_crawl",
        "true_case": "para_crawl",
        "word_segment": "para_crawl",
    },
    "topic": {
        "ag_news": "ag_corpus ag_news",
        "dbpedia_14": "dbpedia",
        "trec": "trec trec_qa",
    },
    "translation": {
        "para_crawl": "para_crawl",
        "wmt1[0-9]": "wmt_news",
        "wmt1[0-9]_translate": "wmt_news",
    },
}  # fmt: skip

FLAN_TASKS = {
    name: Origin(cluster, tuple(corpora.split())) for cluster, names in _CLUSTERS.items() for name, corpora in names.items()
}
