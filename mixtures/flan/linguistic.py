"""Linguistic: what is good English, and what the words of a sentence are and mean.

FLAN has two clusters of one task each here, linguistic acceptability (cola) and word disambiguation (wic); T0 holds wic out.
Both can still be had as data. Added here are minimal pairs (blimp), damaged sentences (scala_en), search queries
(google_wellformed_query), levels of reading (onestop_english), and names and parts of speech (conll2003). Correction of
learners' English (jfleg) is text formatting.
"""

import random
import re
import zlib

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional


def _seeded(*texts):
    """A random generator that depends on the texts only."""
    return random.Random(zlib.crc32("\n".join(texts).encode()))


def _untokenize(text):
    """The text as it was before a tokenizer set its punctuation apart.

    >>> _untokenize('" I have n\\'t , " he said .')
    '"I haven\\'t," he said.'
    """
    text = re.sub(r'" ([^"]*[^" ]) "', r'"\1"', re.sub(r"``|''", '"', text))
    text = re.sub(r" (n't|'(?:s|t|re|ve|ll|d|m|em))\b", r"\1", text)
    text = re.sub(r"([(\[$#]) ", r"\1", re.sub(r" (\.\.\.|[,.;:?!%)\]])", r"\1", text))
    return " ".join(text.split())


def _sentence(text):
    """The text with a full stop where it ends in none."""
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", '"', "'")) else f"{text}."


# --- acceptability ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/nyu-mll/glue (cola) · licence: unknown
# {'sentence': 'The professor talked us.', 'label': 0, 'idx': 20}
# labels: unacceptable, acceptable. Examples from books on linguistics.
_ACCEPTABLE = ("unacceptable", "acceptable")
_judgment = label(_ACCEPTABLE)

