"""Conversations about a text: each question leans on the ones before it. FLAN's cluster of this name: CoQA and QuAC.

FLAN asked all the questions of a conversation at once. Here one turn is drawn, and the turns before it are the history.
"""

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional


def _line(text):
    return " ".join(text.split())


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


# https://huggingface.co/datasets/stanfordnlp/coqa · licence: CC BY-SA 4.0, MSR-LA, Apache-2.0 and RACE's own, by source
# {'source': 'wikipedia', 'story': 'The Vatican Apostolic Library (), more commonly called the Vatican Library or simply ...',
#  'questions': ['When was the Vat formally opened?', 'what is the library for?', 'for what subjects?', 'and?', ...],
#  'answers': {'input_text': ['It was formally established in 1475', 'research', 'history, and law', ...],
#  'answer_start': [151, 454, 457, ...], 'answer_end': [179, 494, 511, ...]}}
# "unknown" is an answer: the story does not say.
def _coqa(row, draws):
    questions = [_question(text) for text in row["questions"]]
    answers = [_line(text) for text in row["answers"]["input_text"]]
    turn = draws.integer("turn", len(questions))
    if not answers[turn]:
        raise SkipRow("no answer")
    fields = {
        "story": _paragraphs(row["story"]),
        "history": [{"question": q, "answer": a.rstrip(".")} for q, a in zip(questions[:turn], answers[:turn], strict=True)],
        "question": questions[turn],
        "known": answers[turn].lower() != "unknown",
    }
    return Example(fields, answers[turn])


coqa = Task(
    name="coqa",
    cluster="conversational_qa",
    source=hub("stanfordnlp/coqa"),
    example=_coqa,
    templates=[
        Template(
            "Story: {{ story }}\n{% for turn in history %}\nQ: {{ turn.question }} A: {{ turn.answer }}\n{% endfor %}\n"
            "Q: {{ question }}",
            cue="A:",
            when="known",
        ),
        Template(
            "Two people talk about a text that only one of them has seen. Text: {{ story }}\nTheir conversation:"
            "{% for turn in history %} - {{ turn.question }} - {{ turn.answer }}{% endfor %} - {{ question }}\n"
            'What does the one who has seen the text say next? A word or two will do, or "unknown" if the text is silent.'
        ),
        Template(
            "{{ story }}\n{% if history %}You have already told me this:"
            "{% for turn in history %} {{ turn.question }} {{ turn.answer }}.{% endfor +%}\nNext question: {{ question }}"
            "{% else %}My first question: {{ question }}{% endif %}",
            when="known",
        ),
        Template(
            '{{ question }} That is the latest in a chain of questions, so words such as "he", "it" or "there" may point '
            "back to earlier ones.\nEarlier:{% for turn in history %} {{ turn.question }} ({{ turn.answer }}){% endfor %}\n\n"
            "Text: {{ story }}",
            when="known and history",
        ),
        Template(
            "Read aloud to the class: {{ story }}\n{% for turn in history %}\nTeacher: {{ turn.question }}\n"
            "Class: {{ turn.answer }}\n{% endfor %}\nTeacher: {{ question }}",
            cue="Class:",
            when="known",
        ),
        Template(
            'The last exchange was: "{{ history[-1].question }}" "{{ history[-1].answer }}"\n'
            'The follow-up is: "{{ question }}"\nReply to the follow-up as briefly, using this passage: {{ story }}',
            when="known and history",
        ),
        Template(
            "Passage: {{ story }}\nA reader begins to ask about it. {{ question }} Answer freely but in a few words.",
            when="known and not history",
        ),
        Template(
            "Chat log:\n{% for turn in history %}\nguest: {{ turn.question }}\nhost: {{ turn.answer }}\n{% endfor %}\n"
            "guest: {{ question }}\nWrite the host's next message. It has to agree with this text and be no longer than it "
            "must: {{ story }}",
            when="known",
        ),
        Template(
            "Interview on the following text: {{ story }}\n{% for turn in history %}\nInterviewer: {{ turn.question }}\n"
            "Reader: {{ turn.answer }}\n{% endfor %}\nInterviewer: {{ question }}\n"
            'Let the reader answer. If the text does not tell, the reader says "I don\'t know".',
            words={"unknown": "I don't know"},
        ),
        Template(
            "Keep this conversation about the story going by asking one more short question.\nStory: {{ story }}\n"
            "Conversation:{% for turn in history %} {{ turn.question }} {{ turn.answer }}.{% endfor %}",
            "{{ question }}",
            kind="inverted",
            name="ask_next",
            when="history",
        ),
        Template(
            'With which question might a conversation about this story begin, if the first answer is "{{ answer }}"?\n'
            "Story: {{ story }}",
            "{{ question }}",
            kind="inverted",
            name="ask_first",
            when="not history",
        ),
    ],
    lineage=["coqa", "mctest", "race", "cnn_dailymail"],
    metrics=["token_f1", "exact_match"],
    train="train",
    evaluation="validation",
    long_fields=["story"],
    licence="CC BY-SA 4.0, MSR-LA, Apache-2.0 and RACE's own, by source",
    link="https://huggingface.co/datasets/stanfordnlp/coqa",
)


