"""promptsource's datasets: their clusters, the corpora that they derive from, and their splits.

The clusters are those of T0's taxonomy (Sanh et al. 2022, https://arxiv.org/abs/2110.08207, figure 2): T0 was trained on some,
and `entailment`, `coreference`, `sentence_completion` and `word_sense` were held out. Datasets that T0 did not use are in the
cluster that their task belongs to, so that a hold-out finds them. The others are in the cluster `promptsource`.
"""

from flanjax.importers.flan_tasks import FLAN_TASKS, Origin, find
from flanjax.importers.imported import plain_name
from flanjax.sources import Source
from flanjax.sources.hub import hub
from flanjax.tasks.lineage import hub_id

REST = "promptsource"
LICENCE = "Apache-2.0 (promptsource's templates)"

# Cluster -> dataset, or dataset/configuration -> corpora beside itself and those in FLAN_TASKS.
_CLUSTERS = {
    "bias": {"crows_pairs": "", "wino_bias": ""},
    "closed_book_qa": {
        "ai2_arc": "",
        "ambig_qa": "natural_questions",
        "freebase_qa": "trivia_qa",
        "kilt_tasks/hotpotqa": "hotpot_qa",
        "kilt_tasks/nq": "natural_questions",
        "nq_open": "natural_questions",
        "trivia_qa": "",
        "web_questions": "",
        "wiki_qa": "",
    },
    "coreference": {
        "mwsc": "winograd_schemas",
        "super_glue/wsc.fixed": "",
        "winograd_wsc": "winograd_schemas",
        "winogrande": "",
    },
    "extractive_qa": {
        "Zaid/coqa_expanded": "coqa",
        "Zaid/quac_expanded": "quac",
        "adversarial_qa": "squad",
        "coqa": "",
        "drop": "",
        "duorc": "",
        "hotpot_qa": "",
        "narrativeqa": "",
        "qa_zre": "",
        "quac": "",
        "quoref": "",
        "ropes": "",
        "squad": "",
        "squad_adversarial": "squad",
        "squad_v2": "squad",
        "squadshifts": "",
        "subjqa": "",
        "super_glue/record": "",
        "tydiqa": "",
        "xquad": "squad",
        "xquad_r": "squad",
    },
    "multiple_choice_qa": {
        "aqua_rat": "",
        "commonsense_qa": "",
        "cos_e": "",
        "cosmos_qa": "",
        "dream": "",
        "head_qa": "",
        "math_qa": "aqua_rat",
        "mc_taco": "multirc",
        "openbookqa": "",
        "piqa": "",
        "qasc": "",
        "quail": "",
        "quarel": "",
        "quartz": "",
        "race": "",
        "riddle_sense": "",
        "sciq": "",
        "social_i_qa": "",
        "super_glue/boolq": "",
        "super_glue/multirc": "",
        "wiki_hop": "",
        "wiqa": "",
    },
    "entailment": {
        "anli": "",
        "esnli": "snli flickr30k flickr8k",
        "glue/ax": "glue_diagnostics",
        "glue/mnli": "",
        "glue/mnli_matched": "",
        "glue/mnli_mismatched": "",
        "glue/qnli": "squad",
        "glue/rte": "",
        "glue/wnli": "",
        "hans": "",
        "multi_nli": "",
        "scitail": "sciq",
        "sem_eval_2014_task_1": "sick flickr8k msr_video",
        "sick": "flickr8k msr_video",
        "snli": "flickr30k flickr8k",
        "super_glue/axb": "glue_diagnostics",
        "super_glue/axg": "winogender",
        "super_glue/cb": "",
        "super_glue/rte": "",
        "xnli": "mnli",
    },
    "paraphrase": {
        "glue/mrpc": "",
        "glue/qqp": "",
        "glue/stsb": "",
        "medical_questions_pairs": "",
        "paws": "",
        "paws-x": "paws",
        "quora": "qqp",
        "stsb_multi_mt": "stsb flickr30k flickr8k msr_video mrpc",
    },
    "sentence_completion": {
        "art": "alphanli roc_stories",
        "codah": "",
        "craffel/openai_lambada": "lambada",
        "hellaswag": "",
        "lambada": "",
        "story_cloze": "roc_stories",
        "super_glue/copa": "",
        "swag": "activitynet",
    },
    "sentiment": {
        "amazon_polarity": "",
        "amazon_reviews_multi": "",
        "amazon_us_reviews": "",
        "app_reviews": "",
        "financial_phrasebank": "",
        "glue/sst2": "",
        "imdb": "",
        "movie_rationales": "",
        "poem_sentiment": "",
        "rotten_tomatoes": "",
        "sst": "rotten_tomatoes",
        "tweet_eval/sentiment": "",
        "yelp_polarity": "",
        "yelp_review_full": "",
    },
    "structure_to_text": {
        "common_gen": "",
        "e2e_nlg_cleaned": "",
        "enriched_web_nlg": "web_nlg dbpedia",
        "kelm": "",
        "wiki_bio": "",
    },
    "summarization": {
        "aeslc": "",
        "billsum": "",
        "cnn_dailymail": "",
        "gigaword": "",
        "multi_news": "",
        "multi_x_science_sum": "",
        "samsum": "",
        "scientific_papers": "",
        "scitldr": "",
        "sent_comp": "",
        "xsum": "",
    },
    "topic": {"ag_news": "", "dbpedia_14": "", "trec": "", "yahoo_answers_topics": ""},
    "word_sense": {"super_glue/wic": ""},
    REST: {
        "asnq": "natural_questions",
        "qed": "natural_questions",
        "selqa": "wiki_qa",
        "yahoo_answers_qa": "yahoo_answers_topics",
    },
}

