"""Reading comprehension with common sense: the text gives half of the answer, knowledge of the world the other half.

FLAN's cluster (cosmos_qa, record), and T0's sets of this kind (ropes, quail, quartz, quarel). FLAN trains on none of it when it
tests on reading comprehension or common sense.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    return " ".join(text.split())


def _paragraphs(text):
    """Returns the text with a single line break between paragraphs."""
    return "\n".join(line for line in map(_line, text.splitlines()) if line)


def _capital(text):
    return text[:1].upper() + text[1:]


def _choice(fields, answer, options):
    """A multiple-choice example; a row that offers one text twice is left out, since either would be right."""
    if len(set(options)) < len(options):
        raise SkipRow("two choices are the same")
    return Example(fields, options[answer], options=options)


# --- everyday life ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/cosmos_qa · licence: CC BY 4.0
# {'id': '3AXFSPQOYQW4GFJD8K4D3JADN54FJ9##352YTHGROWB1DDPSQ6BBPMTVYPR4H9##A1I72NHC21347A##Blog_146946##q1_a2##...',
#  'context': 'I was walking home from the store , when I saw an old man laying on the sidewalk , bleeding . The right ...',
#  'question': 'What may happen after the young man makes his call ?', 'answer0': 'None of the above choices .',
#  'answer1': 'The bus would arrive at the stop soon', 'answer2': 'The taxi would pick up the young man',
#  'answer3': 'Medical personnel would come to help the old man', 'label': 3}
# The tokenization is undone. "None of the above choices" need not come last, so it is worded to fit any place.
_CONTRACTED = re.compile(r"\b(ca|wo|do|does|did|is|are|was|were|has|have|had|could|would|should) n'?t\b", re.IGNORECASE)
_NONE = "None of the other choices."


def _untokenized(text):
    text = _CONTRACTED.sub(r"\1n't", _line(text.replace("``", '"').replace("''", '"')))
    text = re.sub(r'" ([^"]+) "', r'"\1"', text).replace("( ", "(").replace("$ ", "$")
    text = re.sub(r"\b(gon|wan|got) ([nt]a)\b", r"\1\2", text, flags=re.IGNORECASE)
    return re.sub(r" ([.,;:?!)]|'(?:s|m|re|ve|ll|d)\b)", r"\1", text)


def _cosmos_qa(row):
    if row["label"] not in (0, 1, 2, 3):
        raise SkipRow("no label")
    options = [_capital(_untokenized(row[f"answer{i}"])) for i in range(4)]
    options = tuple(_NONE if option.lower().startswith("none of the above") else option for option in options)
    fields = {
        "context": _capital(_untokenized(row["context"])),
        "question": _capital(_untokenized(row["question"])),
        "given": options[row["label"]] != _NONE,  # whether the answer says something by itself
    }
    return _choice(fields, row["label"], options)


cosmos_qa = Task(
    name="cosmos_qa",
    cluster="reading_with_common_sense",
    source=hub("allenai/cosmos_qa", revision="refs/convert/parquet"),
    example=_cosmos_qa,
    templates=[
        Template("{{ context }}\n{{ question }}", when="given"),
        Template(
            "The blog post below leaves something unsaid. Use what you know of everyday life to answer.\n"
            "Post: {{ context }}\nQuestion: {{ question }}",
            options="always",
        ),
        Template(
            "{{ question }}\nChoose the likeliest answer in view of this diary entry.\n{{ options }}\nEntry: {{ context }}",
            options="always",
        ),
        Template(
            "A friend tells you: {{ context }}\nYou think to yourself: {{ question }} What is the most plausible answer?",
            when="given",
        ),
        Template(
            "Read between the lines. {{ question }}\nText: {{ context }}",
            cue="The best guess:",
            options="always",
        ),
        Template(
            "Not everything is spelled out in this account of something that happened to the writer. {{ context }}\n"
            "{{ question }} Say what a sensible reader would infer.",
            when="given",
        ),
        Template(
            "Question: {{ question }}\nSituation: {{ context }}\nThree of the four choices go against common sense or the text."
            "\n{{ options }}\nWhich one is left?",
            options="always",
        ),
        Template(
            "Ann: I just read this online. {{ context }}\nBen: {{ question }}",
            cue="Ann: They don't say, but my guess is this:",
            options="never",
            when="given",
        ),
        Template(
            "Causes, feelings, plans, what comes next: this exercise asks about such things even where the text is silent.\n"
            "Text: {{ context }}\nItem: {{ question }}",
            options="always",
        ),
        Template(
            "Here is a personal story. {{ context }}\n{{ question }} Answer from the story and from experience.",
            when="given",
        ),
        Template(
            "Write a question about this story that calls for common sense. A good answer to it would be: {{ answer }}\n"
            "Story: {{ context }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
            when="given",
        ),
        Template(
            "Write the beginning of a blog post about something that happened to you. A reader who asks "
            '"{{ question }}" should be able to work out the following answer: {{ answer }}',
            "{{ context }}",
            kind="inverted",
            name="write_post",
            when="given",
        ),
    ],
    lineage=["cosmos_qa"],
    train="train",
    evaluation="validation",
    long_fields=["context"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/cosmos_qa",
)


# https://huggingface.co/datasets/textmachinelab/quail · licence: CC BY-NC-SA 4.0
# {'id': 'f171_3', 'context_id': 'f171', 'question_id': '3', 'domain': 'fiction', 'metadata': {'author': 'Aaron Dunlap',
#  'title': 'Mind + body', 'url': 'http://...'}, 'context': 'The biggest thorn in the paw of my grand plan to stop ...',
#  'question': "How long did it probably take for the narrator's mom to pack?", 'question_type': 'Event_duration',
#  'answers': ['not enough information', 'more than a day', 'less than a day', 'a few days'], 'correct_answer_id': 2}
_QUAIL_SUBJECTS = {
    "Belief_states": "what somebody knows, believes, wants or feels",
    "Causality": "the reason why something happened",
    "Character_identity": "who somebody in the text is",
    "Entity_properties": "what somebody or something is like",
    "Event_duration": "how long something took",
    "Factual": "a fact that the text states",
    "Subsequent_state": "what is the case after the events of the text",
    "Temporal_order": "the order of two events",
}


_ASKING = {"who", "whom", "whose", "what", "when", "where", "why", "how", "which", "is", "are", "was", "were", "do", "did"}


def _quail(row):
    question = _line(row["question"]).rstrip(":")
    if question.partition(" ")[0].lower() in _ASKING and question[-1] not in "?.!":
        question += "?"
    options = tuple(map(_line, row["answers"]))
    fields = {
        "text": _paragraphs(row["context"]),
        "question": question,
        "subject": _QUAIL_SUBJECTS.get(row["question_type"], ""),
        "asks": question.endswith("?"),  # otherwise it is the beginning of a sentence
        "given": options[row["correct_answer_id"]] != "not enough information",
    }
    return _choice(fields, row["correct_answer_id"], options)


quail = Task(
    name="quail",
    cluster="reading_with_common_sense",
    source=hub("textmachinelab/quail", "quail"),
    example=_quail,
    templates=[
        Template(
            "Text: {{ text }}\nQuestion, or sentence to be completed: {{ question }}",
            cue="Answer:",
            options="always",
        ),
        Template(
            'Answer the question on the text in a few words. If nobody could know, answer "not enough information".\n'
            "Question: {{ question }}\nText: {{ text }}",
            options="never",
            when="asks",
        ),
        Template(
            "{{ text }}\nSuppose you have to tick one box on the text above. The heading is: {{ question }}", options="always"
        ),
        Template(
            "Some questions have their answer in the text, some need a little knowledge of the world, and some cannot be "
            "answered at all. Decide for this one.\nQuestion: {{ question }}\n{{ options }}\nText: {{ text }}",
            options="always",
        ),
        Template(
            "{{ question }} The passage and common sense together may tell you. If they do, give the answer; "
            'otherwise say "cannot be known".\nPassage: {{ text }}',
            words={"not enough information": "cannot be known"},
            when="asks",
        ),
        Template(
            "{{ question }} Please reply with one of the choices; I have to grade this by hand.\n{{ options }}\n"
            "The pupils read this: {{ text }}",
            options="always",
            when="asks",
        ),
        Template(
            "Finish the sentence in agreement with the story, or declare that the story does not permit it by saying "
            '"not enough information".\nStory: {{ text }}\nSentence: {{ question }}',
            when="not asks",
        ),
        Template(
            "A detective goes through this account and wonders: {{ question }}\nAccount: {{ text }}\n"
            "What can the detective safely conclude?",
            options="always",
            when="asks",
            words={"not enough information": "nothing for certain"},
        ),
        Template(
            "Book club. Passage read: {{ text }}\nPoint for discussion: {{ question }}\n"
            "Answer briefly, using what is written and what any adult knows about life.",
            when="given",
            options="never",
        ),
        Template(
            "Question: {{ question }}\nThe text, which may or may not help: {{ text }}\n"
            "Four answers are possible ({{ choices | join(' / ') }}). Which is right?",
        ),
        Template(
            "Write a question about {{ subject }}, to go with the text below.\nRight answer: {{ answer }}\nText: {{ text }}",
            "{{ question }}",
            kind="inverted",
            name="ask_about",
            when="subject and given and asks",
        ),
        Template(
            "Write a question that fits this text but that no reader of it can answer.\nText: {{ text }}",
            "{{ question }}",
            kind="inverted",
            name="ask_unanswerable",
            when="not given and asks",
        ),
    ],
    lineage=["quail"],
    train="train",
    evaluation="validation",
    long_fields=["text"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/textmachinelab/quail",
)


# --- news ------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/aps/super_glue (record) · licence: unknown
# {'passage': "The harrowing stories of women and children locked up for so-called 'moral crimes' in Afghanistan's ...",
#  'query': 'The baby she gave birth to is her husbands and he has even offered to have the courts set her free if she ' ...
#  'returns, but @placeholder has refused.', 'entities': ['Mariam', 'Badam Bagh', 'Nuria', 'Afghanistan'],
#  'entity_spans': {'text': ['Afghanistan', ...], 'start': [86, ...], 'end': [97, ...]}, 'answers': ['Nuria'],
#  'idx': {'passage': 0, 'query': 0}}
# Several forms of a name may be right. The passage ends in the article's highlights.
def _record(row):
    answers = tuple(dict.fromkeys(row["answers"]))
    if not answers:
        raise SkipRow("no answer")
    passage = row["passage"].replace("\n@highlight\n", "\n")
    query = _line(row["query"])
    fields = {
        "story": _paragraphs(passage),
        "gap": query.replace("@placeholder", "____"),
        "marked": query.replace("@placeholder", "[X]"),
        "full": query.replace("@placeholder", answers[0]),
    }
    return Example(fields, answers, options=tuple(sorted(set(row["entities"]) | set(answers))))


record = Task(
    name="record",
    cluster="reading_with_common_sense",
    source=hub("aps/super_glue", "record", revision="refs/convert/parquet"),
    example=_record,
    templates=[
        Template("News story: {{ story }}\nA name is missing from this sentence about it: {{ gap }}\nWhich name is it?"),
        Template(
            "Who or what is meant by [X]? Answer with a name from the article.\nSentence: {{ marked }}\nArticle: {{ story }}",
            options="never",
        ),
        Template("{{ story }}\nIn a follow-up report one reads: {{ gap }}\nFill in the person, place or organization."),
        Template(
            "Copy-editing: a name dropped out of the line below while the page was being set. Find it in the rest of the "
            "report.\nLine: {{ gap }}\n{{ options }}\nReport: {{ story }}"
        ),
        Template(
            "From the facts reported here, work out what [X] stands for. {{ story }}\nStatement: {{ marked }}",
            cue="[X] =",
        ),
        Template(
            "Of the names that occur in the report ({{ choices | join('; ') }}), one belongs in the gap of the last sentence. "
            "Which?\nReport: {{ story }}\nLast sentence: {{ gap }}"
        ),
        Template(
            "My newspaper has a coffee stain on it, and one name is under the stain. What is it likely to be?\n"
            "Line with the stain: {{ gap }}\nRest of the article: {{ story }}"
        ),
        Template(
            "Cloze test on current affairs. Put a name from the story where the gap is.\nSentence with gap: {{ gap }}\n"
            "Story: {{ story }}",
            cue="Name:",
        ),
        Template(
            "Read the story, then reply with the name of the one that fits the description that follows.\nStory: {{ story }}\n"
            "Description (the name is hidden as [X]): {{ marked }}",
            options="always",
        ),
        Template(
            "News quiz: complete the quotation with the right name. No more than the name is needed. {{ gap }}\n"
            "Hint for those who have not seen the news: {{ story }}",
            options="never",
        ),
        Template(
            "Add a sentence to this news story. It should mention {{ answer }} and should follow from the story without "
            "repeating it.\nStory: {{ story }}",
            "{{ full }}",
            kind="inverted",
            name="add_sentence",
        ),
        Template(
            "Set a gap exercise on this article: write a sentence about it in which a name is replaced by [X].\n"
            "Name to be found: {{ answer }}\nArticle: {{ story }}",
            "{{ marked }}",
            kind="inverted",
            name="set_gap",
        ),
    ],
    lineage=["record", "cnn_dailymail"],
    metrics=["accuracy", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["story"],
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# --- general rules applied to a case ---------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/ropes · licence: CC BY 4.0
# {'id': '2058517998', 'background': 'Cancer is a disease that causes cells to divide out of control. Normally, the ...',
#  'situation': 'Jason recently learned that he has cancer. After hearing this news, he convinced his wife, Charlotte, ...',
#  'question': 'Whose cells are dividing more rapidly?', 'answers': {'text': ['Jason']}}
def _ropes(row):
    answers = tuple(dict.fromkeys(map(_line, row["answers"]["text"])))
    if not answers:
        raise SkipRow("no answer")
    question = _line(row["question"])
    fields = {
        "background": _paragraphs(row["background"]),
        "situation": _paragraphs(row["situation"]),
        "question": question if question[-1:] in ("?", ".", ":") else f"{question}?",
    }
    return Example(fields, answers)


ropes = Task(
    name="ropes",
    cluster="reading_with_common_sense",
    source=hub("allenai/ropes", "plain_text"),
    example=_ropes,
    templates=[
        Template(
            "Background: {{ background }}\nSituation: {{ situation }}\nApply the background to the situation. {{ question }}",
            cue="Answer:",
        ),
        Template("{{ situation }}\n{{ question }}\nWhat you need to know about the subject is this: {{ background }}"),
        Template(
            "First comes a paragraph from a textbook, then a made-up case. The question is about the case, and the textbook "
            "tells you how such things work.\nTextbook: {{ background }}\nCase: {{ situation }}\nQuestion: {{ question }}"
        ),
        Template(
            "{{ question }}\nAnswer with the few words that name the right person, thing, place or direction of change. "
            "The case: {{ situation }}\nThe science: {{ background }}"
        ),
        Template("Theory: {{ background }}\nPractice: {{ situation }}\nPrediction wanted: {{ question }}", cue="Prediction:"),
        Template(
            "Student: I understand the rule but not how it works out in this example. {{ situation }} {{ question }}\n"
            "What does the tutor answer in a word or two? The rule, in case you need it: {{ background }}"
        ),
        Template(
            "{{ background }}\nKeep that in mind when you read on. {{ situation }}\nNow decide. {{ question }}",
        ),
        Template(
            "Exam in applied science. Read the case, look for the law of cause and effect that governs it in the notes, and "
            "answer without explaining.\nCase: {{ situation }}\nNotes: {{ background }}\n{{ question }}"
        ),
        Template(
            "Whoever has understood the lesson is not left in doubt about the case that comes after it.\n"
            "Lesson: {{ background }}\nCase: {{ situation }} {{ question }}"
        ),
        Template(
            "Two texts, one question. The first text is general: {{ background }} The second is about a particular case: "
            "{{ situation }} Take the principle from the first and the facts from the second. {{ question }}"
        ),
        Template(
            "Invent a situation in which the principle below can be seen at work, and to which this question and this answer "
            "belong.\nPrinciple: {{ background }}\nQuestion: {{ question }}\nAnswer: {{ answer }}",
            "{{ situation }}",
            kind="inverted",
            name="invent_situation",
        ),
        Template(
            "Ask a question about this case that only someone who knows the theory can answer, and that has the answer given."
            "\nAnswer: {{ answer }}\nTheory: {{ background }}\nCase: {{ situation }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_answer",
        ),
    ],
    lineage=["ropes"],
    metrics=["exact_match", "token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["background", "situation"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/ropes",
)


# https://huggingface.co/datasets/allenai/quartz · licence: CC BY 4.0
# {'id': 'QRQA-10116-3', 'question': 'Electrons further away from a nucleus have _____ energy levels than close ones.',
#  'choices': {'text': ['higher', 'lower'], 'label': ['A', 'B']}, 'answerKey': 'A',
#  'para': 'Electrons at lower energy levels, which are closer to the nucleus, have less energy.', 'para_id': 'QRSent-10116',
#  'para_anno': {'effect_prop': 'energy', 'cause_dir_str': 'closer', ...}, 'question_anno': {'more_effect_dir': 'higher', ...}}
def _quartz(row):
    labels, options = row["choices"]["label"], tuple(_line(text).rstrip(".") for text in row["choices"]["text"])
    if row["answerKey"] not in labels:
        raise SkipRow("no label")
    question = re.sub(r"_+", "____", _line(row["question"]))
    answer = labels.index(row["answerKey"])
    fields = {"law": _line(row["para"]), "question": question, "gap": "____" in question, "other": options[1 - answer]}
    return _choice(fields, answer, options)


quartz = Task(
    name="quartz",
    cluster="reading_with_common_sense",
    source=hub("allenai/quartz"),
    example=_quartz,
    templates=[
        Template(
            "Given: {{ law }}\nQuestion, or sentence with a gap: {{ question }}",
            cue="Answer:",
            options="always",
        ),
        Template(
            "{{ question }}\nIs it {{ choices[0] }} or {{ choices[1] }}? This may help: {{ law }}",
        ),
        Template(
            "The law below tells you what belongs in the gap.\nLaw: {{ law }}\nText with a gap: {{ question }}", when="gap"
        ),
        Template("{{ law }}\nWhat follows for this case? {{ question }}", when="not gap", options="always"),
        Template(
            "More of one thing means more or less of another. The rule says: {{ law }}\nUse it: {{ question }}\n"
            "Give the right one of the two possible answers ({{ choices | join(' / ') }})."
        ),
        Template(
            "Which word or phrase belongs in the blank?\n{{ options }}\nPupil's worksheet: {{ question }}\n"
            "From the textbook: {{ law }}",
            when="gap",
        ),
        Template(
            "A child asks: {{ question }}\nYou remember from school: {{ law }}\nHow do you answer the child?",
            when="not gap",
            options="always",
        ),
        Template(
            "Two things change together. Fact: {{ law }}\nExercise: {{ question }}\n"
            'Reply with either "{{ choices[0] }}" or "{{ choices[1] }}".'
        ),
        Template(
            "Think of what goes up, what goes down and why before you choose. {{ question }}\n{{ options }}\n"
            "Relation to use: {{ law }}",
            options="always",
        ),
        Template(
            "If you trust this statement, you can complete the exercise that follows it.\nStatement: {{ law }}\n"
            "Exercise: {{ question }}",
            cue="Completed with:",
            options="always",
            when="gap",
        ),
        Template(
            "Exercise: {{ question }}\nSolution: {{ answer }}\n"
            "Which general relation between two quantities must one know to find this solution?",
            "{{ law }}",
            kind="inverted",
            name="state_law",
        ),
        Template(
            "Make up an exercise about a concrete case of the rule below, for which the first solution is right and the second "
            "wrong.\nRule: {{ law }}\nRight: {{ answer }}\nWrong: {{ other }}",
            "{{ question }}",
            kind="inverted",
            name="make_exercise",
        ),
    ],
    lineage=["quartz"],
    train="train",
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/quartz",
)


# https://huggingface.co/datasets/allenai/quarel · licence: unknown
# {'id': 'QuaRel_V1_B5_1403', 'answer_index': 0,
#  'logical_forms': ['(infer (time lower world1) (distance higher world2) (distance higher world1))', ...],
#  'logical_form_pretty': 'qrel(time, lower, world1) -> qrel(distance, higher, world2) ; qrel(distance, higher, world1)',
#  'world_literals': {'world1': ['Rita'], 'world2': ['John']}, 'question': 'John and Rita are going for a run.  Rita gets ' ...
#  'tired and takes a break on the park bench.  After twenty minutes in the park, who has run farther? (A) John (B) Rita'}
_QUAREL = re.compile(r"^(.*?)\s*\(A\)\s*(.*?)\s*\(B\)\s*(.*?)$")


def _quarel(row):
    parts = _QUAREL.match(_line(row["question"]))
    if not parts:
        raise SkipRow("the choices are not marked (A) and (B)")
    story, *options = (part.rstrip(".") for part in parts.groups())
    answer = row["answer_index"]
    fields = {"story": story, "other": options[1 - answer], "asks": story.endswith("?")}
    return _choice(fields, answer, tuple(options))


quarel = Task(
    name="quarel",
    cluster="reading_with_common_sense",
    source=hub("allenai/quarel"),
    example=_quarel,
    templates=[
        Template("{{ story }}", options="always"),
        Template("Which is it, {{ choices[0] }} or {{ choices[1] }}? {{ story }}"),
        Template(
            "Picture the scene and think about friction, speed, distance, heat or whatever else is at work in it.\n"
            "Scene: {{ story }}",
            cue="Conclusion:",
            options="always",
        ),
        Template(
            "Everyday physics. {{ story }} Two answers were handed in ({{ choices | join(' / ') }}). Which is right?",
            when="asks",
        ),
        Template(
            "Finish the last sentence so that it agrees with how things behave in the real world.\nText: {{ story }}",
            when="not asks",
            options="always",
        ),
        Template("You do not need to calculate anything here, only to compare. {{ story }}", when="asks", options="always"),
        Template(
            "Grandpa tells a riddle for which all you need is experience: {{ story }}\n"
            'The hint is that the solution must be "{{ choices[0] }}" or "{{ choices[1] }}". What do you say?',
            when="asks",
        ),
        Template(
            "One of two things holds in the following situation; they are listed below. Tell which, and do not explain.\n"
            "{{ options }}\nSituation: {{ story }}",
            options="always",
        ),
        Template(
            "Compare the two objects, people or places in this text. {{ story }} Reply in a word or two.",
            when="asks",
            options="never",
        ),
        Template(
            "Science for beginners: if one quantity is larger, a related one is larger or smaller as well. Use this here.\n"
            "{{ story }}",
            options="always",
        ),
        Template(
            "Make up a short situation from daily life and end it with a comparison, asked or left open, that is settled by "
            "one of two answers.\nRight answer: {{ answer }}\nWrong answer: {{ other }}",
            "{{ story }}",
            kind="inverted",
            name="write_situation",
        ),
    ],
    lineage=["quarel"],
    train="train",
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/quarel",
)

reading_with_common_sense = Mixture(
    name="reading_with_common_sense",
    parts=[cosmos_qa, quail, record, ropes, quartz, quarel],
    rate=proportional(cap=3000),
)
