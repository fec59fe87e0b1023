"""Reading comprehension: one paragraph and a question about it.

FLAN's cluster: squad_v1, squad_v2, drop, multirc, bool_q (its openbookqa gives no passage and is with the questions without a
text); and what T0 trained on beside it: adversarial_qa, quoref. The cluster goes on in reading_documents.py (several articles,
plots, abstracts), reading_domains.py (reviews, forums, tweets, other encyclopedias) and reading_multiple_choice.py (exams).

Missing: NewsQA, whose articles have to be fetched by hand, and ReClor, which is given out on request only.
"""

import re
from urllib.parse import unquote

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

_NO_YES = ("no", "yes")


def _line(text):
    """Returns the text on one line, with quotation marks for the backquotes and doubled apostrophes of some tokenizers."""
    return " ".join(text.replace("``", '"').replace("''", '"').split())


def _paragraphs(text):
    """Returns the text with a single line break between paragraphs."""
    return "\n".join(line for line in map(_line, text.splitlines()) if line)


def _question(text):
    """Returns the question on one line, with a capital and with a question mark if it ends in no mark at all."""
    text = _line(text)
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in tuple("?.!:") else f"{text}?"


def _distinct(texts):
    return tuple(dict.fromkeys(text for text in map(_line, texts) if text))


