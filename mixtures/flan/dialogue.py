"""Dialogue: the next turn, the right turn, what a turn is for, and questions made independent of their conversation.

FLAN 2022 has two sets. QReCC is here. WikiDialog (11 million conversations made from Wikipedia) is on the hub only as a script
that needs Apache Beam, and so is not data; nor is its sister OR-QuAC (a script). FLAN left Taskmaster out for its licence.
The other sets are T0's (Blended Skill Talk) or of the same kind. Where a row is a whole conversation, a turn is drawn anew
in each epoch. CoQA and QuAC are with reading comprehension, SAMSum and DialogSum with the summaries.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, label, proportional

_REPLY = ["rougeL", "bleu"]


def _plain(text):
    """The text without the spaces that a tokenizer put around punctuation."""
    text = " ".join(text.replace("\u2019", "'").replace("\u2018", "'").replace("``", '"').replace("''", '"').split())
    text = re.sub(r"(?<=\w) ' (?=(?:s|m|d|t|re|ve|ll)\b)", "'", text)
    text = re.sub(r" ([,.;:!?%)])", r"\1", text)
    text = re.sub(r"([($]) ", r"\1", text)
    return re.sub(r" (n't|'(?:s|m|d|re|ve|ll))\b", r"\1", text, flags=re.IGNORECASE)


def _squeezed(text):
    """The text without empty lines and repeated spaces."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())


def _lines(turns, speakers):
    return "\n".join(f"{speaker}: {turn}" for speaker, turn in zip(speakers, turns, strict=True))


def _drawn_turn(turns, draws, first=1):
    """The position of one turn, none of the turns before `first`."""
    if len(turns) <= first:
        raise SkipRow("too few turns")
    return first + draws.integer("turn", len(turns) - first)


# --- the right turn ----------------------------------------------------------------------------------------------------
# MuTual (Cui et al. 2020), https://github.com/Nealcly/MuTual · licence: unknown; not on the hub under a name of its own.
# {'id': 'train_4189', 'article': "f : julia and i are driving downtown this afternoon . want to come , tom ? m : ...",
#  'options': ['f : in that case , judy and i are going to the bus ...', "f : oh , if you plan to study , then ...", ...],
#  'answers': 'B'}
# It is all lower case; the starts of sentences and "I" get their capitals back here.
_SEXES = {"m": "Man", "f": "Woman"}


def _sentence_case(text):
    text = re.sub(r"(^|[.!?] )([a-z])", lambda m: m[1] + m[2].upper(), _plain(text))
    return re.sub(r"\bi\b(?!\.\w)", "I", text)


def _mutual(row):
    parts = re.split(r"(?:^|\s+)(?:[mf] ; )?([mf]) : ", row["article"].strip())
    if parts[0]:
        raise SkipRow("the first turn has no speaker")
    speakers, turns = [_SEXES[s] for s in parts[1::2]], [_sentence_case(t) for t in parts[2::2]]
    options = tuple(_sentence_case(re.sub(r"^[mf] : |[ ,]+$", "", option)) for option in row["options"])
    if len(set(options)) < len(options):
        raise SkipRow("two replies are the same")
    fields = {"dialogue": _lines(turns, speakers), "speaker": _SEXES[row["options"][0][0]].lower()}
    return Example(fields, options["ABCD".index(row["answers"])], options)


mutual = Task(
    name="mutual",
    cluster="dialogue",
    source=hub("mutual"),
    example=_mutual,
    templates=[
        Template("{{ dialogue }}\nWhat does the {{ speaker }} say next?"),
        Template(
            "Continue the conversation with a reply from the {{ speaker }} that fits everything said so far.\n{{ dialogue }}"
        ),
        Template(
            "Listening test. You hear a man and a woman talking. Which is the most logical "
            "reply?\n{{ options }}\n{{ dialogue }}",
            options="always",
            cue="Reply:",
        ),
        Template(
            "Only one of these replies agrees with the facts of the "
            "conversation.\n{{ options }}\nConversation:\n{{ dialogue }}\nWhich one can the {{ speaker }} give?",
            options="always",
        ),
        Template("Say for the {{ speaker }} what comes next in this talk.\n{{ dialogue }}", cue="Next turn:"),
        Template(
            "Mind who did what, when and why, and then say how the {{ speaker }} could respond without contradicting it.\n"
            "Talk so far:\n{{ dialogue }}"
        ),
        Template(
            "The tape stops after these lines:\n{{ dialogue }}\nWhat was probably the next thing on the tape? The "
            "{{ speaker }} was about to speak."
        ),
        Template(
            "I overheard two people and missed the end.\n{{ dialogue }}\nWhat would you guess that the {{ speaker }} said then?"
        ),
        Template(
            "Complete the script. The last line is missing and belongs to the {{ speaker }}.\nScript:\n{{ dialogue }}",
            cue="Last line:",
        ),
        Template("Choose the turn that makes sense after this exchange.\n{{ dialogue }}\n{{ options }}", options="always"),
        Template(
            'A conversation between a man and a woman ends with the words "{{ answer }}" Write what they may have said before.',
            "{{ dialogue }}",
            kind="inverted",
            name="write_conversation",
        ),
    ],
    lineage=["mutual", "dream"],  # both from English listening exams, and they share dialogues
    evaluation="validation",
    long_fields=["dialogue"],
    licence="unknown",
    link="https://github.com/Nealcly/MuTual",
)