# https://huggingface.co/datasets/allenai/quac · licence: MIT
# {'dialogue_id': 'C_6abd2040a75d47168a9e4cca9ca3fed5_0', 'wikipedia_page_title': 'Satchel Paige', 'background': 'Leroy ...',
#  'section_title': 'Chattanooga and Birmingham: 1926-29', 'context': 'A former friend from the Mobile slums, Alex ...',
#  'turn_ids': ['C_..._0_q#0', ...], 'questions': ['what did he do in Chattanooga', 'how did he discover him', ...],
#  'followups': [0, 2, ...], 'yesnos': [2, 2, ...], 'answers': {'texts': [['April 1926, ...', ...], ['CANNOTANSWER', ...]],
#  'answer_starts': [[480, ...], ...]}, 'orig_answers': {'texts': [...], 'answer_starts': [39, 2300, ...]}}
# followups: y, n, m (may ask, need not, maybe); yesnos: y, n, x (neither).
def _quac_text(text):
    text = _line(text.replace("CANNOTANSWER", ""))
    return text or "unanswerable"


def _quac(row, draws):
    turn = draws.integer("turn", len(row["questions"]))
    given = [_quac_text(text) for text in row["orig_answers"]["texts"]]
    questions = [_question(text) for text in row["questions"]]
    fields = {
        "page": _line(row["wikipedia_page_title"]),
        "section": _line(row["section_title"]),
        "background": _line(row["background"]),
        "text": _paragraphs(row["context"].replace("CANNOTANSWER", "")),
        "history": [
            {"question": q, "answer": "No answer." if a == "unanswerable" else a}
            for q, a in zip(questions[:turn], given, strict=False)
        ],
        "question": questions[turn],
        "answerable": given[turn] != "unanswerable",
    }
    return Example(fields, _distinct([given[turn], *map(_quac_text, row["answers"]["texts"][turn])]))


quac = Task(
    name="quac",
    cluster="conversational_qa",
    source=hub("allenai/quac", revision="refs/convert/parquet"),
    example=_quac,
    templates=[
        Template(
            "A student who wants to know more about {{ page }} asks a teacher, who quotes from the section "
            '"{{ section }}" or says '
            '"unanswerable".\nSection: {{ text }}\n{% for turn in history %}\nStudent: {{ turn.question }}\n'
            "Teacher: {{ turn.answer }}\n{% endfor %}\nStudent: {{ question }}",
            cue="Teacher:",
        ),
        Template(
            "{{ text }}\nThe section above is from the article on {{ page }} in an encyclopedia."
            "{% if history %} So far I have asked:{% for turn in history %} {{ turn.question }}{% endfor %}{% endif %}\n\n"
            'Now I ask: {{ question }} Quote a sentence or part of one. If there is nothing to quote, say "no answer".',
            words={"unanswerable": "no answer"},
        ),
        Template(
            "Topic: {{ page }} ({{ section }})\n{% for turn in history %}\nQ: {{ turn.question }} A: {{ turn.answer }}\n"
            "{% endfor %}\nQ: {{ question }}\nSource: {{ text }}",
            cue="A (copied from the source, or NONE):",
            words={"unanswerable": "NONE"},
        ),
        Template(
            "You can see a part of an encyclopedia that the person asking cannot see, so questions may miss the point. "
            'Quote what helps, or admit: "The page does not say."\nPage: {{ text }}\n'
            "{% if history %}Previous answer: {{ history[-1].answer }}\n{% endif %}Question: {{ question }}",
            words={"unanswerable": "The page does not say."},
        ),
        Template(
            "Dialogue about {{ page }}:{% for turn in history %} {{ turn.question }} {{ turn.answer }}{% endfor %} "
            "{{ question }}\nContinue it with a passage from this text: {{ text }}",
            when="answerable",
        ),
        Template(
            "Fan: {{ question }}\nThe fan means {{ page }}"
            "{% if history %} and has just heard this: {{ history[-1].answer }}{% else %} and has asked nothing else yet."
            "{% endif %}\n\nFind the fan's answer in the biography or article, "
            'or reply "Sorry, I found nothing on that."\nArticle: {{ text }}',
            words={"unanswerable": "Sorry, I found nothing on that."},
        ),
        Template(
            "Is there anything in this section that answers the last question of the conversation, yes or no?\n"
            'Section "{{ section }}": {{ text }}\nConversation:{% for turn in history %} {{ turn.question }} '
            "{{ turn.answer }}{% endfor %} {{ question }}",
            "{{ 'yes' if answerable else 'no' }}",
            kind="inverted",
            name="is_answerable",
        ),
        Template(
            'Search result for "{{ page }}": {{ text }}\nVoice command: {{ question }}\n'
            "{% if history %}Command before that: {{ history[-1].question }}\n{% endif %}"
            'Read out the words that satisfy the command. Read out "Not found" if there are none.',
            words={"unanswerable": "Not found"},
        ),
        Template(
            "{% if history %}These questions came first:{% for turn in history %} {{ turn.question }}{% endfor %} "
            "{% endif %}The one to be answered is: {{ question }}\n"
            "Take the answer from the text, without shortening it too much. The questions are about {{ page }} and the text "
            'is the section called "{{ section }}". Text: {{ text }}',
            when="answerable",
        ),
        Template(
            "You know the subject {{ page }} only from this introduction: {{ background }}\n"
            'Another part of the article is called "{{ section }}". What would you ask first about it?',
            "{{ question }}",
            kind="inverted",
            name="ask_first",
            when="background and not history",
        ),
        Template(
            "Ask the next question in this conversation about {{ page }} (section: {{ section }})."
            "\n{% for turn in history %}\nYou: {{ turn.question }}\nExpert: {{ turn.answer }}\n{% endfor %}",
            "{{ question }}",
            kind="inverted",
            name="ask_next",
            when="history",
        ),
    ],
    lineage=["quac"],
    metrics=["token_f1"],
    train="train",
    evaluation="validation",
    long_fields=["text"],
    licence="MIT",
    link="https://huggingface.co/datasets/allenai/quac",
)

conversational_qa = Mixture(name="conversational_qa", parts=[coqa, quac], rate=proportional(cap=3000))
