"""quickstart: eleven tasks to train on in minutes, and two of a held-out cluster that show what was learned.

A small world, made by the code below: 96 words of 12 kinds (a cat is an animal, rain is weather), and sentences in which
people see, draw or miss such things. The cluster "topic" is meant to be held out: what is a text about? No other task asks
that, and the wordings are its own. A model can answer only by what the other clusters taught it, above all "categorise":
held out together with it, topic should fall to chance, one in three.

Rows come from a seed, without a download, and no test row is a training row. Every word of a kind is written in lower case
wherever it stands, so that a vocabulary of whole words holds it once. Licence: Apache-2.0, as this file's.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from flanjax import ChainOfThought, Example, ExemplarFormat, Mixture, OptionStyle, Part, StyleShares, Task, Template, rows

WORLD = {
    "animal": "cat dog horse cow lion tiger rabbit goat",
    "fruit": "apple pear banana cherry lemon grape plum peach",
    "tool": "hammer drill spade rake axe wrench chisel shovel",
    "vehicle": "car bus train truck tram van boat bicycle",
    "clothing": "coat shirt hat skirt scarf glove jacket belt",
    "furniture": "chair table sofa bed desk shelf wardrobe stool",
    "instrument": "piano violin drum flute guitar trumpet harp cello",
    "flower": "rose tulip lily daisy poppy orchid iris sunflower",
    "worker": "nurse farmer baker pilot teacher judge doctor tailor",
    "drink": "tea coffee milk juice water wine beer cocoa",
    "sport": "football tennis golf hockey boxing rowing rugby skiing",
    "weather": "rain snow fog wind hail frost thunder sunshine",
}
MEMBERS = {kind: words.split() for kind, words in WORLD.items()}
KIND = {word: kind for kind, words in MEMBERS.items() for word in words}
UNCOUNTED = {"drink", "sport", "weather"}
PEOPLE = ("Anna", "Tom", "Maria", "Ben", "Lucy", "Omar", "Nina", "Paul", "Sara", "Leo", "Emma", "Max", "Ivan", "Mei")
PLACES = ("garden", "park", "city", "village", "forest", "valley", "school", "library", "hotel", "museum")
PAST = {"likes": "liked", "loves": "loved", "draws": "drew", "paints": "painted", "remembers": "remembered"}
PAST |= {"describes": "described", "chooses": "chose", "sees": "saw", "misses": "missed"}
SCENES = (
    "{person} {verb} {things} in the {place}.",
    "In the {place}, {person} {verb} {things}.",
    "{person} was in the {place} and {verb} {things}.",
)
NUMBERS = ("one", "two", "three")
YES_NO = ("yes", "no")
LICENCE = "Apache-2.0 (generated)"

Row = Mapping[str, Any]


def generated(draw: Callable[[random.Random], Row], *, train: int, test: int):
    """A source of rows drawn from a seed; no two are equal, so no test row is a training row."""

    def drawn() -> list[Row]:
        rng = random.Random(draw.__name__)
        distinct: dict[str, Row] = {}
        for _ in range(20 * (train + test)):
            row = draw(rng)
            distinct.setdefault(str({**row, "options": sorted(row.get("options", ()))}), row)
            if len(distinct) == train + test:
                return list(distinct.values())
        raise ValueError(f"{draw.__name__} gives {len(distinct)} rows that differ, expected {train + test}; ask for fewer")

    return rows(f"quickstart_{draw.__name__}", train=lambda: drawn()[test:], test=lambda: drawn()[:test])


def a(word: str) -> str:
    """The word as a sentence has it: a cat, an apple, rain."""
    return word if KIND[word] in UNCOUNTED else f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def listed(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def kinds(rng: random.Random, n: int) -> list[str]:
    return rng.sample(list(MEMBERS), n)


def words(rng: random.Random, n: int) -> list[str]:
    return rng.sample(list(KIND), n)


def scene(rng: random.Random, things: list[str]) -> str:
    """A sentence in which somebody somewhere does something with the things."""
    verb = rng.choice(list(PAST.values()))
    named = listed([a(word) for word in things])
    return rng.choice(SCENES).format(person=rng.choice(PEOPLE), verb=verb, things=named, place=rng.choice(PLACES))


# ---- categorise: the knowledge that the held-out cluster needs -------------------------------------------------------------


# {"word": "shovel", "options": ["tool", "worker", "instrument"]}
def kind_of_word(rng: random.Random) -> Row:
    options = kinds(rng, 3)
    return {"word": rng.choice(MEMBERS[rng.choice(options)]), "options": options}


kind_of_word_task = Task(
    name="kind_of_word",
    cluster="categorise",
    source=generated(kind_of_word, train=4000, test=100),
    example=lambda row: Example({"word": row["word"], "a_word": a(row["word"])}, KIND[row["word"]], row["options"]),
    templates=(
        Template("What kind of thing is {{ a_word }}?"),
        Template("Which kind does the word {{ word }} belong to?\n\n{{ options }}"),
        Template("{{ options }}\n\nName the kind of thing that {{ a_word }} is."),
        Template("Word: {{ word }}", cue="Kind:"),
        Template("Somebody tells us about {{ a_word }}. What kind of thing is this?"),
        Template("Read the word and choose its kind.\n\n{{ word }}"),
        Template("Put {{ a_word }} where it belongs.\n{{ options }}"),
        Template("Here is a word. Read it and name its kind: {{ word }}"),
        Template("Maria saw {{ a_word }} in the park. What kind of thing was that?"),
        Template("What is {{ a_word }}?"),
        Template("Nina painted {{ a_word }} in the garden.\nWhat is {{ a_word }}?"),
        Template("Choose what {{ a_word }} is.\n\nIn the hotel, Tom drew {{ a_word }}."),
        Template("Text: Lucy was in the library and described {{ a_word }}.", cue="Kind:"),
    ),
    evaluation="test",
    licence=LICENCE,
)


# {"kind": "tool", "options": ["wrench", "golf", "dog"]}
def word_of_kind(rng: random.Random) -> Row:
    chosen = kinds(rng, 3)
    return {"kind": rng.choice(chosen), "options": [rng.choice(MEMBERS[kind]) for kind in chosen]}


def read_word_of_kind(row: Row) -> Example:
    answer = next(word for word in row["options"] if KIND[word] == row["kind"])
    return Example({"kind": row["kind"]}, answer, row["options"])


word_of_kind_task = Task(
    name="word_of_kind",
    cluster="categorise",
    source=generated(word_of_kind, train=5000, test=100),
    example=read_word_of_kind,
    templates=(
        Template("Which word is a kind of {{ kind }}?"),
        Template("Choose the word for a kind of {{ kind }}.\n\n{{ options }}"),
        Template("{{ options }}\n\nName a kind of {{ kind }}."),
        Template("Kind: {{ kind }}", cue="Word:"),
        Template("Think of a kind of {{ kind }}. Which word is it?"),
        Template("Only one word belongs to the kind {{ kind }}. Find it."),
        Template("What kind of thing is the word {{ answer }}?", "{{ kind }}", kind="inverted"),
    ),
    evaluation="test",
    licence=LICENCE,
)


# {"person": "Maria", "place": "village", "word": "plum", "kind": "fruit"}
def right_kind(rng: random.Random) -> Row:
    kind, other = kinds(rng, 2)
    word = rng.choice(MEMBERS[rng.choice((kind, other))])
    return {"person": rng.choice(PEOPLE), "place": rng.choice(PLACES), "word": word, "kind": kind}


def read_right_kind(row: Row) -> Example:
    said = f"{row['person']} said in the {row['place']} that {a(row['word'])} is a kind of {row['kind']}."
    rationale = f"{a(row['word'])} is a kind of {KIND[row['word']]}"
    return Example({"said": said}, "yes" if KIND[row["word"]] == row["kind"] else "no", YES_NO, rationale)


right_kind_task = Task(
    name="right_kind",
    cluster="categorise",
    source=generated(right_kind, train=4000, test=100),
    example=read_right_kind,
    templates=(
        Template("{{ said }} Is this true?"),
        Template("{{ said }}\nIs that right, yes or no?"),
        Template("Read what somebody said and answer yes or no.\n\n{{ said }}"),
        Template("{{ options }}\n\nIs it true? {{ said }}"),
        Template("Should we believe this? {{ said }}"),
        Template("Text: {{ said }}\nQuestion: Is the kind right?"),
    ),
    evaluation="test",
    licence=LICENCE,
)

# ---- detect: is it in the text? --------------------------------------------------------------------------------------------


# {"text": "Nina was in the garden and chose a coat and a guitar.", "words": ["coat", "guitar"], "kind": "fruit"}
def mentions_kind(rng: random.Random) -> Row:
    first, second, other = kinds(rng, 3)
    things = [rng.choice(MEMBERS[first]), rng.choice(MEMBERS[second])]
    return {"text": scene(rng, things), "words": things, "kind": rng.choice((rng.choice((first, second)), other))}


def read_mentions_kind(row: Row) -> Example:
    found = [a(word) for word in row["words"] if KIND[word] == row["kind"]]
    rationale = f"{found[0] if found else 'nothing here'} is a kind of {row['kind']}"
    return Example({"text": row["text"], "kind": row["kind"]}, "yes" if found else "no", YES_NO, rationale)


mentions_kind_task = Task(
    name="mentions_kind",
    cluster="detect",
    source=generated(mentions_kind, train=5000, test=100),
    example=read_mentions_kind,
    templates=(
        Template("{{ text }}\nDoes this text name a kind of {{ kind }}?"),
        Template("Is a kind of {{ kind }} in this text?\n\n{{ text }}"),
        Template("Text: {{ text }}\nQuestion: Is there a kind of {{ kind }} in the text?"),
        Template("Read the text. Say yes when you find a kind of {{ kind }} in it, and no when you do not.\n{{ text }}"),
        Template("{{ options }}\n\nDoes somebody talk about a kind of {{ kind }} here? {{ text }}"),
        Template("Look for a kind of {{ kind }} in this short text: {{ text }} Did you find it?"),
    ),
    evaluation="test",
    licence=LICENCE,
)

# ---- compare: words beside words -------------------------------------------------------------------------------------------


# {"words": ["hockey", "guitar", "flute", "violin"]}
def odd_one_out(rng: random.Random) -> Row:
    kind, other = kinds(rng, 2)
    chosen = [*rng.sample(MEMBERS[kind], 3), rng.choice(MEMBERS[other])]
    rng.shuffle(chosen)
    return {"words": chosen}


def read_odd_one_out(row: Row) -> Example:
    found = [KIND[word] for word in row["words"]]
    odd = next(word for word in row["words"] if found.count(KIND[word]) == 1)
    rationale = f"{listed([word for word in row['words'] if word != odd])} are of one kind"
    return Example({"words": listed(row["words"])}, odd, row["words"], rationale)


odd_one_out_task = Task(
    name="odd_one_out",
    cluster="compare",
    source=generated(odd_one_out, train=5000, test=100),
    example=read_odd_one_out,
    templates=(
        Template("Which of these words is not like the others: {{ words }}?"),
        Template("One word is of another kind. Find it.\n\n{{ words }}"),
        Template("Words: {{ words }}\nWhich one does not belong to the others?"),
        Template("{{ options }}\n\nThree words are of one kind. Name the word that is not: {{ words }}"),
        Template("Look at these words: {{ words }}. Choose the one that is not of the same kind."),
        Template("Somebody wrote {{ words }}. Which word does not belong here?"),
        Template("All the words but one are of the same kind. Find the other word: {{ words }}"),
    ),
    evaluation="test",
    licence=LICENCE,
)


# {"text": "In the library, Sara described a bus and a van.", "words": ["bus", "van"]}
def same_kind(rng: random.Random) -> Row:
    kind, other = kinds(rng, 2)
    things = rng.choice((rng.sample(MEMBERS[kind], 2), [rng.choice(MEMBERS[kind]), rng.choice(MEMBERS[other])]))
    return {"text": scene(rng, things), "words": things}


same_kind_task = Task(
    name="same_kind",
    cluster="compare",
    source=generated(same_kind, train=4000, test=100),
    example=lambda row: Example({"text": row["text"]}, "yes" if len({KIND[w] for w in row["words"]}) == 1 else "no", YES_NO),
    templates=(
        Template("{{ text }} Are both things of the same kind?"),
        Template("Do the two things in this text belong to one kind?\n\n{{ text }}"),
        Template("Text: {{ text }}\nQuestion: Is the kind of both things the same?"),
        Template("{{ options }}\n\nAre the two things which this text is about of one kind? {{ text }}"),
        Template("Think about both things here. Are they of the same kind? {{ text }}"),
        Template("Say yes when the two things are of one kind, and no when they are not.\n{{ text }}"),
    ),
    evaluation="test",
    licence=LICENCE,
)

# ---- count: how many? ------------------------------------------------------------------------------------------------------


# {"words": ["rake", "desk", "table", "spade"], "kind": "furniture"}
def count_kind(rng: random.Random) -> Row:
    kind = rng.choice(list(MEMBERS))
    number = rng.randint(1, 3)
    others = [word for word in words(rng, 20) if KIND[word] != kind]
    chosen = [*rng.sample(MEMBERS[kind], number), *others[: 4 - number]]
    rng.shuffle(chosen)
    return {"words": chosen, "kind": kind}


def read_count_kind(row: Row) -> Example:
    counted = [word for word in row["words"] if KIND[word] == row["kind"]]
    rationale = f"{listed([a(word) for word in counted])} {'is' if len(counted) == 1 else 'are'} of this kind"
    return Example({"words": listed(row["words"]), "kind": row["kind"]}, NUMBERS[len(counted) - 1], NUMBERS, rationale)


count_kind_task = Task(
    name="count_kind",
    cluster="count",
    source=generated(count_kind, train=5000, test=100),
    example=read_count_kind,
    templates=(
        Template("How many words are a kind of {{ kind }}: {{ words }}?"),
        Template("Words: {{ words }}\nHow many of them name a kind of {{ kind }}?"),
        Template("Count every kind of {{ kind }} in this list: {{ words }}"),
        Template("{{ options }}\n\nHow many times is there a kind of {{ kind }}? {{ words }}"),
        Template("Here is a list: {{ words }}. How many things in it belong to the kind {{ kind }}?"),
        Template("Count only what is a kind of {{ kind }}.\n\n{{ words }}"),
    ),
    evaluation="test",
    shuffle_options=False,
    licence=LICENCE,
)

# ---- reading: one sentence, one question -----------------------------------------------------------------------------------


# {"person": "Lucy", "verb": "painted", "word": "trumpet", "place": "park", "scene": 0, "asked": "person"}
def ask(rng: random.Random) -> Row:
    told = {"person": rng.choice(PEOPLE), "verb": rng.choice(list(PAST.values())), "word": rng.choice(list(KIND))}
    return {**told, "place": rng.choice(PLACES), "scene": rng.randrange(3), "asked": rng.choice(("person", "word", "place"))}


def read_ask(row: Row) -> Example:
    person, verb, thing, place = row["person"], row["verb"], a(row["word"]), row["place"]
    question, answer = {
        "person": (f"Who {verb} {thing}?", person),
        "word": (f"What was it that {person} {verb}?", thing),
        "place": (f"Where was {person}?", f"in the {place}"),
    }[row["asked"]]
    text = SCENES[row["scene"]].format(person=person, verb=verb, things=thing, place=place)
    return Example({"text": text, "question": question}, answer)


ask_task = Task(
    name="ask",
    cluster="reading",
    source=generated(ask, train=5000, test=100),
    example=read_ask,
    templates=(
        Template("{{ text }} {{ question }}"),
        Template("Read the text and answer the question.\n\n{{ text }}\n{{ question }}"),
        Template("Text: {{ text }}\nQuestion: {{ question }}", cue="Answer:"),
        Template("{{ question }} Find the answer in this text: {{ text }}"),
        Template("Somebody wrote: {{ text }} Now tell us: {{ question }}"),
        Template("Here is a question: {{ question }} Here is a short text: {{ text }} What is the answer?"),
        Template("{{ text }}\nWrite a question with the answer: {{ answer }}", "{{ question }}", kind="inverted"),
    ),
    metrics=("exact_match", "token_f1"),
    evaluation="test",
    licence=LICENCE,
)


# {"text": "In the hotel, Omar remembered golf, a cat and frost.", "words": ["golf", "cat", "frost"]}
def list_things(rng: random.Random) -> Row:
    things = words(rng, rng.randint(1, 3))
    return {"text": scene(rng, things), "words": things}


list_things_task = Task(
    name="list_things",
    cluster="reading",
    source=generated(list_things, train=4000, test=100),
    example=lambda row: Example({"text": row["text"]}, ", ".join(row["words"])),
    templates=(
        Template("List the things in this text: {{ text }}"),
        Template("{{ text }}\nWhich things does the text tell us about?"),
        Template("Read the text and write a list of the things in it.\n\n{{ text }}"),
        Template("Make a list of what this text names: {{ text }}"),
        Template("Find every thing that is in this text: {{ text }}"),
        Template("Take the things out of this text and list them. {{ text }}"),
    ),
    metrics=("exact_match", "token_f1"),
    evaluation="test",
    licence=LICENCE,
)

# ---- rewrite: text in, text out --------------------------------------------------------------------------------------------


# {"person": "Max", "verb": "remembers", "word": "guitar", "place": "garden"}
def past(rng: random.Random) -> Row:
    told = {"person": rng.choice(PEOPLE), "verb": rng.choice(list(PAST)), "word": rng.choice(list(KIND))}
    return {**told, "place": rng.choice(PLACES)}


def read_past(row: Row) -> Example:
    now, then = (f"{row['person']} {verb} {a(row['word'])} in the {row['place']}." for verb in (row["verb"], PAST[row["verb"]]))
    return Example({"text": now}, then)


past_task = Task(
    name="past",
    cluster="rewrite",
    source=generated(past, train=4000, test=100),
    example=read_past,
    templates=(
        Template("Write this text in the past: {{ text }}"),
        Template("{{ text }}\nSay the same about the past."),
        Template("Now: {{ text }}", cue="Past:"),
        Template("This is true now: {{ text }} It was true in the past too. Write that."),
        Template("Read the text and put it in the past.\n\n{{ text }}"),
        Template("Tell us in the past what somebody does now. {{ text }}"),
        Template("Write this text as if it is true now: {{ answer }}", "{{ text }}", kind="inverted"),
    ),
    metrics=("exact_match", "token_f1"),
    evaluation="test",
    licence=LICENCE,
)


# {"words": ["nurse", "rowing"]}
def swap(rng: random.Random) -> Row:
    return {"words": words(rng, 2)}


swap_task = Task(
    name="swap",
    cluster="rewrite",
    source=generated(swap, train=3000, test=100),
    example=lambda row: Example({"text": listed([a(w) for w in row["words"]])}, listed([a(w) for w in row["words"][::-1]])),
    templates=(
        Template("Swap the two things: {{ text }}"),
        Template("Write the second thing first and the first thing second.\n\n{{ text }}"),
        Template("{{ text }}\nSay the same, but begin with the second thing."),
        Template("Text: {{ text }}", cue="The same with the two things in the other order:"),
        Template("Put these two things in the other order: {{ text }}"),
        Template("Somebody wrote {{ text }}. Swap them."),
    ),
    metrics=("exact_match", "token_f1"),
    evaluation="test",
    licence=LICENCE,
)

# ---- topic: to be held out -------------------------------------------------------------------------------------------------


# {"text": "In the museum, Anna remembered a sofa. In the museum, Max chose a shelf and a wardrobe.",
#  "kind": "furniture", "options": ["instrument", "furniture", "fruit"]}
def topic_of_text(rng: random.Random) -> Row:
    options = kinds(rng, 3)
    kind = rng.choice(options)
    one, two, three = rng.sample(MEMBERS[kind], 3)
    return {"text": f"{scene(rng, [one])} {scene(rng, [two, three])}", "kind": kind, "options": options}


topic_of_text_task = Task(
    name="topic_of_text",
    cluster="topic",
    source=generated(topic_of_text, train=3000, test=250),
    example=lambda row: Example({"text": row["text"]}, row["kind"], row["options"]),
    templates=(
        Template("{{ text }}\nWhat is this text about?"),
        Template("Choose what this text is about.\n\n{{ text }}"),
        Template("Text: {{ text }}\nThe text is about:"),
        Template("{{ options }}\n\nWhich kind of thing is in the text? {{ text }}"),
        Template("{{ text }} All the things here belong to one kind. Name it."),
        Template("Here is a short text. Read it and name the kind of thing that it is about: {{ text }}"),
    ),
    evaluation="test",
    licence=LICENCE,
)


# {"person": "Emma", "words": ["goat", "horse", "tiger"], "options": ["instrument", "animal", "flower"]}
def topic_of_note(rng: random.Random) -> Row:
    options = kinds(rng, 3)
    chosen = rng.sample(MEMBERS[rng.choice(options)], rng.randint(2, 4))
    return {"person": rng.choice(PEOPLE), "words": chosen, "options": options}


def read_topic_of_note(row: Row) -> Example:
    return Example({"person": row["person"], "words": listed(row["words"])}, KIND[row["words"][0]], row["options"])


topic_of_note_task = Task(
    name="topic_of_note",
    cluster="topic",
    source=generated(topic_of_note, train=3000, test=250),
    example=read_topic_of_note,
    templates=(
        Template("{{ person }} wrote a list: {{ words }}. What is it about?"),
        Template("What is the list of {{ person }} about?\n\n{{ words }}"),
        Template("List of {{ person }}: {{ words }}\nThe list is about:"),
        Template("{{ options }}\n\n{{ person }} likes {{ words }}. What do they belong to?"),
        Template("Look at what {{ person }} wrote: {{ words }}. The words are of the same kind. Name the kind."),
        Template("{{ words }}: which kind of things does {{ person }} list here?"),
    ),
    evaluation="test",
    licence=LICENCE,
)

quickstart = Mixture(
    name="quickstart",
    parts=(
        Part(kind_of_word_task, 4),
        Part(word_of_kind_task, 2),
        Part(right_kind_task, 2),
        Part(mentions_kind_task, 1),
        Part(odd_one_out_task, 2),
        Part(same_kind_task, 1),
        Part(count_kind_task, 1),
        Part(ask_task, 1),
        Part(past_task, 1),
        Part(swap_task, 1),
        Part(list_things_task, 1),
        Part(topic_of_text_task, 1),
        Part(topic_of_note_task, 1),
    ),
    # A tiny model learns letters for options too late, and learns the words sooner where it cannot choose among options.
    styles=StyleShares(
        few_shot=0.15,
        max_shots=2,
        options=0.6,
        chain_of_thought=0.4,
        inverted=0.1,
        option_styles=(OptionStyle(), OptionStyle("Choose from:"), OptionStyle("Possible answers:", "*")),
        exemplar_formats=(
            ExemplarFormat("Input: ", "Output: "),
            ExemplarFormat("Question: ", "Answer: "),
            ExemplarFormat("Q: ", "A: "),
            ExemplarFormat("Problem: ", "Solution: "),
            ExemplarFormat("Task: ", "Response: "),
        ),
        chains_of_thought=(
            ChainOfThought("Reason step by step before you answer.", "So the answer is"),
            ChainOfThought("Explain your thinking first, then give the answer.", "Therefore, the answer is"),
            ChainOfThought("Work it out in steps.", "The final answer is"),
            ChainOfThought("Give your reasons and then the answer.", "Hence the answer is"),
        ),
    ),
)
