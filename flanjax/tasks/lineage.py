"""One name for each corpus, whatever it is called: by its old or new id on the hub, in tensorflow-datasets, or in a collection.

A hold-out compares corpora by name, so `hub("glue", "rte")`, `hub("nyu-mll/glue", "rte")` and Super-NaturalInstructions' "rte"
must be one, or the hold-out leaks.
"""

import functools
import re

_SCHEMES = ("hub:", "tfds:")
_GENERIC = re.compile(r"default|plain_text|main|raw|all|v?\d+(\.\d+)*")  # configurations that name no corpus of their own

# Namespace on the hub -> data sets that lie there today and had no namespace before 2024.
_MOVED = {
    "abisee": "cnn_dailymail",
    "ai4bharat": "indic_glue",
    "alexfabbri": "multi_news",
    "allenai": "ai2_arc art c4 common_gen cosmos_qa math_qa openbookqa qa_zre qasc quarel quartz ropes sciq scitail "
    "social_i_qa swag winogrande wiqa mslr2022",
    "aps": "super_glue",
    "bentrevett": "multi30k",
    "bigscience": "P3",
    "CogComp": "trec mc_taco",
    "community-datasets": "ohsumed crawl_domain definite_pronoun_resolution gutenberg_time yahoo_answers_topics opinosis "
    "generated_reviews_enth swahili_news",
    "cornell-movie-review-data": "rotten_tomatoes",
    "dair-ai": "emotion",
    "dataset-org": "dream",
    "dbpedia": "dbpedia",
    "deepmind": "aqua_rat code_contests math_dataset narrativeqa pg19",
    "defunct-datasets": "amazon_reviews_multi amazon_us_reviews",
    "EdinburghNLP": "xsum",
    "ehovy": "race",
    "EleutherAI": "asdiv",
    "facebook": "anli asset babi_qa belebele dpr flores kilt_tasks mlqa kilt_wikipedia wiki_dpr empathetic_dialogues "
    "blended_skill_talk",
    "fancyzhx": "ag_news amazon_polarity dbpedia_14 yelp_polarity",
    "FiscalNote": "billsum",
    "GEM": "gem web_nlg e2e_nlg dart wiki_lingua",
    "google": "boolq xquad xtreme code_x_glue_ct_code_to_text wiki_split",
    "google-research-datasets": "circa cfq conceptual_captions discofuse disfl_qa gap go_emotions mbpp natural_questions "
    "nq_open paws paws-x poem_sentiment qed schema_guided_dstc8 taskmaster1 taskmaster2 taskmaster3 tydiqa time_dial "
    "wiki_atomic_edits totto",
    "Harvard": "gigaword",
    "Helsinki-NLP": "opus-100 opus_books open_subtitles europarl",
    "hotpotqa": "hotpot_qa",
    "ibm": "duorc",
    "jhu-clsp": "jfleg",
    "knkarthick": "samsum dialogsum",
    "legacy-datasets": "c4 multilingual_librispeech wikipedia",
    "lmqg": "qg_squad",
    "lucasmccabe": "logiqa",
    "mandarjoshi": "trivia_qa",
    "michaelauli": "wiki_bio",
    "microsoft": "codexglue ms_marco wiki_qa xglue orca-math-word-problems-200k",
    "mteb": "banking77",
    "nyu-mll": "glue blimp crows_pairs multi_nli",
    "openai": "gsm8k openai_humaneval summarize_from_feedback",
    "PolyAI": "banking77 minds14",
    "qiaojin": "PubMedQA",
    "quoref": "quoref",
    "rajpurkar": "squad squad_v2",
    "rmyeid": "polyglot_ner",
    "RobZamp": "sick",
    "Rowan": "hellaswag",
    "Salesforce": "cos_e wikitext wikisql",
    "samsum": "samsum",
    "sealuzh": "app_reviews",
    "SetFit": "20_newsgroups sst5 CR subj",
    "stanfordnlp": "coqa craigslist_bargains imdb sentiment140 snli sst sst2 web_questions",
    "tasksource": "commonsense_qa_2.0",
    "tau": "commonsense_qa",
    "textmachinelab": "quail",
    "toughdata": "quora-question-answer-dataset",
    "truthfulqa": "truthful_qa",
    "tuetschek": "e2e_nlg e2e_nlg_cleaned",
    "ucinlp": "drop",
    "UCLNLP": "adversarial_qa",
    "wmt": "wmt14 wmt15 wmt16 wmt17 wmt18 wmt19 wmt_t2t",
    "Yale-LILY": "aeslc dart",
    "yale-nlp": "FOLIO",
    "ybisk": "piqa",
    "Yelp": "yelp_review_full",
    "yhavinga": "mc4_nl_cleaned",
    "zeroshot": "twitter-financial-news-topic",
}