ORIGINS = {
    name: Origin(cluster, tuple(corpora.split())) for cluster, names in _CLUSTERS.items() for name, corpora in names.items()
}

# "training split, evaluation split" -> datasets whose splits are others than train and validation; "-" for none.
_SPLITS = {
    "train test": "ag_news amazon_polarity banking77 billsum dbpedia_14 emo imdb limit math_dataset meta_woz scan "
    "sem_eval_2010_task_8 trec web_questions yahoo_answers_topics yelp_polarity yelp_review_full",
    "train -": "ade_corpus_v2 amazon_us_reviews app_reviews bing_coronavirus_query_set biosses blbooksgenre cc_news circa "
    "conv_ai cord19 covid_qa_castorini financial_phrasebank gutenberg_time hate_speech18 lama "
    "hyperpartisan_news_detection/byarticle medical_questions_pairs newspop nlu_evaluation_data numer_sense "
    "onestop_english pubmed_qa quora sms_spam snips_built_in_intents yahoo_answers_qa",
    "- -": "glue/ax",  # its labels are hidden
    "- test": "craffel/openai_lambada crows_pairs openai_humaneval squadshifts super_glue/axb super_glue/axg winograd_wsc",
    "- validation": "glue/mnli_matched glue/mnli_mismatched squad_adversarial xquad xquad_r",
    "train validation_matched": "glue/mnli multi_nli",
    "train_r1+train_r2+train_r3 dev_r3": "anli",
    "train_annotated validation": "docred",
    "train dev": "stsb_multi_mt",
    "train val": "wiki_bio",
    "validation test": "jfleg mc_taco story_cloze turk wino_bias",
}
_DATASET_SPLITS = {name: splits.split() for splits, names in _SPLITS.items() for name in names.split()}


def full_name(dataset: str, config: str | None) -> str:
    """Returns "glue/rte" for ("glue", "rte"), and "imdb" for ("imdb", None)."""
    return f"{dataset}/{config}" if config else dataset


def origin(dataset: str, config: str | None) -> Origin:
    """Returns the cluster of a dataset, and everything that it derives from.

    >>> origin("glue", "qnli")
    Origin(cluster='entailment', lineage=('glue/qnli', 'qnli', 'squad'))
    """
    full = full_name(dataset, config)
    own = ORIGINS.get(full) or ORIGINS.get(dataset) or Origin(REST)
    known = find(plain_name(full.replace("/", "_")), FLAN_TASKS) or own
    return Origin(own.cluster, tuple(dict.fromkeys((full, *known.lineage, *own.lineage))))


def splits(dataset: str, config: str | None) -> tuple[str | None, str | None]:
    """Returns the split expressions for training and evaluation. Those of datasets that are not in the table are a guess."""
    train, evaluation = (
        _DATASET_SPLITS.get(full_name(dataset, config)) or _DATASET_SPLITS.get(dataset) or ("train", "validation")
    )
    return None if train == "-" else train, None if evaluation == "-" else evaluation


def source(dataset: str, config: str | None) -> Source:
    """Returns the rows of a dataset, by its id on the hub today."""
    return hub(hub_id(dataset), config)
