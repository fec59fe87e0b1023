"""Entailment: does the hypothesis follow from the premise, does the premise rule it out, or does it leave it open?

All ten of FLAN's sets are here: ANLI 1 to 3, CB, RTE, MNLI (matched, mismatched), QNLI, WNLI and SNLI; so are T0's held-out
ones. SciTail, SICK, FOLIO, ConjNLI, counterfactual SNLI, ConTRoL, MED, MoNLI, HANS and SuperGLUE's two diagnostics are added.
FLAN trained on MNLI's rows twice, once for each of its evaluation splits; here mnli_mismatched only evaluates. glue/rte has
the same rows as super_glue/rte and is left out.

The label orders of these sets differ (CB: 1 is contradiction; SNLI and SICK: 1 is neutral; WNLI: 1 is entailment; RTE: 0 is).
"""

import re

from flanjax import Example, Mixture, Task, Template, hub, label, proportional

THREE = ("entailment", "neutral", "contradiction")
TWO = ("yes", "no")

YES_MAYBE_NO = {"entailment": "yes", "neutral": "maybe", "contradiction": "no"}
YES_UNCLEAR_NO = {"entailment": "yes", "neutral": "it is impossible to tell", "contradiction": "no"}
YES_UNKNOWN_NO = {"entailment": "yes", "neutral": "unknown", "contradiction": "no"}
TRUE_UNKNOWN_FALSE = {"entailment": "true", "neutral": "unknown", "contradiction": "false"}
ALWAYS_SOMETIMES_NEVER = {"entailment": "always", "neutral": "sometimes", "contradiction": "never"}
TRUE_FALSE = {"yes": "true", "no": "false"}

# For inverted templates: the text to be written is not simply part of the one that is given.
NEW_HYPOTHESIS = "hypothesis | lower not in premise | lower"
NEW_PREMISE = "premise | lower not in hypothesis | lower"