# Corpora whose configurations are never corpora of their own: sizes, settings and ways of asking the same texts.
_ONE = """
    adversarial_qa ai2_arc cnn_dailymail common_gen dream duorc hotpot_qa openbookqa paws quail race trivia_qa web_nlg
    winogrande xsum
"""

# Names that several namespaces above have, or none of them as an id -> where the old id leads today.
_LEADS_TO = {
    "banking77": "PolyAI/banking77",
    "dart": "Yale-LILY/dart",
    "e2e_nlg": "tuetschek/e2e_nlg",
    "pubmed_qa": "qiaojin/PubMedQA",
    "quoref": "allenai/quoref",
    "samsum": "knkarthick/samsum",
}

# Corpus -> its other names: parts of benchmarks, names in collections, spellings.
_CALLED = {
    "ag_news": "ag_news_subset agnews",
    "ai2_arc": "arc arc_easy arc_challenge ai2_arc/arc-easy ai2_arc/arc-challenge arc-easy arc-challenge arc_(easy) "
    "arc_(challenge)",
    "alphanli": "art abductive_nli anli_abductive alpha_nli abductivenli",
    "amazon_polarity": "amazon_review_polarity amazon_reviews_polarity",
    "anli": "adversarial_nli adversarialnli",
    "aqua_rat": "aqua aqua-rat agieval/aqua-rat flan_cot/aqua",
    "boolq": "bool_q super_glue/boolq boolean_questions",
    "cnn_dailymail": "cnn_daily_mail cnn_dm cnndm cnn/daily_mail",
    "cola": "glue/cola",
    "commitmentbank": "cb super_glue/cb commitment_bank",
    "common_gen": "commongen gem/common_gen",
    "commonsense_qa": "commonsenseqa csqa",
    "copa": "super_glue/copa choice_of_plausible_alternatives",
    "cos_e": "cose cos_e/v1.11",
    "cosmos_qa": "cosmosqa",
    "creak": "amydeng2000/creak flan_cot/creak",
    "dart": "gem/dart",
    "dbpedia_14": "dbpedia dbpedia14",
    "definite_pronoun_resolution": "dpr_coreference definite_pronoun",
    "drop": "ucinlp/drop discrete_reasoning_over_paragraphs",
    "e2e_nlg": "e2e gem/e2e_nlg e2e_nlg_cleaned",
    "ecqa": "flan_cot/ecqa",
    "esnli": "e-snli e_snli esnli/esnli flan_cot/esnli",
    "gigaword": "english_gigaword",
    "gsm8k": "cot_gsm8k flan_cot/gsm8k gsm8k/main gsm8k/socratic grade_school_math",
    "hellaswag": "hella_swag",
    "hotpot_qa": "hotpotqa kilt_tasks/hotpotqa",
    "imdb": "imdb_reviews imdb_review stanford_imdb",
    "mnli": "glue/mnli multi_nli multinli mnli_matched mnli_mismatched glue/mnli_matched glue/mnli_mismatched",
    "mrpc": "glue/mrpc glue_mrpc",
    "multirc": "super_glue/multirc multi_rc",
    "natural_questions": "nq nq_open natural_questions_open naturalquestions kilt_tasks/nq",
    "openbookqa": "openbook_qa obqa",
    "paws": "paws/labeled_final paws_wiki paws-x paws-x/en paws_x",
    "piqa": "physical_iqa",
    "qasc": "flan_cot/qasc",
    "qed": "flan_cot/qed",
    "qnli": "glue/qnli",
    "qqp": "glue/qqp quora glue_qqp quora_question_pairs",
    "race": "race/high race/middle race_c",
    "record": "super_glue/record",
    "roc_stories": "rocstories roc_story story_cloze rocstory storycloze",
    "rotten_tomatoes": "rotten_tomatoes_reviews",
    "rte": "glue/rte super_glue/rte",
    "samsum": "gem/samsum sam_sum",
    "sensemaking": "comve comve/taska comve/taskb flan_cot/sensemaking commonsense_validation",
    "social_i_qa": "social_iqa socialiqa siqa",
    "squad": "squad1.1 squad_1.1 squad_v1 squad_v1.1 squad_v2 squad2.0 squad_2.0 squad_1.1_and_2.0 adversarial_squad",
    "sst": "sst2 sst-2 glue/sst2 sst5 stanford_sentiment_treebank glue_sst2",
    "strategy_qa": "strategyqa flan_cot/strategyqa strategyqa/default",
    "stsb": "glue/stsb sts-b sts_b semantic_textual_similarity",
    "trec": "trec_questions trec-6",
    "trivia_qa": "triviaqa flashrag_datasets/triviaqa trivia_qa/rc trivia_qa/rc.nocontext trivia_qa/unfiltered "
    "trivia_qa/unfiltered.nocontext",
    "web_nlg": "gem/web_nlg web_nlg_en webnlg web_nlg/en",
    "web_questions": "webquestions",
    "wic": "super_glue/wic words_in_context",
    "wiki_lingua": "wiki_lingua_english_en gem/wiki_lingua wikilingua",
    "winograd_schemas": "wsc wsc273 wsc273_masked glue/wnli wnli super_glue/wsc super_glue/wsc.fixed winograd "
    "winograd_wsc winograd_schema_challenge winograd_wsc/wsc273",
    "winogrande": "winogrande/winogrande_xl winogrande/winogrande_debiased winogrande_xl wino_grande",
    "xsum": "xsum_summarization",
    "yelp_polarity": "yelp_polarity_reviews yelp_review_polarity",
}