cola = Task(
    name="cola",
    cluster="linguistic",
    source=hub("nyu-mll/glue", "cola"),
    example=lambda row: Example({"sentence": _sentence(row["sentence"])}, _judgment(row["label"]), options=_ACCEPTABLE),
    templates=[
        Template('As a sentence of English, is "{{ sentence }}" acceptable or unacceptable?', options="never"),
        Template(
            "Would a native speaker of English say this?\nSentence: {{ sentence }}",
            words={"unacceptable": "no", "acceptable": "yes"},
        ),
        Template(
            "Linguists put an asterisk (*) in front of a sentence that breaks the rules of the language and OK in front of "
            "one that keeps them. What belongs in front of the following sentence?\n{{ sentence }}",
            words={"unacceptable": "*", "acceptable": "OK"},
            options="never",
        ),
        Template("Judge the grammar and leave the content aside.\n{{ options }}\nSentence: {{ sentence }}", options="always"),
        Template(
            "Teacher: I'm going to read you a sentence. Tell me whether it sounds right or wrong. {{ sentence }}",
            words={"unacceptable": "wrong", "acceptable": "right"},
            options="never",
            cue="Student:",
        ),
        Template(
            "{{ sentence }}\nIs the sentence above grammatical?",
            words={"unacceptable": "no", "acceptable": "yes"},
            cue="Answer:",
        ),
        Template(
            "I'm learning English and I wrote this down: {{ sentence }}\nIs it correct, or have I made a mistake?",
            words={"unacceptable": "there is a mistake", "acceptable": "it is correct"},
            options="never",
        ),
        Template(
            "Two editors look at a sentence. Mr. Fox says that it is well-formed, and Ms. Hart says that it is ill-formed. "
            "Who is right, Fox or Hart?\nThe sentence: {{ sentence }}",
            words={"unacceptable": "Hart", "acceptable": "Fox"},
            options="never",
        ),
        Template(
            "Decide on the linguistic acceptability of the example.\nExample: {{ sentence }}", cue="Judgment:", options="always"
        ),
        Template(
            "True or false: the words below, in this order, make up a good English sentence.\n{{ sentence }}",
            words={"unacceptable": "False", "acceptable": "True"},
            options="never",
        ),
        Template(
            "Write a sentence such as one finds in a textbook of syntax, as an example of what speakers of English would "
            "{% if answer == 'acceptable' %}say{% else %}never say{% endif %}.",
            "{{ sentence }}",
            kind="inverted",
            name="textbook_example",
        ),
        Template("Make up a grammatically {{ answer }} sentence.", "{{ sentence }}", kind="inverted", name="write_sentence"),
    ],
    lineage=["cola", "levin_1993"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

# https://huggingface.co/datasets/nyu-mll/blimp · licence: CC BY 4.0
# {'sentence_good': 'Who should Derek hug after shocking Richard?',
#  'sentence_bad': 'Who should Derek hug Richard after shocking?', 'field': 'syntax',
#  'linguistics_term': 'island_effects', 'UID': 'adjunct_island', 'simple_LM_method': True, 'one_prefix_method': False,
#  'two_prefix_method': False, 'lexically_identical': True, 'pair_id': 0}
# One task for each of six of the 67 paradigms, one from each of six phenomena. A draw decides which sentence comes first.
_ORDER = ("first", "second")


def _blimp_pair(row):
    good, bad = row["sentence_good"].strip(), row["sentence_bad"].strip()
    answer = _seeded(good, bad).choice(_ORDER)
    first, second = (good, bad) if answer == "first" else (bad, good)
    return Example({"first": first, "second": second, "good": good, "bad": bad}, answer, options=_ORDER)


def _blimp(paradigm):
    return Task(
        name=f"blimp_{paradigm}",
        cluster="linguistic",
        source=hub("nyu-mll/blimp", paradigm),
        example=_blimp_pair,
        templates=[
            Template(
                "First sentence: {{ first }}\nSecond sentence: {{ second }}\nOnly one of the two is grammatical. Is it the "
                "first or the second?",
                options="never",
            ),
            Template(
                "Which would you rather hear from a native speaker, A or B?\nA: {{ first }}\nB: {{ second }}",
                words={"first": "A", "second": "B"},
                options="never",
            ),
            Template(
                'Someone first wrote "{{ first }}" and then changed it to "{{ second }}"\nDid the change make the grammar '
                "better or "
                "worse?",
                words={"first": "worse", "second": "better"},
                options="never",
            ),
            Template(
                "A minimal pair is given below. Give the number of the sentence that is acceptable in English.\n1) "
                "{{ first }}\n2) {{ second }}",
                words={"first": "1", "second": "2"},
                options="never",
                cue="Number:",
            ),
            Template(
                "My spelling checker is happy with both of these, but one of them is wrong. Which one is wrong, the upper or "
                "the lower one?\nUpper: {{ first }}\nLower: {{ second }}",
                words={"first": "the lower one", "second": "the upper one"},
                options="never",
            ),
            Template(
                "Exercise: put an X beside the faulty sentence. Left: {{ first }} Right: {{ second }}\nOn which side does the "
                "X go?",
                words={"first": "right", "second": "left"},
                options="never",
            ),
            Template(
                "Compare the two sentences and choose the one that keeps the rules of grammar.\n{{ options }}\n"
                "The first is: {{ first }}\nThe second is: {{ second }}",
                options="always",
            ),
            Template(
                "Ida says: {{ first }}\nOla says: {{ second }}\nOne of these speakers is still learning English. Who is it, "
                "Ida or Ola?",
                words={"first": "Ola", "second": "Ida"},
                options="never",
            ),
            Template(
                "The words below do not go together as they should. Write the sentence as it ought to be.\nSentence: {{ bad }}",
                "{{ good }}",
                kind="inverted",
                name="repair",
            ),
            Template(
                "Here is a correct sentence: {{ good }} Make a small change to it that turns it into bad English.",
                "{{ bad }}",
                kind="inverted",
                name="spoil",
            ),
        ],
        lineage=["blimp"],
        train="train[:90%]",
        evaluation="train[90%:]",
        licence="CC BY 4.0",
        link="https://huggingface.co/datasets/nyu-mll/blimp",
    )


blimp = [
    _blimp(paradigm)
    for paradigm in (
        "adjunct_island",
        "anaphor_number_agreement",
        "determiner_noun_agreement_1",
        "npi_present_1",
        "regular_plural_subject_verb_agreement_1",
        "transitive",
    )
]

# https://huggingface.co/datasets/alexandrainst/scala (en) · licence: CC BY-SA 4.0
# {'text': 'The new owners have already repainted the whole.', 'corruption_type': 'delete', 'label': 'incorrect'} (made up)
# labels: incorrect, correct. Sentences of the English Web Treebank; in the incorrect ones a word is missing or two are swapped.
_CORRECT = ("incorrect", "correct")

scala_en = Task(
    name="scala_en",
    cluster="linguistic",
    source=hub("alexandrainst/scala", "en"),
    example=lambda row: Example({"sentence": " ".join(row["text"].split())}, row["label"], options=_CORRECT),
    templates=[
        Template("Is the grammar of this sentence correct or incorrect?\n{{ sentence }}", options="never"),
        Template(
            "Some sentences in this file were damaged: a word got lost, or two neighboring words changed places. Did that "
            "happen here?\nSentence: {{ sentence }}",
            words={"incorrect": "yes", "correct": "no"},
        ),
        Template(
            'Read "{{ sentence }}" word by word. Is it intact or broken?',
            words={"incorrect": "broken", "correct": "intact"},
            options="never",
        ),
        Template("Proofread the text and give your finding.\n{{ options }}\nText: {{ sentence }}", options="always"),
        Template(
            "You copy sentences by hand and check them afterwards. Would you keep this copy or do it again?\nCopy: "
            "{{ sentence }}",
            words={"incorrect": "do it again", "correct": "keep it"},
            options="never",
        ),
        Template(
            "{{ sentence }}\nAre all the words of this sentence there, and are they in the right order?",
            words={"incorrect": "no", "correct": "yes"},
            cue="Answer:",
        ),
        Template(
            "Every sentence gets a stamp, either PASSED or REJECTED, according to its grammar. Stamp this one.\n{{ sentence }}",
            words={"incorrect": "REJECTED", "correct": "PASSED"},
            options="never",
            cue="Stamp:",
        ),
        Template(
            "A text from the web went through a machine that may or may not have scrambled it. What has it done to this "
            "sentence, something or nothing?\n{{ sentence }}",
            words={"incorrect": "something", "correct": "nothing"},
            options="never",
        ),
        Template(
            "Assess the sentence for missing and misplaced words.\nSentence: {{ sentence }}",
            cue="The sentence is",
            options="always",
        ),
        Template(
            "{% if answer == 'correct' %}Write a sentence in good English, as it might stand in an e-mail, a review or a blog."
            "{% else %}Write an English sentence in which one word is missing or two neighboring words have changed places."
            "{% endif %}",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["scala", "english_web_treebank"],
    metrics=["accuracy", "macro_f1"],
    train="full_train",
    evaluation="val",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/alexandrainst/scala",
)

# https://huggingface.co/datasets/google-research-datasets/google_wellformed_query · licence: CC BY-SA 4.0
# {'rating': 0.20000000298023224, 'content': 'The European Union includes how many ?'}
# rating: the share of five raters who found the query well-formed; the authors count 0.8 and above as well-formed.
_FORMED = ("not well-formed", "well-formed")
_FORMED_NO_YES = {"not well-formed": "no", "well-formed": "yes"}

google_wellformed_query = Task(
    name="google_wellformed_query",
    cluster="linguistic",
    source=hub("google-research-datasets/google_wellformed_query", revision="refs/convert/parquet"),
    example=lambda row: Example({"query": _untokenize(row["content"])}, _FORMED[row["rating"] > 0.7], options=_FORMED),
    templates=[
        Template(
            "A query is well-formed if it is a question in correct English, with every word spelled as it should be. Is this "
            "query well-formed or not well-formed?\nQuery: {{ query }}",
            options="never",
        ),
        Template(
            "Somebody typed this into a search engine: {{ query }}\nIs it a complete and grammatical question?",
            words=_FORMED_NO_YES,
        ),
        Template(
            "We let a voice assistant read queries aloud only if they are proper questions. May it read out this one?\n"
            "{{ query }}",
            words=_FORMED_NO_YES,
            cue="Answer:",
        ),
        Template(
            "Assess the form of the search query, not its topic.\n{{ options }}\nSearch query: {{ query }}", options="always"
        ),
        Template(
            'Could "{{ query }}" be printed in a list of frequently asked questions as it stands, or would it have to be '
            "reworded?",
            words={"not well-formed": "it would have to be reworded", "well-formed": "as it stands"},
            options="never",
        ),
        Template(
            "Five people were asked if this is a well-formed question. Did at least four of them agree that it is?\n"
            "{{ query }}",
            words=_FORMED_NO_YES,
        ),
        Template(
            "Does the line below read like a sentence or like a string of keywords and slips?\nLine: {{ query }}",
            words={"not well-formed": "like a string of keywords and slips", "well-formed": "like a sentence"},
            options="never",
        ),
        Template(
            "An English teacher marks what pupils type into a search box with a tick if the question is in order and with a "
            "cross if it is not. Which mark does this get?\n{{ query }}",
            words={"not well-formed": "cross", "well-formed": "tick"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "Query: {{ query }}\nSay whether its wording needs work or is fine.",
            words={"not well-formed": "needs work", "well-formed": "fine"},
            options="never",
        ),
        Template(
            "Write a search query that {% if answer == 'well-formed' %}is a question in faultless English{% else %}is not "
            "quite a grammatical question, as hasty users type it{% endif %}.",
            "{{ query }}",
            kind="inverted",
            name="write_query",
        ),
    ],
    lineage=["google_wellformed_query", "paralex"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/google-research-datasets/google_wellformed_query",
)

# --- reading level ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/iastate/onestop_english · licence: CC BY-SA 4.0
# {'text': 'A man in Wales found a very old coin. He found it in his garden. ...', 'label': 0} (made up)
# labels: ele, int, adv. Articles of the Guardian, rewritten at three levels; some begin with the name of the level.
_LEVELS = ("elementary", "intermediate", "advanced")
_level = label(_LEVELS)


def _onestop(row):
    text = re.sub(r"^\W*(?:elementary|intermediate|advanced)\b\W*", "", " ".join(row["text"].split()), flags=re.IGNORECASE)
    return Example({"article": text}, _level(row["label"]), options=_LEVELS)


onestop_english = Task(
    name="onestop_english",
    cluster="linguistic",
    source=hub("iastate/onestop_english", revision="refs/convert/parquet"),
    example=_onestop,
    templates=[
        Template(
            "For which learners of English was this article written: elementary, intermediate or advanced?\nArticle: "
            "{{ article }}",
            options="never",
        ),
        Template("How hard is the English of the following text?\n{{ options }}\nText: {{ article }}", options="always"),
        Template(
            "A school teaches English in three years. In which year, first, second or third, should pupils be given this to "
            "read?\n{{ article }}",
            words={"elementary": "first", "intermediate": "second", "advanced": "third"},
            options="never",
        ),
        Template(
            "Rate the reading level of the article as 1 for the simplest of its three versions, 2 for the middle one or 3 for "
            "the original.\nArticle: {{ article }}",
            words={"elementary": "1", "intermediate": "2", "advanced": "3"},
            options="never",
            cue="Level:",
        ),
        Template(
            "Reading passage: {{ article }}\nAssign the passage to a level of English courses.",
            cue="Course level:",
            options="always",
        ),
        Template(
            "Look at the vocabulary and at the length of the sentences. Is this easy, of medium difficulty or hard to read "
            "for somebody who learns English?\n{{ article }}",
            words={"elementary": "easy", "intermediate": "of medium difficulty", "advanced": "hard"},
            options="never",
        ),
        Template(
            "Newspaper articles were rewritten for beginners and for those in between, and left alone for the best students. "
            "Who is this version for?\n{{ article }}",
            words={"elementary": "beginners", "intermediate": "those in between", "advanced": "the best students"},
            options="never",
        ),
        Template(
            "I teach a class of adults who are new to English. Tell me the level of this text, "
            "{{ choices[:-1] | join(', ') }} or {{ choices[-1] }}, so that I know whether to use it.\nText: {{ article }}"
        ),
        Template(
            "{{ article }}\nWhich shelf of a language school's library does this article go on?",
            words={
                "elementary": "the elementary shelf",
                "intermediate": "the intermediate shelf",
                "advanced": "the advanced shelf",
            },
            options="always",
        ),
        Template(
            "Write a newspaper article for {{ answer }} learners of English.",
            "{{ article }}",
            kind="inverted",
            name="write_article",
        ),
    ],
    lineage=["onestop_english", "guardian"],
    metrics=["accuracy", "macro_f1"],
    train="train[:90%]",
    evaluation="train[90%:]",
    long_fields=["article"],
    shuffle_options=False,
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/iastate/onestop_english",
)

# --- words -----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/aps/super_glue (wic) · licence: unknown
# {'word': 'place', 'sentence1': 'Do you want to come over to my place later?',
#  'sentence2': 'A political system with no place for the less prominent groups.',
#  'start1': 31, 'start2': 27, 'end1': 36, 'end2': 32, 'idx': 0, 'label': 0}
# labels: False, True (the same sense).
_SENSES = ("different", "same")
_sense = label(_SENSES)
_SAME_YES = {"different": "no", "same": "yes"}


def _marked(sentence, start, end):
    return _sentence(f"{sentence[:start]}*{sentence[start:end]}*{sentence[end:]}")


def _wic(row):
    fields = {
        "word": row["word"],
        "first": _sentence(row["sentence1"]),
        "second": _sentence(row["sentence2"]),
        "first_marked": _marked(row["sentence1"], row["start1"], row["end1"]),
        "second_marked": _marked(row["sentence2"], row["start2"], row["end2"]),
    }
    return Example(fields, _sense(row["label"]), options=_SENSES)


wic = Task(
    name="wic",
    cluster="linguistic",
    source=hub("aps/super_glue", "wic", revision="refs/convert/parquet"),
    example=_wic,
    templates=[
        Template(
            'Does the word "{{ word }}" have the same meaning in these two sentences?\n1) {{ first }}\n2) {{ second }}',
            words=_SAME_YES,
        ),
        Template(
            "Compare the words between asterisks. Is their sense the same or different?\nOne: {{ first_marked }}\n"
            "Two: {{ second_marked }}",
            options="never",
        ),
        Template(
            "First sentence: {{ first }}\nSecond sentence: {{ second }}\nWould a good dictionary list both uses of "
            '"{{ word }}" under a single definition?',
            words=_SAME_YES,
        ),
        Template(
            "Word: {{ word }}\nContext A: {{ first }}\nContext B: {{ second }}\nDecide whether A and B use the word in one "
            "sense or in two "
            "senses.",
            words={"different": "two senses", "same": "one sense"},
            options="never",
            cue="They use it in",
        ),
        Template(
            'A translator has met "{{ word }}" in this sentence: {{ first }} Now it turns up again: {{ second }} May the '
            "translator "
            "suppose that it means what it meant before?",
            words=_SAME_YES,
            cue="Answer:",
        ),
        Template(
            'True or false: "{{ word }}" stands for two different things in the sentences below.\n- {{ first }}\n- '
            "{{ second }}",
            words={"different": "True", "same": "False"},
            options="never",
        ),
        Template(
            'Many words have several meanings. Choose the label for this pair of uses of "{{ word }}".\n{{ options }}\n'
            "Use 1: {{ first }}\nUse 2: {{ second }}",
            options="always",
        ),
        Template(
            'Joan doesn\'t understand how "{{ word }}" is used here: {{ first }} To explain it, Max gives her another '
            "example with the word: {{ second }} Does his example help or mislead her?",
            words={"different": "it misleads her", "same": "it helps her"},
            options="never",
        ),
        Template(
            "Do the two marked words agree or differ in meaning?\n{{ first_marked }}\n{{ second_marked }}",
            words={"different": "they differ", "same": "they agree"},
            options="never",
        ),
        Template(
            'How does the sense of "{{ word }}" in the first line relate to its sense in the second?\n{{ options }}\n1. '
            "{{ first }}\n2. {{ second }}",
            options="always",
            words={"different": "it is another sense", "same": "it is the same sense"},
        ),
        Template(
            'Here is a sentence with the word "{{ word }}": {{ first }} Write another one in which the word has '
            "{% if answer == 'same' %}the same{% else %}a different{% endif %} meaning.",
            "{{ second }}",
            kind="inverted",
            name="write_second",
        ),
        Template(
            "Give an example of \"{{ word }}\" {% if answer == 'same' %}in the sense in which{% else %}in a sense other than "
            "that in which"
            "{% endif %} it is used here.\nUse: {{ second }}",
            "{{ first }}",
            kind="inverted",
            name="give_example",
        ),
    ],
    lineage=["wic", "wordnet", "verbnet", "wiktionary"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# https://huggingface.co/datasets/eriktks/conll2003 · licence: unknown
# {'id': '0', 'tokens': ['EU', 'rejects', 'German', 'call', 'to', 'boycott', 'British', 'lamb', '.'],
#  'pos_tags': [22, 42, 16, 21, 35, 37, 16, 21, 7], 'chunk_tags': [11, 21, 11, 12, 21, 22, 11, 12, 0],
#  'ner_tags': [3, 0, 7, 0, 0, 0, 7, 0, 0]}
# ner_tags: O, B-PER, I-PER, B-ORG, I-ORG, B-LOC, I-LOC, B-MISC, I-MISC. One kind of name is asked for in each sentence.
_NAME_KINDS = ("people", "organizations", "places")


def _names(row):
    """The names of people, organizations and places in the sentence."""
    found = {kind: [] for kind in (*_NAME_KINDS, "other")}
    for token, tag in zip(row["tokens"], row["ner_tags"], strict=True):
        if tag:
            names = found[(*_NAME_KINDS, "other")[(tag - 1) // 2]]
            if tag % 2 or not names:
                names.append([])
            names[-1].append(token)
    return {kind: list(dict.fromkeys(_untokenize(" ".join(name)) for name in found[kind])) for kind in _NAME_KINDS}


def _conll2003_ner(row):
    sentence = _untokenize(" ".join(row["tokens"]))
    if len(row["tokens"]) < 5:
        raise SkipRow("too short")
    names, rng = _names(row), _seeded(sentence)
    present = [kind for kind in _NAME_KINDS if names[kind]]
    if not present:
        raise SkipRow("no names")
    kind = rng.choice(present if rng.random() < 0.85 else _NAME_KINDS)
    return Example({"sentence": sentence, "kind": kind, "found": bool(names[kind])}, ", ".join(names[kind]) or "none")


conll2003_ner = Task(
    name="conll2003_ner",
    cluster="linguistic",
    source=hub("eriktks/conll2003", "conll2003", revision="refs/convert/parquet"),
    example=_conll2003_ner,
    templates=[
        Template("Which {{ kind }} are named in this sentence? If there are none, say none.\nSentence: {{ sentence }}"),
        Template(
            "List the names of {{ kind }} in the order in which they appear, separated by commas. Write none if no such name "
            "appears.\n{{ sentence }}"
        ),
        Template(
            "{{ sentence }}\nCopy from the news text above everything that is the name of one or more {{ kind }}, or put none.",
            cue="Names:",
        ),
        Template(
            "An index of {{ kind }} is being made for a newspaper. What has to be entered into it for the sentence below? The "
            "answer may be none.\n{{ sentence }}"
        ),
        Template('What {{ kind }}, if any, does "{{ sentence }}" mention by name? Say none if it mentions none.'),
        Template(
            "Named entity recognition. Entity type: {{ kind }}. Text: {{ sentence }}\nReturn the entities with commas between "
            "them, or none.",
            cue="Entities:",
        ),
        Template(
            "You are given a pen to underline all names of {{ kind }} in a line of agency news. What do you underline? Answer "
            "none if there is nothing to underline.\nLine: {{ sentence }}"
        ),
        Template(
            "I need to know if {{ kind }} are mentioned in the following report, and which. Just give me the names, or none.\n"
            "Report: {{ sentence }}"
        ),
        Template(
            "Annotator's task: pick out the proper names that refer to {{ kind }}, and no others. Use the word none where "
            "there are no such names.\nSentence: {{ sentence }}",
            cue="Picked out:",
        ),
        Template(
            "Write a sentence for an agency report in which the following {{ kind }} are named: {{ answer }}",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
            when="found",
        ),
    ],
    lineage=["conll2003", "reuters"],
    metrics=["token_f1", "exact_match"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/eriktks/conll2003",
)

# https://huggingface.co/datasets/eriktks/conll2003 · licence: unknown
# {'id': '0', 'tokens': ['EU', 'rejects', 'German', 'call', 'to', 'boycott', 'British', 'lamb', '.'],
#  'pos_tags': [22, 42, 16, 21, 35, 37, 16, 21, 7], ...}
# pos_tags: the tags of the Penn Treebank in the order of the list. One word is asked for in each sentence.
_PENN = (
    '"', "''", "#", "$", "(", ")", ",", ".", ":", "``", "CC", "CD", "DT", "EX", "FW", "IN", "JJ", "JJR", "JJS", "LS",
    "MD", "NN", "NNP", "NNPS", "NNS", "NN|SYM", "PDT", "POS", "PRP", "PRP$", "RB", "RBR", "RBS", "RP", "SYM", "TO",
    "UH", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "WDT", "WP", "WP$", "WRB",
)  # fmt: skip
_PARTS = {
    "noun": ("NN", "NNS"),
    "proper noun": ("NNP", "NNPS"),
    "verb": ("MD", "VB", "VBD", "VBG", "VBN", "VBP", "VBZ"),
    "adjective": ("JJ", "JJR", "JJS"),
    "adverb": ("RB", "RBR", "RBS"),
    "pronoun": ("PRP", "PRP$", "WP", "WP$"),
    "conjunction": ("CC",),
    "determiner": ("DT", "PDT"),
}
_PART_OF = {tag: part for part, tags in _PARTS.items() for tag in tags}


def _conll2003_pos(row):
    tokens = row["tokens"]
    parts = [_PART_OF.get(_PENN[tag]) for tag in row["pos_tags"]]
    words = [
        (token, part)
        for token, part in zip(tokens, parts, strict=True)
        if part and token.isalpha() and tokens.count(token) == 1
    ]
    if len(tokens) < 6 or " ".join(tokens).isupper() or not words:
        raise SkipRow("a headline, a table or too short")
    sentence = _untokenize(" ".join(tokens))
    rng = _seeded(sentence)
    part = rng.choice(sorted({part for _, part in words}))
    word = rng.choice([token for token, its in words if its == part])
    return Example({"sentence": sentence, "word": word}, part, options=tuple(_PARTS))


conll2003_pos = Task(
    name="conll2003_pos",
    cluster="linguistic",
    source=hub("eriktks/conll2003", "conll2003", revision="refs/convert/parquet"),
    example=_conll2003_pos,
    templates=[
        Template('What part of speech is "{{ word }}" in this sentence?\n{{ sentence }}'),
        Template(
            'Name the word class of "{{ word }}" as it is used below. Keep nouns and proper nouns apart.\n{{ options }}\n'
            "Sentence: {{ sentence }}"
        ),
        Template(
            'Sentence: {{ sentence }}\nWord: {{ word }}\nIs the word {{ choices[:-1] | join(", ") }} or {{ choices[-1] }}?',
            words={part: f"{'an' if part[0] == 'a' else 'a'} {part}" for part in _PARTS},
        ),
        Template('Grammar quiz. {{ sentence }}\nTo which of these does "{{ word }}" belong?\n{{ options }}', options="always"),
        Template(
            'Teacher: Please parse the sentence "{{ sentence }}"\nWhat kind of word is "{{ word }}"?',
            words={part: f"{'an' if part[0] == 'a' else 'a'} {part}" for part in _PARTS},
            cue="Student: It's",
        ),
        Template(
            'Look at "{{ word }}" in the sentence below and think of what it does there: name a thing or somebody, '
            "describe, join, stand in for a name, and so on. Then give its part of speech.\n{{ sentence }}",
            cue="Part of speech:",
        ),
        Template(
            "Abbreviate your answer: N for a common noun, NP for a proper noun, V for a verb, ADJ for an adjective, ADV for "
            'an adverb, PRON for a pronoun, CONJ for a conjunction, DET for a determiner. What is "{{ word }}" here?\n'
            "{{ sentence }}",
            words=dict(zip(_PARTS, ("N", "NP", "V", "ADJ", "ADV", "PRON", "CONJ", "DET"), strict=True)),
            options="never",
        ),
        Template('{{ sentence }}\n{{ options }}\nTag the word "{{ word }}" in this line from the news.', options="always"),
        Template(
            'A dictionary gives the part of speech after each entry. For the use of "{{ word }}" in the quotation, what '
            "would it say?\nQuotation: {{ sentence }}"
        ),
        Template(
            'Write a sentence, as in a report by a news agency, with "{{ word }}" as '
            "{{ 'an' if answer[0] == 'a' else 'a' }} {{ answer }}.",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["conll2003", "reuters"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/eriktks/conll2003",
)

linguistic = Mixture(
    name="linguistic",
    parts=[cola, *blimp, scala_en, google_wellformed_query, onestop_english, wic, conll2003_ner, conll2003_pos],
    rate=proportional(cap=3000),
)
