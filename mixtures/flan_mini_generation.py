"""Tasks with free text for an answer: summaries, text from facts, translation, and editing.

Part of mixtures/flan_mini.py.
"""

import re

from flanjax import Example, Mixture, Task, Template, hub, proportional

# --- summarization ---------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/Yale-LILY/aeslc · licence: CC BY-NC-SA 4.0 (Enron mail)
# {'email_body': 'Greg/Phillip,  Attached is the Grande Communications Service ...', 'subject_line': 'Service Agreement'}
aeslc = Task(
    name="aeslc",
    cluster="summarization",
    source=hub("Yale-LILY/aeslc"),
    example=lambda row: Example({"email": row["email_body"].strip()}, row["subject_line"].strip()),
    templates=[
        Template("Write a subject line for this e-mail: {{ email }}"),
        Template("{{ email }}\nWhat would be a fitting subject for the message above?"),
        Template("What is the e-mail about, in a few words? E-mail: {{ email }}"),
        Template("Message: {{ email }}\nSubject:"),
        Template("The writer forgot to fill in the subject field. Do it for them. The text of the mail was: {{ email }}"),
        Template("Write an e-mail with the subject {{ answer }}.", "{{ email }}", kind="inverted"),
    ],
    lineage=["enron"],
    metrics=["rougeL", "rouge1", "rouge2"],
    evaluation="test",
    long_fields=["email", "answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/Yale-LILY/aeslc",
)


# https://huggingface.co/datasets/knkarthick/samsum · licence: CC BY-NC-ND 4.0
# {'dialogue': "Amanda: I baked  cookies. Do you want some?\r\nJerry: Sure!\r\nAmanda: I'll bring you tomorrow :-)",
#  'summary': 'Amanda baked cookies and will bring Jerry some tomorrow.'}
def _samsum(row):
    dialogue = re.sub(r"<(\w{3,})>", r"(\1)", row["dialogue"].replace("\r\n", "\n"))
    return Example({"dialogue": dialogue.strip()}, row["summary"].strip())


samsum = Task(
    name="samsum",
    cluster="summarization",
    source=hub("knkarthick/samsum"),
    example=_samsum,
    templates=[
        Template("Sum up this chat: {{ dialogue }}"),
        Template("{{ dialogue }}\nIn short, what did these people write to each other about?"),
        Template("A friend has no time to read the messages. Tell them what matters. Messages: {{ dialogue }}"),
        Template("Chat log: {{ dialogue }}\nMinutes:"),
        Template("Retell the following conversation in a sentence or two: {{ dialogue }}"),
        Template("Write a chat between friends that this sums up: {{ answer }}", "{{ dialogue }}", kind="inverted"),
    ],
    lineage=["samsum"],
    metrics=["rougeL", "rouge1", "rouge2"],
    train="train+validation",
    evaluation="test",
    long_fields=["dialogue", "answer"],
    licence="CC BY-NC-ND 4.0",
    link="https://huggingface.co/datasets/knkarthick/samsum",
)


# https://huggingface.co/datasets/knkarthick/dialogsum · licence: CC BY-NC-SA 4.0
# {'id': 'dev_1', 'dialogue': "#Person1#: Hey Jimmy. Let's go workout later today.\n#Person2#: Sure. What time ...",
#  'summary': '#Person1# invites Jimmy to go workout and persuades him into ...', 'topic': 'do exercise'}
def _dialogsum(row):
    dialogue, summary = (re.sub(r"#(Person\d)#", r"\1", row[k]).strip() for k in ("dialogue", "summary"))
    return Example({"dialogue": dialogue, "topic": row["topic"].strip()}, summary)


dialogsum = Task(
    name="dialogsum",
    cluster="summarization",
    source=hub("knkarthick/dialogsum"),
    example=_dialogsum,
    templates=[
        Template("Summarize the dialogue. {{ dialogue }}"),
        Template("{{ dialogue }}\nWrite down the gist of this conversation."),
        Template("What happens in the talk below? Report it briefly. Talk: {{ dialogue }}"),
        Template("Topic: {{ topic }}\nDialogue: {{ dialogue }}\nSummary:"),
        Template("Two people met and spoke. They said: {{ dialogue }} A secretary notes:"),
        Template(
            "Name the topic of this conversation in a word or two: {{ dialogue }}", "{{ topic }}", kind="inverted", name="topic"
        ),
        Template(
            "Write out the dialogue that led to this summary: {{ answer }}", "{{ dialogue }}", kind="inverted", name="dialogue"
        ),
    ],
    lineage=["dialogsum", "dailydialog", "dream", "mutual"],
    metrics=["rougeL", "rouge1", "rouge2"],
    train="validation",
    evaluation="test",
    long_fields=["dialogue", "answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/knkarthick/dialogsum",
)


# --- text from facts -------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/GEM/web_nlg (en) · licence: CC BY-NC-SA 4.0
# {'input': ['Aarhus_Airport | cityServed | "Aarhus, Denmark"'], 'target': 'Aarhus Airport serves the city of Aarhus, Denmark.',
#  'references': [], 'category': 'Airport', ...}   training rows have no references, evaluation rows have up to eight
def _web_nlg(row):
    facts = []
    for triple in row["input"]:
        subject, relation, value = (part.strip().strip('"').replace("_", " ") for part in triple.split(" | "))
        facts.append(f"{subject}, {re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', relation).lower()}: {value}")
    references = (row["target"], *(r for r in row["references"] if r != row["target"]))
    return Example({"facts": "; ".join(facts)}, references)


web_nlg = Task(
    name="web_nlg",
    cluster="structure_to_text",
    source=hub("GEM/web_nlg", "en"),
    example=_web_nlg,
    templates=[
        Template("Put these facts into a sentence or two: {{ facts }}"),
        Template("Facts: {{ facts }}.\nText:"),
        Template("{{ facts }}. Turn this data into plain English."),
        Template("Write a line for an encyclopedia that says all of this and nothing more. Data: {{ facts }}"),
        Template("A: What does the database say?\nB: It says {{ facts }}.\nA: And in a proper sentence?\nB:"),
        Template(
            "List the facts in this text, each as thing, property: value. Text: {{ answer }}", "{{ facts }}", kind="inverted"
        ),
    ],
    lineage=["dbpedia", "webnlg"],
    metrics=["rougeL", "bleu"],
    evaluation="test",
    long_fields=["answer"],
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/GEM/web_nlg",
)


# https://huggingface.co/datasets/tuetschek/e2e_nlg · licence: CC BY-SA 4.0
# {'meaning_representation': 'name[Alimentum], area[city centre], familyFriendly[no]',
#  'human_reference': 'There is a place in the city centre, Alimentum, that is not family-friendly.'}
# Several rows share one meaning, with another wording each. The test meanings are not among the validation meanings.
def _e2e_nlg(row):
    slots = re.findall(r"(?:^|, )([^\[,]+)\[([^\]]*)\]", row["meaning_representation"])
    facts = (f"{re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', slot).lower()} = {value}" for slot, value in slots)
    return Example({"facts": ", ".join(facts)}, row["human_reference"].strip())


e2e_nlg = Task(
    name="e2e_nlg",
    cluster="structure_to_text",
    source=hub("tuetschek/e2e_nlg"),
    example=_e2e_nlg,
    templates=[
        Template("Describe the restaurant with these features: {{ facts }}"),
        Template("{{ facts }}. Write a recommendation with all of these details."),
        Template("Restaurant card: {{ facts }}\nDescription:"),
        Template("Tell a tourist about a place to eat, given its data. Data: {{ facts }}"),
        Template("Guest: Do you know a place to eat?\nGuide (looking at {{ facts }}):"),
        Template(
            "Read the description and fill in the card of the restaurant. Description: {{ answer }}",
            "{{ facts }}",
            kind="inverted",
        ),
    ],
    lineage=["e2e_nlg"],
    metrics=["rougeL", "bleu"],
    train="validation",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/tuetschek/e2e_nlg",
)

# --- translation -----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/bentrevett/multi30k · licence: Flickr30k terms
# {'en': 'Two young, White males are outside near many bushes.', 'de': 'Zwei junge weiße Männer sind im Freien ...'}
# Its English sentences are Flickr30k captions, as are SNLI's premises: it leaves training when NLI is held out.
multi30k = Task(
    name="multi30k",
    cluster="translation",
    source=hub("bentrevett/multi30k"),
    example=lambda row: Example({"german": row["de"].strip()}, row["en"].strip()),
    templates=[
        Template("Translate into English: {{ german }}"),
        Template('How does one say "{{ german }}" in English?'),
        Template("German caption: {{ german }}\nEnglish caption:"),
        Template("{{ german }} In English, this German sentence reads:"),
        Template("You are an interpreter from German to English. Your client says: {{ german }} You say:"),
        Template("Translate this sentence into German: {{ answer }}", "{{ german }}", kind="inverted", name="to_german"),
        Template("English: {{ answer }}\nGerman:", "{{ german }}", kind="inverted", name="to_german_form"),
    ],
    lineage=["flickr30k", "flickr8k"],
    metrics=["bleu"],
    evaluation="test",
    licence="Flickr30k terms",
    link="https://huggingface.co/datasets/bentrevett/multi30k",
)

# https://huggingface.co/datasets/wmt/wmt16 (de-en) · licence: WMT news test data, for research
# {'translation': {'de': 'Obama empfängt Netanyahu', 'en': 'Obama receives Netanyahu'}}
# newstest2015 (the validation rows) is enough to train on in a mixture of this size; newstest2016 is the test.
wmt16_de_en = Task(
    name="wmt16_de_en",
    cluster="translation",
    source=hub("wmt/wmt16", "de-en"),
    example=lambda row: Example({"german": row["translation"]["de"].strip()}, row["translation"]["en"].strip()),
    templates=[
        Template("Give the English translation of this German news sentence. {{ german }}"),
        Template("{{ german }}\nThat was German. What is it in English?"),
        Template("German: {{ german }}\nEnglish:"),
        Template('A German newspaper printed "{{ german }}" What would an English one print?'),
        Template("Please translate for readers who know only English: {{ german }}"),
        Template("Give the German translation of this news sentence. {{ answer }}", "{{ german }}", kind="inverted"),
    ],
    lineage=["wmt_news"],
    metrics=["bleu"],
    train="validation",
    evaluation="test",
    licence="research",
    link="https://huggingface.co/datasets/wmt/wmt16",
)

# --- editing ---------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/jhu-clsp/jfleg · licence: CC BY-NC-SA 4.0
# {'sentence': 'For not use car . ', 'corrections': ['Not for use with a car . ', 'Do not use in the car . ', ...]}
jfleg = Task(
    name="jfleg",
    cluster="editing",
    source=hub("jhu-clsp/jfleg"),
    example=lambda row: Example(
        {"sentence": row["sentence"].strip()}, tuple(c.strip() for c in row["corrections"] if c.strip())
    ),
    templates=[
        Template("Correct the mistakes in this sentence: {{ sentence }}"),
        Template("{{ sentence }}\nHow would a native speaker put it?"),
        Template("A learner of English wrote: {{ sentence }} Write it in good English."),
        Template("Draft: {{ sentence }}\nCorrected:"),
        Template("Proofread. Fix spelling, grammar and word choice, and change nothing else. Text: {{ sentence }}"),
    ],
    lineage=["toefl11"],
    metrics=["rougeL", "bleu"],
    train="validation",
    evaluation="test",
    licence="CC BY-NC-SA 4.0",
    link="https://huggingface.co/datasets/jhu-clsp/jfleg",
)

# https://huggingface.co/datasets/facebook/asset (simplification) · licence: CC BY-NC 4.0
# {'original': 'This was absorbed into battalions being formed for XI International Brigade.',
#  'simplifications': ['It was made a part of the fighting forces that were organized for XI International Brigade.', ...]}
asset = Task(
    name="asset",
    cluster="editing",
    source=hub("facebook/asset", "simplification"),
    example=lambda row: Example({"sentence": row["original"].strip()}, tuple(s.strip() for s in row["simplifications"])),
    templates=[
        Template("Make this easier to read: {{ sentence }}"),
        Template("{{ sentence }}\nSay the same in simpler words."),
        Template("Rewrite the sentence for children or for people who are learning English. Sentence: {{ sentence }}"),
        Template("Original: {{ sentence }}\nSimple English:"),
        Template("Simplify, in more than one sentence if that helps, but leave out nothing important: {{ sentence }}"),
        Template("Write this in the more formal style of an encyclopedia: {{ answer }}", "{{ sentence }}", kind="inverted"),
    ],
    lineage=["turkcorpus"],
    metrics=["rougeL", "bleu"],
    train="validation",
    evaluation="test",
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/facebook/asset",
)

generation = Mixture(
    name="generation",
    parts=[aeslc, samsum, dialogsum, web_nlg, e2e_nlg, multi30k, wmt16_de_en, jfleg, asset],
    rate=proportional(cap=3000),
)
