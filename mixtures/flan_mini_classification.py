"""Tasks with a label for an answer: sentiment, topic, paraphrase, acceptability, word sense and coreference.

Part of mixtures/flan_mini.py. rotten_tomatoes is left out on purpose: half of its sentences are in SST-2, in other splits.
"""

import html
import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional


def _quotes(text):
    """The text with plain quotation marks for `` and '', which some vocabularies do not have."""
    return text.replace("``", '"').replace("''", '"').strip()


# --- sentiment -------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/nyu-mll/glue (sst2) · licence: not stated by GLUE
# {'sentence': 'contains no wit , only labored gags ', 'label': 0, 'idx': 1}   labels: negative, positive
_NEGATIVE_POSITIVE = ("negative", "positive")
_mood = label(_NEGATIVE_POSITIVE)

sst2 = Task(
    name="sst2",
    cluster="sentiment",
    source=hub("nyu-mll/glue", "sst2"),
    example=lambda row: Example({"sentence": _quotes(row["sentence"])}, _mood(row["label"]), options=_NEGATIVE_POSITIVE),
    templates=[
        Template('"{{ sentence }}" Would you call this remark about a film positive or negative?'),
        Template("Is the critic's opinion below positive or negative? Opinion: {{ sentence }}"),
        Template("{{ options }}\nFilm comment: {{ sentence }}\nSentiment:"),
        Template('{{ options }}\nA viewer said of a movie: "{{ sentence }}". The feeling that comes across is'),
        Template("Decide which feeling this line from a film review conveys.\n{{ options }}\nThe line: {{ sentence }}"),
        Template("{{ options }}\nAnn: How is the film?\nBen: They said: {{ sentence }}\nAnn: Positive or negative?\nBen:"),
        Template("Write a short {{ answer }} remark about a film.", "{{ sentence }}", kind="inverted"),
    ],
    lineage=["rotten_tomatoes"],
    evaluation="validation",
    licence="not stated",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# https://huggingface.co/datasets/stanfordnlp/imdb · licence: not stated
# {'text': 'Long, boring, blasphemous. Never have I been so glad to see ending credits roll.', 'label': 0}
imdb = Task(
    name="imdb",
    cluster="sentiment",
    source=hub("stanfordnlp/imdb", "plain_text"),
    example=lambda row: Example(
        {"review": row["text"].replace("<br />", " ").strip()},
        _mood(row["label"]),
        options=_NEGATIVE_POSITIVE,
    ),
    templates=[
        Template("Read this movie review and say whether it is positive or negative. Review: {{ review }}"),
        Template("{{ review }}\nOn the whole, is the review above positive or negative?"),
        Template(
            "Did the reviewer think well of the film? Reply with positive or negative.\n{{ options }}\nReview: {{ review }}"
        ),
        Template("{{ options }}\nReview text: {{ review }}\nOverall verdict:"),
        Template("{{ options }}\nHere is what a visitor wrote after seeing a film: {{ review }} In one word, this opinion is"),
        Template("Rate the following as positive or negative: {{ review }}"),
    ],
    lineage=["imdb"],
    evaluation="test",
    long_fields=["review"],
    licence="not stated",
    link="https://huggingface.co/datasets/stanfordnlp/imdb",
)

# https://huggingface.co/datasets/cardiffnlp/tweet_eval (emotion) · licence: unrestricted, individual task licences apply
# {'text': 'angel delight is my everything ', 'label': 1}
_EMOTIONS = ("anger", "joy", "optimism", "sadness")
_emotion = label(_EMOTIONS)

tweet_emotion = Task(
    name="tweet_emotion",
    cluster="sentiment",
    source=hub("cardiffnlp/tweet_eval", "emotion"),
    example=lambda row: Example(
        {"tweet": html.unescape(row["text"]).replace("\\n", " ").strip()}, _emotion(row["label"]), options=_EMOTIONS
    ),
    templates=[
        Template('Which emotion does this tweet express? "{{ tweet }}"'),
        Template("{{ options }}\nTweet: {{ tweet }}\nEmotion (anger, joy, optimism or sadness):"),
        Template("Someone posted the message below. Name the feeling behind it.\n{{ options }}\nMessage: {{ tweet }}"),
        Template('{{ options }}\n"{{ tweet }}" The person who posted this mostly feels'),
        Template("Sort this post into anger, joy, optimism or sadness. Post: {{ tweet }}"),
        Template("How does the author of the following post feel? {{ tweet }}"),
        Template("Write a tweet that shows {{ answer }}.", "{{ tweet }}", kind="inverted"),
    ],
    lineage=["semeval2018_affect"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="individual task licences",
    link="https://huggingface.co/datasets/cardiffnlp/tweet_eval",
)

# --- topic -----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/fancyzhx/ag_news · licence: non-commercial use (AG's corpus of news articles)
# {'text': 'Phelps, Thorpe Advance in 200 Freestyle (AP) AP - Michael Phelps took care of qualifying ...', 'label': 1}
_NEWS = ("world", "sports", "business", "science and technology")
_section = label(_NEWS)


def _ag_news(row):
    text = html.unescape(row["text"].replace(" #39;", "'").replace("#39;", "'").replace("\\", " "))
    text = re.sub(r"</?[A-Za-z][^>]*>", "", text)
    return Example({"article": text}, _section(row["label"]), options=_NEWS)


ag_news = Task(
    name="ag_news",
    cluster="topic",
    source=hub("fancyzhx/ag_news"),
    example=_ag_news,
    templates=[
        Template("In which section of a newspaper would this story appear? Story: {{ article }}"),
        Template("{{ article }}\nWhat is this news item about: world, sports, business, or science and technology?"),
        Template("Choose the desk that should handle the report below.\n{{ options }}\nReport: {{ article }}"),
        Template("{{ options }}\nNews: {{ article }}\nTopic:"),
        Template('{{ options }}\nAn agency sent this text: "{{ article }}" It belongs under the heading'),
        Template("{{ options }}\nClassify by subject. Text: {{ article }} Subject:"),
        Template("Write the opening of a news story for the {{ answer }} section.", "{{ article }}", kind="inverted"),
    ],
    lineage=["ag_corpus"],
    evaluation="test",
    long_fields=["article"],
    licence="non-commercial",
    link="https://huggingface.co/datasets/fancyzhx/ag_news",
)

# https://huggingface.co/datasets/fancyzhx/dbpedia_14 · licence: CC BY-SA 3.0
# {'label': 7, 'content': 'Robs Lake is a lake of Shelburne District in Nova Scotia Canada .'}
_KINDS = (
    "company", "school or university", "artist", "athlete", "politician or office holder", "vehicle or vessel", "building",
    "natural place", "village", "animal", "plant", "album", "film", "written work",
)  # fmt: skip
_kind = label(_KINDS)

dbpedia_14 = Task(
    name="dbpedia_14",
    cluster="topic",
    source=hub("fancyzhx/dbpedia_14", "dbpedia_14"),
    example=lambda row: Example({"text": row["content"].strip()}, _kind(row["label"]), options=_KINDS),
    templates=[
        Template("What sort of thing is described here? {{ text }}"),
        Template("{{ options }}\nEncyclopedia entry: {{ text }}\nKind of subject:"),
        Template("Pick the category of the thing in this description.\n{{ options }}\nDescription: {{ text }}"),
        Template("{{ options }}\nArticle: {{ text }} Its subject can be filed under"),
        Template("Below is the start of an article. Tell me what type of entity it is about. Article: {{ text }}"),
        Template("{{ options }}\nAnn: I read this: {{ text }}\nBen: And what kind of thing is that?\nAnn:"),
    ],
    lineage=["dbpedia"],
    train="train[:95%]",
    evaluation="train[95%:]",
    long_fields=["text"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/fancyzhx/dbpedia_14",
)

# https://huggingface.co/datasets/CogComp/trec · licence: not stated
# {'text': 'How did serfdom develop in and then leave Russia ?', 'coarse_label': 2, 'fine_label': 26}
_ASKED_FOR = ("an abbreviation", "a thing", "a description", "a person or group", "a place", "a number or date")
_wanted = label(_ASKED_FOR)

trec = Task(
    name="trec",
    cluster="topic",
    source=hub("CogComp/trec"),
    example=lambda row: Example({"question": _quotes(row["text"])}, _wanted(row["coarse_label"]), options=_ASKED_FOR),
    templates=[
        Template('What does the question "{{ question }}" ask for?'),
        Template("{{ options }}\nQuestion: {{ question }}\nKind of answer that is expected:"),
        Template("Do not answer this question. Say what kind of answer it calls for.\n{{ options }}\nQuestion: {{ question }}"),
        Template("{{ options }}\nSomeone asks: {{ question }} The reply should be"),
        Template("Sort the question by what it wants to know: {{ question }}"),
        Template("Expected answer type for: {{ question }}"),
        Template("Write a trivia question whose answer is {{ answer }}.", "{{ question }}", kind="inverted"),
    ],
    lineage=["trec_qa"],
    evaluation="test",
    licence="not stated",
    link="https://huggingface.co/datasets/CogComp/trec",
)

# --- paraphrase ------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/nyu-mll/glue (mrpc) · licence: Microsoft Research
# {'sentence1': 'Amrozi accused his brother ...', 'sentence2': 'Referring to him as only ...', 'label': 1, 'idx': 0}
_NO_YES = ("no", "yes")
_yes = label(_NO_YES)

mrpc = Task(
    name="mrpc",
    cluster="paraphrase",
    source=hub("nyu-mll/glue", "mrpc"),
    example=lambda row: Example({"first": row["sentence1"], "second": row["sentence2"]}, _yes(row["label"]), options=_NO_YES),
    templates=[
        Template("First sentence: {{ first }}\nSecond sentence: {{ second }}\nDo they say the same thing?"),
        Template('Does "{{ first }}" mean the same as "{{ second }}"? Answer yes or no.'),
        Template("Two papers reported this. Paper one: {{ first }} Paper two: {{ second }} Are the two reports equivalent?"),
        Template("Check for a paraphrase.\n{{ options }}\nText A: {{ first }}\nText B: {{ second }}"),
        Template(
            "Could an editor swap one sentence for the other without changing the news? One: {{ first }} Other: {{ second }}"
        ),
        Template("Original: {{ first }}\nRewording: {{ second }}\nSame meaning, yes or no?"),
        Template(
            "{% if answer == 'yes' %}Put this sentence in other words{% else %}Write a sentence on the same news that says "
            "something else{% endif %}: {{ first }}",
            "{{ second }}",
            kind="inverted",
        ),
    ],
    lineage=["msr_paraphrase"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="Microsoft Research",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# https://huggingface.co/datasets/nyu-mll/glue (stsb) · licence: CC BY-SA 4.0 in part (LICENSE.txt of STS-B)
# {'sentence1': 'A plane is taking off.', 'sentence2': 'An air plane is taking off.', 'label': 5.0, 'idx': 0}
# Its pairs come from MSRP, MSR video captions, Flickr captions and headlines: hence the long lineage.
_SCORES = ("0", "1", "2", "3", "4", "5")
_score = label(_SCORES)

stsb = Task(
    name="stsb",
    cluster="paraphrase",
    source=hub("nyu-mll/glue", "stsb"),
    example=lambda row: Example(
        {"first": row["sentence1"], "second": row["sentence2"]}, _score(int(row["label"] + 0.5)), options=_SCORES
    ),
    templates=[
        Template('On a scale from 0 to 5, how close in meaning are "{{ first }}" and "{{ second }}"?'),
        Template(
            "{{ options }}\nSentence A: {{ first }}\nSentence B: {{ second }}\nSimilarity from 0 (none) to 5 (same meaning):"
        ),
        Template(
            "Grade how alike two sentences are, 5 being the highest grade and 0 the lowest. One: {{ first }} Two: {{ second }}"
        ),
        Template("{{ first }} And now another one: {{ second }} From 0 to 5, how much do these two agree?"),
        Template("Give a number of similarity.\n{{ options }}\nLeft: {{ first }}\nRight: {{ second }}"),
        Template(
            "Write a sentence whose similarity to the one below is {{ answer }} out of 5. Sentence: {{ first }}",
            "{{ second }}",
            kind="inverted",
        ),
    ],
    lineage=["msr_paraphrase", "msr_video", "flickr30k", "flickr8k"],
    evaluation="validation",
    shuffle_options=False,
    licence="CC BY-SA 4.0 in part",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# https://huggingface.co/datasets/google-research-datasets/paws-x (en) · licence: may be freely used for any purpose
# {'id': 1, 'sentence1': 'From the merger of the Four Rivers Council ...', 'sentence2': 'Shawnee Trails ...', 'label': 1}
_DIFFERENT_SAME = ("different", "the same")
_same = label(_DIFFERENT_SAME)

paws_x_en = Task(
    name="paws_x_en",
    cluster="paraphrase",
    source=hub("google-research-datasets/paws-x", "en"),
    example=lambda row: Example(
        {"first": _quotes(row["sentence1"]), "second": _quotes(row["sentence2"])},
        _same(row["label"]),
        options=_DIFFERENT_SAME,
    ),
    templates=[
        Template(
            "Mind the word order: is the meaning of these two sentences different or the same? 1) {{ first }} 2) {{ second }}"
        ),
        Template("{{ options }}\nVersion one: {{ first }}\nVersion two: {{ second }}\nTheir meaning is"),
        Template(
            "Compare what is claimed in each sentence.\n{{ options }}\nFirst claim: {{ first }}\nSecond claim: {{ second }}"
        ),
        Template('"{{ first }}" "{{ second }}" Are the facts in these two quotations different or the same?'),
        Template(
            "Someone changed the sentence {{ first }} into this one: {{ second }} Is what it says now the same or different?"
        ),
    ],
    lineage=["paws_wiki"],
    train="validation[:80%]",
    evaluation="validation[80%:]",
    licence="free use",
    link="https://huggingface.co/datasets/google-research-datasets/paws-x",
)

# --- linguistic acceptability ----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/nyu-mll/glue (cola) · licence: not stated (sentences quoted from linguistics books)
# {'sentence': 'The professor talked us.', 'label': 0, 'idx': 20}
_ACCEPTABLE = ("unacceptable", "acceptable")
_verdict = label(_ACCEPTABLE)

cola = Task(
    name="cola",
    cluster="linguistic_acceptability",
    source=hub("nyu-mll/glue", "cola"),
    example=lambda row: Example({"sentence": row["sentence"]}, _verdict(row["label"]), options=_ACCEPTABLE),
    templates=[
        Template('As English, is the sentence "{{ sentence }}" acceptable or unacceptable?'),
        Template("{{ options }}\nSentence: {{ sentence }}\nGrammar:"),
        Template("Would a native speaker accept this sentence? Say acceptable or unacceptable. {{ sentence }}"),
        Template("Judge the wording, not the content.\n{{ options }}\nWording: {{ sentence }}"),
        Template("{{ options }}\nA linguist reads the example {{ sentence }} and marks it as"),
        Template("Write an English sentence that is grammatically {{ answer }}.", "{{ sentence }}", kind="inverted"),
    ],
    lineage=["cola", "levin_1993"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="not stated",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# --- word sense ------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/aps/super_glue (wic) · licence: CC BY-NC 4.0
# {'word': 'summer', 'sentence1': 'We like to summer in the Mediterranean.', 'sentence2': 'We summered in Kashmir.', 'label': 1}
wic = Task(
    name="wic",
    cluster="word_sense",
    source=hub("aps/super_glue", "wic"),
    example=lambda row: Example(
        {"word": row["word"], "first": row["sentence1"], "second": row["sentence2"]},
        _yes(row["label"]),
        options=_NO_YES,
    ),
    templates=[
        Template('Is the word "{{ word }}" used in one sense in both sentences? First: {{ first }} Second: {{ second }}'),
        Template('1. {{ first }}\n2. {{ second }}\nDoes "{{ word }}" mean the same thing in 1 and 2?'),
        Template("Word: {{ word }}\nUse one: {{ first }}\nUse two: {{ second }}\nSame sense, yes or no?"),
        Template(
            'Does a dictionary list these uses of "{{ word }}" as one meaning?\n{{ options }}\nUses: {{ first }} / {{ second }}'
        ),
        Template(
            'Pupil: I found "{{ word }}" in two places. Here: {{ first }} And here: {{ second }} '
            "Is it the same meaning both times?\nTeacher:"
        ),
        Template(
            'Here is a sentence with the word "{{ word }}": {{ first }} Write another one that uses it in '
            "{{ 'the same' if answer == 'yes' else 'a different' }} sense.",
            "{{ second }}",
            kind="inverted",
        ),
    ],
    lineage=["wordnet_examples", "levin_1993", "wiktionary"],
    evaluation="validation",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# --- coreference -----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/aps/super_glue (wsc) · licence: CC BY 4.0
# {'text': 'I poured water from the bottle into the cup until it was full.', 'span1_text': 'the cup', 'span2_text': 'it',
#  'span1_index': 7, 'span2_index': 10, 'label': 1}


def _wsc(row):
    words, position, pronoun = row["text"].split(), row["span2_index"], row["span2_text"]
    if position < len(words) and words[position].startswith(pronoun):
        words[position] = f"[{pronoun}]{words[position][len(pronoun) :]}"
    fields = {"text": _quotes(" ".join(words)), "pronoun": pronoun, "phrase": row["span1_text"]}
    return Example(fields, _yes(row["label"]), options=_NO_YES)


wsc = Task(
    name="wsc",
    cluster="coreference",
    source=hub("aps/super_glue", "wsc"),
    example=_wsc,
    templates=[
        Template('{{ text }} Does "{{ pronoun }}" here stand for "{{ phrase }}"?'),
        Template('Does the pronoun in brackets refer to "{{ phrase }}"? Text: {{ text }}'),
        Template("Passage: {{ text }}\nPronoun: {{ pronoun }}\nSuggested meaning: {{ phrase }}\nIs the suggestion right?"),
        Template(
            'If "{{ phrase }}" replaced "{{ pronoun }}", would the text still say the same?\n{{ options }}\nText: {{ text }}'
        ),
        Template('{{ options }}\nAnn: Listen: {{ text }}\nBen: By "{{ pronoun }}", is {{ phrase }} meant? Yes or no?\nAnn:'),
    ],
    lineage=["winograd_schemas"],
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/allenai/winogrande (winogrande_xl) · licence: CC BY
# {'sentence': 'Sarah was a much better surgeon than Maria so _ always got the easier cases.', 'option1': 'Sarah',
#  'option2': 'Maria', 'answer': '2'}   twin sentences stand next to each other, so the slices are cut from one file order
def _winogrande(row):
    if row["answer"] not in ("1", "2"):
        raise SkipRow("no label")
    options = (row["option1"], row["option2"])
    sentence = row["sentence"].replace("_", "____")
    return Example(
        {"sentence": sentence, "one": options[0], "two": options[1]}, options[int(row["answer"]) - 1], options=options
    )


winogrande = Task(
    name="winogrande",
    cluster="coreference",
    source=hub("allenai/winogrande", "winogrande_xl"),
    example=_winogrande,
    templates=[
        Template("Who or what belongs in the gap, {{ one }} or {{ two }}? {{ sentence }}"),
        Template("{{ options }}\nFill the blank: {{ sentence }}\nThe blank is"),
        Template('{{ options }}\nIn "{{ sentence }}" the missing words are'),
        Template("Complete the sentence so that it makes sense.\n{{ options }}\nSentence: {{ sentence }}"),
        Template("{{ sentence }} Does the gap stand for {{ one }} or for {{ two }}?"),
    ],
    lineage=["winogrande"],
    train="validation[:80%]",
    evaluation="validation[80%:]",
    licence="CC BY",
    link="https://huggingface.co/datasets/allenai/winogrande",
)


# https://huggingface.co/datasets/google-research-datasets/gap · licence: Apache-2.0
# {'Text': "Zoe Telford -- played ... Phoebe Thomas played Cheryl Cassidy, Pauline's friend ... her boyfriend ...",
#  'Pronoun': 'her', 'Pronoun-offset': 274, 'A': 'Cheryl Cassidy', 'A-coref': True, 'B': 'Pauline', 'B-coref': False, ...}
def _gap(row):
    if row["A"] == row["B"]:
        raise SkipRow("both names are the same")
    text, start, pronoun = row["Text"], row["Pronoun-offset"], row["Pronoun"]
    marked = f"{text[:start]}[{pronoun}]{text[start + len(pronoun) :]}"
    options = (row["A"], row["B"], "neither")
    answer = options[0] if row["A-coref"] else options[1] if row["B-coref"] else options[2]
    return Example({"text": _quotes(marked), "pronoun": pronoun, "one": row["A"], "two": row["B"]}, answer, options=options)


gap = Task(
    name="gap",
    cluster="coreference",
    source=hub("google-research-datasets/gap"),
    example=_gap,
    templates=[
        Template('Whom does "{{ pronoun }}" in brackets refer to: {{ one }}, {{ two }}, or neither? {{ text }}'),
        Template('{{ options }}\nText: {{ text }}\nIn this text, the bracketed "{{ pronoun }}" means'),
        Template("One pronoun of this text is in brackets. Who is it?\n{{ options }}\nText: {{ text }}"),
        Template(
            "{{ options }}\nArticle: {{ text }}\nCandidates: {{ one }}; {{ two }}; neither.\nThe person behind [{{ pronoun }}]:"
        ),
        Template("Find the owner of the pronoun [{{ pronoun }}]: is it {{ one }} or {{ two }}, or neither? Text: {{ text }}"),
    ],
    lineage=["gap"],
    evaluation="test",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/google-research-datasets/gap",
)

classification = Mixture(
    name="classification",
    parts=[
        *(sst2, imdb, tweet_emotion),
        *(ag_news, dbpedia_14, trec),
        *(mrpc, stsb, paws_x_en),
        *(cola, wic),
        *(wsc, winogrande, gap),
    ],
    rate=proportional(cap=3000),
)
