"""Structure to text: facts, tables, dialogue acts and sets of words made into sentences.

FLAN 2021's cluster (web_nlg_en, common_gen, e2e_nlg, dart) and T0's (common_gen, wiki_bio), with ToTTo, the cleaned E2E data
and the four domains of RNNLG beside them. Nothing of either is missing. CommonGen is here twice, as T0 took it (one sentence
a row) and as FLAN took it from GEM (several references for evaluation); one lineage ties the two together, as it does the two
of E2E.

RNNLG is not on the hub. Its rows are those of github.com/shawnwun/RNNLG, in the columns of e2e_nlg; a mirror must hold them.
"""

import re

from flanjax import BadRow, Example, Mixture, SkipRow, Task, Template, hub, proportional


def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _spaced(name):
    """Returns the name of a property as words: "cityServed" and "CITY_SERVED" are "city served"."""
    return _one_line(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " "))).lower()


def _plain(part):
    """Returns one part of a triple as words: 'Aarhus_Airport' is "Aarhus Airport", '"9.5"(minutes)' is "9.5 minutes"."""
    return _one_line(re.sub(r'"\((\w+)\)$', r" \1", part.strip()).strip('"').replace("_", " "))


def _listed(parts):
    """Returns the parts of a record in one line, without a final mark, so that a wording may set a full stop."""
    return "; ".join(parts).rstrip(".!? ")


def _references(target, references):
    """Returns the target and the references that differ from it, without those that are empty."""
    return tuple(dict.fromkeys(text for text in map(_one_line, (target, *references)) if text))


# https://huggingface.co/datasets/GEM/web_nlg (en) · licence: CC BY-NC-SA 4.0
# {'gem_id': 'web_nlg_en-train-8', 'gem_parent_id': 'web_nlg_en-train-8',
#  'input': ['Aarhus_Airport | operatingOrganisation | "Aarhus Lufthavn A/S"'],
#  'target': 'Aarhus Airport is operated by Aarhus Lufthavn A/S.', 'references': [], 'category': 'Airport',
#  'webnlg_id': 'train/1/Airport/Id5/0'}   training rows have no references, the others up to eight
def _web_nlg(row):
    if " @ " in row["target"]:
        raise SkipRow("the text holds unworded parts, marked with @")
    triples = [[_plain(part) for part in triple.split(" | ")] for triple in row["input"]]
    lines = [f"{subject} | {_spaced(relation)} | {value}" for subject, relation, value in triples]
    facts = [f"{_spaced(relation)} of {subject}: {value}" for subject, relation, value in triples]
    fields = {
        "triples": _listed(lines),
        "facts": _listed(facts),
        "count": len(triples),
        "subject": triples[0][0],
    }
    return Example(fields, _references(row["target"], row["references"]))


