"""Instructions: rows that say themselves what to do, as people and language models wrote them.

Not part of FLAN. A row's instruction is the wording, so each set has only a few frames around it: plain, labelled, as a
message, and turned round. Rows without an answer are left out.

Six of the sets are files in repositories and not on the hub: lay them out in your mirror as alpaca_en_demo, gpteacher/<config>,
rasbt_instruction_data, self_instruct_seed and code_alpaca_2k, with the columns instruction, input and output.
Left out: IFEval, whose answers are judged by programs and of which there are none to learn from; the P3 part of
yizhongw/self_instruct, which is finished text of T0's prompts cut off at a length; Unnatural Instructions and LIMA (behind a
form), and alpaca-cleaned, which has Alpaca's rows again.
"""

import re

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

_METRICS = ["rougeL"]
_NOTHING = {"", "noinput", "<noinput>", "no input", "none", "n/a", "na", "nan", "<nooutput>", "nooutput"}


def _instructed(instruction, given, output):
    instruction, given, output = ((text or "").strip() for text in (instruction, given, output))
    if not instruction or output.lower() in _NOTHING or output == given:
        raise SkipRow("no instruction, no answer, or nothing done")
    instruction, given = (re.sub(r"\s*\b(?:Answer|Output):$", "", text) for text in (instruction, given.lstrip(": ")))
    return Example({"instruction": instruction, "given": "" if given.lower() in _NOTHING else given}, output)


def _alpaca(row):
    return _instructed(row["instruction"], row["input"], row["output"])


