"""Exams with a text and numbered choices: RACE (T0+), LogiQA, and the reading and logic parts of the SAT and LSAT.

Many items ask "Which of the following", so most wordings show the choices always. The few that need not are used for the items
that can be answered without them.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    return " ".join(text.replace("\u200b", "").split())


def _paragraphs(text):
    """Returns the text with a single line break between paragraphs."""
    return "\n".join(line for line in map(_line, text.splitlines()) if line)


def _choice(fields, answer, options):
    """A multiple-choice example; a row that offers one text twice is left out, since either would be right."""
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example(fields, options[answer], options=options)


# --- English exams ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/ehovy/race · licence: non-commercial research only
# {'example_id': 'high132.txt', 'article': 'Schoolgirls have been wearing such short skirts at Paget High School in ...',
#  'question': 'The girls at Paget High School are not allowed to wear skirts in that    _  .', 'answer': 'A',
#  'options': ['short skirts give people the impression of sexualisation', 'short skirts are too expensive for parents to ...',
#  "the headmaster doesn't like girls wearing short skirts", 'the girls wearing short skirts will be at the risk of being ...']}
_NEEDS_CHOICES = re.compile(r"\b(following|NOT|EXCEPT|except|statements?|true|TRUE|title|best|mainly|mostly)\b")


def _race_row(row):
    question = re.sub(r"\s*_+(?:\s*([.?!,]))?\s*", r" ____\1 ", _line(row["question"])).strip()
    answer, options = "ABCD".index(row["answer"]), tuple(map(_line, row["options"]))
    fields = {
        "article": _paragraphs(row["article"]),
        "question": question,
        "wrong": " / ".join(options[:answer] + options[answer + 1 :]),
        "gap": "____" in question,
        "open": question.endswith("?") and "____" not in question and not _NEEDS_CHOICES.search(question),
    }
    return _choice(fields, answer, options)


def _race(name, config, pupils):
    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("ehovy/race", config),
        example=lambda row: _with(_race_row(row), pupils=pupils),
        templates=[
            Template("Article: {{ article }}\nQuestion: {{ question }}", cue="Answer:", options="always"),
            Template("{{ article }}\n{{ question }}", when="open"),
            Template(
                "English exam for {{ pupils }}. Read the article and decide which choice completes the sentence.\n"
                "Sentence: {{ question }}\n{{ options }}\nArticle: {{ article }}",
                options="always",
                when="gap",
            ),
            Template(
                "You are sitting an English exam for {{ pupils }}, and this is the text. {{ article }}\n"
                "What do you mark on the answer sheet? {{ question }}",
                options="always",
            ),
            Template(
                "A language school prepares {{ pupils }} for tests like this one. {{ question }} Take the answer from the "
                "reading passage, and give it in a phrase or a short sentence.\nReading passage: {{ article }}",
                when="open",
                options="never",
            ),
            Template(
                "The question first, so that you know what to look for: {{ question }}\n{{ options }}\n"
                "Here is the reading text: {{ article }}",
                options="always",
            ),
            Template(
                "Reading paper, section A.\nPassage: {{ article }}\nItem: {{ question }}\n"
                "One point for the right choice, none for any other.",
                options="always",
            ),
            Template(
                "My daughter has this for homework and we disagree about the answer. {{ question }}\n{{ options }}\n"
                "This is the text that she was given: {{ article }}\nWhich would you choose?",
                options="always",
            ),
            Template(
                "Fill in the blank so that the sentence agrees with the article.\nArticle: {{ article }}\n"
                "Sentence: {{ question }}",
                cue="Best completion:",
                options="always",
                when="gap",
            ),
            Template(
                "What would a teacher of {{ pupils }} accept as a correct answer to the question about this text?\n"
                "Question: {{ question }}\nText: {{ article }}",
                when="open",
            ),
            Template(
                "Write an exam question for {{ pupils }} on this article.\nThe correct choice: {{ answer }}\n"
                "Article: {{ article }}",
                "{{ question }}",
                kind="inverted",
                name="write_item",
            ),
            Template(
                "An exam item on this article still needs its wrong choices. Write three that a pupil might fall for.\n"
                "Question: {{ question }}\nRight choice: {{ answer }}\nArticle: {{ article }}",
                "{{ wrong }}",
                kind="inverted",
                name="write_wrong_choices",
            ),
        ],
        lineage=["race"],
        train="train",
        evaluation="validation",
        long_fields=["article"],
        licence="non-commercial research only",
        link="https://huggingface.co/datasets/ehovy/race",
    )


def _with(example, **fields):
    return example._replace(fields={**example.fields, **fields})


race_middle = _race("race_middle", "middle", "middle-school pupils")
race_high = _race("race_high", "high", "high-school students")


# --- logic -----------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/lucasmccabe/logiqa · licence: unknown
# {'context': 'A city has two pillar industries, traditional handicraft industry and tourism.The development of ...',
#  'query': 'Which of the following can be inferred from the above conclusion?', 'correct_option': 1,
#  'options': ['The municipal government should vigorously strengthen the protection of the ecological environment.',
#  'This city cannot develop traditional handicrafts and tourism at the same time.', ...]}
# Translated from a Chinese civil service exam. Missing blanks between sentences are put in; the numbers that stand before some
# texts ("twenty four.") are taken off.
_NUMBER = re.compile(r"^(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[ -]\w+)?\s*\.\s*", re.IGNORECASE)


def _spaced(text):
    return re.sub(r"(?<=[a-z][.?!])(?=[A-Z])", " ", text)


def _logiqa(row):
    query = _line(row["query"])
    fields = {
        "text": _NUMBER.sub("", _spaced(_paragraphs(row["context"]))),
        "question": query,
        "asks": query.endswith("?"),
    }
    return _choice(fields, row["correct_option"], tuple(_spaced(_line(text)) for text in row["options"]))


logiqa = Task(
    name="logiqa",
    cluster="reading_comprehension",
    source=hub("lucasmccabe/logiqa", revision="refs/convert/parquet"),
    example=_logiqa,
    templates=[
        Template("{{ text }}\n{{ question }}", options="always"),
        Template(
            "Civil service exam, logical reasoning.\nStatement: {{ text }}\nTask: {{ question }}",
            cue="Correct choice:",
            options="always",
        ),
        Template(
            "Examine the argument. What is claimed, on what grounds, and what is taken for granted? Then choose.\n"
            "Argument: {{ text }}\nQuestion: {{ question }}",
            options="always",
        ),
        Template(
            "{{ question }}\n{{ options }}\nThe text that this refers to: {{ text }}",
            options="always",
        ),
        Template(
            "Use nothing but logic. Your own opinion on the matter does not count. {{ text }}\n{{ question }}", options="always"
        ),
        Template(
            "The passage below and the task after it were translated from Chinese, so read for the sense.\n"
            "Passage: {{ text }}\nTask: {{ question }}",
            options="always",
        ),
        Template(
            "Candidate: I can rule out two of the choices but not the third. {{ question }}\n{{ options }}\n"
            "Coach: Go back to the premises. {{ text }}\nWhich choice remains?",
            options="always",
        ),
        Template(
            "Premises: {{ text }}\nBefore you answer, test each choice against the premises. {{ question }}", options="always"
        ),
        Template(
            "One of these is right: {{ choices | join(' / ') }}\nDecide which, given the following. {{ text }} {{ question }}"
        ),
        Template(
            "A panel set this item to see who reasons carefully. Item: {{ text }} {{ question }}\n"
            "What would a careful reasoner choose?",
            options="always",
        ),
        Template(
            "Write a short text from which the item below can be solved in the way shown.\nItem: {{ question }}\n"
            "Solution: {{ answer }}",
            "{{ text }}",
            kind="inverted",
            name="write_text",
            when="asks",
        ),
        Template(
            "Put a logical reasoning question to this text.\nText: {{ text }}\nRight answer: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
    ],
    lineage=["logiqa"],
    train="train",
    evaluation="validation",
    long_fields=["text"],
    licence="unknown",
    link="https://huggingface.co/datasets/lucasmccabe/logiqa",
)


# --- admission tests -------------------------------------------------------------------------------------------------
# https://github.com/ruixiangcui/AGIEval (data/v1) · licence: MIT; the exams under their own terms
# {'passage': 'Akira came directly, breaking all tradition. Was that it? Had he followed form-had he asked his mother to ...',
#  'question': 'In the passage, Akira addresses Chie with', 'label': 'D',
#  'options': ['(A)affection but not genuine love.', '(B)objectivity but not complete impartiality.', ...]}
# A test split only, never trained on. The columns are those of AGIEval's own files; the hub's copies have others, so these
# tasks need a mirror with the files as Parquet under "agieval".
def _agieval_row(row):
    options = tuple(_line(re.sub(r"^\([A-E]\)", "", text)) for text in row["options"])
    question = _line(row["question"])
    fields = {"passage": _paragraphs(row["passage"]), "question": question, "asks": question.endswith("?")}
    return _choice(fields, "ABCDE".index(row["label"]), options)


def _agieval(name, config, templates):
    return Task(
        name=name,
        cluster="reading_comprehension",
        source=hub("agieval", config),
        example=_agieval_row,
        templates=templates,
        lineage=["agieval"],
        train=None,
        evaluation="test",
        long_fields=["passage"],
        licence="MIT",
        link="https://github.com/ruixiangcui/AGIEval",
    )


sat_en = _agieval(
    "sat_en",
    "sat-en",
    [
        Template("SAT Reading.\nPassage: {{ passage }}\nQuestion: {{ question }}", cue="Answer:", options="always"),
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template(
            "What would a college applicant have to choose here?\nText: {{ passage }}\nItem: {{ question }}", options="always"
        ),
        Template("{{ question }}\n{{ options }}\nExcerpt printed in the test booklet: {{ passage }}", options="always"),
        Template(
            "Pay attention to tone, purpose and the meaning of words in context as you read this. {{ passage }}\n"
            "Now choose. {{ question }}",
            options="always",
        ),
        Template(
            "Complete the statement about the passage with the best of the choices.\nPassage: {{ passage }}\n"
            "Statement: {{ question }}",
            options="always",
            when="not asks",
        ),
        Template(
            "Is there evidence in the text for any of the choices? Take the one with the most evidence.\n"
            "Question: {{ question }}\n{{ options }}\nText: {{ passage }}",
            options="always",
            when="asks",
        ),
        Template(
            "Tutor: Cover the choices and answer in your head first. {{ passage }}\nTutor: {{ question }}\n"
            "Tutor: Now uncover them. Which one is closest to your answer?",
            options="always",
        ),
        Template(
            "The four choices are these: {{ choices | join(' / ') }}\n"
            "Choose on the basis of the following passage. {{ passage }} {{ question }}"
        ),
        Template(
            "Time left: one minute. Reread only what matters in the passage, then commit yourself.\nPassage: {{ passage }}\n"
            "Last question: {{ question }}",
            options="always",
        ),
    ],
)

lsat_rc = _agieval(
    "lsat_rc",
    "lsat-rc",
    [
        Template("Passage: {{ passage }}\nQuestion: {{ question }}", cue="Best answer:", options="always"),
        Template(
            "Law school admission test, reading comprehension. Choose the answer that the passage supports best, even if it "
            "does not support it perfectly.\n{{ options }}\nQuestion: {{ question }}\nPassage: {{ passage }}",
            options="always",
        ),
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template(
            "Future lawyers must be able to restate what an author claims, implies and assumes. Do so for this author. "
            "{{ passage }}\nAsked: {{ question }}",
            options="always",
        ),
        Template("{{ question }}\nConsult the scholarly text below.\n{{ options }}\nText: {{ passage }}", options="always"),
        Template(
            "Study partner: I have trouble with this one. {{ question }}\nYou: Let me see the passage. {{ passage }}",
            cue="You: It must be",
            options="always",
        ),
        Template(
            "Distinguish the main point from the details, and the author's view from the views reported. {{ passage }}\n"
            "Then answer or complete: {{ question }}",
            options="always",
        ),
        Template(
            "Which of the five choices is right? Four of them say too much, too little or something else.\n"
            "Item: {{ question }}\n{{ options }}\nThe passage is as follows. {{ passage }}",
            options="always",
        ),
        Template(
            "Defend your choice by the text alone.\nText: {{ passage }}\nChoices: {{ choices | join(' / ') }}\n"
            "What they are to answer or complete: {{ question }}"
        ),
        Template(
            "A proofreader of exam papers solves each item to see that it has one solution. Solve this one.\n"
            "Passage: {{ passage }}\nItem: {{ question }}",
            options="always",
        ),
    ],
)

lsat_lr = _agieval(
    "lsat_lr",
    "lsat-lr",
    [
        Template("Argument: {{ passage }}\nQuestion: {{ question }}", cue="Choice:", options="always"),
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template(
            "Law school admission test, logical reasoning. Look for the gap between the evidence and the conclusion.\n"
            "Stimulus: {{ passage }}\nStem: {{ question }}",
            options="always",
        ),
        Template("{{ question }}\n{{ options }}\nThe reasoning in question is this: {{ passage }}", options="always"),
        Template(
            "Imagine that you represent the other side in a debate and have heard this. {{ passage }}\n"
            "Your coach tests you: {{ question }}",
            options="always",
        ),
        Template(
            "Name the choice that does exactly what the question demands, no more and no less.\nQuestion: {{ question }}\n"
            "{{ options }}\nText: {{ passage }}",
            options="always",
        ),
        Template(
            "Accept the statements in the text as true, whatever you may think of them. {{ passage }}\n"
            "Accordingly: {{ question }}",
            options="always",
        ),
        Template(
            "Logic tutorial. Here is a piece of reasoning as it might appear in a newspaper or a courtroom: {{ passage }}\n"
            "Exercise: {{ question }}",
            cue="Solution:",
            options="always",
        ),
        Template(
            "Five candidates, one of them correct: {{ choices | join(' / ') }}\nTask: {{ question }}\nMaterial: {{ passage }}"
        ),
        Template(
            "Friend: Isn't this watertight? {{ passage }}\nBefore you reply, settle the following. {{ question }}",
            options="always",
        ),
    ],
)

lsat_ar = _agieval(
    "lsat_ar",
    "lsat-ar",
    [
        Template("Conditions: {{ passage }}\nQuestion: {{ question }}", cue="Answer:", options="always"),
        Template("{{ passage }}\n{{ question }}", options="always"),
        Template(
            "Sketch a table, enter what the rules force, and see which choice is left.\nRules: {{ passage }}\n"
            "Question: {{ question }}",
            options="always",
        ),
        Template(
            "Law school admission test, analytical reasoning. {{ question }}\n{{ options }}\nThe setup and its constraints: "
            "{{ passage }}",
            options="always",
        ),
        Template(
            "Someone has to draw up a plan under the following restrictions. {{ passage }}\n"
            "Help with one point: {{ question }}",
            options="always",
        ),
        Template(
            "Logic game. {{ passage }}\nA choice is wrong as soon as it breaks one rule, or can be avoided where the question "
            "asks for what must be. {{ question }}",
            options="always",
        ),
        Template("Try each possibility in turn: {{ choices | join(' / ') }}\nScenario: {{ passage }}\nAsked: {{ question }}"),
        Template(
            "Take the additional assumption of the question, if there is one, together with the rules.\n"
            "Question: {{ question }}\n{{ options }}\nRules: {{ passage }}",
            options="always",
        ),
        Template(
            "Two people can check each other on puzzles like this. The first has read out the puzzle: {{ passage }} "
            "{{ question }}\nWhat should the second have as the solution?",
            options="always",
        ),
        Template(
            "Deduce, do not guess.\nGiven: {{ passage }}\nTo be found: {{ question }}",
            cue="Found:",
            options="always",
        ),
    ],
)

reading_exams = Mixture(
    name="reading_exams",
    parts=[race_middle, race_high, logiqa, sat_en, lsat_rc, lsat_lr, lsat_ar],
    rate=proportional(cap=3000),
)