# https://huggingface.co/datasets/google-research-datasets/time_dial · licence: CC BY-NC-SA 4.0
# {'id': 1, 'conversation': ['A:We need to take the accounts system offline to carry out the upgrade ...', ...,
#  "B: That's fine . We've allowed <MASK> to be on the safe side ."], 'correct1': 'forty-eight hours', 'correct2': '50 hours ',
#  'incorrect1': 'two hours ', 'incorrect1_rule': 'Rule 1', 'incorrect2': '12 days ', 'incorrect2_rule': 'Rule 2'}
# correct2 is "none" where there is no second right answer.
def _time_dial(row):
    turns = (_plain(turn) for turn in row["conversation"] if turn.strip())
    dialogue = "\n".join(re.sub(r"^([AB]): ?", r"\1: ", turn) for turn in turns).replace("<MASK>", "____")
    right = tuple(row[name].strip() for name in ("correct1", "correct2"))
    right = tuple(dict.fromkeys(text for text in right if text and text.lower() != "none"))
    wrong = tuple(row[name].strip() for name in ("incorrect1", "incorrect2"))
    options = tuple(sorted({text for text in (*right, *wrong) if text}))
    return Example({"dialogue": dialogue}, right, options)


time_dial = Task(
    name="time_dial",
    cluster="dialogue",
    source=hub("google-research-datasets/time_dial"),
    example=_time_dial,
    templates=[
        Template("{{ dialogue }}\nWhich time expression belongs in the gap ____?"),
        Template("Fill in the blank (____) with a time, a date or a duration that fits the conversation.\n{{ dialogue }}"),
        Template("Two people are talking and one word or phrase about time is hidden as ____.\n{{ dialogue }}", cue="Hidden:"),
        Template(
            "{{ dialogue }}\nThe speakers' plans leave little doubt about what ____ stands for. How long, how often or when "
            "is it?"
        ),
        Template("Use common sense about how long things take. What can ____ be?\nDialogue:\n{{ dialogue }}"),
        Template(
            "Pick a suitable expression for the empty place.\n{{ options }}\nDialogue:\n{{ dialogue }}",
            options="always",
        ),
        Template(
            "While typing up this conversation I could not read my note at ____. It must have been some point or length of "
            "time. What should I write?\n{{ dialogue }}"
        ),
        Template("Exercise: read the exchange and supply the missing expression of time.\n{{ dialogue }}", cue="Missing:"),
        Template("Which of the choices could a speaker say at ____?\n{{ dialogue }}\n{{ options }}", options="always"),
        Template(
            "Conversation: {{ dialogue }}\nWith which expression in place of ____ does everything said before and after hold?"
        ),
    ],
    lineage=["time_dial", "dailydialog", "mutual", "dream"],  # whose dialogues recur
    train=None,
    evaluation="test",
    long_fields=["dialogue"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/google-research-datasets/time_dial",
)


# https://huggingface.co/datasets/Anthropic/hh-rlhf · licence: MIT
# {'chosen': "\n\nHuman: what are some pranks with a pen i can do?\n\nAssistant: Are you looking for practical joke ...",
#  'rejected': "\n\nHuman: what are some pranks with a pen i can do?\n\nAssistant: Are you looking for practical ..."}
# Both conversations are the same up to the last reply. The chosen reply is the better of two, not always a good one: these
# rows are for judging replies, not for writing them. Some are offensive.
_REPLIES = ("Reply 1", "Reply 2")


def _hh_rlhf(row, draws):
    (before, _, good), (same, _, bad) = (row[name].rpartition("\n\nAssistant:") for name in ("chosen", "rejected"))
    good, bad = _squeezed(good), _squeezed(bad)
    if before != same or not good or not bad or good == bad:
        raise SkipRow("the two conversations do not differ in their last reply alone")
    right = draws.integer("order", 2)
    first, second = (bad, good) if right else (good, bad)
    return Example({"conversation": _squeezed(before), "first": first, "second": second}, _REPLIES[right], _REPLIES)


_ORDINALS = {"Reply 1": "the first", "Reply 2": "the second"}

hh_rlhf = Task(
    name="hh_rlhf",
    cluster="dialogue",
    source=hub("Anthropic/hh-rlhf"),
    example=_hh_rlhf,
    templates=[
        Template(
            "{{ conversation }}\nReply 1: {{ first }}\nReply 2: {{ second }}\nWhich reply is better for an assistant that "
            "should help people and do no harm?",
            options="never",
        ),
        Template(
            "An assistant could end this conversation in two ways. Say which of them people would rather see, Reply 1 or "
            "Reply 2.\nConversation:\n{{ conversation }}\nReply 1: {{ first }}\nReply 2: {{ second }}",
            options="never",
        ),
        Template(
            "Compare A and B as answers to the human's last message. Which is safer and more useful?\n{{ conversation }}\n"
            "A: {{ first }}\nB: {{ second }}",
            words={"Reply 1": "A", "Reply 2": "B"},
            options="never",
            cue="Better answer:",
        ),
        Template(
            "You rate chatbots. Between two candidate messages, prefer the honest and harmless one, then the more helpful "
            "one.\nChat: {{ conversation }}\nFirst candidate: {{ first }}\nSecond candidate: {{ second }}\nDo you prefer the "
            "first or the second?",
            words=_ORDINALS,
            options="never",
        ),
        Template(
            'The human in this chat got either "{{ first }}" or "{{ second }}" as an answer. Which should it '
            "have got, the first or the second?\n{{ conversation }}",
            words=_ORDINALS,
            options="never",
        ),
        Template(
            "Two drafts lie before you. Draft 1: {{ first }}\nDraft 2: {{ second }}\nThey answer this: "
            "{{ conversation }}\nSend the draft that is less likely to offend, mislead or endanger anybody. Which do you "
            "send?",
            words={"Reply 1": "Draft 1", "Reply 2": "Draft 2"},
            options="never",
        ),
        Template(
            "Annotation task. Read the conversation, then mark the better continuation with 1 or 2.\n{{ conversation }}\n"
            "1: {{ first }}\n2: {{ second }}",
            words={"Reply 1": "1", "Reply 2": "2"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "{{ conversation }}\nThe old model continued: {{ first }}\nThe new model continued: {{ second }}\nWhich model "
            "behaved better here, the old one or the new one?",
            words={"Reply 1": "the old one", "Reply 2": "the new one"},
            options="never",
        ),
        Template(
            "Which reply should be kept?\n{{ options }}\nMessage history: {{ conversation }}\nReply 1: {{ first }}\n"
            "Reply 2: {{ second }}",
            options="always",
        ),
        Template(
            "Which reply should be thrown away, if one of them has to go, as the ruder, riskier or less helpful one?\n"
            "{{ conversation }}\nReply X: {{ second }}\nReply Y: {{ first }}",
            words={"Reply 1": "Reply X", "Reply 2": "Reply Y"},
            options="never",
        ),
    ],
    lineage=["hh_rlhf"],
    evaluation="test",
    long_fields=["conversation"],
    shuffle_options=False,
    licence="MIT",
    link="https://huggingface.co/datasets/Anthropic/hh-rlhf",
)


# --- the next turn -----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/soda · licence: CC BY 4.0
# {'head': 'PersonX moves a step closer to the goal', 'relation': 'xReact', 'tail': 'excited', 'literal': '...',
#  'narrative': 'Madeleine took the first step towards her goal, and with her coach\'s encouraging words ...',
#  'dialogue': ['Hey, coach.', ...], 'speakers': ['Madeleine', 'Coach', ...], 'PersonX': 'Madeleine', 'PersonY': '', ...}
# The conversations were written by GPT-3.5 from stories about everyday situations.
def _soda(row, draws):
    turns = [" ".join(turn.split()) for turn in row["dialogue"]]
    at = _drawn_turn(turns, draws)
    fields = {
        "narrative": row["narrative"].strip(),
        "dialogue": _lines(turns[:at], row["speakers"][:at]),
        "speaker": row["speakers"][at],
        "partner": row["speakers"][at - 1],
    }
    return Example(fields, turns[at])


soda = Task(
    name="soda",
    cluster="dialogue",
    source=hub("allenai/soda"),
    example=_soda,
    templates=[
        Template("{{ narrative }}\nTheir conversation:\n{{ dialogue }}\nWhat does {{ speaker }} say now?"),
        Template("Situation: {{ narrative }}\nDialogue so far:\n{{ dialogue }}\nWrite the next line, spoken by {{ speaker }}."),
        Template("{{ dialogue }}\nGive the reply of {{ speaker }}, given this background: {{ narrative }}"),
        Template("Play the part of {{ speaker }}.\nThe scene: {{ narrative }}\n{{ dialogue }}\n{{ speaker }}:"),
        Template(
            "You are writing a short film. In it, the following happens: {{ narrative }} The script has got this far:\n"
            "{{ dialogue }}\nAdd what {{ speaker }} says."
        ),
        Template("{{ partner }} has just spoken. How does {{ speaker }} answer?\n{{ dialogue }}"),
        Template(
            "Below is a conversation and, before it, what it is about. Add one more turn, spoken by {{ speaker }}.\n"
            "About: {{ narrative }}\nConversation:\n{{ dialogue }}"
        ),
        Template("Respond as {{ speaker }} would.\n{{ dialogue }}", cue="Response:"),
        Template(
            "Here is a talk between people.\n{{ dialogue }}\nTell in two or three sentences who they are and what has "
            "happened.",
            "{{ narrative }}",
            kind="inverted",
            name="tell_the_story",
        ),
        Template(
            "Turn this story into the opening of a conversation between the people in it: {{ narrative }}",
            "{{ dialogue }}\n{{ speaker }}: {{ answer }}",
            kind="inverted",
            name="write_conversation",
        ),
    ],
    lineage=["soda", "atomic"],
    metrics=_REPLY,
    evaluation="validation",
    long_fields=["dialogue"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/soda",
)


# https://huggingface.co/datasets/li2017dailydialog/daily_dialog · licence: CC BY-NC-SA 4.0
# {'dialog': ['Say , Jim , how about going for a few beers after dinner ? ', ' You know that is tempting but ...', ...],
#  'act': [3, 4, ...], 'emotion': [0, 0, ...]}
# act: __dummy__, inform, question, directive, commissive.
# emotion: no emotion, anger, disgust, fear, happiness, sadness, surprise.
def _daily(row):
    turns = [_plain(turn) for turn in row["dialog"]]
    return turns, ["AB"[i % 2] for i in range(len(turns))]


def _daily_dialog(row, draws):
    turns, speakers = _daily(row)
    at = _drawn_turn(turns, draws)
    return Example({"dialogue": _lines(turns[:at], speakers[:at]), "speaker": speakers[at]}, turns[at])


_DAILY = hub("li2017dailydialog/daily_dialog", revision="refs/convert/parquet")
_DAILY_LINK = "https://huggingface.co/datasets/li2017dailydialog/daily_dialog"

daily_dialog = Task(
    name="daily_dialog",
    cluster="dialogue",
    source=_DAILY,
    example=_daily_dialog,
    templates=[
        Template("{{ dialogue }}\nWhat might speaker {{ speaker }} say next?"),
        Template("Add one turn to this everyday conversation. It is the turn of {{ speaker }}.\n{{ dialogue }}"),
        Template("From an English phrase book for daily life:\n{{ dialogue }}\n{{ speaker }}:"),
        Template(
            "A learner of English practices small talk with you. You are speaker {{ speaker }}. Answer "
            "naturally.\n{{ dialogue }}"
        ),
        Template("Dialogue: {{ dialogue }}\nThe next line has been torn off. Write a line that fits.\n{{ speaker }}:"),
        Template("How could this exchange go on?\n{{ dialogue }}\nWrite only what {{ speaker }} says in return."),
        Template(
            "Two people, A and B, meet in an ordinary situation and talk.\n{{ dialogue }}\nPut yourself in the place of "
            "{{ speaker }} and respond."
        ),
        Template("Give a fitting response to the last thing that was said.\n{{ dialogue }}", cue="Response:"),
        Template("Keep the talk going: {{ dialogue }}"),
        Template(
            'In a conversation between A and B, speaker {{ speaker }} says "{{ answer }}" Make up the turns that lead to this.',
            "{{ dialogue }}",
            kind="inverted",
            name="lead_up",
        ),
    ],
    lineage=["dailydialog"],
    metrics=_REPLY,
    evaluation="validation",
    long_fields=["dialogue"],
    licence="CC BY-NC-SA 4.0",
    link=_DAILY_LINK,
)

_act = label(("", "inform", "question", "directive", "commissive"))


def _daily_dialog_act(row, draws):
    turns, speakers = _daily(row)
    at = _drawn_turn(turns, draws, first=0)
    act = _act(row["act"][at])
    if not act:
        raise SkipRow("no dialogue act")
    before = _lines(turns[:at], speakers[:at])
    return Example(
        {"before": before, "turn": turns[at], "speaker": speakers[at]},
        act,
        ("inform", "question", "directive", "commissive"),
    )


_ACT_VERBS = {
    "inform": "tells",
    "question": "asks",
    "directive": "requests or suggests",
    "commissive": "promises, accepts or declines",
}
_ACT_AIMS = {
    "inform": "to give information",
    "question": "to get information",
    "directive": "to make the other person do something",
    "commissive": "to agree to do something or to turn it down",
}

daily_dialog_act = Task(
    name="daily_dialog_act",
    cluster="dialogue",
    source=_DAILY,
    example=_daily_dialog_act,
    templates=[
        Template(
            'Classify the dialogue act of "{{ turn }}" as inform, question, directive or commissive.{% if before %} It '
            "comes after this:\n{{ before }}{% endif %}",
            options="never",
        ),
        Template(
            "{% if before %}{{ before }}\n{% endif %}{{ speaker }}: {{ turn }}\nIs the purpose of this last turn to inform, "
            "to ask a question, to direct the other person, or to commit the speaker to something?",
            words={
                "inform": "to inform",
                "question": "to ask a question",
                "directive": "to direct the other person",
                "commissive": "to commit the speaker to something",
            },
            options="never",
        ),
        Template(
            "What does a speaker want by saying this?\n{{ options }}\nUtterance: {{ turn }}",
            words=_ACT_AIMS,
            options="always",
        ),
        Template(
            "Speech acts. Inform: a statement. Question: a wish to know. Directive: a request, order or suggestion. "
            "Commissive: an offer, a promise, or the acceptance or refusal of a request.\nWhich is this one? {{ turn }}",
            options="never",
            cue="Speech act:",
        ),
        Template(
            "With this line, does the person who speaks tell, ask, request or promise?\nLine: {{ turn }}",
            words={"inform": "tell", "question": "ask", "directive": "request", "commissive": "promise"},
            options="never",
        ),
        Template(
            "{% if before %}So far:\n{{ before }}\n{% endif %}Now {{ speaker }} says: {{ turn }}\nChoose the verb that "
            "describes what {{ speaker }} does.\n{{ options }}",
            words=_ACT_VERBS,
            options="always",
        ),
        Template(
            "Annotate the utterance for a study of conversation. The labels are inform, question, directive and commissive "
            "(the speaker takes on, or refuses to take on, a task).\nUtterance: {{ turn }}",
            options="never",
            cue="Label:",
        ),
        Template(
            "Why did {{ speaker }} say this: to give information, to get information, to make the other person do something, "
            "or to agree to do something or to turn it down?\n{{ speaker }}: {{ turn }}",
            words=_ACT_AIMS,
            options="never",
        ),
        Template(
            "My grammar book says that a sentence can be a statement, a question, a request or a commitment. Which is "
            '"{{ turn }}"?',
            words={"inform": "statement", "directive": "request", "commissive": "commitment"},
            options="never",
        ),
        Template(
            "{{ before }}\nIt is the turn of {{ speaker }}. The turn will be of the type {{ answer }}. Write it.",
            "{{ turn }}",
            kind="inverted",
            name="write_turn",
            when="before",
        ),
    ],
    lineage=["dailydialog"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    long_fields=["before"],
    licence="CC BY-NC-SA 4.0",
    link=_DAILY_LINK,
)

_EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")


def _daily_dialog_emotion(row, draws):
    turns, speakers = _daily(row)
    felt = [i for i, emotion in enumerate(row["emotion"]) if emotion]
    if not felt:
        raise SkipRow("nobody shows an emotion")
    at = felt[draws.integer("turn", len(felt))]
    before = _lines(turns[:at], speakers[:at])
    emotion = _EMOTIONS[row["emotion"][at] - 1]
    return Example({"before": before, "turn": turns[at], "speaker": speakers[at]}, emotion, _EMOTIONS)


daily_dialog_emotion = Task(
    name="daily_dialog_emotion",
    cluster="dialogue",
    source=_DAILY,
    example=_daily_dialog_emotion,
    templates=[
        Template('Which emotion does a person who says "{{ turn }}" show?'),
        Template("{% if before %}{{ before }}\n{% endif %}{{ speaker }}: {{ turn }}\nName the emotion in the last turn."),
        Template(
            "Anger, disgust, fear, happiness, sadness or surprise: what is heard in the voice of {{ speaker }} here?\n"
            "{% if before %}{{ before }}\n{% endif %}{{ speaker }}: {{ turn }}",
            options="never",
        ),
        Template("How does the speaker feel?\n{{ options }}\nUtterance: {{ turn }}", options="always", cue="Feeling:"),
        Template(
            "Should an actor sound angry, disgusted, afraid, happy, sad or surprised in saying the following line?\n"
            "Line: {{ turn }}",
            words=dict(zip(_EMOTIONS, ("angry", "disgusted", "afraid", "happy", "sad", "surprised"), strict=True)),
            options="never",
        ),
        Template(
            "{% if before %}Earlier: {{ before }}\n{% endif %}Then {{ speaker }} said: {{ turn }}\nWhat was {{ speaker }} "
            "feeling at that moment?"
        ),
        Template("Pick the face that goes with the words.\n{{ options }}\nWords: {{ turn }}", options="always"),
        Template(
            "Tag this turn of a conversation with one emotion (there are six tags: {{ choices | join(', ') }}).\n"
            "Turn: {{ turn }}",
            cue="Tag:",
        ),
        Template('Between the lines of "{{ turn }}" one can sense what the speaker feels. Say what it is in one word.'),
        Template(
            "Write a line of dialogue that somebody might say out of {{ answer }}.",
            "{{ turn }}",
            kind="inverted",
            name="write_line",
        ),
    ],
    lineage=["dailydialog"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    long_fields=["before"],
    licence="CC BY-NC-SA 4.0",
    link=_DAILY_LINK,
)


# https://huggingface.co/datasets/ParlAI/blended_skill_talk · licence: unknown
# {'personas': ['i hate the smell of fish.', ...], 'additional_context': 'Cardigan', 'previous_utterance': ['I ...', '...'],
#  'context': 'wizard_of_wikipedia', 'free_messages': [...], 'guided_messages': [...], 'suggestions': {...}, ...}
# Two opening lines, then the turns of the first speaker (free) and the second (guided) in alternation.
def _blended_skill_talk(row, draws):
    turns = [" ".join(turn.split()) for turn in row["previous_utterance"]]
    for pair in zip(row["free_messages"], row["guided_messages"], strict=True):
        turns += (" ".join(turn.split()) for turn in pair)
    if not all(turns):
        raise SkipRow("an empty turn")
    at = _drawn_turn(turns, draws, first=2)
    speakers = ["First", "Second"] * (len(turns) // 2 + 1)
    return Example({"dialogue": _lines(turns[:at], speakers[:at]), "speaker": speakers[at].lower()}, turns[at])


blended_skill_talk = Task(
    name="blended_skill_talk",
    cluster="dialogue",
    source=hub("ParlAI/blended_skill_talk"),
    example=_blended_skill_talk,
    templates=[
        Template("Two strangers chat about themselves.\n{{ dialogue }}\nWhat would the {{ speaker }} speaker write back?"),
        Template("{{ dialogue }}\nKeep this friendly chat alive with the next message of the {{ speaker }} speaker."),
        Template(
            "Good company shows interest, feels with others and knows a thing or two. Continue in that spirit, as the "
            "{{ speaker }} speaker.\n{{ dialogue }}"
        ),
        Template("Chat log: {{ dialogue }}\nNext message, from the {{ speaker }} speaker:"),
        Template("If you were the {{ speaker }} of these two people, what would you say now?\n{{ dialogue }}"),
        Template(
            "The other person has just written to you. Answer as the {{ speaker }} speaker in a sentence or "
            "two.\n{{ dialogue }}"
        ),
        Template(
            "An open-ended talk between two people, cut off in the middle: {{ dialogue }}\nWrite the turn that comes after it."
        ),
        Template("Messages: {{ dialogue }}\nYour reply as the {{ speaker }} speaker should take up what was said last."),
        Template(
            "Suggest to me, the {{ speaker }} speaker, how I can respond in this chat.\n{{ dialogue }}", cue="You could say:"
        ),
        Template(
            'Imagine a chat between two people in which the {{ speaker }} speaker comes to say "{{ answer }}" Write the chat '
            "up to there.",
            "{{ dialogue }}",
            kind="inverted",
            name="chat_before",
        ),
    ],
    lineage=["blended_skill_talk", "personachat", "wizard_of_wikipedia", "empathetic_dialogues"],
    metrics=_REPLY,
    evaluation="validation",
    long_fields=["dialogue"],
    licence="unknown",
    link="https://huggingface.co/datasets/ParlAI/blended_skill_talk",
)


# https://huggingface.co/datasets/google/Synthetic-Persona-Chat · licence: CC BY 4.0
# {'user 1 personas': 'I am 32.\nI do not want a job.\nI play video games all day.\nI still live at home with my parents.',
#  'user 2 personas': 'My favorite drink is iced coffee.\nI have a black belt in karate. ...',
#  'Best Generated Conversation': 'User 1: Hi! I am [user 1 name].\nUser 2: Hi [user 1 name], I am [user 2 name]. ...'}
def _persona_chat(row, draws):
    found = re.findall(r"^(User [12]): *(.+)$", row["Best Generated Conversation"], re.MULTILINE)
    if not found or "[" in row["Best Generated Conversation"]:
        raise SkipRow("no turns, or a name that was never filled in")
    speakers, turns = zip(*((speaker, turn.strip()) for speaker, turn in found), strict=True)
    at = _drawn_turn(turns, draws)
    persona = " ".join(row[f"{speakers[at].lower()} personas"].split())
    fields = {
        "persona": persona,
        "dialogue": _lines(turns[:at], speakers[:at]),
        "speaker": speakers[at],
        "rest": _lines(turns[at:], speakers[at:]),
    }
    return Example(fields, turns[at])


synthetic_persona_chat = Task(
    name="synthetic_persona_chat",
    cluster="dialogue",
    source=hub("google/Synthetic-Persona-Chat"),
    example=_persona_chat,
    templates=[
        Template("About {{ speaker }}: {{ persona }}\nChat:\n{{ dialogue }}\nWrite the next message of {{ speaker }}."),
        Template("You are {{ speaker }} and this is who you are: {{ persona }} Answer in character.\n{{ dialogue }}"),
        Template("{{ dialogue }}\nWhat does {{ speaker }} say, whose profile is the following? {{ persona }}"),
        Template(
            "Two users get to know each other. {{ speaker }} has written this profile: {{ persona }}\nTheir messages:\n"
            "{{ dialogue }}\n{{ speaker }}:",
        ),
        Template("Reply so that nothing contradicts the persona.\nPersona: {{ persona }}\nConversation: {{ dialogue }}"),
        Template("Role play. Your facts: {{ persona }}\nThe talk until now: {{ dialogue }}\nSpeak next, as {{ speaker }}."),
        Template(
            "A chatbot should sound like one and the same person throughout. Its description reads: {{ persona }} It is "
            "called {{ speaker }} here. How should it go on?\n{{ dialogue }}"
        ),
        Template("Continue this chat with a single message.\n{{ dialogue }}\n{{ speaker }}:"),
        Template(
            "{{ dialogue }}\n{{ rest }}\nFrom what is said here, write a short profile of {{ speaker }}, in the first person.",
            "{{ persona }}",
            kind="inverted",
            name="write_profile",
        ),
        Template(
            "Think of a conversation in which somebody gets acquainted with {{ speaker }}, a person who says this about "
            "themselves: {{ persona }}",
            "{{ dialogue }}\n{{ rest }}",
            kind="inverted",
            name="write_conversation",
        ),
    ],
    lineage=["synthetic_persona_chat", "personachat"],
    metrics=_REPLY,
    evaluation="validation",
    long_fields=["dialogue", "rest"],
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/google/Synthetic-Persona-Chat",
)


# --- questions in a conversation -----------------------------------------------------------------------------------------
# https://huggingface.co/datasets/svakulenk0/qrecc · licence: CC BY 3.0
# {'Context': ['What are the pros and cons of electric cars?', "Some pros are: They're easier on the environment. ..."],
#  'Question': 'Tell me more about Tesla', 'Rewrite': 'Tell me more about Tesla the car company.', 'Answer': "Tesla Inc. ...",
#  'Answer_URL': 'https://...', 'Conversation_no': 74, 'Turn_no': 2, 'Conversation_source': 'trec'}
def _qrecc_fields(row):
    turns = [" ".join(turn.split()) for turn in row["Context"] if turn.strip()]
    speakers = [("User", "Assistant")[i % 2] for i in range(len(turns))]
    return {"context": _lines(turns, speakers), "question": row["Question"].strip()}


def _qrecc(row):
    if not row["Answer"].strip():
        raise SkipRow("no answer")
    return Example(_qrecc_fields(row), " ".join(row["Answer"].split()))


qrecc = Task(
    name="qrecc",
    cluster="dialogue",
    source=hub("svakulenk0/qrecc"),
    example=_qrecc,
    templates=[
        Template("{% if context %}{{ context }}\n{% endif %}User: {{ question }}", cue="Assistant:"),
        Template(
            "Answer the user's latest question{% if context %}, keeping in mind what was said before.\n{{ context }}\nLatest "
            "question{% endif %}: {{ question }}"
        ),
        Template(
            "{% if context %}This is what we talked about:\n{{ context }}\nNow I want to know this: {% endif %}{{ question }}"
        ),
        Template(
            "A user looks for information and asks an assistant one question after another. Write the assistant's answer.\n"
            "{% if context %}{{ context }}\n{% endif %}User: {{ question }}"
        ),
        Template(
            'Follow-up question: "{{ question }}"\nIt comes after this exchange:\n{{ context }}', when="context", cue="Answer:"
        ),
        Template(
            '{{ context }}\nThe next question is "{{ question }}" What would a well-read assistant reply?', when="context"
        ),
        Template(
            "Help a curious reader. {% if context %}You have already discussed:\n{{ context }}\n{% endif %}They ask: "
            "{{ question }}"
        ),
        Template(
            "Use the history to understand what is meant, then answer in one to three sentences.\nHistory:\n{{ context }}\n"
            "Question: {{ question }}",
            when="context",
        ),
        Template(
            '{% if context %}{{ context }}\n{% endif %}Then a user asked something and the assistant said "{{ answer }}" What '
            "had the user asked?",
            "{{ question }}",
            kind="inverted",
            name="ask",
        ),
        Template(
            "{% if context %}Conversation:\n{{ context }}\nContinue it with a question{% else %}Write a question{% endif %} "
            "to which this would be the answer: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="ask_for_text",
        ),
    ],
    lineage=["qrecc", "quac", "natural_questions", "trec_cast"],
    metrics=["token_f1", "rougeL"],
    evaluation="test",
    long_fields=["context", "answer"],
    licence="CC BY 3.0",
    link="https://huggingface.co/datasets/svakulenk0/qrecc",
)


def _qrecc_rewrite(row):
    fields = _qrecc_fields(row)
    rewrite = row["Rewrite"].strip()
    if not fields["context"] or not rewrite:
        raise SkipRow("nothing to resolve")
    return Example({**fields, "changed": rewrite != fields["question"]}, rewrite)


qrecc_rewrite = Task(
    name="qrecc_rewrite",
    cluster="dialogue",
    source=hub("svakulenk0/qrecc"),
    example=_qrecc_rewrite,
    templates=[
        Template(
            "Rewrite the last question so that it can be understood without the conversation.\n{{ context }}\nUser: "
            "{{ question }}"
        ),
        Template(
            "{{ context }}\nUser: {{ question }}\nReplace pronouns and fill in what is left out, so that the user's last line "
            "stands on its own."
        ),
        Template(
            "A search engine knows nothing of what was said before. Turn the follow-up question into a query that it can "
            "answer.\nConversation:\n{{ context }}\nFollow-up: {{ question }}",
            cue="Query:",
        ),
        Template('What exactly is the user asking by "{{ question }}"? State the full question.\nHistory:\n{{ context }}'),
        Template("Context: {{ context }}\nQuestion in context: {{ question }}", cue="Question without context:"),
        Template(
            "I came into the room just as somebody asked a question, and did not understand it. How would it have had to be "
            "put?\nBefore I came:\n{{ context }}\nThe question: {{ question }}"
        ),
        Template(
            "Resolve the references in the final question.\n{{ context }}\nFinal question: {{ question }}", cue="Resolved:"
        ),
        Template(
            "Quote this user in a report, where nobody has the chat at hand. The words may change, the meaning may not.\n"
            "Chat:\n{{ context }}\nTo be quoted: {{ question }}"
        ),
        Template(
            "Somebody reads only one line of this dialogue, the last. Make that line self-contained.\n{{ context }}\n"
            "User: {{ question }}"
        ),
        Template(
            "In a conversation, people leave out what is clear already. Shorten the question accordingly.\nConversation so "
            "far:\n{{ context }}\nFull question: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="shorten",
            when="changed",
        ),
    ],
    lineage=["qrecc", "quac", "natural_questions", "trec_cast"],
    metrics=["rougeL", "bleu", "exact_match"],
    evaluation="test",
    long_fields=["context"],
    licence="CC BY 3.0",
    link="https://huggingface.co/datasets/svakulenk0/qrecc",
)


# --- safe and kind -----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/allenai/prosocial-dialog · licence: CC BY 4.0
# {'context': 'I saw a really drunk dude ask a cop for directions.', 'response': "You should have helped him out. ...",
#  'rots': ["It's good to help others in need."], 'safety_label': '__casual__', 'safety_annotations': ['casual', ...],
#  'safety_annotation_reasons': ['Nothing harmful ...', ...], 'source': 'socialchemistry', 'etc': None, 'dialogue_id': 0,
#  'response_id': 0, 'episode_done': False}
# Only the opening of each conversation is used, because later rows do not have what was said before.
def _prosocial(row):
    if row["response_id"] != 0 or not row["context"].strip():
        raise SkipRow("not the opening of a conversation")
    return " ".join(row["context"].split())


def _prosocial_dialog(row):
    message = _prosocial(row)
    rules = " ".join(rule.strip().rstrip(".") + "." for rule in row["rots"] or () if rule.strip())
    return Example({"message": message, "rules": rules}, " ".join(row["response"].split()))


prosocial_dialog = Task(
    name="prosocial_dialog",
    cluster="dialogue",
    source=hub("allenai/prosocial-dialog"),
    example=_prosocial_dialog,
    templates=[
        Template("Somebody tells you this. React to it in a friendly and responsible way. {{ message }}"),
        Template('A user of a chatbot writes "{{ message }}" What should a considerate chatbot reply?'),
        Template("Message: {{ message }}\nKeep in mind: {{ rules }}\nAnswer the message.", when="rules"),
        Template("{{ message }}", cue="A caring friend answers:"),
        Template(
            "Do not preach and do not simply agree either. Respond to this person, and ask a question if you want to know "
            "more.\nPerson: {{ message }}"
        ),
        Template(
            "Reply to the following on the basis of this rule of thumb: {{ rules }} The message was: {{ message }}",
            when="rules",
        ),
        Template('Your friend texts you "{{ message }}" How do you respond without encouraging anything harmful?'),
        Template(
            "How could one gently bring the author of these lines to think again, if that is needed? {{ message }}",
            cue="One could say:",
        ),
        Template(
            "{{ message }}\nThe reply to this was: {{ answer }} Which rule or rules of good conduct does the reply rest on?",
            "{{ rules }}",
            kind="inverted",
            name="name_rules",
            when="rules",
        ),
        Template(
            "People disagree about what one may say and do. Answer the following in a way that respects the person and holds "
            "on to what is right.\nWhat the person says: {{ message }}"
        ),
    ],
    lineage=["prosocial_dialog", "social_chemistry", "sbic"],
    metrics=_REPLY,
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/prosocial-dialog",
)

_SAFETY = {
    "__casual__": "casual",
    "__possibly_needs_caution__": "possibly needs caution",
    "__probably_needs_caution__": "probably needs caution",
    "__needs_caution__": "needs caution",
    "__needs_intervention__": "needs intervention",
}


def _prosocial_safety(row):
    return Example({"message": _prosocial(row)}, _SAFETY[row["safety_label"]], tuple(_SAFETY.values()))


_LEVELS = dict(zip(_SAFETY.values(), "12345", strict=True))

prosocial_safety = Task(
    name="prosocial_safety",
    cluster="dialogue",
    source=hub("allenai/prosocial-dialog"),
    example=_prosocial_safety,
    templates=[
        Template(
            "How careful does one have to be in answering this message?\n{{ options }}\nMessage: {{ message }}",
            options="always",
        ),
        Template(
            "Rate the message for a chatbot: casual, possibly needs caution, probably needs caution, needs caution, or needs "
            "intervention.\nMessage: {{ message }}",
            options="never",
            cue="Rating:",
        ),
        Template(
            "On a scale from 1 (harmless small talk) to 5 (somebody should step in), how worrying is this? {{ message }}",
            words=_LEVELS,
            options="never",
        ),
        Template(
            "You read incoming messages. Sort this one into a drawer.\n{{ options }}\nIt says: {{ message }}",
            options="always",
            words=dict(
                zip(
                    _SAFETY.values(),
                    ("nothing to worry about", "perhaps delicate", "probably delicate", "delicate", "urgent, a human must act"),
                    strict=True,
                )
            ),
        ),
        Template(
            'Would you call "{{ message }}" casual? If not, does it need intervention, does it need caution, or does it only '
            "probably or possibly need caution? Use these words in your answer.",
            options="never",
            words={
                "possibly needs caution": "possibly need caution",
                "probably needs caution": "probably need caution",
                "needs caution": "need caution",
                "needs intervention": "need intervention",
            },
        ),
        Template(
            "Three readers judged a message; together they chose one of five labels: {{ choices | join('; ') }}. Which do you "
            "think they chose?\nMessage: {{ message }}"
        ),
        Template(
            "Safety check before a reply is written. Green is casual, yellow possibly calls for caution, orange probably "
            "does, red certainly does, and black calls for intervention.\nText: {{ message }}",
            options="never",
            words=dict(zip(_SAFETY.values(), ("green", "yellow", "orange", "red", "black"), strict=True)),
            cue="Color:",
        ),
        Template(
            "{{ message }}\nIf a stranger said this to you, which of these would describe the situation?\n{{ options }}",
            options="always",
        ),
        Template(
            "Moderators use the levels 1 casual, 2 possibly needs caution, 3 probably needs caution, 4 needs caution, 5 needs "
            "intervention. Give the number of the level.\nPost: {{ message }}",
            words=_LEVELS,
            options="never",
        ),
        Template(
            "A chatbot has five ways of answering: chat along, keep an eye on it, tread carefully, object, get help. Which "
            "way does this call for? {{ message }}",
            options="never",
            words=dict(
                zip(
                    _SAFETY.values(),
                    ("chat along", "keep an eye on it", "tread carefully", "object", "get help"),
                    strict=True,
                )
            ),
        ),
    ],
    lineage=["prosocial_dialog", "social_chemistry", "sbic"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    shuffle_options=False,
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/allenai/prosocial-dialog",
)


# https://huggingface.co/datasets/facebook/empathetic_dialogues · licence: CC BY-NC 4.0
# {'conv_id': 'hit:0_conv:1', 'utterance_idx': 1, 'context': 'sentimental', 'prompt': 'I remember going to the fireworks with my
#  best friend. There was a lot of people_comma_ but it only felt like us in the world.', 'speaker_idx': 1,
#  'utterance': 'I remember going to see the fireworks with my best friend. ...', 'selfeval': '5|5|5_2|2|5', 'tags': ''}
# A row is one turn. Only first turns are used, one for each conversation.
_FEELINGS = (
    "afraid", "angry", "annoyed", "anticipating", "anxious", "apprehensive", "ashamed", "caring", "confident",
    "content", "devastated", "disappointed", "disgusted", "embarrassed", "excited", "faithful", "furious", "grateful",
    "guilty", "hopeful", "impressed", "jealous", "joyful", "lonely", "nostalgic", "prepared", "proud", "sad",
    "sentimental", "surprised", "terrified", "trusting",
)  # fmt: skip


def _empathetic(row):
    if row["utterance_idx"] != 1:
        raise SkipRow("not the first turn")
    situation, utterance = (" ".join(row[name].replace("_comma_", ",").split()) for name in ("prompt", "utterance"))
    return Example({"situation": situation, "utterance": utterance}, row["context"], _FEELINGS)


empathetic_dialogues = Task(
    name="empathetic_dialogues",
    cluster="dialogue",
    source=hub("facebook/empathetic_dialogues", revision="refs/convert/parquet"),
    example=_empathetic,
    templates=[
        Template('"{{ situation }}"\nHow did the person who tells this feel? Give one word.'),
        Template('A friend says to you: "{{ utterance }}" Which feeling do you notice?'),
        Template("Name the emotion that belongs to this experience.\nExperience: {{ situation }}", cue="Emotion:"),
        Template("Listen well and find the one word for it: {{ utterance }}", cue="The speaker feels"),
        Template(
            "To answer with empathy, one must first see what the other person feels. What does this person "
            "feel?\n{{ situation }}"
        ),
        Template(
            "Pick the adjective that describes the narrator best.\n{{ options }}\nStory: {{ situation }}", options="always"
        ),
        Template(
            "In this situation, one might be proud, lonely, grateful, furious or any of many things. What is it here? "
            "{{ situation }}"
        ),
        Template(
            "Complete the last line of this entry in a diary with one word. {{ situation }}",
            cue="Today I felt",
        ),
        Template(
            "Describe a situation from your life in which you felt {{ answer }}.",
            "{{ situation }}",
            kind="inverted",
            name="tell_situation",
        ),
        Template(
            "Start a conversation with a stranger about this, which has happened to you: {{ situation }}",
            "{{ utterance }}",
            kind="inverted",
            name="start_conversation",
        ),
    ],
    lineage=["empathetic_dialogues"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/facebook/empathetic_dialogues",
)

dialogue = Mixture(
    name="dialogue",
    parts=[
        mutual,
        hh_rlhf,
        soda,
        daily_dialog,
        daily_dialog_act,
        daily_dialog_emotion,
        blended_skill_talk,
        synthetic_persona_chat,
        qrecc,
        qrecc_rewrite,
        prosocial_dialog,
        prosocial_safety,
        empathetic_dialogues,
        time_dial,
    ],
    rate=proportional(cap=3000),
)