def _clean(text):
    """Undoes the marks of tokenized text: quotation marks, contractions, and spaces before punctuation."""
    text = " ".join(text.replace("<br>", " ").replace("``", '"').replace("''", '"').replace("`", "'").split())
    text = re.sub(r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1", text)
    return re.sub(r" ([.,;:!?)])", r"\1", text).replace("( ", "(")


def _sentence(text):
    """The text as a sentence: it begins with a capital letter and ends in a full stop unless it has another ending."""
    text = _clean(text).lstrip(",;: ")
    if not text.endswith("..."):
        text = re.sub(r"[\s,;:]*([.?!])[.,;:]*$", r"\1", text)
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".?!\"'" else text.rstrip(" ,;:-") + "."


def _pair(premise, hypothesis, answer, options):
    return Example({"premise": _sentence(premise), "hypothesis": _sentence(hypothesis)}, answer, options=options)


# https://huggingface.co/datasets/facebook/anli · licence: CC BY-NC 4.0
# {'uid': '0fd0abfb-659e-4453-b196-c3a64d2d8267', 'premise': 'The Parma trolleybus system (Italian: "Rete filoviaria di Parma"
#  ) forms part of the public transport network of the city and "comune" of Parma, in the region of Emilia-Romagna, northern
#  Italy. In operation since 1953, the system presently comprises four urban routes.', 'hypothesis': 'The trolleybus system has
#  over 2 urban routes', 'label': 0, 'reason': ''}   labels: entailment, neutral, contradiction
# Three rounds of one data set, told apart by their splits. The premises of rounds 1 and 2 are Wikipedia paragraphs taken from
# HotpotQA; round 3 adds news, fiction, instructions and the texts of RTE-5.
_ANLI = (
    Template(
        "{{ premise }}\n\nJudging by this passage alone, is the following claim true? If the passage does not settle it, "
        'say "it is impossible to tell".\nClaim: {{ hypothesis }}',
        words=YES_UNCLEAR_NO,
    ),
    Template(
        "Here is a claim that somebody wrote to trip up a careless reader: {{ hypothesis }}\nRead the passage with care and "
        "say whether the claim is true, false or unknown.\nPassage: {{ premise }}",
        words=TRUE_UNKNOWN_FALSE,
        options="never",
    ),
    Template(
        "Passage: {{ premise }}\nHypothesis: {{ hypothesis }}\nLabel the pair as entailment, neutral or contradiction.",
        options="never",
        cue="Label:",
    ),
    Template("{{ options }}\nPremise: {{ premise }}\nHypothesis: {{ hypothesis }}", options="always", cue="Relation:"),
    Template(
        "Suppose that every word of this is correct: {{ premise }}\nMust this then be correct as well, may it be, or can it "
        "not be? {{ hypothesis }}\nAnswer with must, may or cannot.",
        words={"entailment": "must", "neutral": "may", "contradiction": "cannot"},
        options="never",
    ),
    Template(
        "I am checking a quiz against its sources. One of the items says: {{ hypothesis }} The source says: {{ premise }} "
        "Does the source bear the item out?",
        words={"entailment": "yes, it does", "neutral": "the source does not say", "contradiction": "no, it says otherwise"},
        options="always",
    ),
    Template(
        "Reading test. Mark the statement T if the text shows it to be true, F if the text shows it to be false, and N if "
        "the text does not show it either way.\nText: {{ premise }}\nStatement: {{ hypothesis }}",
        words={"entailment": "T", "neutral": "N", "contradiction": "F"},
        options="never",
        cue="Mark:",
    ),
    Template(
        "Would a person who knows only what is written below be right to assert the sentence at the end? Say yes, no, or "
        "maybe when nothing written there decides it.\n{{ premise }}\nSentence: {{ hypothesis }}",
        words=YES_MAYBE_NO,
        options="never",
    ),
    Template(
        'Statement under review: "{{ hypothesis }}"\nEvidence on file: {{ premise }}\nThe evidence may confirm the '
        "statement, refute it, or do neither. Which of these does it do?",
        words={"entailment": "confirms it", "neutral": "does neither", "contradiction": "refutes it"},
        options="never",
    ),
    Template(
        "Write a sentence about the passage below that a hasty reader could get wrong and that {% if answer == 'entailment' "
        "%}is nevertheless true{% elif answer == 'contradiction' %}is in fact false{% else %}cannot be decided from the "
        "passage{% endif %}.\nPassage: {{ premise }}",
        "{{ hypothesis }}",
        kind="inverted",
        when=NEW_HYPOTHESIS,
        name="write_claim",
    ),
    Template(
        "{{ premise }}\n\nGive me one statement that this text {{ {'entailment': 'proves', 'contradiction': 'disproves', "
        "'neutral': 'neither proves nor disproves'}[answer] }}.",
        "{{ hypothesis }}",
        kind="inverted",
        when=NEW_HYPOTHESIS,
        name="statement_from_text",
    ),
    Template(
        "A text of a few sentences {{ {'entailment': 'makes the claim below certain', 'contradiction': 'contradicts the "
        "claim below', 'neutral': 'touches the subject of the claim below but leaves the claim itself undecided'}[answer] "
        "}}. Write that text.\nClaim: {{ hypothesis }}",
        "{{ premise }}",
        kind="inverted",
        when=NEW_PREMISE,
        name="write_premise",
    ),
)


def _anli(number, lineage):
    return Task(
        name=f"anli_r{number}",
        cluster="entailment",
        source=hub("facebook/anli"),
        example=lambda row: _pair(row["premise"], row["hypothesis"], label(THREE)(row["label"]), THREE),
        templates=_ANLI,
        lineage=["anli", *lineage],
        metrics=["accuracy", "macro_f1"],
        train=f"train_r{number}",
        evaluation=f"dev_r{number}",
        long_fields=["premise"],
        licence="CC BY-NC 4.0",
        link="https://huggingface.co/datasets/facebook/anli",
    )


anli_r1 = _anli(1, ["hotpotqa"])
anli_r2 = _anli(2, ["hotpotqa"])
anli_r3 = _anli(3, ["hotpotqa", "story_cloze", "childrens_book_test", "wikihow", "pascal_rte"])


# https://huggingface.co/datasets/aps/super_glue (cb) · licence: unknown
# {'premise': 'It was a complex language. Not written down but handed down. One might say it was peeled down.', 'hypothesis':
#  'the language was peeled down', 'idx': 0, 'label': 0}   labels: entailment, contradiction, neutral
# The hypothesis is a clause from the premise, put without the "if", "might" or "thinks" that governs it there.
def _cb(row):
    claim = _clean(row["hypothesis"])
    names = ("entailment", "contradiction", "neutral")
    fields = {"premise": _sentence(row["premise"]), "claim": claim.rstrip("."), "hypothesis": _sentence(claim)}
    return Example(fields, label(names)(row["label"]), options=names)


cb = Task(
    name="cb",
    cluster="entailment",
    source=hub("aps/super_glue", "cb"),
    example=_cb,
    templates=[
        Template(
            "{{ premise }}\n\nSuppose the speaker were asked directly whether {{ claim }}. Judging by the words above, would "
            "the answer be yes, no or maybe?",
            words=YES_MAYBE_NO,
            options="never",
        ),
        Template(
            "Going by what is said here, is it the case that {{ claim }}? If the speaker leaves that open, say maybe.\nWhat "
            "is said: {{ premise }}",
            words=YES_MAYBE_NO,
        ),
        Template(
            "Text: {{ premise }}\nClause: {{ claim }}\nThe text may present the clause as a fact, deny it, or leave it "
            "open. Which of these does it do?",
            words={"entailment": "presents it as a fact", "contradiction": "denies it", "neutral": "leaves it open"},
            options="never",
        ),
        Template(
            "In the lines below, somebody mentions the idea that {{ claim }}. Do they mean it as true, as false, or as "
            "undecided?\n{{ premise }}",
            words={"entailment": "true", "contradiction": "false", "neutral": "undecided"},
            options="never",
        ),
        Template(
            "{{ options }}\nExcerpt from a novel, a newspaper or a telephone call: {{ premise }}\nHypothesis: {{ hypothesis }}",
            options="always",
            cue="Relation of excerpt and hypothesis:",
        ),
        Template(
            "Words such as might, if and believe can take back what a sentence seems to assert. With this in mind, read the "
            "passage and tell me whether the author would say that {{ claim }}.\nPassage: {{ premise }}",
            words={"entailment": "yes", "contradiction": "no", "neutral": "we cannot know"},
            options="always",
        ),
        Template(
            "{{ premise }}\nA reporter wants to write that, according to the speaker, {{ claim }}. Do the words above support "
            "that, contradict it, or leave it unclear?",
            words={"entailment": "support it", "contradiction": "contradict it", "neutral": "leave it unclear"},
            options="never",
        ),
        Template(
            "You overheard this: {{ premise }}\nA friend asks you if {{ claim }}. What do you tell your friend?",
            words={
                "entailment": "yes, that is so",
                "contradiction": "no, that is not so",
                "neutral": "I could not make that out",
            },
            options="always",
        ),
        Template(
            "Statement: {{ hypothesis }}\nRead the discourse below and name its relation to the statement: entailment, "
            "contradiction or neutral.\nDiscourse: {{ premise }}",
            options="never",
            cue="Decision:",
        ),
        Template(
            "How sure can we be, after reading the passage, that {{ claim }}? Say certain, impossible or "
            "uncertain.\nPassage: {{ premise }}",
            words={"entailment": "certain", "contradiction": "impossible", "neutral": "uncertain"},
            options="never",
        ),
        Template(
            "Write a short passage of prose or dialog in which the thought comes up that {{ claim }}. {{ {'entailment': "
            "'The reader should take it as a fact', 'contradiction': 'The reader should take it to be untrue', 'neutral': "
            "'The reader should not be able to know whether it is so'}[answer] }}.",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="write_passage",
        ),
    ],
    lineage=["commitmentbank"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/aps/super_glue (rte) · licence: unknown
# {'premise': 'No Weapons of Mass Destruction Found in Iraq Yet.', 'hypothesis': 'Weapons of Mass Destruction Found in Iraq.',
#  'idx': 0, 'label': 1}   labels: entailment, not_entailment
rte = Task(
    name="rte",
    cluster="entailment",
    source=hub("aps/super_glue", "rte"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(TWO)(row["label"]), TWO),
    templates=[
        Template("{{ premise }}\nCan we conclude from this report that the next sentence is true? {{ hypothesis }}"),
        Template('News item: {{ premise }}\nDoes the item give enough grounds to print "{{ hypothesis }}" as a fact?'),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nState whether the premise entails the hypothesis.",
            words={"yes": "entailment", "no": "not entailment"},
            options="always",
        ),
        Template(
            "A headline writer proposes: {{ hypothesis }}\nThe story reads: {{ premise }}\nIs the headline supported or not "
            "supported by the story?",
            words={"yes": "supported", "no": "not supported"},
            options="never",
        ),
        Template(
            "Read the paragraph, then mark the statement true if it follows from the paragraph and false if it does "
            "not.\nParagraph: {{ premise }}\nStatement: {{ hypothesis }}",
            words=TRUE_FALSE,
            options="never",
            cue="True or false?",
        ),
        Template(
            "Someone who has read only the text below claims this: {{ hypothesis }}\nAre they entitled to?\n{{ options "
            "}}\nText: {{ premise }}",
        ),
        Template("Suppose the press got this right: {{ premise }} Is this then right as well? {{ hypothesis }}"),
        Template(
            "Question for a fact checker. Source: {{ premise }} Sentence to be checked: {{ hypothesis }} Does the sentence "
            "follow from the source, or does it not follow?",
            words={"yes": "it follows", "no": "it does not follow"},
            options="never",
        ),
        Template(
            'Can the sentence "{{ hypothesis }}" be justified with nothing but the article below?\nArticle: {{ premise }}',
            cue="Answer (yes or no):",
            options="never",
        ),
        Template(
            "From the news report below, write one sentence that {% if answer == 'yes' %}any reader of the report would "
            "accept as true{% else %}sounds as though the report said it but cannot be concluded from it{% endif "
            "%}.\nReport: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_hypothesis",
        ),
        Template(
            "Write a passage in the style of a newspaper {% if answer == 'yes' %}from which one can conclude the statement "
            "below{% else %}that deals with the same matter as the statement below but does not allow one to conclude it{% "
            "endif %}.\nStatement: {{ hypothesis }}",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="write_report",
        ),
    ],
    lineage=["pascal_rte"],
    evaluation="validation",
    long_fields=["premise"],
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/nyu-mll/glue (mnli) · licence: unknown
# {'premise': 'Conceptually cream skimming has two basic dimensions - product and geography.', 'hypothesis': 'Product and
#  geography are what make cream skimming work. ', 'label': 1, 'idx': 0}   labels: entailment, neutral, contradiction
# The premises come from ten genres of written and spoken English; the mismatched split has the five that are not in training.
_MNLI = (
    Template(
        "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nGiven the premise, is the hypothesis true, false or "
        "undetermined?",
        words={"entailment": "true", "neutral": "undetermined", "contradiction": "false"},
        options="never",
    ),
    Template(
        "Somebody said: {{ premise }}\nCould the same person go on to say the following without taking anything back?\n{{ "
        "hypothesis }}",
        words={
            "entailment": "yes, it follows from what was said",
            "neutral": "yes, but it would be something new",
            "contradiction": "no, it would contradict what was said",
        },
        options="always",
    ),
    Template(
        "{{ premise }}\n\nDoes this mean that the following is the case? Answer yes, no or maybe.\n{{ hypothesis }}",
        words=YES_MAYBE_NO,
        options="never",
    ),
    Template(
        "Two sentences are given. Sort them under entailment (the first makes the second true), contradiction (the first "
        "makes it false) or neutral (it does neither).\nFirst: {{ premise }}\nSecond: {{ hypothesis }}",
        options="never",
        cue="Sorted under:",
    ),
    Template(
        "If I believe the line below, what should I make of the remark?\nRemark: {{ hypothesis }}\nLine: {{ premise }}",
        words={
            "entailment": "it is certainly true",
            "neutral": "it may or may not be true",
            "contradiction": "it is certainly false",
        },
        options="always",
    ),
    Template("{{ options }}\nFirst sentence: {{ premise }}\nSecond sentence: {{ hypothesis }}", options="always", cue="Class:"),
    Template(
        "Hey, quick question about a transcript I'm reading. It says: {{ premise }} I took that to mean: {{ hypothesis }} "
        "Did I read it right? If there's no way to know, just say so.",
        words={"entailment": "yes", "neutral": "there's no way to know", "contradiction": "no"},
    ),
    Template(
        "Statement A: {{ premise }}\nStatement B: {{ hypothesis }}\nDo A and B agree, disagree, or talk past each other? "
        '"Agree" here means that A is enough to establish B.',
        words={"entailment": "agree", "neutral": "talk past each other", "contradiction": "disagree"},
        options="never",
    ),
    Template(
        "Take the first line as given. How likely does it make the second: certain, possible or impossible?\nFirst line: {{ "
        "premise }}\nSecond line: {{ hypothesis }}",
        words={"entailment": "certain", "neutral": "possible", "contradiction": "impossible"},
        options="never",
    ),
    Template(
        "{{ premise }}\nWrite a sentence that is {{ {'entailment': 'definitely correct', 'neutral': 'possibly correct, "
        "though it need not be', 'contradiction': 'definitely incorrect'}[answer] }} if the text above is accurate.",
        "{{ hypothesis }}",
        kind="inverted",
        when=NEW_HYPOTHESIS,
        name="write_hypothesis",
    ),
    Template(
        "What could a person have said or written that would {{ {'entailment': 'commit them to', 'neutral': 'be on the same "
        "topic as, without confirming or denying,', 'contradiction': 'be at odds with'}[answer] }} the sentence "
        "below?\nSentence: {{ hypothesis }}",
        "{{ premise }}",
        kind="inverted",
        when=NEW_PREMISE,
        name="write_premise",
    ),
)


def _mnli(name, train, evaluation):
    return Task(
        name=name,
        cluster="entailment",
        source=hub("nyu-mll/glue", "mnli"),
        example=lambda row: _pair(row["premise"], row["hypothesis"], label(THREE)(row["label"]), THREE),
        templates=_MNLI,
        lineage=["multinli"],
        metrics=["accuracy", "macro_f1"],
        train=train,
        evaluation=evaluation,
        long_fields=["premise"],
        licence="unknown",
        link="https://huggingface.co/datasets/nyu-mll/glue",
    )


mnli_matched = _mnli("mnli_matched", "train", "validation_matched")
mnli_mismatched = _mnli("mnli_mismatched", None, "validation_mismatched")


# https://huggingface.co/datasets/nyu-mll/glue (qnli) · licence: unknown
# {'question': 'What came into force after the new constitution was herald?', 'sentence': 'As of that day, the new constitution
#  heralding the Second Republic came into force.', 'label': 0, 'idx': 0}   labels: entailment, not_entailment
# The sentence comes from the SQuAD paragraph to which the question belongs. "Entailment" means that it holds the answer.
qnli = Task(
    name="qnli",
    cluster="entailment",
    source=hub("nyu-mll/glue", "qnli"),
    example=lambda row: Example(
        {"question": _clean(row["question"]), "sentence": _sentence(row["sentence"])}, label(TWO)(row["label"]), options=TWO
    ),
    templates=[
        Template("{{ sentence }}\nDoes this sentence contain the answer to the following question? {{ question }}"),
        Template("Question: {{ question }}\nSentence: {{ sentence }}\nCan the question be answered from the sentence alone?"),
        Template(
            "A search engine was asked: {{ question }}\nIt returned this sentence from an encyclopedia: {{ sentence "
            "}}\nMark the result as relevant if the answer can be read off it, and as irrelevant if not.",
            words={"yes": "relevant", "no": "irrelevant"},
            options="never",
        ),
        Template(
            "A student answers an exam question by copying one sentence out of the textbook. Has the student found the "
            "right sentence?\nExam question: {{ question }}\nCopied sentence: {{ sentence }}"
        ),
        Template(
            "If all you knew was this: {{ sentence }} Would you be able to tell me the answer to this: {{ question }}",
            words={"yes": "yes, I would", "no": "no, I would not"},
            options="always",
        ),
        Template(
            "Decide whether the sentence answers the question or does not answer it.\nSentence: {{ sentence }}\nQuestion: "
            "{{ question }}",
            words={"yes": "answers it", "no": "does not answer it"},
            options="never",
            cue="The sentence",
        ),
        Template(
            "I'm looking for the answer to a trivia question and highlighted a line in an article. Was it worth "
            "highlighting?\n{{ options }}\nMy question: {{ question }}\nThe line: {{ sentence }}",
        ),
        Template(
            'True or false: the information that is asked for in "{{ question }}" is stated in the sentence below.\n{{ '
            "sentence }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Question: {{ question }}\nCandidate evidence: {{ sentence }}\nIs the evidence sufficient or insufficient for "
            "an answer?",
            words={"yes": "sufficient", "no": "insufficient"},
            options="never",
        ),
        Template(
            "{% if answer == 'yes' %}Write a question that the sentence below answers.{% else %}Write a question on the "
            "subject of the sentence below which the sentence does not answer.{% endif +%}\nSentence: {{ sentence }}",
            "{{ question }}",
            kind="inverted",
            name="write_question",
        ),
        Template(
            "Make up a sentence as it could stand in an encyclopedia, on the topic of this question, that {{ 'gives' if "
            "answer == 'yes' else 'does not give' }} its answer: {{ question }}",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["squad"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)


# https://huggingface.co/datasets/nyu-mll/glue (wnli) · licence: unknown
# {'sentence1': "John couldn't see the stage with Billy in front of him because he is so short.", 'sentence2': 'John is so
#  short.', 'label': 1, 'idx': 1}   labels: not_entailment, entailment
# Winograd schemas: sentence 2 repeats a part of sentence 1 with a guess in the place of a pronoun.
wnli = Task(
    name="wnli",
    cluster="entailment",
    source=hub("nyu-mll/glue", "wnli"),
    example=lambda row: _pair(row["sentence1"], row["sentence2"], label(("no", "yes"))(row["label"]), TWO),
    templates=[
        Template("{{ premise }}\nHas the pronoun been understood correctly in this restatement? {{ hypothesis }}"),
        Template(
            "A translator has to know what each pronoun stands for.\nOriginal: {{ premise }}\nThe translator's reading of "
            "it: {{ hypothesis }}\nIs the reading right or wrong?",
            words={"yes": "right", "no": "wrong"},
            options="never",
        ),
        Template('Text: {{ premise }}\nQuestion: does the text tell us "{{ hypothesis }}"?'),
        Template(
            "You hear someone say: {{ premise }}\nYou take it that they mean this: {{ hypothesis }}\nHave you understood "
            "them, or misunderstood them?",
            words={"yes": "understood", "no": "misunderstood"},
            options="never",
        ),
        Template(
            "Say true if the second sentence is a correct paraphrase of part of the first one; otherwise say false.\n1. {{ "
            "premise }}\n2. {{ hypothesis }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template("{{ options }}\nSentence with a pronoun: {{ premise }}\nIs this what it says? {{ hypothesis }}"),
        Template(
            "Common sense tells us who or what a pronoun refers to. Use it here: does the claim follow from the "
            "sentence?\nClaim: {{ hypothesis }}\nSentence: {{ premise }}",
            cue="Does it follow?",
        ),
        Template(
            "Premise: {{ premise }}\nConclusion: {{ hypothesis }}\nIs the conclusion valid?",
            words={"yes": "valid", "no": "not valid"},
            options="always",
        ),
        Template('If "{{ premise }}" is true in its natural sense, is "{{ hypothesis }}" true as well?'),
        Template(
            "Replace one pronoun of the sentence with the name or thing that it stands for, {{ 'as a sensible reader would' "
            "if answer == 'yes' else 'but choose the wrong one on purpose' }}, and write down the part of the sentence that "
            "makes a claim about it.\nSentence: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="resolve_pronoun",
        ),
    ],
    lineage=["winograd_schemas"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)


# https://huggingface.co/datasets/stanfordnlp/snli · licence: CC BY-SA 4.0
# {'premise': 'Two women are embracing while holding to go packages.', 'hypothesis': 'Two woman are holding packages.',
#  'label': 0}   labels: entailment, neutral, contradiction (-1: annotators disagreed)
# The premises are captions of Flickr30k's photos; the hypotheses were written about the same photo without seeing it.
snli = Task(
    name="snli",
    cluster="entailment",
    source=hub("stanfordnlp/snli"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(THREE)(row["label"]), THREE),
    templates=[
        Template(
            "The caption of a photo says: {{ premise }}\nIs the next sentence true of the same photo? If the caption does "
            'not tell, answer "it is impossible to tell".\n{{ hypothesis }}',
            words=YES_UNCLEAR_NO,
        ),
        Template(
            "A photo was described to a blind person in these words: {{ premise }}\nFrom that description alone, which is "
            "right about the idea below: definitely true, possibly true, or definitely false?\nIdea: {{ hypothesis }}",
            words={"entailment": "definitely true", "neutral": "possibly true", "contradiction": "definitely false"},
            options="never",
        ),
        Template(
            "Caption 1: {{ premise }}\nCaption 2: {{ hypothesis }}\nBoth are said to describe one picture. Does the first "
            "entail the second, contradict it, or is it neutral?",
            words={"entailment": "entails", "neutral": "is neutral", "contradiction": "contradicts"},
            options="never",
        ),
        Template(
            "{{ options }}\nScene: {{ premise }}\nDescription to be judged: {{ hypothesis }}",
            options="always",
            cue="Judgment:",
        ),
        Template(
            "Picture this. {{ premise }} Now a friend, who cannot see it, guesses: {{ hypothesis }} Is the guess right, "
            "wrong, or could it be either?",
            words={"entailment": "right", "neutral": "could be either", "contradiction": "wrong"},
            options="never",
        ),
        Template(
            "In scenes that look like the one described, is the sentence true always, sometimes or never?\nSentence: {{ "
            "hypothesis }}\nDescription: {{ premise }}",
            words=ALWAYS_SOMETIMES_NEVER,
            options="never",
        ),
        Template(
            "An annotator labels pairs of sentences about photographs.\nPremise: {{ premise }}\nHypothesis: {{ hypothesis "
            "}}\nWhich label should the annotator choose: entailment, neutral or contradiction?",
            options="never",
        ),
        Template(
            "{{ premise }} Does that make it certain that the sentence below is true, does it rule the sentence out, or "
            "neither?\nSentence: {{ hypothesis }}",
            words={"entailment": "it makes it certain", "neutral": "neither", "contradiction": "it rules it out"},
            options="always",
        ),
        Template(
            "One witness reports: {{ premise }} Another witness, who stood beside the first, reports: {{ hypothesis }} Can "
            "both be telling the truth about the same moment?",
            words={
                "entailment": "yes, and the first report already implies the second",
                "neutral": "yes, but the second report adds something",
                "contradiction": "no, the reports are incompatible",
            },
            options="always",
        ),
        Template(
            "Here is the caption of a photo: {{ premise }}\nWrite another caption which is {{ {'entailment': 'sure to be "
            "true of that photo', 'neutral': 'perhaps true of that photo, but not sure to be', 'contradiction': 'sure to be "
            "false of that photo'}[answer] }}.",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_caption",
        ),
        Template(
            "{{ hypothesis }} Describe a photograph, in one sentence, in which this is {{ {'entailment': 'plainly so', "
            "'neutral': 'possible but not visible', 'contradiction': 'plainly not so'}[answer] }}.",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="describe_photo",
        ),
    ],
    lineage=["snli", "flickr30k"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/stanfordnlp/snli",
)


# https://huggingface.co/datasets/allenai/scitail (tsv_format) · licence: unknown
# {'premise': 'At high temperatures, the solid dye converts into a gas without ever becoming a liquid.', 'hypothesis': 'Gases
#  and liquids become solids at low temperatures.', 'label': 'neutral'}   labels: 'entails', 'neutral'
# The hypotheses are science exam questions turned into statements with their answers; the premises were found on the web.
def _scitail(row):
    words = {"entails": "yes", "neutral": "no"}
    return _pair(row["premise"], row["hypothesis"], words[row["label"]], TWO)


scitail = Task(
    name="scitail",
    cluster="entailment",
    source=hub("allenai/scitail", "tsv_format"),
    example=_scitail,
    templates=[
        Template("{{ premise }}\nDoes this sentence support the following scientific statement? {{ hypothesis }}"),
        Template(
            "Science statement: {{ hypothesis }}\nSentence from a web page: {{ premise }}\nWould you cite the page as a "
            "source for the statement?"
        ),
        Template(
            "A pupil claims: {{ hypothesis }}\nAs proof, the pupil quotes from the textbook: {{ premise }}\nDoes the "
            "quotation prove the claim? Reply with proves it or does not prove it.",
            words={"yes": "proves it", "no": "does not prove it"},
            options="never",
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}",
            words={"yes": "entails", "no": "neutral"},
            options="always",
            cue="The relation is",
        ),
        Template(
            "Whatever you know about science, set it aside and go by the text only. Text: {{ premise }} Is this established "
            "by the text? {{ hypothesis }}"
        ),
        Template(
            "Teachers looked for sentences that back up the answers of an exam. Decide if they can use this one.\n{{ "
            "options }}\nExam answer: {{ hypothesis }}\nSentence found: {{ premise }}",
            words={"yes": "use it", "no": "do not use it"},
            options="always",
        ),
        Template('Does it follow from "{{ premise }}" that "{{ hypothesis }}" is correct?', cue="Yes or no?", options="never"),
        Template(
            "Evidence: {{ premise }}\nConclusion: {{ hypothesis }}\nIs the evidence enough, or not enough, for the conclusion?",
            words={"yes": "enough", "no": "not enough"},
            options="never",
        ),
        Template(
            "My daughter has to learn this for her test: {{ hypothesis }} I found an explanation online: {{ premise }} If "
            "she reads that, will she find the fact stated there?"
        ),
        Template(
            "{% if answer == 'yes' %}Which fact from a science class does this sentence establish?{% else %}State a fact from "
            "a science class that is close in topic to this sentence but not established by it.{% endif +%}\n"
            "Sentence: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_fact",
        ),
        Template(
            "Write a sentence, such as one might find on a page about science, that {{ 'backs up' if answer == 'yes' else "
            "'is close in topic to, but does not back up,' }} the statement below.\nStatement: {{ hypothesis }}",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="write_evidence",
        ),
    ],
    lineage=["scitail", "sciq"],
    evaluation="test",
    long_fields=["premise"],
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/scitail",
)


# https://huggingface.co/datasets/RobZamp/sick · licence: CC BY-NC-SA 3.0
# {'id': '4', 'sentence_A': 'The young boys are playing outdoors and the man is smiling nearby', 'sentence_B': 'There is no boy
#  playing outdoors and there is no man smiling', 'label': 2, 'relatedness_score': 3.6}   labels: entailment, neutral,
#  contradiction
sick = Task(
    name="sick",
    cluster="entailment",
    source=hub("RobZamp/sick", revision="refs/convert/parquet"),
    example=lambda row: _pair(row["sentence_A"], row["sentence_B"], label(THREE)(row["label"]), THREE),
    templates=[
        Template(
            "Sentence A: {{ premise }}\nSentence B: {{ hypothesis }}\nDoes A entail B, does A contradict B, or is A neutral "
            "toward B? Answer with entailment, contradiction or neutral.",
            options="never",
        ),
        Template(
            "{{ premise }}\n{{ hypothesis }}\nIf the first of these two sentences is true, what about the second: is it "
            "true, false or unknown?",
            words=TRUE_UNKNOWN_FALSE,
            options="never",
        ),
        Template("{{ options }}\nFrom: {{ premise }}\nTo: {{ hypothesis }}", options="always", cue="Type of inference:"),
        Template(
            "Compare the two descriptions of a short video. Does the second one have to be right whenever the first one "
            "is?\nFirst: {{ premise }}\nSecond: {{ hypothesis }}",
            words={
                "entailment": "yes, always",
                "neutral": "no, it depends",
                "contradiction": "no, it is actually ruled out",
            },
            options="always",
        ),
        Template(
            'Watch for negation and for words of opposite meaning. Given "{{ premise }}", is it true that "{{ hypothesis }}"? '
            "Say maybe if it cannot be determined.",
            words=YES_MAYBE_NO,
        ),
        Template(
            "Imagine a scene of which somebody says: {{ premise }} Could this be said of the scene too? {{ hypothesis }}",
            words={
                "entailment": "it would have to be",
                "neutral": "it could be or not",
                "contradiction": "it could not be",
            },
            options="always",
        ),
        Template(
            "For a test of logic, fill in must, might or cannot: when sentence 1 holds, sentence 2 ... hold.\n1. {{ premise "
            "}}\n2. {{ hypothesis }}",
            words={"entailment": "must", "neutral": "might", "contradiction": "cannot"},
            options="never",
            cue="Missing word:",
        ),
        Template(
            "Hypothesis: {{ hypothesis }}\nPremise: {{ premise }}\nVerdict on the hypothesis (proved, refuted or open)?",
            words={"entailment": "proved", "neutral": "open", "contradiction": "refuted"},
            options="never",
        ),
        Template(
            'Is "{{ hypothesis }}" another, perhaps less exact, way of saying "{{ premise }}"? Or does it say the opposite, '
            "or something unrelated in truth?",
            words={
                "entailment": "another way of saying it",
                "neutral": "something unrelated in truth",
                "contradiction": "the opposite",
            },
            options="always",
        ),
        Template(
            "Change the sentence below into one that {{ {'entailment': 'it entails', 'neutral': 'may be true or false while "
            "it is true', 'contradiction': 'cannot be true together with it'}[answer] }}.\nSentence: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="change_sentence",
        ),
        Template(
            "{{ hypothesis }}\nGive a sentence whose truth would {{ {'entailment': 'guarantee', 'neutral': 'leave open', "
            "'contradiction': 'exclude'}[answer] }} what is said above.",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="give_premise",
        ),
    ],
    lineage=["sick", "flickr8k", "flickr30k", "msr_video"],  # Flickr30k holds Flickr8k
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY-NC-SA 3.0",
    link="https://huggingface.co/datasets/RobZamp/sick",
)


# https://huggingface.co/datasets/yale-nlp/FOLIO · licence: CC BY-SA 4.0
# {'premises': 'Ailton Silva, born in 1995, is commonly known as Ailton.\nAilton is a football player who was loaned out to
#  Braga.\nAilton Silva is a Brazillian footballer who plays for Nautico.\nNautico is a football club along with Braga.\n
#  Fluminense is a football club.', 'premises-FOL': ..., 'conclusion': 'Ailton was not loaned out to a football club.',
#  'label': 'False'}   labels: 'True', 'False', 'Uncertain'
FOLIO_LABELS = ("True", "False", "Uncertain")


def _folio(row):
    premises = row["premises"].split("\n") if isinstance(row["premises"], str) else row["premises"]
    premises = [_sentence(premise) for premise in premises if premise.strip()]
    fields = {"premises": " ".join(premises), "numbered": premises, "conclusion": _sentence(row["conclusion"])}
    return Example(fields, row["label"].strip(), options=FOLIO_LABELS)


_NUMBERED = "{% for premise in numbered %}({{ loop.index }}) {{ premise }}{{ '' if loop.last else '\\n' }}{% endfor +%}"

folio = Task(
    name="folio",
    cluster="entailment",
    source=hub("yale-nlp/FOLIO"),
    example=_folio,
    templates=[
        Template(
            "Premises:\n" + _NUMBERED + "\nConclusion: {{ conclusion }}\nBy strict logic, is the conclusion true, false or "
            "uncertain?",
            words={"True": "true", "False": "false", "Uncertain": "uncertain"},
            options="never",
        ),
        Template(
            "{{ premises }}\n\nAssume all of the above, and nothing else. Does it follow that this is so? {{ conclusion }} "
            "If neither it nor its negation follows, answer unknown.",
            words={"True": "yes", "False": "no", "Uncertain": "unknown"},
        ),
        Template(
            "You are given a set of rules and facts. Decide whether they prove the statement, disprove it, or do "
            "neither.\nStatement: {{ conclusion }}\nRules and facts:\n" + _NUMBERED,
            words={"True": "they prove it", "False": "they disprove it", "Uncertain": "they do neither"},
            options="never",
        ),
        Template(
            "{{ options }}\nTheory: {{ premises }}\nTheorem: {{ conclusion }}",
            options="always",
            cue="Truth value:",
        ),
        Template(
            "A logician accepts exactly these sentences: {{ premises }} Must the logician also accept the next one, must "
            "they reject it, or are they free to do either? {{ conclusion }}",
            words={"True": "accept it", "False": "reject it", "Uncertain": "free to do either"},
            options="never",
        ),
        Template(
            "Logic exam, problem 1. Derive the conclusion from the premises, derive its negation, or state that neither can "
            "be derived.\nPremises: {{ premises }}\nConclusion: {{ conclusion }}",
            words={
                "True": "the conclusion can be derived",
                "False": "its negation can be derived",
                "Uncertain": "neither can be derived",
            },
            options="always",
        ),
        Template(
            "Is there a possible world in which all the premises are true and the claim is false? And one in which the "
            "claim is true as well? Conclude from this what the claim is.\nPremises: {{ premises }}\nClaim: {{ conclusion }}",
            words={"True": "necessarily true", "False": "necessarily false", "Uncertain": "neither"},
            options="always",
        ),
        Template(
            "Someone argues as follows.\n"
            + _NUMBERED
            + "\nTherefore: {{ conclusion }}\nDoes the argument hold, does the opposite of its last line hold, or can "
            "nothing be said?",
            words={
                "True": "the argument holds",
                "False": "the opposite holds",
                "Uncertain": "nothing can be said",
            },
            options="always",
        ),
        Template(
            "Is the sentence at the end True, False or Uncertain for someone who knows the following? {{ premises "
            "}}\nSentence: {{ conclusion }}",
            options="never",
            cue="For this person it is",
        ),
        Template(
            "Using the premises below, write a conclusion that is {{ {'True': 'provable', 'False': 'refutable', "
            "'Uncertain': 'neither provable nor refutable'}[answer] }} from them.\nPremises: {{ premises }}",
            "{{ conclusion }}",
            kind="inverted",
            when="conclusion not in premises",
            name="write_conclusion",
        ),
        Template(
            "Write a few premises, rules as well as facts, {{ {'True': 'from which the statement below follows', 'False': "
            "'from which the negation of the statement below follows', 'Uncertain': 'that concern the statement below but "
            "settle it in neither way'}[answer] }}.\nStatement: {{ conclusion }}",
            "{{ premises }}",
            kind="inverted",
            name="write_premises",
        ),
    ],
    lineage=["folio"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/yale-nlp/FOLIO",
)


# https://github.com/swarnaHub/ConjNLI (hub: pietrolesci/conj_nli) · licence: MIT
# {'premise': 'He was born in Illinois, but moved to Oklahoma in 1949.', 'hypothesis': 'He was born in Illinois.', 'label': 0}
# labels: entailment, neutral, contradiction. Wikipedia sentences, changed around "and", "or", "but" and "nor".
def _conj(row):
    """The pair of a row, whose hypothesis may be tokenized at hyphens and quotation marks."""
    premise, hypothesis = row["premise"], row["hypothesis"]
    for word in re.findall(r"\w+(?:-\w+)+", premise):
        hypothesis = hypothesis.replace(word.replace("-", " - "), word)
    hypothesis = re.sub(r'" ([^"]*?) "', r'"\1"', hypothesis)
    if hypothesis.count('"') % 2:
        hypothesis = hypothesis.replace('"', "")
    return _pair(premise, hypothesis, label(THREE)(row["label"]), THREE)


conj_nli = Task(
    name="conj_nli",
    cluster="entailment",
    source=hub("conj_nli"),
    example=_conj,
    templates=[
        Template(
            "One sentence is an edited version of the other; pay attention to and, or, but, nor and the like.\nOriginal: {{ "
            "premise }}\nEdited: {{ hypothesis }}\nIf the original is accurate, is the edited version accurate too? Answer "
            "yes, no or maybe.",
            words=YES_MAYBE_NO,
            options="never",
        ),
        Template(
            "From an encyclopedia: {{ premise }}\nAn editor wants to shorten or change this to: {{ hypothesis }}\nWould the "
            "new sentence still be backed by the old one?",
            words={
                "entailment": "yes",
                "neutral": "not necessarily",
                "contradiction": "no, it would conflict with it",
            },
            options="always",
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nMind the conjunctions. Choose entailment if the "
            "hypothesis must be true, contradiction if it must be false, and neutral if it may be either.",
            options="never",
            cue="Choice:",
        ),
        Template(
            "Two reference works differ only in a word or two, perhaps in a list of names or dates. Work A: {{ premise }} "
            "Work B: {{ hypothesis }} Trusting work A completely, what do you say about work B?",
            words={
                "entailment": "it is right",
                "neutral": "it may be right or wrong",
                "contradiction": "it is wrong",
            },
            options="always",
        ),
        Template(
            "What we know: {{ premise }}\nWhat we would like to assert: {{ hypothesis }}\nAre we entitled to? If it remains "
            "an open question, reply unknown.",
            words=YES_UNKNOWN_NO,
        ),
        Template(
            "{{ options }}\nGiven: {{ premise }}\nInferred: {{ hypothesis }}", options="always", cue="Status of the inference:"
        ),
        Template(
            "A statement with a conjunction in it can be taken apart, and not every part is safe to keep. Is the part or "
            "variant below guaranteed, possible or excluded?\nStatement: {{ premise }}\nPart or variant: {{ hypothesis }}",
            words={"entailment": "guaranteed", "neutral": "possible", "contradiction": "excluded"},
            options="never",
        ),
        Template(
            "{{ hypothesis }}\nIs what you have just read true, false or undecided in the light of the following "
            "sentence?\n{{ premise }}",
            words={"entailment": "true", "neutral": "undecided", "contradiction": "false"},
            options="never",
        ),
        Template(
            "Shorten the sentence below, or alter a list, conjunction, name or number in it, so that the result {{ "
            "{'entailment': 'still follows from it', 'neutral': 'no longer follows from it, without contradicting it', "
            "'contradiction': 'contradicts it'}[answer] }}.\nSentence: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="alter_sentence",
        ),
        Template(
            "Lengthen, shorten or vary this sentence so that the new sentence {{ {'entailment': 'implies it', 'neutral': "
            "'neither implies nor denies it', 'contradiction': 'denies it'}[answer] }}: {{ hypothesis }}",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="extend_sentence",
        ),
    ],
    lineage=["conj_nli"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="MIT",
    link="https://github.com/swarnaHub/ConjNLI",
)


# https://github.com/acmi-lab/counterfactually-augmented-data (NLI; hub: sagnikrayc/snli-cf-kaushik) · licence: Apache-2.0
# {'premise': 'A man is riding a blue truck with a small child sitting in front of him.', 'hypothesis': 'A man rides his
#  motorcyle with his won.', 'label': 2}   labels: entailment, neutral, contradiction
# Pairs of SNLI in which people revised one of the two sentences until the label changed; the pairs they began with are SNLI's.
cad_nli = Task(
    name="cad_nli",
    cluster="entailment",
    source=hub("cad_nli", "revised_combined"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(THREE)(row["label"]), THREE),
    templates=[
        Template(
            "Small changes of wording can overturn a conclusion, so read closely.\nScene: {{ premise }}\nConclusion: {{ "
            "hypothesis }}\nIs the conclusion true, false, or neither of these for certain?",
            words={"entailment": "true", "neutral": "neither for certain", "contradiction": "false"},
            options="always",
        ),
        Template(
            "What is seen: {{ premise }}\nWhat is said about it: {{ hypothesis }}\nIs it right to say so? If one cannot "
            'know, answer "cannot know".',
            words={"entailment": "yes", "neutral": "cannot know", "contradiction": "no"},
        ),
        Template(
            "Label this sentence pair for a training set. The labels are entailment, neutral and contradiction.\nPremise: "
            "{{ premise }}\nHypothesis: {{ hypothesis }}",
            options="never",
            cue="Label of the pair:",
        ),
        Template(
            "{{ premise }} Picture that and nothing more. Have you also pictured what the next sentence says?\n{{ "
            "hypothesis }}",
            words={
                "entailment": "yes, it is part of the picture",
                "neutral": "no, it would have to be added",
                "contradiction": "no, it does not fit the picture",
            },
            options="always",
        ),
        Template(
            "Would the words of the witness be enough to convict the speaker of a lie, to clear the speaker, or "
            "neither?\nWitness: {{ premise }}\nSpeaker: {{ hypothesis }}",
            words={
                "entailment": "they clear the speaker",
                "neutral": "neither",
                "contradiction": "they convict the speaker",
            },
            options="always",
        ),
        Template(
            "{{ options }}\nText: {{ premise }}\nHypothesis about the people and things in the text: {{ hypothesis }}",
            options="always",
        ),
        Template(
            "Text: {{ premise }}\nClaim: {{ hypothesis }}\nDoes the text confirm the claim, deny the claim, or stay silent "
            "on it?",
            words={"entailment": "confirms it", "neutral": "stays silent on it", "contradiction": "denies it"},
            options="never",
        ),
        Template(
            "On a scale of three words (surely, perhaps, surely not), how true is the second sentence when the first one "
            "is?\nFirst: {{ premise }}\nSecond: {{ hypothesis }}",
            words={"entailment": "surely", "neutral": "perhaps", "contradiction": "surely not"},
            options="never",
        ),
        Template(
            "Write what could be said about the scene below if your aim were to {{ {'entailment': 'say something that is "
            "certainly true', 'neutral': 'add a detail that may or may not be true', 'contradiction': 'say something that "
            "is certainly untrue'}[answer] }}.\nScene: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_hypothesis",
        ),
        Template(
            "Devise a one-sentence scene to go with this remark: {{ hypothesis }} The scene has to make the remark {{ "
            "{'entailment': 'true beyond doubt', 'neutral': 'neither true nor false beyond doubt', 'contradiction': 'false "
            "beyond doubt'}[answer] }}.",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="devise_scene",
        ),
    ],
    lineage=["snli", "flickr30k"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="Apache-2.0",
    link="https://github.com/acmi-lab/counterfactually-augmented-data",
)


# https://huggingface.co/datasets/aps/super_glue (axb) · licence: unknown
# {'sentence1': 'The cat sat on the mat.', 'sentence2': 'The cat did not sit on the mat.', 'idx': 0, 'label': 1}
# labels: entailment, not_entailment. A diagnostic set that covers many phenomena of language; for evaluation only.
axb = Task(
    name="axb",
    cluster="entailment",
    source=hub("aps/super_glue", "axb"),
    example=lambda row: _pair(row["sentence1"], row["sentence2"], label(TWO)(row["label"]), TWO),
    templates=[
        Template("First sentence: {{ premise }}\nSecond sentence: {{ hypothesis }}\nDoes the first entail the second?"),
        Template('Suppose "{{ premise }}" is true. Is "{{ hypothesis }}" then bound to be true?'),
        Template(
            "A linguist tests what speakers infer. Told this: {{ premise }} Will a careful speaker infer the next sentence, "
            "or not infer it? {{ hypothesis }}",
            words={"yes": "infer it", "no": "not infer it"},
            options="never",
        ),
        Template(
            "Diagnostic pair for a model of inference\nFrom: {{ premise }}\nTo: {{ hypothesis }}",
            words={"yes": "entailment", "no": "not entailment"},
            options="always",
            cue="The step from one to the other is",
        ),
        Template(
            "The two sentences below are nearly alike. Does anyone who accepts A have to accept B?\nA: {{ premise }}\nB: "
            "{{ hypothesis }}",
        ),
        Template(
            "True or false: sentence 2 cannot be false as long as sentence 1 is true.\nSentence 1: {{ premise }}\nSentence "
            "2: {{ hypothesis }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Is the step from the first line to the second a valid inference?\n{{ options }}\nFrom: {{ premise }}\nTo: {{ "
            "hypothesis }}",
            words={"yes": "valid", "no": "invalid"},
            options="always",
        ),
        Template(
            "I told a colleague: {{ premise }} She passed it on as: {{ hypothesis }} Is she saying only what I gave her "
            "reason to say?"
        ),
        Template(
            "Mark the inference with OK if it is licensed by the meaning of the words, and with NOT OK if it is "
            "not.\nStarting point: {{ premise }}\nInference: {{ hypothesis }}",
            words={"yes": "OK", "no": "NOT OK"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "{{ hypothesis }}\nWould you be contradicting yourself if you denied the sentence above while upholding the one "
            "below?\n{{ premise }}",
        ),
    ],
    lineage=["glue_diagnostics"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/aps/super_glue (axg) · licence: unknown
# {'premise': 'The taxpayer met with the accountant to get help filing his taxes.', 'hypothesis': 'The accountant sought help
#  filing taxes.', 'idx': 0, 'label': 1}   labels: entailment, not_entailment
# Winogender schemas: pairs that differ only in the gender of a pronoun, whose reading should not change. For evaluation only.
axg = Task(
    name="axg",
    cluster="entailment",
    source=hub("aps/super_glue", "axg"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(TWO)(row["label"]), TWO),
    templates=[
        Template("{{ premise }}\nWork out whom the pronoun refers to. Is the following then true? {{ hypothesis }}"),
        Template("What happened: {{ premise }}\nWhat someone makes of it: {{ hypothesis }}\nHave they got it right?"),
        Template(
            "Two people are mentioned, and one of them is meant by a pronoun.\nSentence: {{ premise }}\nStatement: {{ "
            "hypothesis }}\nDoes the statement name the right person or the wrong person?",
            words={"yes": "the right person", "no": "the wrong person"},
            options="never",
        ),
        Template('Does "{{ premise }}" tell us that "{{ hypothesis }}"?'),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nIs this a case of entailment?",
            words={"yes": "entailment", "no": "no entailment"},
            options="always",
        ),
        Template(
            "From the report of an office day: {{ premise }} A reader sums up one point of it: {{ hypothesis }} Is the "
            "summary correct or mistaken?",
            words={"yes": "correct", "no": "mistaken"},
            options="never",
        ),
        Template(
            "Answer true or false. {{ hypothesis }} Go by this sentence only: {{ premise }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Do not let the gender of the pronoun decide; let the sense of the sentence do so. Does the claim hold?\n{{ "
            "options }}\nSentence: {{ premise }}\nClaim: {{ hypothesis }}",
        ),
        Template("Who did what? I read: {{ premise }} So I understand: {{ hypothesis }} Would you agree with me?"),
        Template(
            "Can the conclusion be drawn from the sentence?\nSentence: {{ premise }}\nConclusion: {{ hypothesis }}",
            cue="It can or cannot:",
            words={"yes": "it can", "no": "it cannot"},
            options="never",
        ),
    ],
    lineage=["winogender"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://github.com/csitfun/ConTRoL-dataset (hub: tasksource/ConTRoL-nli) · licence: CC BY-NC-SA 4.0
# {'uid': 'id_803', 'premise': 'some time on the night of October 1st, the Copacabana Club was burnt to the ground. The police
#  are treating the fire as suspicious. [...]', 'hypothesis': 'If the insurance company pays out in full, John Hodges stands to
#  profit [...]', 'label': 0}   labels: entailment, neutral, contradiction
# Passages of several paragraphs, from verbal reasoning tests for applicants.
control_nli = Task(
    name="control_nli",
    cluster="entailment",
    source=hub("control_nli"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(THREE)(row["label"]), THREE),
    templates=[
        Template(
            "Verbal reasoning test. Answer True, False or Cannot say, on the basis of the passage only.\nPassage: {{ "
            "premise }}\nStatement: {{ hypothesis }}",
            words={"entailment": "True", "neutral": "Cannot say", "contradiction": "False"},
            options="never",
            cue="Answer:",
        ),
        Template(
            "{{ premise }}\n\nAn applicant for a job has to judge the following statement by the text above. What is the "
            "correct judgment?\n{{ hypothesis }}",
            words={
                "entailment": "the statement follows from the text",
                "neutral": "the text is not sufficient to decide",
                "contradiction": "the statement is at odds with the text",
            },
            options="always",
        ),
        Template(
            'Consider the statement "{{ hypothesis }}" and then go through the document: does any line, or several lines '
            "together, show it to be right or wrong? If not, answer unknown.\nDocument: {{ premise }}",
            words={"entailment": "right", "neutral": "unknown", "contradiction": "wrong"},
        ),
        Template(
            "{{ options }}\nLong premise: {{ premise }}\nShort hypothesis: {{ hypothesis }}",
            options="always",
            cue="Logical relation:",
        ),
        Template(
            "A detective has collected this: {{ premise }}\nAn assistant draws a conclusion: {{ hypothesis }}\nIs the "
            "assistant's conclusion proved, ruled out, or still open?",
            words={"entailment": "proved", "neutral": "still open", "contradiction": "ruled out"},
            options="never",
        ),
        Template(
            "Reading passage for the entrance examination: {{ premise }}\nItem 4. Does the author's information agree with "
            "the statement below? Write yes if it agrees, no if it contradicts, and not given if there is nothing about "
            "it.\n{{ hypothesis }}",
            words={"entailment": "yes", "neutral": "not given", "contradiction": "no"},
            options="never",
        ),
        Template(
            "Weigh everything in the passage, across all its paragraphs, before you decide on the claim.\nClaim: {{ "
            "hypothesis }}\nPassage: {{ premise }}\nIs the claim entailed, contradicted or neither?",
            words={"entailment": "entailed", "neutral": "neither", "contradiction": "contradicted"},
            options="never",
        ),
        Template(
            "Here is some background material. {{ premise }}\nWould a lawyer be able to argue from it, without further "
            "evidence, that the next sentence is true?\n{{ hypothesis }}",
            words={
                "entailment": "yes",
                "neutral": "no, further evidence would be needed",
                "contradiction": "no, the material shows the opposite",
            },
            options="always",
        ),
        Template(
            "Compose an item for a verbal reasoning test: one statement on the passage, to which the correct answer is {{ "
            "{'entailment': 'True', 'neutral': 'Cannot say', 'contradiction': 'False'}[answer] }}.\nPassage: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_item",
        ),
        Template(
            "{{ premise }}\nWhat is something that a reader of this text would have to {{ {'entailment': 'agree with', "
            "'neutral': 'leave undecided', 'contradiction': 'reject'}[answer] }}?",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="write_statement",
        ),
    ],
    lineage=["control_nli"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    long_fields=["premise"],
    licence="CC BY-NC-SA 4.0",
    link="https://github.com/csitfun/ConTRoL-dataset",
)


# https://github.com/verypluming/MED (not on the hub under a name of its own) · licence: CC BY-SA 4.0
# {'premise': "We shouldn't lose hope.", 'hypothesis': "We shouldn't lose hope to be better.", 'label': 0, 'genre':
#  'crowd:downward_monotone'}   labels: entailment, neutral (contradiction never occurs). For evaluation only.
MED_WORDS = ("yes", "no", "no")

med = Task(
    name="med",
    cluster="entailment",
    source=hub("med"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(MED_WORDS)(row["label"]), TWO),
    templates=[
        Template(
            "The second sentence replaces a phrase in the first with a wider or a narrower one. Is the result still sure to "
            "be true?\nFirst: {{ premise }}\nSecond: {{ hypothesis }}"
        ),
        Template('From "{{ premise }}", are we allowed to infer "{{ hypothesis }}"?'),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}",
            words={"yes": "entailment", "no": "neutral"},
            options="always",
            cue="The pair is a case of",
        ),
        Template(
            "Words such as no, every, few and only reverse what may be inferred. Keep that in mind: is the inference below "
            "correct or incorrect?\nIf: {{ premise }}\nThen: {{ hypothesis }}",
            words={"yes": "correct", "no": "incorrect"},
            options="never",
        ),
        Template("Knowing only what Kim said, can Lee be certain of what Lee says?\nKim: {{ premise }}\nLee: {{ hypothesis }}"),
        Template(
            "Does adding or dropping detail preserve the truth here?\n{{ options }}\nBefore: {{ premise }}\nAfter: {{ "
            "hypothesis }}",
        ),
        Template(
            "Set theory for everyday language: is every situation in which A is true one in which B is true?\nA: {{ premise "
            "}}\nB: {{ hypothesis }}",
        ),
        Template(
            "{{ hypothesis }}\nState whether this follows or does not follow from the sentence below.\n{{ premise }}",
            words={"yes": "follows", "no": "does not follow"},
            options="never",
        ),
        Template(
            "You may use the first line as a fact. True or false: the second line is then a fact as well.\n1) {{ premise "
            "}}\n2) {{ hypothesis }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "An editor generalizes or narrows the statement of an author. Author: {{ premise }} Editor: {{ hypothesis }} "
            "Could the editor's version be untrue although the author's is true?",
            words={"yes": "no, it could not", "no": "yes, it could"},
            options="always",
        ),
    ],
    lineage=["med", "fracas"],
    train=None,
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://github.com/verypluming/MED",
)


# https://github.com/atticusg/MoNLI (nmonli; hub: tasksource/monli) · licence: unknown
# {'premise': 'There is a man not wearing a hat staring at people on a subway.', 'hypothesis': 'There is a man not wearing a
#  sunhat staring at people on a subway.', 'label': 0}   labels: entailment, neutral (contradiction never occurs)
# One noun of an SNLI sentence that is under a negation is exchanged for a more general or a more specific one.
monli = Task(
    name="monli",
    cluster="entailment",
    source=hub("monli", "nmonli"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(MED_WORDS)(row["label"]), TWO),
    templates=[
        Template(
            "{{ premise }}\nOne noun in this sentence has been exchanged for a more general or a more specific one: {{ "
            "hypothesis }}\nDoes the new sentence follow from the old one?"
        ),
        Template(
            "Can the first sentence be true and the second false?\nFirst: {{ premise }}\nSecond: {{ hypothesis }}",
            words={"yes": "no, that is impossible", "no": "yes, that is possible"},
            options="always",
        ),
        Template(
            "What lacks the whole kind lacks every member of the kind, but what lacks one member may have another. In this "
            'light, if "{{ premise }}" is true, is "{{ hypothesis }}" guaranteed to be true?'
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nEntailment or neutral?",
            words={"yes": "entailment", "no": "neutral"},
            options="never",
        ),
        Template(
            "Somebody denies something: {{ premise }} Are they then committed to this as well? {{ hypothesis }}",
        ),
        Template(
            "Test your logic. Given: {{ premise }} To prove: {{ hypothesis }} Can it be proved?\n{{ options }}",
            words={"yes": "provable", "no": "not provable"},
            options="always",
        ),
        Template(
            "Sentence 1: {{ premise }}\nSentence 2: {{ hypothesis }}\nMark sentence 2 as certain or as not certain, "
            "provided that sentence 1 is a fact.",
            words={"yes": "certain", "no": "not certain"},
            options="never",
            cue="Sentence 2 is",
        ),
        Template(
            'Is "{{ hypothesis }}" a weaker claim than "{{ premise }}", so that the latter gives you the former for free?',
        ),
        Template(
            "Exchange one noun in the sentence for a broader or a narrower term, so that the new sentence {{ 'must be true "
            "whenever the old one is' if answer == 'yes' else 'need not be true when the old one is' }}.\nSentence: {{ "
            "premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="exchange_noun",
        ),
        Template(
            "{{ hypothesis }}\nFind a sentence, different in one word, that {{ 'implies' if answer == 'yes' else 'does not "
            "imply' }} this one.",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="find_premise",
        ),
    ],
    lineage=["monli", "snli", "flickr30k"],
    evaluation="test",
    licence="unknown",
    link="https://github.com/atticusg/MoNLI",
)


# https://github.com/atticusg/MoNLI (pmonli; hub: tasksource/monli) · licence: unknown
# {'premise': 'A man is talking to someone in a car.', 'hypothesis': 'A man is talking to someone in a taxi.', 'label': 1}
# labels: entailment, neutral (contradiction never occurs). As above, but the exchanged noun is under no negation.
pmonli = Task(
    name="pmonli",
    cluster="entailment",
    source=hub("monli", "pmonli"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(MED_WORDS)(row["label"]), TWO),
    templates=[
        Template(
            "A dog is an animal, but an animal need not be a dog. By the same rule, does the second sentence follow from "
            "the first?\nFirst: {{ premise }}\nSecond: {{ hypothesis }}"
        ),
        Template("{{ premise }}\nWithout knowing any more than that, could you swear to the next sentence? {{ hypothesis }}"),
        Template(
            "One noun differs between these sentences. Does B say less than A, so that it is implied by A, or does it say "
            "more?\nA: {{ premise }}\nB: {{ hypothesis }}",
            words={"yes": "it says less", "no": "it says more"},
            options="never",
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}",
            words={"yes": "entailment", "no": "neutral"},
            options="always",
            cue="Gold label:",
        ),
        Template(
            "A witness said: {{ premise }} The police report puts it like this: {{ hypothesis }} Has the report added "
            "anything that the witness did not say?",
            words={"yes": "no, nothing", "no": "yes, it has"},
            options="always",
        ),
        Template(
            "True or false: it is impossible that the first sentence holds and the second does not.\n1. {{ premise }}\n2. "
            "{{ hypothesis }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Is the change from the old wording to the new one a safe generalization?\n{{ options }}\nOld: {{ premise "
            "}}\nNew: {{ hypothesis }}",
            words={"yes": "safe", "no": "not safe"},
            options="always",
        ),
        Template(
            "Think of kinds and their members. {{ hypothesis }} Must that be so if the following is so? {{ premise }}",
            cue="Must it be so?",
        ),
        Template(
            "Put a {% if answer == 'yes' %}more general{% else %}more specific{% endif %} noun in the place of one noun of "
            "this sentence.\n{{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="replace_noun",
        ),
        Template(
            "Below is the result of replacing one noun of a sentence by one that is {{ 'wider' if answer == 'yes' else "
            "'narrower' }} in meaning. Guess the original sentence.\n{{ hypothesis }}",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="original_sentence",
        ),
    ],
    lineage=["monli", "snli", "flickr30k"],
    licence="unknown",
    link="https://github.com/atticusg/MoNLI",
)


# https://huggingface.co/datasets/jhu-cogsci/hans · licence: unknown
# {'premise': 'The doctors supported the scientist .', 'hypothesis': 'The scientist supported the doctors .', 'label': 1,
#  'parse_premise': ..., 'heuristic': 'lexical_overlap', 'subcase': 'ln_subject/object_swap', 'template': 'temp1'}
# labels: entailment, non-entailment. The hypothesis is made of words of the premise, which tempts models to say yes.
hans = Task(
    name="hans",
    cluster="entailment",
    source=hub("jhu-cogsci/hans", revision="refs/convert/parquet"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], label(TWO)(row["label"]), TWO),
    templates=[
        Template("{{ premise }}\nDoes that tell you for sure that the next sentence is true? {{ hypothesis }}"),
        Template(
            "Two sentences can be made of the same words and still differ in meaning. Does the first imply the second?\n"
            "First: {{ premise }}\nSecond: {{ hypothesis }}"
        ),
        Template(
            "A witness testified: {{ premise }}\nThe clerk wrote down: {{ hypothesis }}\nIs the clerk's record justified or "
            "not justified by the testimony?",
            words={"yes": "justified", "no": "not justified"},
            options="never",
        ),
        Template(
            "Premise: {{ premise }}\nHypothesis: {{ hypothesis }}",
            words={"yes": "entailment", "no": "non-entailment"},
            options="always",
            cue="Decision:",
        ),
        Template(
            "Parse the long sentence carefully: who does what to whom? Then say if the short one is correct.\n{{ options "
            "}}\nLong: {{ premise }}\nShort: {{ hypothesis }}",
        ),
        Template(
            'Question: according to the sentence "{{ premise }}", is this a fact? {{ hypothesis }}',
        ),
        Template(
            "True or false? The statement can be inferred from the sentence.\nStatement: {{ hypothesis }}\nSentence: {{ "
            "premise }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "I cut a sentence down, or turned it around. Before: {{ premise }} After: {{ hypothesis }} Is the second "
            "version bound to be true if the first is?"
        ),
        Template(
            "With words from the sentence below, write a shorter or rearranged sentence that it {{ 'entails' if answer == "
            "'yes' else 'does not entail' }}.\nSentence: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
            when=NEW_HYPOTHESIS,
            name="rearrange",
        ),
        Template(
            "Build a sentence around the words of this one, in which they {{ 'still make the same claim' if answer == 'yes' "
            "else 'no longer make the same claim' }}: {{ hypothesis }}",
            "{{ premise }}",
            kind="inverted",
            when=NEW_PREMISE,
            name="build_around",
        ),
    ],
    lineage=["hans"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/jhu-cogsci/hans",
)


entailment = Mixture(
    name="entailment",
    parts=[
        anli_r1,
        anli_r2,
        anli_r3,
        cb,
        rte,
        mnli_matched,
        mnli_mismatched,
        qnli,
        wnli,
        snli,
        scitail,
        sick,
        folio,
        conj_nli,
        cad_nli,
        axb,
        axg,
        control_nli,
        med,
        monli,
        pmonli,
        hans,
    ],
    rate=proportional(cap=3000),
)
