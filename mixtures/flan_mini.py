"""flan_mini: a small FLAN. 46 tasks over public data in 15 clusters, a tenth of it with reasoning written out.

The recipe of FLAN (Wei et al. 2022) and of the Flan collection (Longpre et al. 2023) on data that one can read in an
afternoon: examples-proportional mixing with a cap of 3,000 rows a task, zero- and few-shot prompts, options shown and not
shown, some tasks turned round. All wordings are ours. The tasks are in the files beside this one:

    flan_mini_classification.py   sentiment, topic, paraphrase, linguistic_acceptability, word_sense, coreference
    flan_mini_nli.py              nli, the cluster to hold out
    flan_mini_qa.py               reading_comprehension, commonsense, closed_book_qa
    flan_mini_generation.py       summarization, structure_to_text, translation, editing
    flan_mini_cot.py              chain of thought: math, commonsense, closed_book_qa

`flan_mini.py:direct` leaves the last file out; it needs nothing that is not on the Hugging Face hub.

Holding out nli removes its five tasks; paraphrase (mrpc, stsb, paws_x_en), as FLAN does, because telling a paraphrase is
entailment both ways; wsc, because WNLI is made from the same Winograd schemas; and multi30k, because its sentences are the
Flickr30k captions that SNLI's premises are.
"""

from flanjax import Mixture, Part, StyleShares, load, proportional

classification = load("flan_mini_classification.py:classification", relative_to=__file__)
nli = load("flan_mini_nli.py:nli", relative_to=__file__)
questions = load("flan_mini_qa.py:questions", relative_to=__file__)
generation = load("flan_mini_generation.py:generation", relative_to=__file__)
chain_of_thought = load("flan_mini_cot.py:chain_of_thought", relative_to=__file__)

direct = Mixture(
    name="direct",
    parts=[classification, nli, questions, generation],
    rate=proportional(cap=3000),
    styles=StyleShares(few_shot=0.4, max_shots=5, options=0.75, chain_of_thought=0.0, inverted=0.1),
    exclusions={"nli": ["paraphrase"], "paraphrase": ["nli"]},
)

flan_mini = Mixture(name="flan_mini", parts=[Part(direct, 0.9), Part(chain_of_thought, 0.1)])