def _listed(texts):
    """Returns "A", "A and B" or "A, B and C"."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _squad_fields(row):
    return {
        "title": unquote(row["title"]).replace("_", " ").strip(),
        "passage": _paragraphs(row["context"]),
        "question": _question(row["question"]),
    }


# --- SQuAD and the sets made on its paragraphs -----------------------------------------------------------------------
# https://huggingface.co/datasets/rajpurkar/squad · licence: CC BY 4.0
# {'id': '5733be284776f41900661182', 'title': 'University_of_Notre_Dame', 'context': 'Architecturally, the school has a ...',
#  'question': 'To whom did the Virgin Mary allegedly appear in 1858 in Lourdes France?',
#  'answers': {'text': ['Saint Bernadette Soubirous'], 'answer_start': [515]}}
def _squad(row):
    answers = _distinct(row["answers"]["text"])
    if not answers:
        raise SkipRow("no answer")
    return Example(_squad_fields(row), answers)


squad = Task(
    name="squad",
    cluster="reading_comprehension",
    source=hub("rajpurkar/squad"),
    example=_squad,
    templates=[
        Template("{{ passage }}\n{{ question }}"),
        Template(
            "Read the encyclopedia paragraph and answer the question with words taken from it.\n"
            "Paragraph: {{ passage }}\nQuestion: {{ question }}",
            cue="Answer:",
        ),
        Template(
            "Question: {{ question }}\n"
            'The answer is found word for word in this extract from the Wikipedia article "{{ title }}": {{ passage }}'
        ),
        Template(
            "I am writing a report on the topic {{ title }} and have lost one of my notes. {{ question }} "
            "It should be in here somewhere: {{ passage }}"
        ),
        Template(
            "Copy out the shortest stretch of the paragraph that answers the question.\n"
            "Question: {{ question }}\nParagraph: {{ passage }}"
        ),
        Template("Article: {{ title }}\nExtract: {{ passage }}\nReader's question: {{ question }}", cue="Short answer:"),
        Template(
            'A student underlined the answer to the question "{{ question }}" in the following Wikipedia paragraph. '
            "What is underlined?\nParagraph: {{ passage }}"
        ),
        Template(
            "{{ question }} Reply with a name, a date, a number or a short phrase from the article.\n{{ title }}: {{ passage }}"
        ),
        Template(
            "User: Could you look something up in this text for me? {{ passage }}\n"
            "Assistant: Certainly. What would you like to know?\nUser: {{ question }}",
            cue="Assistant:",
        ),
        Template(
            'Fact check for the entry "{{ title }}". One detail has to be confirmed: {{ question }} '
            "Quote the words of the entry that settle it, and nothing else.\nEntry: {{ passage }}"
        ),
        Template(
            'Write a question that this paragraph answers with "{{ answer }}" and nothing else.\nParagraph: {{ passage }}',
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
        Template(
            "Set one comprehension question on this extract from an encyclopedia, and give its answer in the extract's own "
            "words.\nExtract: {{ passage }}",
            "Question: {{ question }} Answer: {{ answer }}",
            kind="inverted",
            name="ask_and_answer",
        ),
    ],
    lineage=["squad"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/rajpurkar/squad",
)


# https://huggingface.co/datasets/rajpurkar/squad_v2 · licence: CC BY-SA 4.0
# {'id': '56ddde6b9a695914005b9629', 'title': 'Normans', 'context': 'The Normans (Norman: Nourmands; French: Normands; ...',
#  'question': 'When were the Normans in Normandy?', 'answers': {'text': ['10th and 11th centuries', 'in the 10th and ...'],
#  'answer_start': [94, 87, 94, 94]}}   no texts: the paragraph does not answer the question
def _squad_v2(row):
    answers = _distinct(row["answers"]["text"])
    return Example(_squad_fields(row) | {"answerable": bool(answers)}, answers or "unanswerable")


squad_v2 = Task(
    name="squad_v2",
    cluster="reading_comprehension",
    source=hub("rajpurkar/squad_v2", "squad_v2"),
    example=_squad_v2,
    templates=[
        Template(
            'Answer the question from the passage. Write "unanswerable" if the passage does not say.\n'
            "Passage: {{ passage }}\nQuestion: {{ question }}",
            cue="Answer:",
        ),
        Template(
            "Some of the questions that readers send us about {{ title }} have no answer in our article. "
            'Give the words that answer this one, or reply "no answer".\nReader: {{ question }}\nArticle: {{ passage }}',
            words={"unanswerable": "no answer"},
        ),
        Template(
            '{{ passage }}\n{{ question }} Go by this paragraph alone, and say "I don\'t know" if it leaves the matter open.',
            words={"unanswerable": "I don't know"},
        ),
        Template(
            "Is the question below answered in the text? If so, quote the answer; if not, write N/A.\n"
            "Question: {{ question }}\nText: {{ passage }}",
            words={"unanswerable": "N/A"},
        ),
        Template(
            "Beware of questions that only look as if they fit the paragraph. For those the correct reply is: unanswerable. "
            "For all others it is a phrase from the paragraph.\nParagraph: {{ passage }}\nQuestion: {{ question }}"
        ),
        Template(
            'Context ("{{ title }}"): {{ passage }}\nQ: {{ question }}',
            cue="A (or NONE, if the context gives no answer):",
            words={"unanswerable": "NONE"},
        ),
        Template(
            "{{ question }} Search the following extract. Reply with the matching words only, "
            'or with "not stated" when the extract is silent on the matter.\nExtract: {{ passage }}',
            words={"unanswerable": "not stated"},
        ),
        Template(
            "Colleague: I need a quick reply. {{ question }}\n"
            "You have only this source: {{ passage }}\n"
            'If the source gives the answer, send it in a few words. Otherwise send "The source does not say."',
            words={"unanswerable": "The source does not say."},
        ),
        Template(
            "In this exam some questions are traps that no text could answer; enter a dash (-) for them. "
            "All the rest are answered in the words of the text.\nText: {{ passage }}\nQuestion: {{ question }}",
            words={"unanswerable": "-"},
        ),
        Template(
            'Title: {{ title }}\nBody: {{ passage }}\nQuery: {{ question }}\nReturn a span of the body, or "impossible" '
            "where there is none that answers the query.",
            words={"unanswerable": "impossible"},
        ),
        Template(
            "Can a reader of this paragraph answer the question, yes or no?\n"
            "Question: {{ question }}\nParagraph: {{ passage }}",
            "{{ 'yes' if answerable else 'no' }}",
            kind="inverted",
            name="is_answerable",
        ),
        Template(
            "Write a question that sounds as if it belonged to this paragraph about {{ title }} but that the paragraph does "
            "not answer.\nParagraph: {{ passage }}",
            "{{ question }}",
            kind="inverted",
            name="ask_unanswerable",
            when="not answerable",
        ),
        Template(
            'Which question about {{ title }} does the paragraph answer with "{{ answer }}"?\nParagraph: {{ passage }}',
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
            when="answerable",
        ),
    ],
    lineage=["squad"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/rajpurkar/squad_v2",
)


# https://huggingface.co/datasets/UCLNLP/adversarial_qa · licence: CC BY-SA 4.0
# {'id': '22bbe104aa72aa9b511dd53237deb11afa14d6e3', 'title': 'Oxygen', 'context': 'Among the most important classes of ...',
#  'question': 'In addition to having oxygen, what do alcohols, ethers and esters have in common, according to the article?',
#  'answers': {'text': ['organic compounds'], 'answer_start': [36]},
#  'metadata': {'split': 'train', 'model_in_the_loop': 'BiDAF'}}
# Annotators kept writing questions on SQuAD's paragraphs until a model (BiDAF, BERT or RoBERTa) gave a wrong answer.
def _adversarial_qa(name, config):
    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("UCLNLP/adversarial_qa", config),
        example=_squad,
        templates=[
            Template("Context: {{ passage }}\nQuestion: {{ question }}", cue="Answer from the context:"),
            Template(
                "This question was written to mislead: the phrase that first catches the eye may be the wrong one. "
                "Which part of the text answers it?\nQuestion: {{ question }}\nText: {{ passage }}"
            ),
            Template(
                "{{ question }} You will have to read closely, because the passage does not use the words of the question. "
                "Answer with a phrase from it.\nPassage: {{ passage }}"
            ),
            Template(
                "A reading program got this one wrong. Can you do better?\n"
                'Paragraph from "{{ title }}": {{ passage }}\nQuestion: {{ question }}',
                cue="The right answer is",
            ),
            Template(
                "Difficult reading question (topic: {{ title }}). {{ question }} "
                "The only source allowed is this text: {{ passage }}"
            ),
            Template(
                "Extract the span that correctly answers the question. Compare, count or put events in order if you need to, "
                "but reply only with words that occur in the text.\nText: {{ passage }}\nQuestion: {{ question }}"
            ),
            Template(
                "Study this paragraph carefully before you go on. {{ passage }}\n"
                "Now, without guessing: {{ question }} Use as few of the paragraph's words as you can."
            ),
            Template(
                "Ann: I bet you can't find the answer to my question in this text. {{ passage }}\n"
                "Ben: Try me.\nAnn: {{ question }}",
                cue="Ben:",
            ),
            Template(
                'Several phrases in the following could pass for an answer to "{{ question }}", and only one is right. '
                "Copy it out.\nPassage on {{ title }}: {{ passage }}"
            ),
            Template(
                "You are checking the answer key of a difficult reading test. Passage: {{ passage }}\n"
                "Item: {{ question }}\nWhat should the key say?"
            ),
            Template(
                'Think of a tricky question about this paragraph. The answer has to be "{{ answer }}", '
                "yet it should be easy to pick something else.\nParagraph: {{ passage }}",
                "{{ question }}",
                kind="inverted",
                name="ask_tricky",
            ),
            Template(
                "Readers who skim this passage on {{ title }} should be caught out by your question. Write it, followed by the "
                "right answer.\nPassage: {{ passage }}",
                "{{ question }} Right answer: {{ answer }}",
                kind="inverted",
                name="ask_and_answer",
            ),
        ],
        lineage=["adversarial_qa", "squad"],
        metrics=["exact_match", "token_f1"],
        train="train",
        evaluation="validation",
        long_fields=["passage"],
        licence="CC BY-SA 4.0",
        link="https://huggingface.co/datasets/UCLNLP/adversarial_qa",
    )


adversarial_qa_dbidaf = _adversarial_qa("adversarial_qa_dbidaf", "dbidaf")
adversarial_qa_dbert = _adversarial_qa("adversarial_qa_dbert", "dbert")
adversarial_qa_droberta = _adversarial_qa("adversarial_qa_droberta", "droberta")


# --- questions that need more than one sentence ----------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/quoref · licence: CC BY 4.0
# {'id': 'bfc3b34d6b7e73c0bd82a009db12e9ce196b53e6', 'title': 'Blast of Silence', 'url': 'https://en.wikipedia.org/wiki/...',
#  'context': 'Frankie Bono, a mentally disturbed hitman from Cleveland, comes back to his hometown in New York City ...',
#  'question': "What is the first name of the person who has until New Year's Eve to perform a hit?",
#  'answers': {'answer_start': [1633], 'text': ['Frankie']}}   several texts: all of them together are the answer
def _quoref(row):
    spans = _distinct(row["answers"]["text"])
    if not spans:
        raise SkipRow("no answer")
    return Example(_squad_fields(row), _listed(spans))


quoref = Task(
    name="quoref",
    cluster="reading_comprehension",
    source=hub("allenai/quoref", revision="refs/convert/parquet"),
    example=_quoref,
    templates=[
        Template(
            "Work out whom or what each pronoun and description in the text refers to, then answer the question.\n"
            "Text: {{ passage }}\nQuestion: {{ question }}",
            cue="Answer:",
        ),
        Template("{{ question }}\nEverything that you need is in this part of the article on {{ title }}: {{ passage }}"),
        Template(
            "{{ passage }}\nThe question below describes someone or something without naming it. {{ question }} "
            "Give the name or names that the text uses."
        ),
        Template(
            'In the article "{{ title }}", one thing is often spoken of in different ways. With that in mind, answer briefly: '
            "{{ question }}\nArticle: {{ passage }}"
        ),
        Template("Plot or biography: {{ passage }}\nQuestion: {{ question }}", cue="Found in the text:"),
        Template(
            "I lost track of the people and things in this text ({{ title }}): {{ passage }}\n"
            "Can you tell me this? {{ question }}"
        ),
        Template(
            'To answer "{{ question }}" a reader must link two mentions of the same person, place or object. '
            "Follow the links in the passage and write down where they lead.\nPassage: {{ passage }}"
        ),
        Template(
            "Reference puzzle. Source ({{ title }}): {{ passage }}\nPuzzle: {{ question }} "
            "If there is more than one, list them all."
        ),
        Template(
            "A pupil asks: {{ question }}\nThe class has just read this: {{ passage }}\n"
            "Reply to the pupil with the exact expression from the text."
        ),
        Template(
            "Name what is asked for, in the words of the article and not in a full sentence: {{ question }}\n"
            "Article: {{ passage }}"
        ),
        Template(
            'Ask about "{{ answer }}" in the text without saying the name: describe what is meant, so that the reader has to '
            "connect several sentences.\nText: {{ passage }}",
            "{{ question }}",
            kind="inverted",
            name="ask_by_description",
        ),
    ],
    lineage=["quoref"],
    metrics=["token_f1", "exact_match"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/quoref",
)


# https://huggingface.co/datasets/ucinlp/drop · licence: CC BY-SA 4.0
# {'section_id': 'nfl_1184', 'query_id': 'f37e81fa-ef7b-4583-b671-762fc433faa9',
#  'passage': ' Hoping to rebound from their loss to the Patriots, the Raiders stayed at home for a Week 16 duel with ...',
#  'question': 'Who scored the first touchdown of the game?',
#  'answers_spans': {'spans': ['Chaz Schilens'], 'types': ['span']}}
# The spans of a training row make up one answer. A validation row holds the answers of several annotators in one list, which
# cannot be told apart from the parts of an answer, so each of its spans counts as right as well.
def _drop(row):
    spans, types = _distinct(row["answers_spans"]["spans"]), row["answers_spans"]["types"]
    if not spans:
        raise SkipRow("no answer")
    answers = (_listed(spans), *spans) if set(types) == {"span"} else spans
    return Example({"passage": _paragraphs(row["passage"]), "question": _question(row["question"])}, _distinct(answers))


drop = Task(
    name="drop",
    cluster="reading_comprehension",
    source=hub("ucinlp/drop"),
    example=_drop,
    templates=[
        Template("Passage: {{ passage }}\nQuestion: {{ question }}", cue="Answer (a number, a date or a name):"),
        Template(
            "The answer may not be written in the passage: you may have to count, add, subtract or compare.\n"
            "Passage: {{ passage }}\nQuestion: {{ question }}"
        ),
        Template("{{ question }} Work it out from the facts and figures in this report: {{ passage }}"),
        Template("{{ passage }}\nUsing the numbers and names above, answer in a word or two: {{ question }}"),
        Template(
            "I have the report but no time to do the sums. {{ question }} Just the result, please.\nReport: {{ passage }}"
        ),
        Template(
            "Quantities and order of events matter here. Read the account, then answer with a figure, a date or words of "
            "the account.\nAccount: {{ passage }}\nQuestion: {{ question }}"
        ),
        Template(
            'A sports desk and a history magazine share one quiz. Today\'s question is "{{ question }}" and this is the '
            "background: {{ passage }}\nWhat is the answer?"
        ),
        Template(
            "Ann: Did you read the summary? {{ passage }}\nBen: I did. Ask me anything.\nAnn: {{ question }}",
            cue="Ben:",
        ),
        Template(
            "Find the relevant numbers, names or events in the text, combine them as the question requires, and give the "
            "outcome alone.\nQuestion: {{ question }}\nText: {{ passage }}",
            cue="Outcome:",
        ),
        Template(
            "Numeracy test, reading part. You may use a pencil but no other source than this: {{ passage }}\n"
            "Task: {{ question }}"
        ),
        Template(
            "Write a question about this passage that cannot be answered without counting, calculating or comparing. "
            'The answer should come out as "{{ answer }}".\nPassage: {{ passage }}',
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
        Template(
            "Make up an exercise from the figures and events in this account, and solve it.\nAccount: {{ passage }}",
            "Exercise: {{ question }} Solution: {{ answer }}",
            kind="inverted",
            name="ask_and_answer",
        ),
    ],
    lineage=["drop"],
    metrics=["token_f1", "exact_match"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/ucinlp/drop",
)


# --- yes or no -------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/google/boolq (the same rows as aps/super_glue, boolq) · licence: CC BY-SA 3.0
# {'question': 'is harry potter and the escape from gringotts a roller coaster ride', 'answer': True,
#  'passage': 'Harry Potter and the Escape from Gringotts -- Harry Potter and the Escape from Gringotts is an indoor ...'}
def _boolq(row):
    title, dashes, text = row["passage"].partition(" -- ")
    query = _line(row["question"]).rstrip("?")
    fields = {
        "query": query,
        "question": f"{query[:1].upper()}{query[1:]}?",
        "title": re.sub(r" \(.*\)$", "", _line(title)) if dashes else "",
        "passage": _paragraphs(text if dashes else row["passage"]),
    }
    return Example(fields, _NO_YES[bool(row["answer"])], options=_NO_YES)


boolq = Task(
    name="boolq",
    cluster="reading_comprehension",
    source=hub("google/boolq"),
    example=_boolq,
    templates=[
        Template("{{ passage }}\nGoing by this text, {{ query }}?"),
        Template(
            'Someone typed "{{ query }}" into a search engine. The best page says: {{ passage }} Is the answer yes or no?'
        ),
        Template(
            "Question: {{ question }}\nEncyclopedia: {{ passage }}",
            cue="Yes or no:",
            options="never",
        ),
        Template(
            "Answer with a single word, yes or no. {{ question }} Base your answer on the following article.\n"
            "Article: {{ passage }}",
            options="never",
        ),
        Template(
            "Turn the question into a statement and judge it by the extract: would the statement be true or false?\n"
            "Question: {{ question }}\nExtract: {{ passage }}",
            words={"yes": "true", "no": "false"},
            options="never",
        ),
        Template(
            "Ann: Tell me, {{ query }}?\nBen: Let me see what the entry on {{ title }} says. {{ passage }}\n"
            "Does Ben now answer yes, or does he answer no?",
            when="title",
        ),
        Template(
            'A voice assistant may say only two things, "Yes, that\'s right" or "No, that\'s not so". '
            "Which does it say?\nUser: {{ question }}\nSource found: {{ passage }}",
            words={"yes": "Yes, that's right", "no": "No, that's not so"},
            options="never",
        ),
        Template("{{ question }}\n{{ options }}\nSource ({{ title }}): {{ passage }}", when="title"),
        Template(
            "Topic: {{ title }}\nFacts: {{ passage }}\nCheck this against the facts: {{ question }} "
            "Mark it Y for yes or N for no.",
            words={"yes": "Y", "no": "N"},
            when="title",
            options="never",
        ),
        Template(
            "My friend and I disagree. I say the answer to the question is yes, she says it is no. "
            "The encyclopedia has the last word: who is right, I or she?\nQuestion: {{ question }}\n"
            "Encyclopedia: {{ passage }}",
            words={"yes": "I", "no": "she"},
            options="never",
        ),
        Template(
            "{% if title %}What might a user who was shown this text about {{ title }} have searched for?"
            "{% else %}What might a user who was shown this text have searched for?{% endif %} "
            "Write a question to which the text answers {{ answer }}.\nText: {{ passage }}",
            "{{ query }}",
            kind="inverted",
            name="write_query",
        ),
    ],
    lineage=["boolq", "natural_questions"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/google/boolq",
)


# https://huggingface.co/datasets/aps/super_glue (multirc) · licence: unknown
# {'paragraph': 'While this process moved along, diplomacy continued its rounds. ...', 'label': 0,
#  'question': 'What did the high-level effort to persuade Pakistan include?', 'answer': 'Children, Gerd, or Dorian Popa',
#  'idx': {'paragraph': 0, 'question': 0, 'answer': 0}}
# labels: False, True. Several answers of one question may be right.
def _multirc(row):
    if row["label"] not in (0, 1):
        raise SkipRow("no label")
    fields = {
        "passage": _paragraphs(row["paragraph"]),
        "question": _question(row["question"]),
        "reply": _line(row["answer"]),
        "reply_is_right": row["label"] == 1,
    }
    return Example(fields, _NO_YES[row["label"]], options=_NO_YES)


multirc = Task(
    name="multirc",
    cluster="reading_comprehension",
    source=hub("aps/super_glue", "multirc", revision="refs/convert/parquet"),
    example=_multirc,
    templates=[
        Template(
            "{{ passage }}\nQuestion: {{ question }}\nSuggested answer: {{ reply }}\n"
            "Going by the passage, is the suggested answer right?"
        ),
        Template(
            "You are grading a reading test. Mark the pupil's answer correct or incorrect.\nText: {{ passage }}\n"
            "Test question: {{ question }}\nPupil: {{ reply }}",
            cue="Mark:",
            words={"yes": "correct", "no": "incorrect"},
            options="never",
        ),
        Template(
            'May "{{ reply }}" count as an answer to "{{ question }}" for someone who knows only what is written here? '
            "Answer yes or no.\nWritten here: {{ passage }}",
            options="never",
        ),
        Template(
            "There can be several right answers to a question, so judge this one on its own. Question: {{ question }} "
            "Answer: {{ reply }}\nDoes the source bear it out?\n{{ options }}\nSource: {{ passage }}"
        ),
        Template(
            "Multiple-response item: {{ question }}\nOne of the boxes is labeled: {{ reply }}\n"
            "Should a careful reader of the following tick this box or leave it empty?\nReading: {{ passage }}",
            words={"yes": "tick it", "no": "leave it empty"},
            options="never",
        ),
        Template(
            "True or false? As a reply to the question, the words in quotation marks agree with the paragraph.\n"
            'Question: {{ question }}\nWords: "{{ reply }}"\nParagraph: {{ passage }}',
            words={"yes": "true", "no": "false"},
            options="never",
        ),
        Template(
            "Teacher: {{ question }}\nPupil: {{ reply }}\n"
            "The teacher opens the textbook and compares. It says: {{ passage }}\nDoes the teacher accept the answer?"
        ),
        Template(
            "I have to decide which candidate answers to keep. Keep this one, or drop it?\n"
            "Document: {{ passage }}\nQuestion: {{ question }}\nCandidate: {{ reply }}",
            words={"yes": "keep", "no": "drop"},
            options="never",
        ),
        Template(
            'Read all of the text before you judge. {{ passage }}\nSomeone who was asked "{{ question }}" said '
            '"{{ reply }}". Was that right or wrong?',
            words={"yes": "right", "no": "wrong"},
            options="never",
        ),
        Template(
            "Here are a question and a possible answer: {{ question }} {{ reply }}\n"
            "Tell me whether the answer is among those that this passage supports. Passage: {{ passage }}"
        ),
        Template(
            "Give one correct answer to the question about the text.\nText: {{ passage }}\nQuestion: {{ question }}",
            "{{ reply }}",
            kind="inverted",
            name="give_right_answer",
            when="reply_is_right",
        ),
        Template(
            "A multiple-choice test on the text below needs a wrong answer that a careless reader might believe. "
            "Write it.\nQuestion: {{ question }}\nText: {{ passage }}",
            "{{ reply }}",
            kind="inverted",
            name="give_wrong_answer",
            when="not reply_is_right",
        ),
    ],
    lineage=["multirc", "mctest"],
    metrics=["accuracy", "macro_f1"],
    train="train",
    evaluation="validation",
    long_fields=["passage"],
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)

reading_comprehension = Mixture(
    name="reading_comprehension",
    parts=[
        squad,
        squad_v2,
        adversarial_qa_dbidaf,
        adversarial_qa_dbert,
        adversarial_qa_droberta,
        quoref,
        drop,
        boolq,
        multirc,
    ],
    rate=proportional(cap=3000),
)
