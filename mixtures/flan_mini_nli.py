"""Natural language inference: does the hypothesis follow from the premise? The cluster that our configs hold out.

Part of mixtures/flan_mini.py. Label orders differ between these sets (CB: 1 is contradiction; SNLI and SICK: 1 is neutral;
WNLI: 1 is entailment; RTE: 0 is), so each task spells its own out.
"""

from flanjax import Example, Mixture, Task, Template, hub, label, proportional


def _pair(premise, hypothesis, words, number):
    """An inference example with the word of its label; unlabelled rows (-1) are left out."""
    premise = premise.replace("``", '"').replace("''", '"')
    return Example({"premise": premise.strip(), "hypothesis": hypothesis.strip()}, label(words)(number), options=words)


# https://huggingface.co/datasets/aps/super_glue (rte) · licence: not stated
# {'premise': 'No Weapons of Mass Destruction Found in Iraq Yet.', 'hypothesis': 'Weapons of Mass Destruction Found in Iraq.',
#  'idx': 0, 'label': 1}   labels: entailment, not_entailment
rte = Task(
    name="rte",
    cluster="nli",
    source=hub("aps/super_glue", "rte"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], ("yes", "no"), row["label"]),
    templates=[
        Template("{{ premise }}\nCan one conclude from this that the following holds? {{ hypothesis }}"),
        Template('Is "{{ hypothesis }}" a safe conclusion from the report below, yes or no? Report: {{ premise }}'),
        Template("Premise: {{ premise }}\nHypothesis: {{ hypothesis }}\nDoes the hypothesis follow?"),
        Template(
            "Read claim and source, and say if the source backs the claim.\nClaim: {{ hypothesis }}\nSource: {{ premise }}"
        ),
        Template("Fact check.\n{{ options }}\nWhat the paper wrote: {{ premise }}\nWhat it should prove: {{ hypothesis }}"),
        Template("{{ options }}\nAnn: I read this: {{ premise }}\nBen: So is this true: {{ hypothesis }} Yes or no?\nAnn:"),
        Template(
            "Write a sentence that {{ 'follows' if answer == 'yes' else 'does not follow' }} from this text: {{ premise }}",
            "{{ hypothesis }}",
            kind="inverted",
        ),
    ],
    lineage=["pascal_rte"],
    evaluation="validation",
    long_fields=["premise"],
    licence="not stated",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# https://huggingface.co/datasets/aps/super_glue (cb) · licence: not stated
# {'premise': "``Clever''. Klug means ``clever''. Would you say that Abie was clever?", 'hypothesis': 'Abie was clever',
#  'idx': 20, 'label': 2}   labels: entailment, contradiction, neutral
cb = Task(
    name="cb",
    cluster="nli",
    source=hub("aps/super_glue", "cb"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], ("yes", "no", "maybe"), row["label"]),
    templates=[
        Template('Does the speaker of the text hold that "{{ hypothesis }}"? Answer yes, no or maybe. Text: {{ premise }}'),
        Template("{{ premise }}\nJudging by this, is it so that {{ hypothesis }}? Yes, no or maybe?"),
        Template("Text: {{ premise }}\nStatement: {{ hypothesis }}\nIs the statement true, going by the text?"),
        Template("Suppose that this was said: {{ premise }} Would it be right that {{ hypothesis }}?"),
        Template(
            "Weigh the statement against the passage.\n{{ options }}\nStatement: {{ hypothesis }}\nPassage: {{ premise }}"
        ),
        Template("{{ premise }} From these words we may take it that {{ hypothesis }}: yes, no, or maybe?"),
    ],
    lineage=["commitmentbank"],
    metrics=["accuracy", "macro_f1"],
    evaluation="validation",
    long_fields=["premise"],
    licence="not stated",
    link="https://huggingface.co/datasets/aps/super_glue",
)

