"""Coreference: whom or what does a pronoun, or a blank in its place, stand for?

FLAN's sets (definite pronoun resolution, Winogrande, WSC, and WSC273 for evaluation) and T0's (WSC, Winogrande) are all here;
GAP and the masked form of WSC273 are added. winogrande_debiased has no rows that winogrande_xl does not have, and is left out.
T0's Quoref asks questions about a passage and belongs to reading comprehension.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional
from flanjax import label as class_label

TRUE_FALSE = {"yes": "true", "no": "false"}


def _clean(text):
    """Undoes the marks of tokenized text: quotation marks, dashes, contractions, and spaces before punctuation."""
    text = " ".join(text.replace("``", '"').replace("''", '"').replace("`", "'").split())
    text = re.sub(r" ('s|'re|'ve|'ll|'d|'m|n't)\b", r"\1", text)
    return re.sub(r" ([.,;:!?)])", r"\1", text).replace("( ", "(").replace(" -- ", ", ")


def _inside(phrase):
    """The phrase as it stands inside a sentence: without a capital letter where it begins with an article or a pronoun."""
    phrase = _clean(phrase)
    return re.sub(r"^(?:The|An?|My|Our|His|Her|Their|Some|Each)\b", lambda m: m.group().lower(), phrase)


# https://huggingface.co/datasets/aps/super_glue (wsc) · licence: unknown
# {'text': 'Mark told Pete many lies about himself, which Pete included in his book. He should have been more skeptical.',
#  'span1_index': 0, 'span2_index': 13, 'span1_text': 'Mark', 'span2_text': 'He', 'idx': 0, 'label': 0}   labels: False, True
# A text may hold the same pronoun several times, so that the one in question is marked by asterisks in `marked`. The indices
# count words. Config wsc.fixed corrects a few of them; the rows are the same.
def _wsc(row):
    words, start = row["text"].split(), row["span2_index"]
    before, here = " ".join(words[:start]), " ".join(words[start:])
    if not (found := re.match(rf"\W*({re.escape(row['span2_text'].strip())})\b", here, re.IGNORECASE)):
        raise SkipRow("the pronoun is not where it should be")
    marked = _clean(f"{before} {here[: found.start(1)]}*{found.group(1)}*{here[found.end(1) :]}")
    fields = {"marked": marked, "name": _inside(row["span1_text"]), "pronoun": found.group(1)}
    return Example(fields, class_label(("no", "yes"))(row["label"]), options=("no", "yes"))


wsc = Task(
    name="wsc",
    cluster="coreference",
    source=hub("aps/super_glue", "wsc.fixed"),
    example=_wsc,
    templates=[
        Template('{{ marked }}\nDoes the marked pronoun, "{{ pronoun }}", refer to "{{ name }}"?'),
        Template(
            'A reader takes "*{{ pronoun }}*" in the text below to mean "{{ name }}". Is the reader right or wrong?\nText: '
            "{{ marked }}",
            words={"yes": "right", "no": "wrong"},
            options="never",
        ),
        Template(
            'Text: {{ marked }}\nSay true if "{{ name }}" could stand in the place of the pronoun between the asterisks '
            "without changing the meaning, and false if not.",
            words=TRUE_FALSE,
            options="never",
        ),
        Template(
            "Do these two expressions stand for the same person or thing?\nExpression 1: {{ name }}\nExpression 2: {{ "
            "pronoun }} (where it is set in asterisks)\nThey are taken from this passage: {{ marked }}",
            words={"yes": "the same", "no": "not the same"},
            options="always",
        ),
        Template(
            "{{ options }}\nPassage: {{ marked }}\nPronoun: {{ pronoun }}\nCandidate: {{ name }}",
            words={"yes": "the candidate is meant", "no": "the candidate is not meant"},
            options="always",
        ),
        Template(
            "I'm annotating a story: {{ marked }} Should I draw a line from the pronoun in asterisks back to {{ name }}?",
        ),
        Template(
            'Asked who or what "{{ pronoun }}" is at the marked place, a pupil says: {{ name }}. Would you accept that '
            "answer?\n{{ marked }}"
        ),
        Template(
            "Use what you know about the world to settle a question of grammar. In the next lines, is the antecedent of *{{ "
            'pronoun }}* the phrase "{{ name }}"?\n{{ marked }}',
            cue="Yes or no:",
            options="never",
        ),
        Template(
            "Text: {{ marked }}\nClaim: the word in asterisks speaks of {{ name }}.\nIs the claim correct or incorrect?",
            words={"yes": "correct", "no": "incorrect"},
            options="never",
        ),
        Template(
            "Someone wants to make this easier to understand by writing {{ name }} instead of the marked {{ pronoun }}. "
            "Would that keep the sense?\n{{ options }}\nLines in question: {{ marked }}",
        ),
    ],
    lineage=["winograd_schemas"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/aps/super_glue",
)


# https://huggingface.co/datasets/allenai/winogrande (winogrande_xl) · licence: unknown
# {'sentence': 'Sarah was a much better surgeon than Maria so _ always got the easier cases.', 'option1': 'Sarah', 'option2':
#  'Maria', 'answer': '2'}   The answer is '' where it is withheld.
def _winogrande(row):
    if row["answer"] not in ("1", "2"):
        raise SkipRow("the answer is withheld")
    options = (row["option1"].strip(), row["option2"].strip())
    before, _, after = _clean(row["sentence"]).replace("..", ".").partition("_")
    fields = {
        "sentence": f"{before}___{after}",
        "before": before.strip(),
        "after": after.strip(),
        "one": options[0],
        "two": options[1],
    }
    return Example(fields, options[int(row["answer"]) - 1], options=options)


winogrande = Task(
    name="winogrande",
    cluster="coreference",
    source=hub("allenai/winogrande", "winogrande_xl"),
    example=_winogrande,
    templates=[
        Template("{{ sentence }}\nWhich of the names or things mentioned in the sentence belongs in the blank?"),
        Template(
            'Should the gap be filled with "{{ choices[0] }}" or with "{{ choices[1] }}"?\n{{ sentence }}',
        ),
        Template(
            "Fill in the blank so that the sentence makes sense, using an expression that already occurs in it.\n{{ "
            "sentence }}",
            cue="Blank:",
        ),
        Template(
            "Only common sense decides this one. Sentence: {{ sentence }} Candidates: {{ choices[0] }}; {{ choices[1] }}. "
            "Write the candidate that fits."
        ),
        Template(
            'A sentence breaks off: "{{ before }} ..." It goes on: "... {{ after }}" Who or what, from its first part, is '
            "meant at the point where the two parts meet?",
            when="before and after",
        ),
        Template("{{ options }}\nPut one of these into the sentence: {{ sentence }}", options="always"),
        Template(
            "{{ sentence }}\nOne word or phrase has been blotted out. I think it was {{ choices[0] }}, and my sister thinks "
            "it was {{ choices[1] }}. Which of the two must it have been?"
        ),
        Template(
            "What does the underscore stand for in the following? Name one of the two people or things that were "
            "mentioned.\n{{ sentence }}"
        ),
        Template(
            "Cloze test, advanced level. The missing expression appears elsewhere in the same text.\nText: {{ sentence }}",
            cue="Missing expression:",
        ),
        Template(
            "If one word were changed, the other choice would be right. As the sentence stands, what goes in the gap?\n"
            "{{ options }}\n{{ sentence }}",
            options="always",
        ),
        Template(
            "Write a sentence of the kind used to test common sense: it mentions {{ one }} and {{ two }}, and later has a "
            "gap, written ___, that only {{ answer }} can fill.",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["winogrande"],
    evaluation="validation",
    licence="unknown",
    link="https://huggingface.co/datasets/allenai/winogrande",
)


# https://huggingface.co/datasets/community-datasets/definite_pronoun_resolution · licence: unknown
# {'sentence': 'The bee landed on the flower because it had pollen.', 'pronoun': 'it', 'candidates': ['The bee', 'the flower'],
#  'label': 1}   label: the index of the candidate
def _dpr(row):
    sentence, pronoun = _clean(row["sentence"]), row["pronoun"].strip()
    candidates = tuple(_inside(candidate) for candidate in row["candidates"])
    if len(set(candidates)) < 2:
        raise SkipRow("both candidates are the same text")
    fields = {"sentence": sentence, "pronoun": pronoun, "one": candidates[0], "two": candidates[1]}
    return Example(fields, class_label(candidates)(row["label"]), options=candidates)


dpr = Task(
    name="definite_pronoun_resolution",
    cluster="coreference",
    source=hub("community-datasets/definite_pronoun_resolution"),
    example=_dpr,
    templates=[
        Template('{{ sentence }}\nWho or what is meant by the pronoun "{{ pronoun }}" in this sentence?'),
        Template(
            '"{{ pronoun }}" could be {{ choices[0] }} or {{ choices[1] }}. Which one makes better sense in the sentence '
            "below?\n{{ sentence }}"
        ),
        Template('In "{{ sentence }}", the word "{{ pronoun }}" takes the place of a noun phrase. Write out that phrase.'),
        Template("Sentence: {{ sentence }}\nPronoun: {{ pronoun }}", cue="Antecedent:"),
        Template(
            '{{ options }}\nPick the one that the pronoun "{{ pronoun }}" points back to.\nSentence: {{ sentence }}',
            options="always",
        ),
        Template(
            'You are explaining English to a learner, who asks: what does "{{ pronoun }}" refer to here? {{ sentence }} '
            "Give the learner the right expression from the sentence."
        ),
        Template(
            "A machine translates the sentence below into a language in which every pronoun has a gender, so it has to know "
            'what "{{ pronoun }}" stands for. Tell it.\n{{ sentence }}'
        ),
        Template(
            'Resolve the pronoun. Text: {{ sentence }} Pronoun to be resolved: "{{ pronoun }}". Possible antecedents: {{ '
            "choices | join('; ') }}."
        ),
        Template(
            'If you had to read out "{{ sentence }}" without using the word "{{ pronoun }}", which expression would you say '
            "in its place?"
        ),
        Template('{{ sentence }} Two parties are mentioned here. Which of them is the word "{{ pronoun }}" about?'),
        Template(
            'Write one sentence about {{ one }} and {{ two }} in which the pronoun "{{ pronoun }}", by common sense, can '
            "only mean {{ answer }}.",
            "{{ sentence }}",
            kind="inverted",
            name="write_sentence",
        ),
    ],
    lineage=["definite_pronoun_resolution", "winograd_schemas"],
    evaluation="test",
    licence="unknown",
    link="https://huggingface.co/datasets/community-datasets/definite_pronoun_resolution",
)


# https://huggingface.co/datasets/coref-data/davis_wsc_raw (wsc273) · licence: CC BY 4.0
# {'text': 'The city councilmen refused the demonstrators a permit because they feared violence.', 'pronoun': 'they',
#  'pronoun_loc': 63, 'quote': 'they feared violence', 'quote_loc': 63, 'options': ['The city councilmen', 'The
#  demonstrators'], 'label': 0, 'source': '(Winograd 1972)'}   label: the index of the option. For evaluation only, as in FLAN.
# ErnestSDavis/winograd_wsc has the same rows, but only as a loading script.
def _wsc273(row):
    start, pronoun = row["pronoun_loc"], row["pronoun"]
    text = row["text"]
    marked = text
    if text[start : start + len(pronoun)] == pronoun:
        marked = f"{text[:start]}*{pronoun}*{text[start + len(pronoun) :]}"
    options = tuple(_inside(option) for option in row["options"])
    fields = {"text": _clean(text), "marked": _clean(marked), "pronoun": pronoun, "quote": _clean(row["quote"]).rstrip(".,;")}
    return Example(fields, class_label(options)(row["label"]), options=options)


wsc273 = Task(
    name="wsc273",
    cluster="coreference",
    source=hub("coref-data/davis_wsc_raw", "wsc273"),
    example=_wsc273,
    templates=[
        Template('{{ text }}\nIn "{{ quote }}", who or what does "{{ pronoun }}" stand for?'),
        Template(
            "{{ marked }}\nDoes the pronoun between asterisks mean {{ choices[0] }} or {{ choices[1] }}?",
        ),
        Template("Name the person or thing that the marked pronoun refers to.\n{{ marked }}"),
        Template("{{ options }}\nText: {{ marked }}\nPronoun: {{ pronoun }}", options="always", cue="Referent:"),
        Template('Winograd schema: {{ text }} The part to be understood is "{{ quote }}". Of whom or of what is this said?'),
        Template(
            'Say the words "{{ quote }}" again with a noun in place of the pronoun. Which noun phrase do you use? Context: '
            "{{ text }}"
        ),
        Template(
            "A computer reads: {{ marked }} It hesitates between two readings of the marked word: {{ choices[0] }}, and {{ "
            "choices[1] }}. Help it with a bit of common sense: which reading is right?"
        ),
        Template(
            "Who or what is it that the author has in mind with the word set in asterisks? Answer with an expression from "
            "the text.\nText: {{ marked }}"
        ),
        Template(
            "Choose the antecedent that makes the text sensible.\nText: {{ text }}\nUnclear part: {{ quote }}\n{{ options }}",
            options="always",
        ),
        Template(
            "My grandmother asked me to explain this line, because she could not tell what the word in asterisks was about: "
            "{{ marked }} What should I tell her?"
        ),
    ],
    lineage=["winograd_schemas"],
    train=None,
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/coref-data/davis_wsc_raw",
)


# https://github.com/vid-koci/bert-commonsense (data/wsc273.txt; not on the hub) · licence: unknown
# {'text': 'The city councilmen refused the demonstrators a permit because [MASK]  feared violence.', 'options': ['The city
#  councilmen', 'The demonstrators'], 'label': 0}   label: the index of the option (0 in every row). For evaluation only.
def _masked(row):
    options = tuple(_inside(option) for option in row["options"])
    text = _clean(row["text"].replace("[MASK]", " ___ "))
    answer = class_label(options)(row["label"])  # the right one always comes first
    return Example({"text": text}, answer, options=tuple(sorted(options)))


wsc273_masked = Task(
    name="wsc273_masked",
    cluster="coreference",
    source=hub("wsc273_masked"),
    example=_masked,
    templates=[
        Template("A pronoun has been taken out of this text: {{ text }}\nWhom or what did it refer to?"),
        Template("{{ text }}\nComplete the text with {{ choices[0] }} or {{ choices[1] }}, whichever is the sensible choice."),
        Template("Text: {{ text }}\nWhich of the things or people in the text belongs where the line is?", cue="Filler:"),
        Template("{{ options }}\nGap: {{ text }}", options="always", cue="Best filler for the gap:"),
        Template(
            "Somebody smudged a word in the following. Read on both sides of the smudge (it is shown as ___) and say who or "
            "what was mentioned there.\n{{ text }}"
        ),
        Template(
            'Where it says "___", the speaker is talking about somebody or something named earlier or later in the same '
            "lines. Of which one can what is said there be true? {{ text }}"
        ),
        Template(
            "Two fillers are grammatical here, but only one is reasonable: {{ choices | join(' / ') }}. Which?\n{{ text }}",
        ),
        Template("Given the facts of life, what should replace the blank? Sentence with blank: {{ text }}\n{{ options }}"),
        Template(
            "Please finish my exercise. I have to restore a noun phrase, which occurs in the text already, at the "
            "blank.\n{{ text }}",
        ),
        Template(
            "Text with a blank: {{ text }}\nQuestion: who or what is the blank about?\nHint: it is one of the two parties "
            "named.",
            cue="Reply:",
        ),
    ],
    lineage=["winograd_schemas"],
    train=None,
    evaluation="test",
    licence="unknown",
    link="https://github.com/vid-koci/bert-commonsense",
)


# https://huggingface.co/datasets/google-research-datasets/gap · licence: Apache-2.0
# {'ID': 'validation-2', 'Text': "Kathleen Nott was born in Camberwell, London. Her father, Philip, was a lithographic printer,
#  and her mother, Ellen, ran a boarding house in Brixton; Kathleen was their third daughter. She was educated at [...]",
#  'Pronoun': 'She', 'Pronoun-offset': 185, 'A': 'Ellen', 'A-offset': 110, 'A-coref': False, 'B': 'Kathleen', 'B-offset': 150,
#  'B-coref': True, 'URL': 'http://en.wikipedia.org/wiki/Kathleen_Nott'}
# Wikipedia paragraphs. In a tenth of the rows neither name is meant. The pronoun is marked by asterisks.
NEITHER = "neither of them"


def _name(text):
    """The name without the full stop of the sentence that it ends; that of "Carolene Products Co." stays."""
    return re.sub(r"(?<=[a-z]{4})\.$", "", text.strip())


def _gap(row):
    text, pronoun, start = row["Text"], row["Pronoun"], row["Pronoun-offset"]
    a, b = _name(row["A"]), _name(row["B"])
    if a == b or text[start : start + len(pronoun)] != pronoun or "*" in text:
        raise SkipRow("the names are the same text, the pronoun is not where it should be, or letters are lost (El Ni*o)")
    marked = _clean(f"{text[:start]}*{pronoun}*{text[start + len(pronoun) :]}")
    answer = a if row["A-coref"] else b if row["B-coref"] else NEITHER
    fields = {"text": marked.replace("^ ", ""), "pronoun": pronoun, "a": a, "b": b}
    return Example(fields, answer, options=(a, b, NEITHER))


gap = Task(
    name="gap",
    cluster="coreference",
    source=hub("google-research-datasets/gap"),
    example=_gap,
    templates=[
        Template(
            'Text: {{ text }}\nDoes the marked "{{ pronoun }}" refer to {{ a }}, to {{ b }}, or to neither of them?',
            options="never",
        ),
        Template(
            "{{ text }}\nWhich of these two people is meant by the pronoun in asterisks: {{ a }} or {{ b }}? If it is "
            'somebody else, answer "neither of them".',
            options="never",
        ),
        Template(
            "An encyclopedia article contains the paragraph below. A reader asks who the marked pronoun stands for.\n{{ "
            "text }}\nThe answer must be one of these: {{ choices | join(', ') }}"
        ),
        Template("{{ options }}\nParagraph: {{ text }}\nPronoun: {{ pronoun }}", options="always", cue="The pronoun refers to"),
        Template(
            "Find the antecedent of *{{ pronoun }}* in this biographical text. The candidates are {{ a }} and {{ b }}; say "
            "neither of them if both are wrong.\n{{ text }}",
            options="never",
        ),
        Template(
            "Before this paragraph is fed to a database of people, every pronoun has to be replaced by a name. What should "
            "replace the marked one?\n{{ text }}\n{{ options }}",
            options="always",
        ),
        Template(
            'Somebody wrote "*{{ pronoun }}*" and left it to the reader to work out whether that means {{ a }} or {{ b }}, '
            "or neither of them. Work it out.\nThe passage: {{ text }}",
            options="never",
            cue="It means",
        ),
        Template(
            "{{ text }}\n\nI lost the thread here. Tell me who is being talked about at the asterisks.",
            options="always",
        ),
        Template(
            "Coreference exercise. First name: {{ a }}; second name: {{ b }}\nWhich one belongs to the pronoun in "
            'asterisks? Write the name, or "neither of them".\nText: {{ text }}',
            options="never",
        ),
        Template(
            "Names: {{ a }}, {{ b }}\nThe text that follows has one pronoun between asterisks; match it with the right "
            "name, or with neither of them.\n{{ text }}",
            options="never",
            cue="Match:",
        ),
    ],
    lineage=["gap"],
    metrics=["accuracy"],
    evaluation="validation",
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/google-research-datasets/gap",
)


coreference = Mixture(name="coreference", parts=[wsc, winogrande, dpr, wsc273, wsc273_masked, gap], rate=proportional(cap=3000))
