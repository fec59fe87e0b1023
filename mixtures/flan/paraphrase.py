"""Paraphrase: do two texts say the same thing, and if not, how near do they come?

All of FLAN's four sets (MRPC, QQP, PAWS-Wiki, STS-B) and T0's three are here; PAWS-X's English part is added. STS-B asks for a
number: FLAN rounds the score to a whole number from 0 to 5, and so does this file.
"""

import re

from flanjax import Example, Mixture, Task, Template, hub, label, proportional

TWO = ("no", "yes")
TRUE_FALSE = {"yes": "true", "no": "false"}
DIFFERENT = "first | lower not in second | lower and second | lower not in first | lower"  # else the input holds the target


def _clean(text):
    """Undoes the marks of tokenized text: quotation marks, contractions, and spaces around punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').replace("`", "'").replace(" -- ", "-").split())
    text = re.sub(r" ?(n) ?'t\b", r"\1't", text)
    text = re.sub(r" '(s|re|ve|ll|d|m)\b", r"'\1", text)
    text = re.sub(r'(^|\s)" ([^"]*?) "(?=[\s.,;:!?)]|$)', r'\1"\2"', text)
    text = re.sub(r'^" (?=\S)', '"', text).replace(" _ ", " - ").replace(" 'Neill", "'Neill")
    if text.count('"') % 2:
        text = text.removesuffix(' "').replace(' " ', ' "')
    text = re.sub(r"\$ (?=\d)", "$", re.sub(r"\s*< [^<>]* >", "", text))
    return re.sub(r" ([.,;:!?%)])(?!\d)", r"\1", text).replace("( ", "(")


def _sentence(text):
    """The text as a sentence: it begins with a capital letter and ends in a full stop unless it has another ending."""
    text = _clean(text).lstrip(",;: ")
    if not text.endswith("..."):
        text = re.sub(r"[\s,;:]*([.?!])[.,;:]*$", r"\1", text)
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".?!\"'" else text.rstrip(" ,;:-") + "."


def _pair(row):
    fields = {"first": _sentence(row["sentence1"]), "second": _sentence(row["sentence2"])}
    return Example(fields, label(TWO)(row["label"]), options=TWO)


# https://huggingface.co/datasets/nyu-mll/glue (mrpc) · licence: unknown
# {'sentence1': 'Amrozi accused his brother , whom he called " the witness " , of deliberately distorting his evidence .',
#  'sentence2': 'Referring to him as only " the witness " , Amrozi accused his brother of deliberately distorting his evidence
#  .', 'label': 1, 'idx': 0}   labels: not_equivalent, equivalent. Sentences of news reports on the same events.
mrpc = Task(
    name="glue_mrpc",
    cluster="paraphrase",
    source=hub("nyu-mll/glue", "mrpc"),
    example=_pair,
    templates=[
        Template("{{ first }}\n{{ second }}\nDo these two sentences from the news report the same facts?"),
        Template(
            "Two agencies wrote about one event.\nAgency 1: {{ first }}\nAgency 2: {{ second }}\nApart from minor details, "
            "are their sentences equivalent or not equivalent?",
            words={"yes": "equivalent", "no": "not equivalent"},
            options="never",
        ),
        Template(
            "Could a newspaper print the first of these lines in the place of the second without telling its readers "
            "something different?\n1. {{ first }}\n2. {{ second }}"
        ),
        Template(
            "Sentence 1: {{ first }}\nSentence 2: {{ second }}",
            words={"yes": "paraphrase", "no": "not a paraphrase"},
            options="always",
            cue="Sentence 2 is",
        ),
        Template(
            "I'm clearing duplicates out of a news archive. Should these two count as one item?\n{{ options }}\n(1) {{ "
            "first }}\n(2) {{ second }}",
            words={"yes": "yes, keep only one", "no": "no, keep both"},
            options="always",
        ),
        Template(
            "True or false: whichever of these sentences one reads first, the other adds nothing important to it.\n"
            "First: {{ first }}\nSecond: {{ second }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "A journalist is accused of having merely reworded a rival's sentence. The rival's: {{ first }} The "
            "journalist's: {{ second }} Is the accusation right?"
        ),
        Template(
            "Do the following statements match in meaning, or do they differ in who, what, when, where or how much? Say "
            "match or differ.\nStatement A: {{ first }}\nStatement B: {{ second }}",
            words={"yes": "match", "no": "differ"},
            options="never",
        ),
        Template(
            "Report: {{ first }}\nRewritten for another newspaper: {{ second }}\nHas the meaning survived the rewriting?",
            cue="Yes or no:",
            options="never",
        ),
        Template(
            "{% if answer == 'yes' %}Rewrite this sentence from a news report so that it says the same in other words.{% "
            "else %}Write a sentence on the same event as this one that nevertheless reports something else or something "
            "more.{% endif +%}\nSentence: {{ first }}",
            "{{ second }}",
            kind="inverted",
            when=DIFFERENT,
            name="rewrite",
        ),
        Template(
            "A colleague turned a sentence from the wire into the one below, {{ 'keeping' if answer == 'yes' else 'but "
            "without keeping' }} its meaning. What might the original have been?\n{{ second }}",
            "{{ first }}",
            kind="inverted",
            when=DIFFERENT,
            name="original",
        ),
    ],
    lineage=["mrpc"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)


# https://huggingface.co/datasets/nyu-mll/glue (qqp) · licence: unknown
# {'question1': 'How is the life of a math student? Could you describe your own experiences?', 'question2': 'Which level of
#  prepration is enough for the exam jlpt5?', 'label': 0, 'idx': 0}   labels: not_duplicate, duplicate
def _questions(row):
    fields = {"first": _clean(row["question1"]), "second": _clean(row["question2"])}
    return Example(fields, label(TWO)(row["label"]), options=TWO)


qqp = Task(
    name="glue_qqp",
    cluster="paraphrase",
    source=hub("nyu-mll/glue", "qqp"),
    example=_questions,
    templates=[
        Template("Question 1: {{ first }}\nQuestion 2: {{ second }}\nAre these two questions asking the same thing?"),
        Template(
            "Users of a question-and-answer site posted these:\n(a) {{ first }}\n(b) {{ second }}\nShould a moderator merge "
            "them or keep them apart?",
            words={"yes": "merge", "no": "keep apart"},
            options="never",
        ),
        Template("One person asks: {{ first }} Another person asks: {{ second }} Would one good answer satisfy both of them?"),
        Template(
            "New question: {{ second }}\nQuestion already on the site: {{ first }}\nClassify the new one as duplicate or "
            "not duplicate.",
            words={"yes": "duplicate", "no": "not duplicate"},
            options="never",
            cue="Class:",
        ),
        Template(
            "Before you post, check whether your question has been asked before.\nYours: {{ first }}\nThe nearest that we "
            "have: {{ second }}\nIs it the same question?\n{{ options }}"
        ),
        Template(
            "An interviewer asks: {{ first }} Then: {{ second }} Has the interviewer repeated the first question or moved "
            "on to another one?",
            words={"yes": "repeated it", "no": "moved on"},
            options="never",
        ),
        Template(
            "{{ first }}\n{{ second }}\nSay true if the intent behind both questions is identical, and false if it is not.",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "I already answered this one yesterday: {{ first }} Today I got: {{ second }} Can I just send the same reply again?"
        ),
        Template(
            "Compare what is wanted, not how it is worded.\nFirst question: {{ first }}\nSecond question: {{ second }}",
            words={"yes": "the same is wanted", "no": "different things are wanted"},
            options="always",
        ),
        Template(
            "{% if answer == 'yes' %}Ask this in a different way, so that the same answer would satisfy you.{% else %}Ask "
            "something that looks much like this question but needs another answer.{% endif +%}\nQuestion: {{ first }}",
            "{{ second }}",
            kind="inverted",
            when=DIFFERENT,
            name="ask_again",
        ),
        Template(
            "Somebody has marked the question below as {{ 'a duplicate of an older one' if answer == 'yes' else 'similar "
            "to, but distinct from, an older one' }}. What could the older question be?\n{{ second }}",
            "{{ first }}",
            kind="inverted",
            when=DIFFERENT,
            name="older_question",
        ),
    ],
    lineage=["quora_question_pairs"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)


# https://huggingface.co/datasets/google-research-datasets/paws (labeled_final) · licence: unknown
# {'id': 2, 'sentence1': 'The NBA season of 1975 -- 76 was the 30th season of the National Basketball Association .',
#  'sentence2': 'The 1975 -- 76 season of the National Basketball Association was the 30th season of the NBA .', 'label': 1}
# labels: 0 (different meaning), 1 (paraphrase). Both sentences are made of nearly the same words, from Wikipedia.
paws = Task(
    name="paws_wiki",
    cluster="paraphrase",
    source=hub("google-research-datasets/paws", "labeled_final"),
    example=_pair,
    templates=[
        Template(
            "Sentence 1: {{ first }}\nSentence 2: {{ second }}\nThe words are nearly the same, though perhaps in another "
            "order. Is the meaning the same?"
        ),
        Template(
            "Swapping two names in a sentence can turn it into a falsehood. Has that happened here, or do the sentences "
            "still agree?\nA: {{ first }}\nB: {{ second }}",
            words={"yes": "the sentences agree", "no": "the sentences do not agree"},
            options="always",
        ),
        Template("Original: {{ first }}\nParaphrase: {{ second }}\nIs the paraphrase faithful to the original?"),
        Template(
            "An article was copied, and its sentences were rearranged. Original: {{ first }} Copy: {{ second }} Is the copy "
            "still accurate or is it inaccurate?",
            words={"yes": "accurate", "no": "inaccurate"},
            options="never",
        ),
        Template(
            "Who does what, and to whom? Check if both sentences give the same answer.\n{{ options }}\nFirst: {{ first "
            "}}\nSecond: {{ second }}",
        ),
        Template(
            "Mark the pair 1 if it is a pair of paraphrases, and 0 if it is not.\nLeft: {{ first }}\nRight: {{ second }}",
            words={"yes": "1", "no": "0"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "{{ first }}\nAn editor would like to replace this line of the encyclopedia by the next one.\n{{ second "
            "}}\nWould the article state a different fact afterwards?",
            words={"yes": "no, the same fact", "no": "yes, a different fact"},
            options="always",
        ),
        Template(
            "True or false: whenever one of these sentences is true, the other is true as well.\n1) {{ first }}\n2) {{ "
            "second }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "My spell checker moved a few words around. I had: {{ first }} Now it says: {{ second }} Can I leave it like "
            "that without changing what I mean?"
        ),
        Template(
            "{% if answer == 'yes' %}Rearrange the words of this sentence, changing as few of them as you can, so that it "
            "means exactly what it meant before.{% else %}Rearrange the words of this sentence so that it still reads well "
            "but means something else.{% endif +%}\nSentence: {{ first }}",
            "{{ second }}",
            kind="inverted",
            when=DIFFERENT,
            name="rearrange",
        ),
    ],
    lineage=["paws_wiki"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/google-research-datasets/paws",
)


# https://huggingface.co/datasets/google-research-datasets/paws-x (en) · licence: unknown
# {'id': 1, 'sentence1': 'From the merger of the Four Rivers Council and the Audubon Council , the Shawnee Trails Council was
#  born .', 'sentence2': 'Shawnee Trails Council was formed from the merger of the Four Rivers Council and the Audubon Council
#  .', 'label': 1}   labels: 0 (different meaning), 1 (paraphrase). The English rows that the other languages were translated
#  from.
paws_x = Task(
    name="paws_x_en",
    cluster="paraphrase",
    source=hub("google-research-datasets/paws-x", "en"),
    example=_pair,
    templates=[
        Template(
            "A translator was given two English sentences and wonders if one translation will do for both. Will "
            "it?\nSentence 1: {{ first }}\nSentence 2: {{ second }}"
        ),
        Template(
            "Does the first sentence mean the same as the second? Answer yes or no.\nFirst: {{ first }}\nSecond: {{ second }}",
            options="never",
        ),
        Template(
            "Original statement: {{ first }}\nRestatement: {{ second }}\nIs the restatement sound, or has something been "
            "mixed up?",
            words={"yes": "it is sound", "no": "something has been mixed up"},
            options="never",
        ),
        Template(
            "{{ options }}\nText A: {{ first }}\nText B: {{ second }}",
            words={"yes": "same meaning", "no": "different meaning"},
            options="always",
            cue="Comparison of A and B:",
        ),
        Template(
            "Names, dates and places can trade their roles when a sentence is reworded. Did they keep their roles "
            "here?\nBefore rewording: {{ first }}\nAfter rewording: {{ second }}"
        ),
        Template(
            "An encyclopedia should not say one thing twice. On one page it says: {{ first }} On another: {{ second }} Do "
            "these pages state one fact or two different facts?",
            words={"yes": "one fact", "no": "two different facts"},
            options="never",
        ),
        Template(
            "If a quiz accepts the first sentence as the correct answer, must it accept the second one too?\nAccepted: {{ "
            "first }}\nSubmitted: {{ second }}"
        ),
        Template(
            "{{ second }}\nDoes the sentence above put the next one into other words and nothing more?\n{{ first }}",
            words={"yes": "yes", "no": "no, it changes the meaning"},
            options="always",
        ),
        Template(
            "Judge this pair the way a careful reader would: paraphrase or no paraphrase?\n- {{ first }}\n- {{ second }}",
            words={"yes": "paraphrase", "no": "no paraphrase"},
            options="never",
            cue="Judgment:",
        ),
        Template(
            "{% if answer == 'yes' %}Say the following in another way, leaving every fact as it is.{% else %}Write a "
            "sentence that could be mistaken for the following one, since it has nearly the same words, but that states "
            "other facts.{% endif +%}\n{{ second }}",
            "{{ first }}",
            kind="inverted",
            when=DIFFERENT,
            name="say_otherwise",
        ),
    ],
    lineage=["paws_wiki"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/google-research-datasets/paws-x",
)


# https://huggingface.co/datasets/nyu-mll/glue (stsb) · licence: unknown
# {'sentence1': 'A plane is taking off.', 'sentence2': 'An air plane is taking off.', 'label': 5.0, 'idx': 0}
# label: the mean of several people's scores from 0 to 5, here rounded; -1 where it is withheld.
SCORES = ("0", "1", "2", "3", "4", "5")
GRADES = {
    "0": "unrelated",
    "1": "same topic only",
    "2": "some details shared",
    "3": "roughly equivalent",
    "4": "mostly equivalent",
    "5": "completely equivalent",
}


def _scored(row):
    fields = {"first": _sentence(row["sentence1"]), "second": _sentence(row["sentence2"])}
    score = -1 if row["label"] < 0 else int(row["label"] + 0.5)
    return Example(fields, label(SCORES)(score), options=SCORES)


stsb = Task(
    name="stsb",
    cluster="paraphrase",
    source=hub("nyu-mll/glue", "stsb"),
    example=_scored,
    templates=[
        Template(
            "On a scale from 0 (nothing in common) to 5 (the same meaning), how similar are these sentences?\n1. {{ first "
            "}}\n2. {{ second }}"
        ),
        Template(
            "Rate how close the second text comes in meaning to the first. Use a whole number between 0 and 5, where 5 is "
            "the highest similarity.\nFirst text: {{ first }}\nSecond text: {{ second }}"
        ),
        Template(
            "Sentence A: {{ first }}\nSentence B: {{ second }}\nGive the pair a similarity score. 5: equivalent. 4: differs "
            "in unimportant details. 3: differs in something important. 2: shares some details. 1: shares only the topic. "
            "0: about different things.",
            cue="Score:",
            options="never",
        ),
        Template(
            "How near are the two sentences in meaning? Choose the description that fits best.\nFirst: {{ first }}\nSecond: "
            "{{ second }}",
            words=GRADES,
            options="always",
        ),
        Template(
            "Out of 5 points, how many would you award the second sentence for saying what the first one says?\nFirst: {{ "
            "first }}\nSecond: {{ second }}"
        ),
        Template(
            "Several people scored pairs of headlines, captions and forum posts for likeness of meaning, from 0 to 5. What "
            "would their average be for the following pair, rounded to a whole number?\n{{ first }}\n{{ second }}"
        ),
        Template(
            "A search engine rates results by how well they match a query in meaning.\nQuery: {{ first }}\nResult: {{ "
            "second }}\nWhich rating from 0 (no match) to 5 (perfect match) does the result deserve?",
            cue="Rating:",
        ),
        Template(
            "{{ first }}\n{{ second }}\nPut a number on this pair of sentences. 0 means that the two have nothing to do "
            "with each other, and 5 means that they are interchangeable."
        ),
        Template(
            "I need a quick judgment from you. If five stars stand for identical content and no stars for unrelated "
            "content, how many stars do these captions get together?\nCaption 1: {{ first }}\nCaption 2: {{ second }}",
            words={
                "0": "no stars",
                "1": "one star",
                "2": "two stars",
                "3": "three stars",
                "4": "four stars",
                "5": "five stars",
            },
        ),
        Template(
            "Write a sentence whose similarity in meaning to the one below is {{ answer }} on a scale from 0 (unrelated) to "
            "5 (equivalent).\nSentence: {{ first }}",
            "{{ second }}",
            kind="inverted",
            when=DIFFERENT,
            name="write_similar",
        ),
        Template(
            "{{ second }}\nA second sentence was compared with this one and found to be {{ {'0': 'entirely unrelated', '1': "
            "'on the same topic but otherwise different', '2': 'alike in a few details only', '3': 'alike in the main, with "
            "an important difference', '4': 'the same except for unimportant details', '5': 'the same in meaning'}[answer] "
            "}}. Write that second sentence.",
            "{{ first }}",
            kind="inverted",
            when=DIFFERENT,
            name="write_by_description",
        ),
    ],
    lineage=["stsb", "mrpc", "msr_video", "flickr30k"],  # whose sentences were paired anew
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    shuffle_options=False,
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)


paraphrase = Mixture(name="paraphrase", parts=[mrpc, qqp, paws, paws_x, stsb], rate=proportional(cap=3000))
