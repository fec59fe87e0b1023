"""Common sense: what causes what, what happens next, what is possible, and how people act and feel.

FLAN's four sets (COPA, HellaSwag, PIQA, StoryCloze) and T0's (CommonsenseQA, CoS-E, Social IQa among them) are all here; SWAG,
abductive inference (ART), ComVE, MC-TACO, CommonsenseQA 2.0 and NumerSense are added. StoryCloze itself is sent by its authors
on request and the hub's LSDSem/story_cloze holds no data; the rows of its 2016 validation split, with which FLAN trained, can
be had as the English part of XStoryCloze. CosmosQA belongs to reading comprehension, TimeDial to dialog.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional
from flanjax import label as class_label

TRUE_FALSE = {"yes": "true", "no": "false"}


def _clean(text):
    """Undoes the marks of tokenized text: quotation marks, contractions, and spaces before punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').replace("`", "'").split())
    text = re.sub(r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1", text)
    return re.sub(r" ([.,;:!?)])", r"\1", text).replace("( ", "(")


def _sentence(text):
    """The text as a sentence: it begins with a capital letter and ends in a full stop unless it has another ending."""
    text = _clean(text).lstrip(",;: ")
    if not text.endswith("..."):
        text = re.sub(r"[\s,;:]*([.?!])[.,;:]*$", r"\1", text)
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".?!\"'" else text.rstrip(" ,;:-") + "."


def _question(text):
    """The text as a question, or as a statement where it is one; a question mark is added where there is no ending."""
    text = re.sub(r"[\s,;:]*([.?!])[.,;:]*$", r"\1", _clean(text))
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".?!\"'" else text + "?"


def _choose(fields, options, number):
    """The example of a choice; rows whose options are the same text twice are left out."""
    options = tuple(options)
    if len(set(options)) < len(options):
        raise SkipRow("two options are the same text")
    return Example(fields, class_label(options)(number), options=options)


# https://huggingface.co/datasets/aps/super_glue (copa) · licence: unknown
# {'premise': 'My body cast a shadow over the grass.', 'choice1': 'The sun was rising.', 'choice2': 'The grass was cut.',
#  'question': 'cause', 'idx': 0, 'label': 0}   labels: choice1, choice2; question: 'cause' or 'effect'
def _copa(row):
    fields = {"premise": _sentence(row["premise"]), "question": row["question"]}
    return _choose(fields, [_sentence(row["choice1"]), _sentence(row["choice2"])], row["label"])


_COPA = "{% if question == 'cause' %}"

copa = Task(
    name="copa",
    cluster="common_sense",
    source=hub("aps/super_glue", "copa"),
    example=_copa,
    templates=[
        Template("{{ premise }}\n" + _COPA + "Why did this happen?{% else %}What happened as a result?{% endif %}"),
        Template(
            "Of two events, name the one that is more plausible as the {{ question }} of this: {{ premise }}\nEvent 1: {{ "
            "choices[0] }}\nEvent 2: {{ choices[1] }}"
        ),
        Template(
            "I came upon a story that begins and breaks off. It says: {{ premise }} I'd like to know "
            + _COPA
            + "what led up to it{% else %}what followed from it{% endif %}."
        ),
        Template(
            "{{ options }}\nComplete the chain of events, in which the {{ question }} is missing.\nGiven: {{ premise }}",
            options="always",
            cue="Missing event:",
        ),
        Template(
            "Choose between these sentences: {{ choices | join(' / ') }}\nThe one to be chosen should tell "
            + _COPA
            + "how the following came about{% else %}what the following led to{% endif %}. {{ premise }}"
        ),
        Template(
            "{{ premise }} "
            + _COPA
            + "This was because of something that is not mentioned. What is it likely to be?"
            + "{% else %}Something came of this that is not mentioned. What is it likely to be?{% endif %}"
        ),
        Template(
            "Cause and effect. The {{ 'effect' if question == 'cause' else 'cause' }} is known: {{ premise }} State the {{ "
            "question }}."
        ),
        Template(
            "A detective who wants to know what came {{ 'before' if question == 'cause' else 'after' }} this considers two "
            "possibilities.\nKnown: {{ premise }}\n{{ options }}\nWhich is the better guess?",
            options="always",
        ),
        Template(
            "Link the sentence to a second one by the word \"{{ 'because' if question == 'cause' else 'so' }}\", and write "
            "down the second one.\nSentence: {{ premise }}"
        ),
        Template(
            _COPA
            + "What is an effect that the following could have?{% else %}What could be the cause of the following?{% endif "
            "%} {{ answer }}",
            "{{ premise }}",
            kind="inverted",
            name="other_half",
        ),
        Template(
            "Tell of something that "
            + _COPA
            + "happened to someone because of this{% else %}brought this about{% endif %}: {{ answer }}",
            "{{ premise }}",
            kind="inverted",
            name="tell_event",
        ),
    ],
    lineage=["copa"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/Rowan/hellaswag · licence: unknown
# {'ind': 4, 'activity_label': 'Removing ice from car', 'ctx_a': 'Then, the man writes over the snow covering the window of a
#  car, and a woman wearing winter clothes smiles.', 'ctx_b': 'then', 'ctx': 'Then, the man [...] smiles. then', 'endings': [',
#  the man adds wax to the windshield and cuts it.', [...], ', the man continues removing the snow on his car.'], 'source_id':
#  'activitynet~v_-1IBHYS3L-Y', 'split': 'train', 'split_type': 'indomain', 'label': '3'}   label: '' where withheld
# Captions of ActivityNet's videos and steps of wikiHow's articles, the latter with marks such as [header] and [step].
def _how_to(text):
    text = re.sub(r"(?<=[^.!?:\s])\s*\[title\]\s*", ". ", text)
    text = re.sub(r"\s*\[(?:title|header)\]\s*", " ", text)
    text = re.sub(r"\s*\[(?:step|substeps)\]\s*", " ", text)
    text = _clean(re.sub(r"\[[^\]]*\]", "", text))
    text = re.sub(r"\.(?: ?\.)+(?!\S)", ".", text)
    return re.sub(r"(?<=[.!?] )[a-z]", lambda m: m.group().upper(), text)


def _hellaswag(row):
    if row["label"] == "":
        raise SkipRow("no label")
    context = _how_to(row["ctx"])
    context = context[:1].upper() + context[1:]
    endings = [_how_to(ending) for ending in row["endings"]]
    fields = {"context": context, "activity": _clean(row["activity_label"])}
    return _choose(fields, endings, int(row["label"]))


hellaswag = Task(
    name="hellaswag",
    cluster="common_sense",
    source=hub("Rowan/hellaswag"),
    example=_hellaswag,
    templates=[
        Template(
            'The description below, which is about the topic "{{ activity }}", breaks off. Continue it in the most '
            "plausible way.\nDescription: {{ context }}"
        ),
        Template("Beginning: {{ context }}\nHow does it go on?"),
        Template(
            "{{ options }}\nOnly one of these endings is sensible. Find the one that goes with the text.\nText: {{ context }}",
            options="always",
            cue="Ending:",
        ),
        Template(
            'Topic: {{ activity }}\nWhat has been said so far: "{{ context }} ..."\nWrite what comes next.',
        ),
        Template(
            "{{ context }} ...\nFrom here on, what would a person who has watched the scene or read the instructions expect?"
        ),
        Template(
            "A machine wrote several continuations of the following text, and a person wrote one. Which one is the "
            "person's?\n{{ context }}",
            options="always",
        ),
        Template(
            "Finish this passage from a set of instructions or a description of a video: {{ context }}",
            cue="Continuation:",
        ),
        Template(
            'Predict the next event or step. Heading: "{{ activity }}". Up to now: {{ context }}',
        ),
        Template(
            'My notes on a clip end in the middle: "{{ context }} ..." I am sure there was more. What must have come after '
            "that?\n{{ options }}",
        ),
        Template(
            'The end of a text about the topic "{{ activity }}" reads: {{ answer }}\nWrite what stood before it.',
            "{{ context }}",
            kind="inverted",
            name="write_beginning",
        ),
        Template(
            "Give this text a heading of a few words.\nText: {{ context }} {{ answer }}",
            "{{ activity }}",
            kind="inverted",
            name="heading",
        ),
    ],
    lineage=["hellaswag", "activitynet", "wikihow"],
    evaluation="validation",
    long_fields=["context"],
    licence="unknown",
    link="https://huggingface.co/datasets/Rowan/hellaswag",
)


# https://huggingface.co/datasets/allenai/swag (regular) · licence: unknown
# {'video-id': 'anetv_jkn6uvmqwh4', 'fold-ind': '3416', 'startphrase': 'Members of the procession walk down the street holding
#  small horn brass instruments. A drum line', 'sent1': 'Members of the procession walk down the street holding small horn
#  brass instruments.', 'sent2': 'A drum line', 'gold-source': 'gold', 'ending0': 'passes by walking down the street playing
#  their instruments.', 'ending1': [...], 'ending2': [...], 'ending3': [...], 'label': 0}   label: the number of the ending
def _swag(row):
    fields = {"first": _sentence(row["sent1"]), "start": _clean(row["sent2"])}
    return _choose(fields, [_clean(row[f"ending{i}"]) for i in range(4)], row["label"])


swag = Task(
    name="swag",
    cluster="common_sense",
    source=hub("allenai/swag", "regular"),
    example=_swag,
    templates=[
        Template("{{ first }} {{ start }} ...\nComplete the second sentence."),
        Template(
            'A film is described to somebody who cannot see it. First: {{ first }} Then: "{{ start }} ..." How does the '
            "second sentence end?"
        ),
        Template("{{ options }}\nScene: {{ first }}\nNext: {{ start }} ...", options="always", cue="The missing part is"),
        Template(
            'After "{{ first }}", the narrator begins a new sentence with "{{ start }}" and pauses. Finish the sentence so '
            "that the two shots fit together."
        ),
        Template(
            "What is happening: {{ first }}\nWhat happens next begins with these words: {{ start }}\nHow does it continue?",
            cue="Continuation:",
        ),
        Template(
            "Four writers were asked to go on with the lines below. One of them had seen the video; the others made "
            "something up. Choose the ending by the one who had seen it.\n{{ first }} {{ start }} ...",
            options="always",
        ),
        Template(
            "I have half of a movie caption here: {{ start }} ... The caption before it was: {{ first }} What could the "
            "other half be? It has to make sense as the next moment of the same scene."
        ),
        Template(
            "Guess the next instant of the video and put it in words that follow on from the given ones.\nEarlier caption: "
            "{{ first }}\nGiven words: {{ start }}"
        ),
        Template(
            "Continue with the likeliest of all the things that could come now: {{ first }} {{ start }}\n{{ options }}",
        ),
        Template(
            'A caption says: "{{ start }} {{ answer }}" What might the caption directly before it have said?',
            "{{ first }}",
            kind="inverted",
            name="previous_caption",
        ),
    ],
    lineage=["swag", "activitynet", "lsmdc"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/swag",
)


# https://huggingface.co/datasets/ybisk/piqa · licence: unknown
# {'goal': "How do I ready a guinea pig cage for it's new occupants?", 'sol1': 'Provide the guinea pig with a cage full of a
#  few inches of bedding made of ripped paper strips, you will also need to supply it with a water bottle and a food dish.',
#  'sol2': 'Provide the guinea pig with a cage full of a few inches of bedding made of ripped jeans material, [...]', 'label':
#  0}
# The goal may be a question, the beginning of a sentence, a command or the name of a thing ("thimble").
def _piqa(row):
    solutions = [_clean(row[name]).rstrip(" ,;") for name in ("sol1", "sol2")]
    if row["label"] == -1:
        raise SkipRow("no label")
    return _choose(
        {"goal": _clean(row["goal"]).replace(">", "?"), "wrong": solutions[1 - row["label"]]}, solutions, row["label"]
    )


piqa = Task(
    name="piqa",
    cluster="common_sense",
    source=hub("ybisk/piqa", "plain_text", revision="refs/convert/parquet"),
    example=_piqa,
    templates=[
        Template("Goal: {{ goal }}\nHow is this done in practice?"),
        Template(
            "Two ways of going about something are proposed. Only one of them works.\nAim: {{ goal }}\nFirst way: {{ "
            "choices[0] }}\nSecond way: {{ choices[1] }}\nWrite down the one that works."
        ),
        Template("{{ options }}\nWhich is the better advice?\nAsked about: {{ goal }}", options="always", cue="Better advice:"),
        Template(
            'Somebody on a household forum wrote "{{ goal }}" and waits for help. Give a reply that works in the physical '
            "world."
        ),
        Template(
            "Think of how materials and tools behave. What would a handy person say to this? {{ goal }}",
        ),
        Template(
            "Write the second half of a tip for everyday life. What the tip is for: {{ goal }}",
            cue="Tip:",
        ),
        Template(
            "I tried to look this up and found two answers that contradict each other. Please tell me which to trust.\nWhat "
            "I looked up: {{ goal }}\n{{ options }}",
            options="always",
        ),
        Template(
            "{{ goal }}\nAn experienced person and a clumsy one answer. What does the experienced person say?",
        ),
        Template(
            "Instructions for robots have to be physically possible. Write the instruction for this task: {{ goal }}",
        ),
        Template(
            "What could a person be trying to do, or be asking about, who receives the following advice?\nAdvice: {{ answer }}",
            "{{ goal }}",
            kind="inverted",
            name="guess_goal",
        ),
        Template(
            "Here is something that does work: {{ answer }}\nIt was said about this: {{ goal }}\nWrite a similar piece of "
            "advice on the same matter that would not work.",
            "{{ wrong }}",
            kind="inverted",
            when="wrong | lower not in goal | lower",
            name="write_bad_advice",
        ),
    ],
    lineage=["piqa", "instructables"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/ybisk/piqa",
)


# https://huggingface.co/datasets/juletxara/xstory_cloze (en) · licence: CC BY-SA 4.0
# {'story_id': '138d5bfb-05cc-41e3-bf2c-fa85ebad14e2', 'input_sentence_1': 'Rick grew up in a troubled household.',
#  'input_sentence_2': 'He never found good support in family, and turned to gangs.', 'input_sentence_3': "It wasn't long
#  before Rick got shot in a robbery.", 'input_sentence_4': 'The incident caused him to turn a new leaf.', 'sentence_quiz1':
#  'He is happy now.', 'sentence_quiz2': 'He joined a gang.', 'answer_right_ending': 1}   answer_right_ending: 1 or 2
def _story(row):
    sentences = [_sentence(row[f"input_sentence_{i}"]) for i in range(1, 5)]
    fields = {"story": " ".join(sentences), "opening": " ".join(sentences[:3]), "last": sentences[3]}
    return _choose(fields, [_sentence(row["sentence_quiz1"]), _sentence(row["sentence_quiz2"])], row["answer_right_ending"] - 1)


story_cloze = Task(
    name="story_cloze",
    cluster="common_sense",
    source=hub("juletxara/xstory_cloze", "en", revision="refs/convert/parquet"),
    example=_story,
    templates=[
        Template("{{ story }}\nWrite the sentence with which this story ends."),
        Template(
            "A story of five sentences has lost its last one. Which of two sentences was it?\nStory: {{ story }}\nEither: "
            "{{ choices[0] }}\nOr: {{ choices[1] }}"
        ),
        Template("Story: {{ story }}\nHow does it turn out?", cue="Ending:"),
        Template("{{ options }}\nChoose the right ending for this little story: {{ story }}", options="always"),
        Template(
            "Read this to a child and stop before the end. {{ story }} What will the child, who has understood the story, "
            "say happens now?"
        ),
        Template(
            "An ending should follow from everything that went before. Supply one sentence.\nSo far: {{ opening }}\nThen: "
            "{{ last }}"
        ),
        Template(
            "I have two endings for my short story and can keep only the one that makes sense. Help me decide.\nStory: {{ "
            "story }}\n{{ options }}",
            options="always",
        ),
        Template(
            "{{ opening }} {{ last }} ...\nContinue in one sentence, in keeping with the characters and with what they have "
            "been through.",
        ),
        Template(
            "Creative writing, exercise 2: bring the following to a believable close in a single sentence. {{ story }}",
            cue="Close:",
        ),
        Template(
            'The last sentence of a story is "{{ answer }}" Write the four sentences that come before it.',
            "{{ story }}",
            kind="inverted",
            name="write_story",
        ),
        Template(
            "One sentence is missing, marked by three dots. Fill it in.\n{{ opening }} ... {{ answer }}",
            "{{ last }}",
            kind="inverted",
            name="fourth_sentence",
        ),
    ],
    lineage=["story_cloze", "rocstories"],
    evaluation="eval",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/juletxara/xstory_cloze",
)


# https://huggingface.co/datasets/allenai/social_i_qa · licence: unknown
# {'context': "Tracy didn't go home that evening and resisted Riley's attacks.", 'question': 'What does Tracy need to do before
#  this?', 'answerA': 'make a new plan', 'answerB': 'Go home and see Riley', 'answerC': 'Find somewhere to go', 'label': '3'}
# label: '1', '2' or '3' for A, B or C
def _social(row):
    fields = {"context": _sentence(row["context"]), "question": _question(row["question"])}
    return _choose(fields, [_clean(row[f"answer{letter}"]) for letter in "ABC"], int(row["label"]) - 1)


social_i_qa = Task(
    name="social_i_qa",
    cluster="common_sense",
    source=hub("allenai/social_i_qa", revision="refs/convert/parquet"),
    example=_social,
    templates=[
        Template("{{ context }}\n{{ question }}"),
        Template(
            "Situation: {{ context }}\nQuestion about the people in it: {{ question }}\nAnswer in a few words, as common "
            "sense suggests."
        ),
        Template("{{ options }}\nWhat happened: {{ context }}\nQuestion: {{ question }}", options="always", cue="Best answer:"),
        Template(
            "You know how people are. So tell me: {{ question }} I'm asking because of this: {{ context }}",
        ),
        Template(
            "Test of social understanding. Read about an event and choose the most natural of three answers.\nEvent: {{ "
            "context }}\n{{ question }} {{ choices[0] }}; {{ choices[1] }}; or {{ choices[2] }}"
        ),
        Template(
            "A friend tells you the following and wants your view of it. {{ context }} The friend then asks: {{ question }}",
        ),
        Template(
            "What people want, need, feel and do next can often be guessed. Make your guess.\nQuestion: {{ question "
            "}}\nBased on: {{ context }}"
        ),
        Template(
            "Novelists ask such things about their characters.\nScene: {{ context }}\nThe novelist's question: {{ question "
            "}}\n{{ options }}\nWhich answer fits the scene best?",
            options="always",
        ),
        Template('In answer to "{{ question }}", what would most people say who had seen this happen? {{ context }}'),
        Template(
            "{{ context }}\nAsk a question about the people in this situation to which a good answer is: {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="ask",
        ),
        Template(
            'The question "{{ question }}" has the answer "{{ answer }}" in a certain situation. Describe a situation for '
            "which this is so, in a sentence or two.",
            "{{ context }}",
            kind="inverted",
            name="describe_situation",
        ),
    ],
    lineage=["social_i_qa", "atomic"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/social_i_qa",
)


# https://huggingface.co/datasets/tau/commonsense_qa · licence: MIT
# {'id': '61fe6e879ff18686d7552425a36344c8', 'question': 'Sammy wanted to go to where the people were.  Where might he go?',
#  'question_concept': 'people', 'choices': {'label': ['A', 'B', 'C', 'D', 'E'], 'text': ['race track', 'populated areas', 'the
#  desert', 'apartment', 'roadblock']}, 'answerKey': 'B'}   answerKey: '' where it is withheld
def _choices(texts):
    """The texts of the choices, cleaned; a text that stands there twice is one choice."""
    return tuple(dict.fromkeys(_clean(text).strip(" .") for text in texts))


def _csqa(row):
    if not row["answerKey"]:
        raise SkipRow("the answer is withheld")
    texts = dict(zip(row["choices"]["label"], row["choices"]["text"], strict=True))
    fields = {"question": _question(row["question"]), "concept": row["question_concept"]}
    return Example(fields, *_choices([texts[row["answerKey"]]]), options=_choices(texts.values()))


commonsense_qa = Task(
    name="commonsense_qa",
    cluster="common_sense",
    source=hub("tau/commonsense_qa"),
    example=_csqa,
    templates=[
        Template("{{ question }}"),
        Template("Answer with a word or a short phrase, using nothing but everyday knowledge.\nQuestion: {{ question }}"),
        Template("{{ options }}\nFind the most sensible answer to this: {{ question }}", options="always"),
        Template(
            "{{ question }}\nSeveral answers are conceivable, but most people would settle on the same one: {{ choices | "
            "join(', ') }}. Which?"
        ),
        Template(
            "Quiz night! No specialist knowledge needed this time. The host reads out: {{ question }} What do you shout?",
        ),
        Template(
            "Q: {{ question }}\nThe question has to do with this concept: {{ concept }}",
            cue="A:",
        ),
        Template(
            "My little brother keeps asking me things like this one, and I'd like to give him the obvious answer: {{ "
            "question }}",
        ),
        Template(
            "Here are some words and phrases that might answer the question below; one fits best, and the others are near "
            "misses.\nQuestion: {{ question }}\n{{ options }}",
            options="always",
            cue="Best fit:",
        ),
        Template('What would you expect a sensible person to reply to "{{ question }}"'),
        Template(
            'Make up a question that takes some common sense, about the concept "{{ concept }}", to which the answer is "{{ '
            'answer }}".',
            "{{ question }}",
            kind="inverted",
            name="make_question",
        ),
        Template(
            'I\'m making flash cards. One side of this card says "{{ answer }}". What question do I write on the other '
            "side, if the wrong choices are to be {{ choices | reject('equalto', answer) | join(', ') }}?",
            "{{ question }}",
            kind="inverted",
            name="flash_card",
        ),
    ],
    lineage=["commonsense_qa", "conceptnet"],
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/tau/commonsense_qa",
)


# https://huggingface.co/datasets/Salesforce/cos_e (v1.11) · licence: BSD-3-Clause
# {'id': '3a1b3c21a11f4ec53c166b0559df7369', 'question': 'A John is a bum.  Much like the stereotype, he lives near this sort
#  of transportation infrastructure. Where does he live?', 'choices': ['bus depot', 'beach', 'train station', 'bridge',
#  'bridge'], 'answer': 'bridge', 'abstractive_explanation': 'Bums are well known to take up residence under bridges.',
#  'extractive_explanation': 'a bum'}
# Explanations of CommonsenseQA's answers. Many are worthless ("Rivers flow trough valleys." stands in 410 rows): an explanation
# is taken for the rationale only if it mentions the answer, does not repeat the question, and is no page's title.
def _cos_e(row):
    question, (answer,) = _question(row["question"]), _choices([row["answer"]])
    explanation = _sentence(row["abstractive_explanation"])
    stem = re.escape(answer.lower()[: max(4, len(answer) - 2)])
    words, asked = re.findall(r"[\w']+", explanation.lower()), set(re.findall(r"[\w']+", f"{question} {answer}".lower()))
    own = sum(word not in asked for word in words)
    title = re.search(r" [-|] |wikipedia|thesaurus|definition|\.com|\?|[a-z] [A-Z]\w+ [A-Z]", explanation)
    good = len(words) >= 6 and own >= 0.4 * len(words) and re.search(rf"\b{stem}", explanation.lower()) and not title
    return Example({"question": question}, answer, options=_choices(row["choices"]), rationale=explanation if good else "")


cos_e = Task(
    name="cos_e",
    cluster="common_sense",
    source=hub("Salesforce/cos_e", "v1.11"),
    example=_cos_e,
    templates=[
        Template("Which answer is the most reasonable one? {{ question }}"),
        Template(
            "{{ options }}\nOne of these can be justified better than the others as an answer to the question.\nQuestion: "
            "{{ question }}",
            options="always",
        ),
        Template("Use your common sense and answer briefly. {{ question }}", cue="Short answer:"),
        Template(
            "You have to defend your answer to this question in front of the class, so pick one that you can defend: {{ "
            "question }}",
        ),
        Template(
            "{{ question }}\nThe candidates are {{ choices | join(', ') }}. Say which one you would go for.",
        ),
        Template('How would you complete or answer this? "{{ question }}" A few words are enough.'),
        Template(
            "For a study of how people reason about ordinary things, please answer the item below.\nItem: {{ question }}",
        ),
        Template(
            "Multiple choice, with one point for the right choice.\n{{ question }}\n{{ options }}",
            options="always",
            cue="Your choice:",
        ),
        Template("Someone stops you in the street and asks: {{ question }} What do you tell them?"),
        Template(
            "Question: {{ question }}\nAnswer: {{ answer }}\nExplain in one sentence why this is the answer.",
            "{{ rationale }}",
            kind="inverted",
            name="explain",
        ),
        Template(
            "Somebody reasons like this: {{ rationale }} This settles a question in favor of the answer {{ answer }}. What "
            "is the question?",
            "{{ question }}",
            kind="inverted",
            name="question_from_reason",
        ),
    ],
    lineage=["commonsense_qa", "conceptnet"],
    evaluation="validation",
    licence="BSD-3-Clause",
    link="https://huggingface.co/datasets/Salesforce/cos_e",
)


# https://huggingface.co/datasets/tasksource/commonsense_qa_2.0 · licence: CC BY 4.0
# {'id': '000a24f0db61226f9a4a744960a16104', 'question': 'Unity has a lot to do with family.', 'answer': 'yes', 'confidence':
#  0.71, 'date': '4/7/2021', 'relational_prompt': 'has', 'topic_prompt': 'unity', 'relational_prompt_used': True,
#  'topic_prompt_used': True, 'validations': ['yes', 'yes']}
# Written in a game in which people win by fooling a machine. Most are statements, some of which end in a question mark.
def _csqa2(row):
    asks = re.match(r"(is|are|do|does|did|can|could|will|would|was|were|has|have|should)\b", row["question"].strip().lower())
    text = _question(row["question"]) if asks else _sentence(row["question"])
    topic = _clean(row["topic_prompt"])
    fields = {"statement": text, "topic": topic, "asks": text.endswith("?")}
    return Example(fields, row["answer"], options=("yes", "no"))


commonsense_qa_2 = Task(
    name="commonsense_qa_2",
    cluster="common_sense",
    source=hub("tasksource/commonsense_qa_2.0"),
    example=_csqa2,
    templates=[
        Template("{{ statement }}\nIs that so?", when="not asks"),
        Template("Yes or no? {{ statement }}", options="never"),
        Template(
            "Somebody made this up to fool a computer. Don't be fooled: should it be answered with yes or with no?\n{{ "
            "statement }}",
            options="never",
        ),
        Template(
            "{{ options }}\nStatement or question from a guessing game: {{ statement }}",
            options="always",
        ),
        Template(
            "If a child said or asked this, would you nod or shake your head? {{ statement }}",
            words={"yes": "nod", "no": "shake my head"},
            options="never",
        ),
        Template('Does common knowledge bear out the following? "{{ statement }}"', when="not asks"),
        Template(
            "Thumbs up for yes, thumbs down for no. {{ statement }}",
            words={"yes": "thumbs up", "no": "thumbs down"},
            options="never",
            cue="Your sign:",
        ),
        Template(
            "The next line is about everyday facts, numbers or the meaning of words, and it may be a trick. What is the "
            "right response to it, yes or no?\n{{ statement }}",
            options="never",
        ),
        Template("Fact check, please! A contestant says: {{ statement }} Do the judges agree?", when="not asks"),
        Template(
            "How should one respond to this on a quiz whose only buttons are green (for yes) and red (for no)? {{ statement }}",
            words={"yes": "green", "no": "red"},
            options="never",
        ),
        Template(
            "Write a statement or question to which the answer is {{ answer }} and which looks easy but could trip up a "
            "computer. It should contain this: {{ topic }}",
            "{{ statement }}",
            kind="inverted",
            name="write_statement",
        ),
    ],
    lineage=["commonsense_qa_2"],
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/tasksource/commonsense_qa_2.0",
)


# https://github.com/wangcunxiang/SemEval2020-Task4-Commonsense-Validation-and-Explanation (subtask A) · licence: CC BY-SA 4.0
# {'id': '0', 'sent0': 'He poured orange juice on his cereal.', 'sent1': 'He poured milk on his cereal.', 'label': 0}
# label: the number of the sentence that goes against common sense
def _comve_a(row):
    sentences = [_sentence(row["sent0"]), _sentence(row["sent1"])]
    other = sentences[1 - row["label"]]
    return _choose({"first": sentences[0], "second": sentences[1], "sensible": other}, sentences, row["label"])


comve_a = Task(
    name="comve_validation",
    cluster="common_sense",
    source=hub("comve", "taskA"),
    example=_comve_a,
    templates=[
        Template(
            "One of these sentences goes against common sense. Which one?\nA: {{ first }}\nB: {{ second }}\nWrite it out.",
            options="never",
        ),
        Template('Copy the sentence that makes no sense: "{{ choices[0] }}" or "{{ choices[1] }}"'),
        Template(
            "Somebody has slipped a mistake about the world into one of two versions of a sentence. Find that version.\n{{ "
            "options }}",
            options="always",
        ),
        Template(
            "Version one: {{ first }}\nVersion two: {{ second }}\nA proofreader with some experience of life strikes out "
            "one of the two. Give the sentence that is struck out.",
            options="never",
        ),
        Template(
            "Which is the odd statement here, the one that you would not believe if a friend told it to you?\n- {{ first "
            "}}\n- {{ second }}",
            options="never",
            cue="Not to be believed:",
        ),
        Template(
            "The grammar of both sentences is fine, but only one of them describes something that happens. Quote the other, "
            "the absurd one.\nFirst sentence: {{ first }} Second sentence: {{ second }}",
            options="never",
        ),
        Template(
            "A language model has produced two sentences. Flag the one that shows that it does not understand the world.",
            options="always",
            cue="Flagged:",
        ),
        Template(
            "Which would you find harder to believe, this: {{ first }} Or this: {{ second }} Write out the harder one.",
            options="never",
        ),
        Template(
            "For a book of nonsense I need the sillier one of these two lines. Copy it for me.\n{{ choices | join('\n') }}",
        ),
        Template(
            "Make this sensible sentence into one that goes against common sense, changing as little as you can.\n{{ "
            "sensible }}",
            "{{ answer }}",
            kind="inverted",
            name="make_absurd",
        ),
        Template(
            "The following cannot be right: {{ answer }} Correct it with a small change, so that it agrees with common sense.",
            "{{ sensible }}",
            kind="inverted",
            name="make_sensible",
        ),
    ],
    lineage=["comve"],
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://github.com/wangcunxiang/SemEval2020-Task4-Commonsense-Validation-and-Explanation",
)


# https://github.com/wangcunxiang/SemEval2020-Task4-Commonsense-Validation-and-Explanation (subtask B) · licence: CC BY-SA 4.0
# {'id': '0', 'FalseSent': 'He poured orange juice on his cereal.', 'OptionA': 'Orange juice is usually bright orange.',
#  'OptionB': "Orange juice doesn't taste good on cereal.", 'OptionC': 'Orange juice is sticky if you spill it on the table.',
#  'label': 1}   labels: A, B, C
def _comve_b(row):
    options = [_sentence(row[f"Option{letter}"]) for letter in "ABC"]
    return _choose({"absurd": _sentence(row["FalseSent"])}, options, row["label"])


comve_b = Task(
    name="comve_explanation",
    cluster="common_sense",
    source=hub("comve", "taskB"),
    example=_comve_b,
    templates=[
        Template("{{ absurd }}\nWhy does this sentence go against common sense?"),
        Template(
            "The statement below makes no sense. Three reasons are offered, of which one is to the point. "
            "Which?\nStatement: {{ absurd }}",
            options="always",
        ),
        Template('What is wrong with the following? "{{ absurd }}" Explain it in one sentence.'),
        Template("Nonsense: {{ absurd }}", cue="Reason why it is nonsense:"),
        Template(
            "A child who has never seen the world wrote: {{ absurd }} What would you say to the child to show that it "
            "cannot be right?"
        ),
        Template(
            "{{ options }}\nAll of these may be true, but only one of them shows what is absurd about this sentence: {{ "
            "absurd }}",
            options="always",
        ),
        Template(
            "Reviewer's note to the author: the sentence quoted here has to go, and I will tell you why. Quoted sentence: "
            "{{ absurd }} Finish the note by giving the reason."
        ),
        Template(
            "Which fact about the world makes it hard to believe this? {{ absurd }}",
        ),
        Template(
            "Choose an explanation: {{ choices | join(' / ') }}\nTo be explained: why nobody would seriously say the "
            "following. {{ absurd }}"
        ),
        Template(
            "Keep this fact in mind: {{ answer }}\nNow write a sentence that sounds harmless but clashes with it.",
            "{{ absurd }}",
            kind="inverted",
            name="write_absurd",
        ),
    ],
    lineage=["comve"],
    evaluation="validation",
    licence="CC BY-SA 4.0",
    link="https://github.com/wangcunxiang/SemEval2020-Task4-Commonsense-Validation-and-Explanation",
)


# https://huggingface.co/datasets/CogComp/mc_taco · licence: unknown
# {'sentence': 'Partial lunar eclipses occur at least twice a year, but total lunar eclipses are less common.', 'question':
#  'How often do lunar eclipse happen?', 'answer': '9 times per year', 'label': 0, 'category': 2}   labels: no, yes
# categories: event duration, event ordering, frequency, typical time, stationarity. There are no training rows: as validation
# rows are many, they serve for training.
def _mc_taco(row):
    if "{" in row["sentence"]:
        raise SkipRow("remains of a wiki's markup")
    fields = {
        "sentence": _sentence(row["sentence"]),
        "question": _question(row["question"]),
        "proposal": _clean(row["answer"]).rstrip(".`"),
    }
    return Example(fields, class_label(("no", "yes"))(row["label"]), options=("no", "yes"))


mc_taco = Task(
    name="mc_taco",
    cluster="common_sense",
    source=hub("CogComp/mc_taco"),
    example=_mc_taco,
    templates=[
        Template(
            "{{ sentence }}\nQuestion: {{ question }}\nProposed answer: {{ proposal }}\nIs the proposed answer plausible?",
        ),
        Template(
            'Context: {{ sentence }}\nTo the question "{{ question }}" the reply was "{{ proposal }}". Is this reply likely '
            "or unlikely to be right?",
            words={"yes": "likely", "no": "unlikely"},
            options="never",
        ),
        Template(
            "You know roughly how long things take, how often they happen and in what order. Could this be the "
            "answer?\nQuestion: {{ question }} (It is about this: {{ sentence }})\nAnswer: {{ proposal }}"
        ),
        Template(
            "Mark each answer of a test on time as plausible or implausible.\nText: {{ sentence }}\nItem: {{ question "
            "}}\nAnswer given: {{ proposal }}",
            words={"yes": "plausible", "no": "implausible"},
            options="never",
            cue="Mark:",
        ),
        Template(
            "{{ options }}\nSentence: {{ sentence }}\nWhat was asked: {{ question }}\nWhat was answered: {{ proposal }}",
            words={"yes": "a reasonable answer", "no": "an unreasonable answer"},
            options="always",
        ),
        Template(
            'I guessed "{{ proposal }}" here, before I had looked anything up. {{ sentence }} {{ question }} Does my guess '
            "make sense?",
        ),
        Template(
            "True or false: it is possible without stretching the imagination that the answer is correct.\nStory: {{ "
            "sentence }}\nQuestion: {{ question }}\nAnswer: {{ proposal }}",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Nobody tells us when, or how long, or how often, but we can often guess. Does the guess below agree with "
            "common sense?\nGuess: {{ proposal }}\nAnswer to: {{ question }}\nSituation: {{ sentence }}"
        ),
        Template(
            "Would a historian accept or reject the answer in the last line, given what is said in the first?\nFirst: {{ "
            "sentence }}\nSecond: {{ question }}\nLast: {{ proposal }}",
            words={"yes": "accept", "no": "reject"},
            options="always",
        ),
        Template(
            "{{ sentence }}\n{{ question }} Give {{ 'a realistic answer' if answer == 'yes' else 'an answer that no "
            "sensible person would believe' }}.",
            "{{ proposal }}",
            kind="inverted",
            name="give_answer",
        ),
        Template(
            "{{ sentence }}\nAsk something about the timing of this to which {{ 'a possible' if answer == 'yes' else 'a "
            "clearly wrong' }} answer would be: {{ proposal }}",
            "{{ question }}",
            kind="inverted",
            name="ask_about_time",
        ),
    ],
    lineage=["mc_taco", "multirc"],
    train="validation",
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/CogComp/mc_taco",
)


# https://huggingface.co/datasets/allenai/art (anli) · licence: unknown
# {'observation_1': 'Chad went to get the wheel alignment measured on his car.', 'observation_2': 'The mechanic provided a
#  working alignment with new body work.', 'hypothesis_1': 'Chad was waiting for his car to be washed.', 'hypothesis_2': 'Chad
#  was waiting for his car to be finished.', 'label': 2}   label: 1 or 2 (0 for none). The observations begin and end a story
#  of ROCStories.
def _art(row):
    if row["label"] not in (1, 2):
        raise SkipRow("no label")
    fields = {"before": _sentence(row["observation_1"]), "after": _sentence(row["observation_2"])}
    return _choose(fields, [_sentence(row["hypothesis_1"]), _sentence(row["hypothesis_2"])], row["label"] - 1)


art = Task(
    name="art",
    cluster="common_sense",
    source=hub("allenai/art", "anli"),
    example=_art,
    templates=[
        Template("First: {{ before }}\nIn the end: {{ after }}\nWhat happened in between?"),
        Template(
            "A story begins like this: {{ before }} It ends like this: {{ after }} Tell the middle of it in one sentence, "
            "so that the end follows from the beginning."
        ),
        Template(
            "Find the best explanation for how one came from the first observation to the second.\nObservation 1: {{ before "
            "}}\nObservation 2: {{ after }}\n{{ options }}",
            options="always",
            cue="Explanation:",
        ),
        Template(
            "{{ before }} ... {{ after }}\nPut a sentence in the place of the dots.",
        ),
        Template(
            "Two hypotheses are on the table: (1) {{ choices[0] }} (2) {{ choices[1] }}\nWe know how things stood at the "
            "start: {{ before }} And we know how they turned out: {{ after }} Write out the more probable hypothesis."
        ),
        Template(
            "I left the room when the movie had got to this point: {{ before }} When I returned: {{ after }} What have I "
            "missed?",
        ),
        Template(
            "Explain the outcome by an event that is not mentioned.\nOutcome: {{ after }}\nEarlier: {{ before }}",
            cue="Event:",
        ),
        Template(
            "{{ options }}\nWhich of these would make the second sentence less of a surprise after the first?\nFirst: {{ "
            "before }}\nSecond: {{ after }}",
            options="always",
        ),
        Template(
            "The page in the middle of a diary is torn out. Page 1: {{ before }} Page 3: {{ after }} What did it most "
            "likely say on page 2?"
        ),
        Template(
            "{{ before }} {{ answer }}\nEnd this story with one more sentence.",
            "{{ after }}",
            kind="inverted",
            name="end_story",
        ),
        Template(
            "Invent the first sentence of a story that goes on as follows. {{ answer }} {{ after }}",
            "{{ before }}",
            kind="inverted",
            name="begin_story",
        ),
    ],
    lineage=["art", "rocstories"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/art",
)


# https://huggingface.co/datasets/INK-USC/numer_sense · licence: MIT
# {'sentence': 'A bird usually has <mask> legs.', 'target': 'two'}   (a row of the same form). The targets are number words
#  from zero to ten, and "no". The targets of both test splits are withheld, so that the first 500 training rows serve for
#  evaluation.
NUMBERS = ("no", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def _numer_sense(row):
    if not row["target"]:
        raise SkipRow("the target is withheld")
    before, mask, after = _clean(row["sentence"]).partition("<mask>")
    if not mask or "<mask>" in after:
        raise SkipRow("not exactly one mask")
    fields = {"sentence": _sentence(f"{before}[number]{after}"), "full": _sentence(f"{before}{row['target'].strip()}{after}")}
    return Example(fields, row["target"].strip(), options=NUMBERS)


numer_sense = Task(
    name="numer_sense",
    cluster="common_sense",
    source=hub("INK-USC/numer_sense", revision="refs/convert/parquet"),
    example=_numer_sense,
    templates=[
        Template("Which number word belongs in the brackets?\n{{ sentence }}"),
        Template('{{ sentence }}\nReplace [number] by a number from zero to ten, or by "no", written as a word.'),
        Template(
            "How many is it here? Give the number as a word.\nFact: {{ sentence }}",
            cue="[number] =",
        ),
        Template("{{ options }}\nFill the slot in this fact: {{ sentence }}", options="always"),
        Template(
            'A page of a children\'s encyclopedia has a hole where a number stood (the word "no" counts as a number, too). '
            "What did it say there?\n{{ sentence }}"
        ),
        Template(
            "I'm writing facts for a poster and forgot the figure in this one: {{ sentence }} Please tell me the figure, "
            "spelled out."
        ),
        Template(
            'Common knowledge, one word: "{{ sentence }}" Say the word that stands where it says [number].',
        ),
        Template(
            "Only one number makes the next sentence true. Which one?\n{{ sentence }}",
            cue="Number:",
        ),
        Template(
            "You are reading this aloud to a class. What do you say in place of [number]? {{ sentence }}",
        ),
        Template(
            "Pick the word that makes the statement true.\nStatement: {{ sentence }}\n{{ options }}",
            options="always",
            cue="Word:",
        ),
        Template(
            'Write a true sentence about people, animals or things in which the word "{{ answer }}" is needed to say how '
            "many there are of something.",
            "{{ full }}",
            kind="inverted",
            name="write_fact",
        ),
    ],
    lineage=["numer_sense", "conceptnet"],
    train="train[500:]",
    evaluation="train[:500]",
    shuffle_options=False,
    licence="MIT",
    link="https://huggingface.co/datasets/INK-USC/numer_sense",
)


common_sense = Mixture(
    name="common_sense",
    parts=[
        copa,
        hellaswag,
        swag,
        piqa,
        story_cloze,
        social_i_qa,
        commonsense_qa,
        cos_e,
        commonsense_qa_2,
        comve_a,
        comve_b,
        mc_taco,
        art,
        numer_sense,
    ],
    rate=proportional(cap=3000),
)