# https://huggingface.co/datasets/tatsu-lab/alpaca · licence: CC BY-NC 4.0
# {'instruction': 'Identify the given type of figure of speech.', 'input': '"The early bird catches the worm"',
#  'output': 'This phrase is an example of a proverb.', 'text': 'Below is an instruction ...'}
# Written by GPT-3.5; some answers are wrong.
alpaca = Task(
    name="alpaca",
    cluster="instructions",
    source=hub("tatsu-lab/alpaca"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Instruction: {{ instruction }}{% if given +%}\nInput: {{ given }}{% endif %}", cue="Response:"),
        Template(
            "You are an assistant who does as asked, completely and to the point.{% if given %} You are given this: "
            "{{ given }}\n{% else +%}\n{% endif %}The request: {{ instruction }}"
        ),
        Template(
            "An assistant wrote this: {{ answer }}\nWhich request was it answering{% if given %}, and about which "
            "input{% endif %}?",
            "{{ instruction }}{% if given %} Input: {{ given }}{% endif %}",
            kind="inverted",
            name="write_request",
        ),
    ],
    lineage=["alpaca"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="CC BY-NC 4.0",
    link="https://huggingface.co/datasets/tatsu-lab/alpaca",
)

# https://github.com/hiyouga/LLaMA-Factory, data/alpaca_en_demo.json · licence: Apache-2.0 (the repository's)
# {'instruction': 'What is the name of the fifth planet from the Sun?', 'input': '',
#  'output': 'The fifth planet from the Sun is Jupiter.'}
# A thousand of Alpaca's requests with longer answers.
alpaca_en_demo = Task(
    name="alpaca_en_demo",
    cluster="instructions",
    source=hub("alpaca_en_demo"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given %} {{ given }}{% endif %}"),
        Template("User: {{ instruction }}{% if given +%}\n{{ given }}{% endif %}", cue="Assistant:"),
        Template("{% if given %}{{ given }}\n{% endif %}Give a full and well ordered answer. {{ instruction }}"),
    ],
    lineage=["alpaca"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="Apache-2.0",
    link="https://github.com/hiyouga/LLaMA-Factory",
)


# https://huggingface.co/datasets/databricks/databricks-dolly-15k · licence: CC BY-SA 3.0
# {'instruction': 'When did Virgin Australia start operating?', 'context': "Virgin Australia, the trading name of Virgin ...",
#  'response': 'Virgin Australia commenced services on 31 August 2000 as Virgin Blue, ...', 'category': 'closed_qa'}
# Written by employees of Databricks. Contexts come from Wikipedia, some with reference marks such as [1], taken off here.
def _dolly(row):
    context = re.sub(r"\[\d+\]", "", row["context"] or "")
    return _instructed(row["instruction"], context, row["response"])


dolly = Task(
    name="dolly",
    cluster="instructions",
    source=hub("databricks/databricks-dolly-15k"),
    example=_dolly,
    templates=[
        Template("{{ instruction }}{% if given +%}\nReference text: {{ given }}{% endif %}"),
        Template("{{ given }}\nThe text above may help with this: {{ instruction }}", when="given"),
        Template(
            "A colleague asks you for a favor: {{ instruction }}{% if given %} They have pasted this from Wikipedia: "
            "{{ given }}{% endif %}",
            cue="You write back:",
        ),
        Template(
            "{% if given %}Text: {{ given }}\n{% endif %}Answer: {{ answer }}\nWhat had somebody asked for to get this answer?",
            "{{ instruction }}",
            kind="inverted",
            name="write_request",
        ),
    ],
    lineage=["dolly", "wikipedia"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="CC BY-SA 3.0",
    link="https://huggingface.co/datasets/databricks/databricks-dolly-15k",
)

# https://github.com/teknium1/GPTeacher · licence: MIT
# {'instruction': 'Write a C++ program that calculates the area of a rectangle, given its width and height.',
#  'input': 'width: 5, height: 8', 'output': '#include <iostream>\nusing namespace std;\n\nint main() { ...'}
# Written by GPT-4. T5's vocabulary cannot write its braces and line breaks.
gpteacher_codegen = Task(
    name="gpteacher_codegen",
    cluster="instructions",
    source=hub("gpteacher", "codegen"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Programming task: {{ instruction }}{% if given +%}\nUse with: {{ given }}{% endif %}", cue="Code:"),
        Template("Ticket for a developer. {{ instruction }}{% if given +%}\nAttached: {{ given }}{% endif %}"),
        Template(
            "What was the assignment that led to this piece of code?\n{{ answer }}",
            "{{ instruction }}",
            kind="inverted",
            name="guess_assignment",
            when="not given",
        ),
    ],
    lineage=["gpteacher"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="MIT",
    link="https://github.com/teknium1/GPTeacher",
)

# {'instruction': "Pretend you're a time traveler from the year 2075. What can you tell us about the significant ...",
#  'input': '', 'output': "I'm delighted to recount the technological advancements that have greatly impacted our world. ..."}
gpteacher_roleplay = Task(
    name="gpteacher_roleplay",
    cluster="instructions",
    source=hub("gpteacher", "roleplay"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Play the part that is asked for and stay in it. {{ instruction }}{% if given %} {{ given }}{% endif %}"),
        Template(
            "Stage direction: {{ instruction }}{% if given +%}\nMore about the scene: {{ given }}{% endif %}", cue="Lines:"
        ),
        Template(
            "{{ answer }}\nA character in a role-playing game said this. Write the instruction that the player had been given.",
            "{{ instruction }}{% if given %} {{ given }}{% endif %}",
            kind="inverted",
            name="write_role",
        ),
    ],
    lineage=["gpteacher"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="MIT",
    link="https://github.com/teknium1/GPTeacher",
)

# {'instruction': 'toolformer: enabled\ntoolformer access: news\nUse this when you want to get information about the top ...',
#  'input': '', 'output': "The current price of Bitcoin in USD is news('Bitcoin price USD')."}
# An answer may hold a call of the tool that the instruction describes.
gpteacher_toolformer = Task(
    name="gpteacher_toolformer",
    cluster="instructions",
    source=hub("gpteacher", "toolformer"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template(
            "Where a tool can find something out, put a call of the tool into your answer.\n{{ instruction }}{% if given +%}\n"
            "Input: {{ given }}{% endif %}"
        ),
        Template("Settings and request: {{ instruction }}{% if given +%}\nData: {{ given }}{% endif %}", cue="Output:"),
    ],
    lineage=["gpteacher"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="MIT",
    link="https://github.com/teknium1/GPTeacher",
)

# https://github.com/sahil280114/codealpaca, data/code_alpaca_2k.json · licence: CC BY-NC 4.0
# {'instruction': 'Create a function that takes a string and returns the number of vowels.', 'input': '', 'output': 'def ...'}
# All 20,000 rows are on the hub as sahil2801/CodeAlpaca-20k, with the same columns.
code_alpaca_2k = Task(
    name="code_alpaca_2k",
    cluster="instructions",
    source=hub("code_alpaca_2k"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Question about programming: {{ instruction }}{% if given +%}\nIt concerns this: {{ given }}{% endif %}"),
        Template("{% if given %}{{ given }}\n{% endif %}Your job as a pair programmer: {{ instruction }}", cue="Solution:"),
        Template(
            "A model solution is all that is left of an exercise. Write the exercise again.\n{{ answer }}",
            "{{ instruction }}",
            kind="inverted",
            name="write_exercise",
            when="not given",
        ),
    ],
    lineage=["code_alpaca"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="CC BY-NC 4.0",
    link="https://github.com/sahil280114/codealpaca",
)

# https://github.com/rasbt/LLMs-from-scratch, ch07/01_main-chapter-code/instruction-data.json · licence: Apache-2.0
# {'instruction': 'Rewrite the sentence using a simile.', 'input': 'She is very fast.',
#  'output': 'She is as fast as a cheetah.'}
rasbt_instructions = Task(
    name="rasbt_instructions",
    cluster="instructions",
    source=hub("rasbt_instruction_data"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("{% if given %}{{ given }}\n{% endif %}{{ instruction }} (Keep it short.)"),
        Template("Exercise: {{ instruction }}{% if given +%}\nMaterial: {{ given }}{% endif %}", cue="Answer:"),
        Template(
            'Write the exercise that leads {% if given %}from "{{ given }}" {% endif %}to this answer: {{ answer }}',
            "{{ instruction }}",
            kind="inverted",
            name="give_task",
        ),
    ],
    lineage=["rasbt_instructions"],
    metrics=_METRICS,
    train="train[:90%]",
    evaluation="train[90%:]",
    licence="Apache-2.0",
    link="https://github.com/rasbt/LLMs-from-scratch",
)

# https://github.com/yizhongw/self-instruct, data/seed_tasks.jsonl · licence: Apache-2.0
# {'id': 'seed_task_58', 'name': 'measurement_conversion', 'instruction': 'Convert the following measurement.',
#  'input': '3 ft = _____ in.', 'output': '3 ft = 36 in.', 'is_classification': False}
# The 175 tasks, written by people, that Self-Instruct and Alpaca started from.
self_instruct_seed = Task(
    name="self_instruct_seed",
    cluster="instructions",
    source=hub("self_instruct_seed"),
    example=_alpaca,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Task: {{ instruction }}{% if given +%}\nApply it to this: {{ given }}{% endif %}", cue="Result:"),
        Template("{% if given %}I have the following: {{ given }}\n{% endif %}This is what I need: {{ instruction }}"),
    ],
    lineage=["self_instruct"],
    metrics=_METRICS,
    long_fields=["given", "answer"],
    licence="Apache-2.0",
    link="https://github.com/yizhongw/self-instruct",
)


# https://huggingface.co/datasets/yizhongw/self_instruct (human_eval) · licence: Apache-2.0
# {'id': 'user_oriented_task_84', 'motivation_app': 'tripadvisor.com', 'instruction': 'Please let me know your thoughts on ...',
#  'instances': {'input': ['Barcelona, Spain'], 'output': ['There's nowhere in the world like Barcelona. ...']}}
# For evaluation only. Its one split is called train.
def _self_instruct(row):
    instances = row["instances"]
    return _instructed(row["instruction"], instances["input"][0], instances["output"][0])


self_instruct_human_eval = Task(
    name="self_instruct_human_eval",
    cluster="instructions",
    source=hub("yizhongw/self_instruct", "human_eval", revision="refs/convert/parquet"),
    example=_self_instruct,
    templates=[
        Template("{{ instruction }}{% if given +%}\n{{ given }}{% endif %}"),
        Template("Request: {{ instruction }}{% if given +%}\nContent: {{ given }}{% endif %}", cue="Reply:"),
        Template(
            "A user of an app needs help. {% if given %}The app shows this: {{ given }}\n{% endif %}The user says: "
            "{{ instruction }}"
        ),
    ],
    lineage=["self_instruct"],
    metrics=_METRICS,
    train=None,
    evaluation="train",
    long_fields=["given"],
    licence="Apache-2.0",
    link="https://huggingface.co/datasets/yizhongw/self_instruct",
)

instructions = Mixture(
    name="instructions",
    parts=[
        alpaca,
        alpaca_en_demo,
        dolly,
        gpteacher_codegen,
        gpteacher_roleplay,
        gpteacher_toolformer,
        code_alpaca_2k,
        rasbt_instructions,
        self_instruct_seed,
        self_instruct_human_eval,
    ],
    rate=proportional(cap=3000),
)