# https://huggingface.co/datasets/stanfordnlp/snli · licence: CC BY-SA 4.0
# {'premise': 'A couch sits broken while a man sits a table behind them.', 'hypothesis': 'The bed is broken', 'label': 2}
# labels: entailment, neutral, contradiction. The premises are Flickr30k captions, as are Multi30k's sentences (1,209 shared).
# The validation rows serve for training, which leaves the test rows for evaluation: 10k rows are more than the cap.
snli = Task(
    name="snli",
    cluster="nli",
    source=hub("stanfordnlp/snli"),
    example=lambda row: _pair(row["premise"], row["hypothesis"], ("yes", "it is impossible to say", "no"), row["label"]),
    templates=[
        Template('A picture shows this: {{ premise }} Is it then true that "{{ hypothesis }}"?'),
        Template("Is the second sentence true if the first one is? First: {{ premise }} Second: {{ hypothesis }}"),
        Template("Given: {{ premise }}\nTo check: {{ hypothesis }}\nDoes it have to be so?"),
        Template(
            "Say whether the caption makes the guess true.\n{{ options }}\nGuess: {{ hypothesis }}\nCaption: {{ premise }}"
        ),
        Template("{{ premise }} Knowing only this, would you agree with: {{ hypothesis }}"),
        Template("Someone who saw a photo noted: {{ premise }} A friend says: {{ hypothesis }} Is the friend right?"),
        Template(
            "A photo shows this: {{ premise }} Write a sentence about the photo that is "
            "{{ {'yes': 'certainly true', 'no': 'certainly false'}.get(answer, 'perhaps true') }}.",
            "{{ hypothesis }}",
            kind="inverted",
        ),
    ],
    lineage=["snli", "flickr30k", "flickr8k"],
    train="validation",
    evaluation="test",
    licence="CC BY-SA 4.0",
    link="https://huggingface.co/datasets/stanfordnlp/snli",
)

# https://huggingface.co/datasets/RobZamp/sick · licence: CC BY-NC-SA 3.0
# {'id': '5', 'sentence_A': 'There is no biker jumping in the air', 'sentence_B': 'A lone biker is jumping in the air',
#  'label': 2, 'relatedness_score': 4.2}   labels: entailment, neutral, contradiction
sick = Task(
    name="sick",
    cluster="nli",
    source=hub("RobZamp/sick"),
    example=lambda row: _pair(row["sentence_A"], row["sentence_B"], ("entailment", "neutral", "contradiction"), row["label"]),
    templates=[
        Template("Is this entailment, neutral or contradiction? First: {{ premise }}. Second: {{ hypothesis }}."),
        Template('{{ options }}\nStarting from "{{ premise }}", the sentence "{{ hypothesis }}" is a case of'),
        Template("Label the pair.\n{{ options }}\nPremise: {{ premise }}.\nHypothesis: {{ hypothesis }}."),
        Template(
            "{{ options }}\nSentence one: {{ premise }}. Sentence two: {{ hypothesis }}. Relation of the second to the first:"
        ),
        Template(
            "Does the first sentence entail the second, contradict it, or leave it open? 1) {{ premise }}. 2) {{ hypothesis }}."
        ),
        Template(
            "Write a sentence that stands in the relation of {{ answer }} to this one: {{ premise }}.",
            "{{ hypothesis }}",
            kind="inverted",
        ),
    ],
    lineage=["flickr8k", "msr_video"],
    metrics=["accuracy", "macro_f1"],
    evaluation="test",
    licence="CC BY-NC-SA 3.0",
    link="https://huggingface.co/datasets/RobZamp/sick",
)

# https://huggingface.co/datasets/nyu-mll/glue (wnli) · licence: CC BY 4.0
# {'sentence1': "John couldn't see the stage with Billy in front of him because he is so short.",
#  'sentence2': 'John is so short.', 'label': 1, 'idx': 1}   labels: not_entailment, entailment
wnli = Task(
    name="wnli",
    cluster="nli",
    source=hub("nyu-mll/glue", "wnli"),
    example=lambda row: _pair(row["sentence1"], row["sentence2"], ("no", "yes"), row["label"]),
    templates=[
        Template("{{ premise }} Does this mean that the next sentence is true? {{ hypothesis }}"),
        Template('If the text is true, is "{{ hypothesis }}" true as well? Text: {{ premise }}'),
        Template("Text: {{ premise }}\nReading of it: {{ hypothesis }}\nIs the reading right, yes or no?"),
        Template(
            "Tell me if the second line says what the first one says.\n{{ options }}\nOne: {{ premise }}\nTwo: {{ hypothesis }}"
        ),
        Template("Someone tells you: {{ premise }} You understand: {{ hypothesis }} Did you understand correctly?"),
    ],
    lineage=["winograd_schemas"],
    evaluation="validation",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/nyu-mll/glue",
)

nli = Mixture(name="nli", parts=[rte, cb, snli, sick, wnli], rate=proportional(cap=3000))