web_nlg = Task(
    name="web_nlg_en",
    cluster="structure_to_text",
    source=hub("GEM/web_nlg", "en", revision="refs/convert/parquet"),
    example=_web_nlg,
    templates=[
        Template("Express everything in these DBpedia triples (subject | property | value) in fluent English: {{ triples }}"),
        Template(
            "{{ facts }}.\n"
            "That is what the knowledge base holds. Put it into a short text, adding nothing and leaving nothing out."
        ),
        Template("Triples: {{ triples }}", cue="Text:"),
        Template(
            "A voice assistant has looked up {{ subject }} and received this record: {{ triples }}.\n"
            "What should it read out to the user?"
        ),
        Template("What do we know about {{ subject }}? Answer in complete sentences, using only these data: {{ facts }}"),
        Template(
            "The editors of an encyclopedia keep their facts in a graph, where each edge is written as thing | relation | "
            "thing. Write the passage that goes with this graph.\nEdges: {{ triples }}"
        ),
        Template(
            "Each item below is one statement about the world. Merge all of them into as few natural sentences as you can.\n"
            "Statements: {{ facts }}"
        ),
        Template("The knowledge graph has a single edge for us: {{ facts }}.\nState it in one sentence.", when="count == 1"),
        Template(
            "Here are {{ count }} linked facts: {{ facts }}.\nTell them in connected prose, in three sentences at most.",
            when="count > 1",
        ),
        Template(
            "Semantic Web for beginners, exercise 2. Verbalize the following RDF data; a reader who has never heard of RDF "
            "must be able to understand the result. Data: {{ triples }}"
        ),
        Template(
            "Extract the facts from this text as triples of the form subject | property | value, with semicolons between "
            "them.\nText: {{ answer }}",
            "{{ triples }}",
            kind="inverted",
            name="extract_triples",
        ),
        Template(
            "{{ answer }}\n"
            'List what this says in the style of a data sheet: "property of thing: value", one item for each fact.',
            "{{ facts }}",
            kind="inverted",
            name="data_sheet",
        ),
    ],
    lineage=["webnlg", "dbpedia"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    long_fields=["answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/GEM/web_nlg",
)


# https://huggingface.co/datasets/allenai/common_gen · licence: MIT
# {'concept_set_idx': 0, 'concepts': ['ski', 'mountain', 'skier'], 'target': 'Skier skis down the mountain'}
# Concepts are three to five nouns and verbs in their base form. The test split has no targets.
def _common_gen(row):
    words = [word.replace("_", " ").strip() for word in row["concepts"]]
    if not row["target"].strip():
        raise SkipRow("no sentence")
    return Example({"words": words, "count": len(words)}, _one_line(row["target"]))


common_gen = Task(
    name="common_gen",
    cluster="structure_to_text",
    source=hub("allenai/common_gen"),
    example=_common_gen,
    templates=[
        Template("Make up a sentence about an everyday scene in which all of these words occur: {{ words | join(', ') }}"),
        Template(
            "{{ words | join(', ') }}.\nUse all {{ count }} words in one sentence that makes sense. You may inflect them."
        ),
        Template("Words: {{ words | join(', ') }}", cue="A sentence with all of them:"),
        Template(
            "You are shown a photograph, and the only things you are told about it are these keywords: "
            "{{ words | join(', ') }}.\nDescribe in one sentence what the photograph most likely shows."
        ),
        Template(
            "A game: I give you a few words and you answer with a short, believable sentence that contains every one of "
            "them. Ready? {{ words | join(' - ') }}"
        ),
        Template(
            "What might be going on when the following come together: {{ words[:-1] | join(', ') }} and {{ words[-1] }}? Say "
            "it in one plain sentence and use the words."
        ),
        Template(
            'Language class. Form a sentence with "{{ words | join(\'", "\') }}". It should describe something that people '
            "or animals really do."
        ),
        Template("Write a caption with these ingredients, in any order: {{ words | join(' + ') }}"),
        Template(
            "Common sense tells us how these {{ count }} words hang together: {{ words | join(', ') }}.\nShow it in a sentence."
        ),
        Template(
            "Which {{ count }} basic words, nouns or verbs in the form that a dictionary lists, carry the meaning of this "
            "sentence? Separate them with commas.\nSentence: {{ answer }}",
            "{{ words | join(', ') }}",
            kind="inverted",
            name="keywords",
        ),
        Template(
            "A puzzle maker hid {{ count }} concepts in the sentence below. Find them and write them in their base form, "
            "with commas.\nSentence: {{ answer }}",
            "{{ words | join(', ') }}",
            kind="inverted",
            name="hidden_words",
        ),
    ],
    lineage=["common_gen", "flickr30k", "mscoco", "activitynet"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/allenai/common_gen",
)


# https://huggingface.co/datasets/GEM/common_gen · licence: MIT
# {'gem_id': 'common_gen-train-0', 'gem_parent_id': 'common_gen-train-0', 'concept_set_id': 0,
#  'concepts': ['mountain', 'ski', 'skier'], 'target': 'Skier skis down the mountain', 'references': []}
def _gem_common_gen(row):
    words = [word.replace("_", " ").strip() for word in row["concepts"]]
    if not (answers := _references(row["target"], row["references"])):
        raise SkipRow("no sentence")
    return Example({"words": words, "count": len(words)}, answers)


gem_common_gen = Task(
    name="gem_common_gen",
    cluster="structure_to_text",
    source=hub("GEM/common_gen", revision="refs/convert/parquet"),
    example=_gem_common_gen,
    templates=[
        Template(
            "Concepts: {{ words | join(', ') }}. Compose a single sentence that brings every concept into one ordinary "
            "situation."
        ),
        Template(
            "Can you think of a situation that involves {{ words | join(', ') }}? Describe it in a sentence in which all of "
            "these words occur in some form."
        ),
        Template("Keywords = {{ words | join('; ') }}", cue="Sentence ="),
        Template(
            "A child has drawn {{ count }} word cards from a box: {{ words | join(', ') }}. Help the child to build a "
            "sentence in which no card is left over."
        ),
        Template("Connect the dots between {{ words | join(', ') }} with one sentence of no more than fifteen words."),
        Template(
            "A script for a silent film says only \"{{ words | join(', ') }}\". What do we see on the screen? One sentence, "
            "please, in which each of the words turns up in some form."
        ),
        Template(
            "Write an example sentence for a picture dictionary. The page illustrates these entries together: "
            "{{ words | join(', ') }}"
        ),
        Template(
            "{{ words | join(' / ') }}.\n"
            "These were the tags on a video clip of somebody doing something quite normal. Guess the clip's description."
        ),
        Template(
            "Put the following into a sentence that anyone would find plausible, and do not skip any: {{ words | join(', ') }}"
        ),
        Template(
            "Reduce this sentence to its {{ count }} key concepts, each a lower-case word without an ending, set apart by "
            "commas. The sentence: {{ answer }}",
            "{{ words | join(', ') }}",
            kind="inverted",
            name="concepts",
        ),
        Template(
            '"{{ answer }}" was written as an answer to: "Make a sentence with the following {{ count }} words." Which words '
            "were given?",
            "{{ words | join(', ') }}",
            kind="inverted",
            name="given_words",
        ),
    ],
    lineage=["common_gen", "flickr30k", "mscoco", "activitynet"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="validation",
    licence="MIT",
    link="https://huggingface.co/datasets/GEM/common_gen",
)


# https://huggingface.co/datasets/tuetschek/e2e_nlg · licence: CC BY-SA 4.0
# {'meaning_representation': 'name[Alimentum], area[city centre], familyFriendly[no], near[Burger King]',
#  'human_reference': 'Near Burger King in city centre is the adult establishment Alimentum.'}
# Several rows share one meaning, each with another wording.
def _e2e(row):
    slots = re.findall(r"(?:^|,\s*)([^\[,]+)\[([^\]]*)\]", row["meaning_representation"])
    if not slots:
        raise BadRow("no slot in the meaning representation")
    facts = [f"{_spaced(slot)}: {value}" for slot, value in slots]
    fields = {
        "card": _listed(facts),
        "slots": row["meaning_representation"].strip(),
        "count": len(facts),
        "name": dict(slots).get("name"),
        "kind": dict(slots).get("eatType", "place to eat"),
    }
    return Example(fields, _one_line(row["human_reference"]))


e2e_nlg = Task(
    name="e2e_nlg",
    cluster="structure_to_text",
    source=hub("tuetschek/e2e_nlg", revision="refs/convert/parquet"),
    example=_e2e,
    templates=[
        Template("Describe this restaurant, pub or coffee shop in a sentence or two.\nRecord: {{ card }}"),
        Template("{{ card }}.\nWrite the entry for a dining guide from these details."),
        Template("Card: {{ card }}", cue="Description:"),
        Template(
            "A tourist at the hotel desk asks about places to eat. You look one up and find: {{ card }}. What do you tell "
            "the tourist?"
        ),
        Template("What sort of place is {{ name }}? The listing says: {{ card }}", when="name is defined"),
        Template("Advertise the place below without inventing anything about it. The place: {{ card }}"),
        Template(
            "A booking system prints attributes where people expect sentences. Replace its output with good English.\n"
            "Output: {{ card }}"
        ),
        Template("Text a friend who is looking for somewhere to eat. You know just this about the place: {{ card }}"),
        Template("Turn the {{ count }} details into running text, all of them if you can: {{ card }}"),
        Template(
            "For each venue we print one short paragraph with its name, what it serves, the price and where it is, as far as "
            "we know. Venue: {{ card }}.\nParagraph, please."
        ),
        Template(
            'Fill in the card of the venue described here, as "property: value" with semicolons in between. The properties '
            "are name, eat type, food, price range, customer rating, area, family friendly and near; leave out what is not "
            "said.\nDescription: {{ answer }}",
            "{{ card }}",
            kind="inverted",
            name="fill_in_card",
        ),
        Template(
            "A guest described a place in these words: {{ answer }}\n"
            'Enter what they tell us into the database of venues, as "property: value".',
            "{{ card }}",
            kind="inverted",
            name="enter_into_database",
        ),
    ],
    lineage=["e2e_nlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/tuetschek/e2e_nlg",
)


# https://huggingface.co/datasets/tuetschek/e2e_nlg_cleaned · licence: CC BY-SA 4.0
# {'meaning_representation': 'name[The Wrestlers], customer rating[average], familyFriendly[no]',
#  'human_reference': 'The Wrestlers is a place that has average rating and is not family-friendly'}
# e2e_nlg with the slots corrected to what the texts really say; FLAN's e2e_nlg, through GEM, is this one.
e2e_nlg_cleaned = Task(
    name="e2e_nlg_cleaned",
    cluster="structure_to_text",
    source=hub("tuetschek/e2e_nlg_cleaned", revision="refs/convert/parquet"),
    example=_e2e,
    templates=[
        Template("A slot is written as slot[value]. Say in English what these slots say about a place to eat: {{ slots }}"),
        Template("{{ slots }}.\nRealize this meaning as text. Every slot has to be mentioned, and nothing else may be."),
        Template("Meaning: {{ slots }}", cue="Wording:"),
        Template(
            "A guest asks where to go for a meal. The concierge's notes on one place are these: {{ slots }}",
            cue="The concierge says:",
        ),
        Template(
            "You write the texts for a restaurant app, and its database hands you this row: {{ slots }}.\n"
            "Write the text that users will see."
        ),
        Template("How would you describe the {{ kind }} with these attributes to someone over the phone? {{ slots }}"),
        Template(
            "Check your wording against the data before you answer: no attribute may be missing or changed. Data: "
            "{{ slots }}.\nDescribe the venue."
        ),
        Template(
            "Here is what our inspector noted about a venue, in her own shorthand: {{ slots }}. Please write it out in full "
            "for the newsletter."
        ),
        Template("Compose one or two friendly sentences about a place of which only this is known: {{ slots }}"),
        Template("If the data {{ slots }} were read aloud by a radio host, how would that sound? Write the host's words."),
        Template(
            "Annotate the text with slots in the notation slot[value], separated by commas. Text: {{ answer }}",
            "{{ slots }}",
            kind="inverted",
            name="annotate",
        ),
        Template(
            "Which attributes of a restaurant, pub or coffee shop does this text mention, and what are their values? Text: "
            "{{ answer }}",
            "{{ card }}",
            kind="inverted",
            name="attributes",
        ),
    ],
    lineage=["e2e_nlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/tuetschek/e2e_nlg_cleaned",
)


# https://huggingface.co/datasets/Yale-LILY/dart · licence: MIT
# {'tripleset': [['[TABLECONTEXT]', 'METROPOLITAN_AREA', 'Berlin'], ['Berlin', 'COUNTRY', 'Germany'],
#   ['[TABLECONTEXT]', '[TITLE]', 'List of metropolitan areas by population'], ['Berlin', 'OFFICIAL_POPULATION', '5,097,712']],
#  'subtree_was_extended': True, 'annotations': {'source': ['WikiTableQuestions_mturk'],
#   'text': ['Berlin is a metropolitan area in Germany with an official population of 5,097,712.']}}
# [TABLECONTEXT] is the table as a whole. Many rows are WebNLG's and E2E's, so they are one lineage.
def _dart(row):
    triples = []
    for subject, relation, value in row["tripleset"]:
        subject = "the table" if subject.strip("[]") == "TABLECONTEXT" else _plain(subject)
        triples.append((subject, _spaced(relation.strip("[]")), _plain(value)))
    if not (answers := _references("", row["annotations"]["text"])):
        raise SkipRow("no text")
    fields = {
        "records": _listed(" | ".join(triple) for triple in triples),
        "listing": _listed(f"({number}) {s} : {r} : {v}" for number, (s, r, v) in enumerate(triples, 1)),
        "count": len(triples),
    }
    return Example(fields, answers)


dart = Task(
    name="dart",
    cluster="structure_to_text",
    source=hub("Yale-LILY/dart", revision="refs/convert/parquet"),
    example=_dart,
    templates=[
        Template(
            "Each record below has the form subject | attribute | value. Write a sentence or two that convey all of them.\n"
            "Records: {{ records }}"
        ),
        Template("{{ records }}.\nThis was read off a table, row by row. What does it tell us? Answer in plain sentences."),
        Template("Records: {{ records }}", cue="In a sentence:"),
        Template(
            "Tables from the web have been taken apart into numbered pieces, each of which reads subject : column : cell. "
            "Put these pieces together again as English text. Pieces: {{ listing }}"
        ),
        Template(
            "A colleague asks what this line of the spreadsheet means. Explain it in one sentence if you can. The line "
            "holds: {{ records }}"
        ),
        Template(
            "Write down what the data say, whatever they are about: sports, music, restaurants or rivers. Data: {{ records }}"
        ),
        Template("Say this so that someone who hears it and cannot see the table will understand it: {{ listing }}"),
        Template(
            "Given the following {{ count }} pieces of structured information, produce the sentence that a person would have "
            "written instead of them: {{ records }}",
            when="count > 1",
        ),
        Template("One record, one sentence. Record: {{ records }}", when="count == 1"),
        Template(
            "The triples below form a tree whose branches meet in shared names. Follow it from its root and describe it, "
            'linking the facts with words such as "which", "where" and "and".\nTriples: {{ records }}',
            when="count > 1",
        ),
        Template("What does the following row of a table amount to, if you say it rather than list it? Row: {{ records }}"),
        Template(
            "Take this text apart into records of the form subject | attribute | value and separate them with semicolons.\n"
            "Text: {{ answer }}",
            "{{ records }}",
            kind="inverted",
            name="records",
        ),
        Template(
            "Which entries of a table lie behind this statement? Number them and write each as subject : column : cell.\n"
            "Statement: {{ answer }}",
            "{{ listing }}",
            kind="inverted",
            name="numbered_records",
        ),
    ],
    lineage=["dart", "webnlg", "e2e_nlg", "wikisql", "wikitablequestions"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    long_fields=["answer"],
    licence="MIT",
    link="https://huggingface.co/datasets/Yale-LILY/dart",
)


# https://huggingface.co/datasets/GEM/totto · licence: CC BY-SA 3.0
# {'table_page_title': "'Weird Al' Yankovic", 'table_section_title': 'Television', 'table_section_text': '',
#  'table': [[{'column_span': 1, 'is_header': True, 'row_span': 1, 'value': 'Year'}, ...], ...],
#  'highlighted_cells': [[22, 2], ...],
#  'target': 'In 2016, Al appeared in 2 episodes of BoJack Horseman as Mr. Peanutbutter.', 'references': [], ...}
# Only the highlighted cells are shown, each under the nearest header above it in its column. The test split has no targets.
def _totto(row):
    table, cells = row["table"], []
    for i, j in row["highlighted_cells"]:
        headers = (above[j]["value"] for above in reversed(table[:i]) if j < len(above) and above[j]["is_header"])
        header, value = _one_line(next(headers, "")), _one_line(table[i][j]["value"])
        cells.append(f"{header} = {value}" if header and header != value else value)
    answers = _references(row["target"], row["references"])
    if not answers or not cells:
        raise SkipRow("no text or no highlighted cell")
    fields = {
        "page": _one_line(row["table_page_title"]),
        "section": _one_line(row["table_section_title"]),
        "cells": _listed(cells),
    }
    return Example(fields, answers)


totto = Task(
    name="totto",
    cluster="structure_to_text",
    source=hub("GEM/totto", revision="refs/convert/parquet"),
    example=_totto,
    templates=[
        Template(
            'Some cells of a table in the Wikipedia article "{{ page }}" are highlighted: {{ cells }}.\n'
            "Describe them in one sentence that makes sense on its own."
        ),
        Template("Page: {{ page }}\nSection: {{ section }}\nHighlighted: {{ cells }}", cue="Sentence:"),
        Template(
            "{{ cells }}.\n"
            'These table cells belong to the page "{{ page }}", section "{{ section }}". What do they say? One sentence.'
        ),
        Template("What does the table tell us here about {{ page }}? Use only the marked cells: {{ cells }}"),
        Template(
            'A Wikipedia editor is turning tables into prose. In the table under the heading "{{ section }}" of the article '
            "on {{ page }}, she has reached these cells: {{ cells }}.\nWrite her next sentence."
        ),
        Template(
            "State the fact that the selected cells record. Do not add anything that is in neither the cells nor the "
            "titles.\nTitles: {{ page }}, {{ section }}. Cells: {{ cells }}"
        ),
        Template(
            "Readers on a small phone will see one sentence of yours in place of the table. Write it. Table on: {{ page }} "
            "({{ section }}). Selected: {{ cells }}"
        ),
        Template(
            "Someone has drawn a yellow marker over part of a table about {{ page }}. The marked text runs: {{ cells }}.\n"
            "Explain to a friend in a single sentence what was worth marking."
        ),
        Template(
            "Fact check, step 1: write out as a full sentence what the source table claims.\n"
            "Source: {{ page }}, {{ section }}\nCells: {{ cells }}"
        ),
        Template(
            'This sentence was written from a few cells of a table in the article "{{ page }}": {{ answer }}\n'
            'Which cells were they? Give each as "column = value".',
            "{{ cells }}",
            kind="inverted",
            name="cells",
        ),
        Template(
            "On which page of Wikipedia, and in which section of it, would you look for the table that supports this "
            "sentence? {{ answer }}",
            "{{ page }}, {{ section }}",
            kind="inverted",
            name="where_from",
        ),
    ],
    lineage=["totto"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="validation",
    long_fields=["cells"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/GEM/totto",
)


# https://huggingface.co/datasets/michaelauli/wiki_bio · licence: CC BY-SA 3.0
# {'input_text': {'table': {'column_header': ['name', 'birth_date', ...], 'row_number': [1, 1, ...],
#   'content': ['walter extra', '1954', ...]}, 'context': 'walter extra\n'},
#  'target_text': 'walter extra is a german award-winning aerobatic pilot , chief aircraft designer and founder of extra ...'}
# Lower case and tokenized. The third split is called "val".
_NO_FACT = frozenset(
    {"article title", "image", "image size", "imagesize", "image caption", "caption", "alt", "width", "module"}
)


def _wiki_bio(row):
    table = row["input_text"]["table"]
    facts = []
    for header, content in zip(table["column_header"], table["content"], strict=True):
        header, content = _spaced(header), _detokenized(content)
        if header not in _NO_FACT and content not in ("", "<none>"):
            facts.append(f"{header}: {content}")
    if not facts:
        raise SkipRow("an empty infobox")
    return Example(
        {"box": _listed(facts), "person": _detokenized(row["input_text"]["context"])}, _detokenized(row["target_text"])
    )


def _detokenized(text):
    text = text.replace("-lrb-", "(").replace("-rrb-", ")").replace("``", '"').replace("''", '"')
    text = re.sub(r"\s+([,.;:?!)])", r"\1", re.sub(r"\(\s+", "(", text))
    return _one_line(re.sub(r"\s+('s|'|n't)\b", r"\1", text))


wiki_bio = Task(
    name="wiki_bio",
    cluster="structure_to_text",
    source=hub("michaelauli/wiki_bio", revision="refs/convert/parquet"),
    example=_wiki_bio,
    templates=[
        Template("Write the first paragraph of a biography, in lower case, from this Wikipedia infobox.\nInfobox: {{ box }}"),
        Template("{{ box }}.\nWho is this person? Introduce them as an encyclopedia would."),
        Template("Name of the article: {{ person }}\nInfobox: {{ box }}", cue="Opening of the article:"),
        Template(
            "Somebody has filled in a form about {{ person }} but has not written a word of text yet. Form: {{ box }}.\n"
            "Write the introduction."
        ),
        Template(
            "Below are the facts in the box at the upper right of a Wikipedia page. Say when and where the person was born, "
            "if it is given, and what he or she is known for.\nFacts: {{ box }}"
        ),
        Template(
            "The moderator has to introduce {{ person }} to the audience and gets only these notes: {{ box }}.\n"
            "What does the moderator say?"
        ),
        Template("Put this biographical data into prose, beginning with the person's name: {{ box }}"),
        Template(
            "A stub about {{ person }} needs a lead. Write it from the data alone; leave out numbers that would bore a "
            "general reader.\nData: {{ box }}"
        ),
        Template(
            "Database entry for a person: {{ box }}.\nWhat would a short life of this person say, in one to four sentences?"
        ),
        Template(
            'Fill in an infobox for this biography: one "label: value" after another, separated by semicolons.\n'
            "Biography: {{ answer }}",
            "{{ box }}",
            kind="inverted",
            name="infobox",
        ),
        Template(
            "Which labels and values might a Wikipedia infobox show beside an article that begins as follows? {{ answer }}",
            "{{ box }}",
            kind="inverted",
            name="box_beside_article",
        ),
    ],
    lineage=["wiki_bio"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    long_fields=["box", "answer"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/michaelauli/wiki_bio",
)


# https://github.com/shawnwun/RNNLG · licence: custom (LICENSE of the Cambridge Dialogue Systems Group)
# hotel: {'meaning_representation': "inform(name='grant hotel';pricerange='inexpensive';dogsallowed='no')",
#   'human_reference': 'grant hotel is in the inexpensive price range and does not allow dogs'}
# restaurant: {'meaning_representation': "?confirm(near='potrero hill')",
#   'human_reference': 'can i confirm if you are looking for a restaurant near potrero hill'}
# laptop: {'meaning_representation': 'inform_count(count=72;type=laptop;driverange=large;weightrange=dontcare)', ...}
# tv: {'meaning_representation': 'inform_all(type=television;pricerange=cheap;screensizerange=small)',
#   'human_reference': 'all cheap televisions are small .'}
# What an assistant says to a customer: an act and its slots. Sentences get their capitals and stops back. Acts without slots,
# such as goodbye(), are left out: they are the same few words hundreds of times.
_ACTS = {
    "inform": "inform the customer",
    "recommend": "make a recommendation",
    "suggest": "name the possible choices",
    "inform_count": "say how many there are",
    "inform_no_match": "say that nothing matches",
    "inform_only_match": "say that there is only one match",
    "inform_all": "say what all of them have in common",
    "inform_no_info": "admit that the information is missing",
    "?request": "ask what the customer wants",
    "?select": "ask which choice the customer prefers",
    "?confirm": "check that the customer was understood",
    "?compare": "compare two products",
}
_SLOTS = {
    "pricerange": "price range",
    "dogsallowed": "dogs allowed",
    "kidsallowed": "children allowed",
    "hasinternet": "internet",
    "acceptscreditcards": "credit cards accepted",
    "goodformeal": "good for",
    "isforbusinesscomputing": "for business computing",
    "batteryrating": "battery rating",
    "driverange": "drive range",
    "weightrange": "weight range",
    "hasusbport": "USB port",
    "hdmiport": "HDMI ports",
    "ecorating": "eco rating",
    "screensizerange": "screen size range",
    "screensize": "screen size",
    "powerconsumption": "power consumption",
    "postcode": "postal code",
}
_VALUES = {"true": "yes", "false": "no", "dontcare": "does not matter", "dont_care": "does not matter", "none": "unknown"}
_QUESTION = re.compile(
    "(?:and |or |so |ok |okay |sorry, "
    ")?(?:what|which|where|how|do|does|did|is|are|was|can|could|would|will|may|should|have|has)\\b"
)


def _rnnlg(row):
    act, slots = re.fullmatch(r"(\??\w+)\((.*)\)", row["meaning_representation"].strip()).groups()
    facts = []
    for slot in filter(None, slots.split(";")):
        name, _, value = slot.partition("=")
        value = _detokenized(value.strip().strip("'"))
        name = _SLOTS.get(name, name)
        facts.append(f"{name}: {_VALUES.get(value, value)}" if value else name)
    if not facts:
        raise SkipRow("an act without slots")
    return Example({"goal": _ACTS[act], "facts": _listed(facts)}, _sentences(row["human_reference"]))


def _sentences(text):
    """Returns a text with its plural endings joined on ("hotel -s") and its capitals and stops put back."""
    text = re.sub(r"(?<=ch|sh|ss) -s\b", "es", text.replace("has_usb_port", "usb port"))
    text = _detokenized(re.sub(r" -(s|ly|er|es)\b", r"\1", re.sub(r"(?<=[^aeiou ])y -s\b", "ies", text)))
    text = re.sub(r"\bi\b", "I", text).strip(" ,.")
    if text[-1] not in "?!":
        text += "?" if _QUESTION.match(re.split(r"[.?!] ", text)[-1]) else "."
    return re.sub(r"(?:^|(?<=[.?!] ))[a-z]", lambda match: match[0].upper(), text)


rnnlg_hotel = Task(
    name="rnnlg_hotel",
    cluster="structure_to_text",
    source=hub("rnnlg", "hotel"),
    example=_rnnlg,
    templates=[
        Template(
            "You answer the phone for a hotel guide to San Francisco. Your aim now: {{ goal }}. Details: {{ facts }}.\n"
            "What do you say?"
        ),
        Template("{{ facts }}.\nA hotel finder wants to {{ goal }}. Write its next line."),
        Template("Aim: {{ goal }}\nHotel details: {{ facts }}", cue="Assistant:"),
        Template("Write one sentence in which a travel clerk uses these details to {{ goal }}: {{ facts }}"),
        Template("How can a booking assistant {{ goal }} if this is what it has on its screen? {{ facts }}"),
        Template(
            "Script for a chatbot that helps travelers to find a room. It must {{ goal }}, and it has these slots to fill "
            "in: {{ facts }}.\nWrite the utterance."
        ),
        Template("In a few polite words, {{ goal }}. The subject is a place to stay: {{ facts }}"),
        Template("A traveler is on the line and you have to {{ goal }}. Notes: {{ facts }}. Your words, please."),
        Template(
            "Data on hotels: {{ facts }}\nPurpose of the message: {{ goal }}\nWrite the message for the traveler's phone."
        ),
        Template(
            'A hotel assistant said: "{{ answer }}" List the details in it as "slot: value", separated by semicolons.',
            "{{ facts }}",
            kind="inverted",
            name="details",
        ),
    ],
    lineage=["rnnlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="custom (LICENSE of the repository)",
    link="https://github.com/shawnwun/RNNLG",
)

rnnlg_restaurant = Task(
    name="rnnlg_restaurant",
    cluster="structure_to_text",
    source=hub("rnnlg", "restaurant"),
    example=_rnnlg,
    templates=[
        Template(
            "A dialogue system helps people to find a restaurant. Now it has to {{ goal }}, using: {{ facts }}.\n"
            "What does it say?"
        ),
        Template("{{ facts }}.\nWith this in hand, {{ goal }}. The customer is looking for somewhere to eat."),
        Template("Move: {{ goal }}\nContent: {{ facts }}", cue="Spoken by the restaurant guide:"),
        Template(
            "Imagine that you work at an information desk for restaurants. You want to {{ goal }}. Do it in one sentence, "
            "given this: {{ facts }}"
        ),
        Template("The customer is hungry and impatient. Be brief and {{ goal }}: {{ facts }}"),
        Template(
            'Complete the conversation. Customer: "I\'m looking for a restaurant." The system now has to {{ goal }}. Its '
            "data: {{ facts }}",
            cue="System:",
        ),
        Template("What is a natural way to {{ goal }} when the topic is food and the facts are these? {{ facts }}"),
        Template(
            "Voice prompt needed. Function: {{ goal }}. Variables: {{ facts }}. Subject: restaurants. Write the prompt as it "
            "will be spoken."
        ),
        Template(
            "A visitor to San Francisco wants to eat out, and it is your turn to {{ goal }}. You have this to go on: "
            "{{ facts }}"
        ),
        Template(
            'From this line of a restaurant guide, recover the facts that it was made from, as "slot: value" pairs. Line: '
            "{{ answer }}",
            "{{ facts }}",
            kind="inverted",
            name="recover_facts",
        ),
    ],
    lineage=["rnnlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="custom (LICENSE of the repository)",
    link="https://github.com/shawnwun/RNNLG",
)

rnnlg_laptop = Task(
    name="rnnlg_laptop",
    cluster="structure_to_text",
    source=hub("rnnlg", "laptop"),
    example=_rnnlg,
    templates=[
        Template("You sell laptops over the phone. Use these specifications to {{ goal }}: {{ facts }}"),
        Template(
            "{{ facts }}.\nWrite the words with which a shop assistant who sells laptops would {{ goal }}, given the above."
        ),
        Template("Specifications: {{ facts }}\nIntention: {{ goal }}", cue="Sales assistant:"),
        Template(
            "Our online store has a chat window. The bot's plan is to {{ goal }}. Its data: {{ facts }}.\n"
            "Type the bot's message."
        ),
        Template(
            "A customer does not know much about computers. Avoid jargon and {{ goal }}. This is on your screen: {{ facts }}"
        ),
        Template(
            "What would you say across the counter of a computer shop if you had to {{ goal }} and the computer in front of "
            "you told you this? {{ facts }}"
        ),
        Template("Say all of it in one or two sentences, so as to {{ goal }}. Laptop data: {{ facts }}"),
        Template("Catalog copy about laptops sounds stiff. Speak instead, and {{ goal }}. Catalog: {{ facts }}"),
        Template("Reply to an email about laptops. Your reply should {{ goal }}. Mention each of these points: {{ facts }}"),
        Template(
            "Note down which properties of laptops are mentioned in this sales talk, and with which values. Sales talk: "
            "{{ answer }}",
            "{{ facts }}",
            kind="inverted",
            name="properties",
        ),
        Template(
            '"{{ answer }}" A program generated these words about laptops from a list of slots and values. Reconstruct the '
            "list.",
            "{{ facts }}",
            kind="inverted",
            name="slots",
        ),
    ],
    lineage=["rnnlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="custom (LICENSE of the repository)",
    link="https://github.com/shawnwun/RNNLG",
)

rnnlg_tv = Task(
    name="rnnlg_tv",
    cluster="structure_to_text",
    source=hub("rnnlg", "tv"),
    example=_rnnlg,
    templates=[
        Template(
            "An electronics store advises people who want a new television. Use the data to {{ goal }}.\nData: {{ facts }}"
        ),
        Template("{{ facts }}.\nSomeone is choosing a TV set, and you need to {{ goal }}. How do you put it?"),
        Template("TV data: {{ facts }}\nTask: {{ goal }}", cue="Reply to the customer:"),
        Template(
            "Write the sentence with which a TV adviser would {{ goal }}, keeping every value as it is given: {{ facts }}"
        ),
        Template("What does the help line for television buyers say in order to {{ goal }}? On its screen: {{ facts }}"),
        Template(
            "The screen between the shelves shows this: {{ facts }}.\n"
            "You wear the store's uniform and want to {{ goal }}. What do you tell the shopper?"
        ),
        Template("Generate a turn of a dialogue about television sets. Dialogue act: {{ goal }}. Slots: {{ facts }}"),
        Template("Without any sales patter, {{ goal }}. The talk is of televisions. Points to cover: {{ facts }}"),
        Template(
            "Tell it the way a friend who knows about screens and sockets would, in order to {{ goal }}. This is what the "
            "friend knows: {{ facts }}"
        ),
        Template(
            'Copy the technical facts out of this remark about televisions, as "slot: value", with semicolons. Remark: '
            "{{ answer }}",
            "{{ facts }}",
            kind="inverted",
            name="technical_facts",
        ),
        Template(
            "What is the speaker in a television store doing with this sentence? Choose one: "
            + ", ".join(_ACTS.values())
            + ".\nSentence: {{ answer }}",
            "{{ goal }}",
            kind="inverted",
            name="act",
        ),
    ],
    lineage=["rnnlg"],
    metrics=["rougeL", "bleu"],
    train="train",
    evaluation="test",
    licence="custom (LICENSE of the repository)",
    link="https://github.com/shawnwun/RNNLG",
)


structure_to_text = Mixture(
    name="structure_to_text",
    parts=[
        web_nlg,
        common_gen,
        gem_common_gen,
        e2e_nlg,
        e2e_nlg_cleaned,
        dart,
        totto,
        wiki_bio,
        rnnlg_hotel,
        rnnlg_restaurant,
        rnnlg_laptop,
        rnnlg_tv,
    ],
    rate=proportional(cap=3000),
)