def hub_id(name: str) -> str:
    """Returns the id on the hub today of a data set with this old id; the same id if it has not moved, or is not in the table.

    >>> hub_id("glue"), hub_id("my/own")
    ('nyu-mll/glue', 'my/own')
    """
    return _LEADS_TO.get(name) or _moved_to().get(name, name)


@functools.cache
def _moved_to() -> dict[str, str]:
    return {name: f"{space}/{name}" for space, names in reversed(_MOVED.items()) for name in names.split()}


@functools.cache
def _tables() -> tuple[dict[str, str], dict[str, str]]:
    moved = {_plain(f"{space}/{name}"): _plain(name) for space, names in _MOVED.items() for name in names.split()}
    called = {_plain(other): corpus for corpus, others in _CALLED.items() for other in others.split()}
    return moved, called


@functools.lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """Returns the corpus's one name. A name of no known corpus stays as it is, but for its scheme.

    >>> {canonical(name) for name in ("hub:glue/rte", "hub:nyu-mll/glue/rte", "tfds:super_glue/rte", "RTE")}
    {'rte'}
    >>> canonical("hub:rajpurkar/squad/plain_text")
    'squad'
    """
    bare = name
    for scheme in _SCHEMES:
        bare = bare.removeprefix(scheme)
    moved, called = _tables()
    parts = _plain(bare).split("/")
    if (short := moved.get("/".join(parts[:2]))) is not None:
        parts = [short, *parts[2:]]
    while len(parts) > 1 and (_GENERIC.fullmatch(parts[-1]) or parts[-1] == parts[-2]):
        parts.pop()
    corpus = "/".join(parts)
    if corpus in called:
        return called[corpus]
    if parts[0] in _ONE.split():
        return parts[0]
    return corpus if corpus in _CALLED or parts[0] in moved.values() else bare


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())
