"""Program synthesis: code from descriptions, descriptions from code, and code mended, judged and translated.

FLAN 2022's tables name ten program synthesis tasks (from CodeContests, APPS and Dr Repair), but its released code has none of
them. APPS is on the hub as a script only, Dr Repair not at all; neither is data. The sets here are those of CodeXGLUE that
are Parquet today, MBPP, CoNaLa, HumanEval for evaluation, and SQL.

T5's vocabulary has no braces, no "<", ">", "~", "^", no backslash and no line break: with it, Java and C come out without
their blocks and Python without its indentation. Train this cluster with a tokenizer that can write code.
"""

import re
import textwrap

from flanjax import Example, Mixture, SkipRow, Task, Template, hub, proportional

_CODE = ["bleu", "exact_match"]


def _python(code):
    """The code with unix line breaks and four spaces for a tab."""
    return code.replace("\r\n", "\n").replace("\t", "    ").strip("\n").rstrip()


# --- Python ------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/google-research-datasets/mbpp (full) · licence: CC BY 4.0
# {'task_id': 601, 'text': 'Write a function to find the longest chain which can be formed from the given set of pairs.',
#  'code': 'class Pair(object): ...', 'test_list': ['assert max_chain_length([Pair(5, 24), Pair(15, 25), ...], 4) == 3', ...],
#  'test_setup_code': '', 'challenge_test_list': []}
def _mbpp(row):
    tests = [" ".join(test.split()) for test in row["test_list"]]
    fields = {"description": " ".join(row["text"].split()), "test": tests[0], "tests": "\n".join(tests)}
    return Example(fields, _python(row["code"]))


mbpp = Task(
    name="mbpp",
    cluster="program_synthesis",
    source=hub("google-research-datasets/mbpp", "full"),
    example=_mbpp,
    templates=[
        Template("{{ description }} It must pass this test: {{ test }}"),
        Template("Solve this in Python and check your solution against the tests. {{ description }}\n{{ tests }}"),
        Template("Python exercise for beginners: {{ description }}\nFor example, {{ test }}"),
        Template("Tests:\n{{ tests }}\nImplement what they test. In words: {{ description }}"),
        Template("# {{ description }}\n# {{ test }}"),
        Template(
            "A test suite fails because a function is missing. Supply it.\nThe specification: {{ description }}\n"
            "The first test: {{ test }}"
        ),
        Template("Complete the Python module. Its docstring: {{ description }} Its check: {{ test }}", cue="Code:"),
        Template(
            "Interviewer: {{ description }}\nCandidate: What should the function be called, and how will you call it?\n"
            "Interviewer: Like this: {{ test }}"
        ),
        Template("{{ description }} Name and arguments can be seen from this call in Python: {{ test }}"),
        Template(
            'Describe in one sentence of the form "Write a function to ..." the job that this Python code does.\n{{ answer }}',
            "{{ description }}",
            kind="inverted",
            name="describe",
        ),
        Template(
            "Write a few assert statements for the following code.\n{{ answer }}",
            "{{ tests }}",
            kind="inverted",
            name="write_tests",
        ),
        Template(
            "A programming course needs one more exercise, with its tests, to which this is the model solution:\n{{ answer }}",
            "{{ description }} Tests: {{ tests }}",
            kind="inverted",
            name="write_exercise",
        ),
    ],
    lineage=["mbpp"],
    metrics=_CODE,
    evaluation="test",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/google-research-datasets/mbpp",
)


# https://huggingface.co/datasets/openai/openai_humaneval · licence: MIT
# {'task_id': 'HumanEval/0', 'prompt': 'from typing import List\n\n\ndef has_close_elements(numbers: List[float], ...',
#  'canonical_solution': '    for idx, elem in enumerate(numbers): ...', 'test': '...', 'entry_point': 'has_close_elements'}
# For evaluation only. Its own measure runs the tests; overlap with the one solution given says little.
def _humaneval(row):
    fields = {"start": _python(row["prompt"]), "name": row["entry_point"]}
    return Example(fields, _python(row["canonical_solution"]))


humaneval = Task(
    name="humaneval",
    cluster="program_synthesis",
    source=hub("openai/openai_humaneval"),
    example=_humaneval,
    templates=[
        Template("{{ start }}"),
        Template("Complete this Python function. Write its body, indented by four spaces.\n{{ start }}"),
        Template("The body of {{ name }} is still missing.\n{{ start }}", cue="Body:"),
        Template("Implement the function as its docstring says.\n{{ start }}"),
        Template("Continue the file after the docstring, so that {{ name }} works.\n{{ start }}"),
        Template("Signature and documentation of a function are given.\n{{ start }}\nWhich lines of code have to come next?"),
        Template("A unit test calls {{ name }} with the examples in its docstring and with others. Make it pass.\n{{ start }}"),
        Template("You review a pull request and find a stub. Fill it in.\n{{ start }}"),
        Template("Programming contest, easy problem. Begin with these lines and finish the function.\n{{ start }}"),
        Template("Code completion. Only the rest of {{ name }} is wanted.\n{{ start }}"),
    ],
    lineage=["humaneval"],
    metrics=["bleu"],
    train=None,
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/openai/openai_humaneval",
)


# https://huggingface.co/datasets/neulab/conala (curated) · licence: MIT
# {'question_id': 41067960, 'intent': 'How to convert a list of multiple integers into a single integer?',
#  'rewritten_intent': "Concatenate elements of a list 'x' of multiple integers to a single integer",
#  'snippet': 'sum(d * 10 ** i for i, d in enumerate(x[::-1]))'}
# From Stack Overflow. Where nobody has rewritten the intent, it is null.
def _conala(row):
    title = " ".join(row["intent"].split())
    task = " ".join((row["rewritten_intent"] or row["intent"]).split())
    return Example({"title": title, "task": task}, _python(row["snippet"]))


conala = Task(
    name="conala",
    cluster="program_synthesis",
    source=hub("neulab/conala", "curated", revision="refs/convert/parquet"),
    example=_conala,
    templates=[
        Template("One line of Python, please: {{ task }}"),
        Template("{{ task }}\nWhich Python expression or statement does this?"),
        Template("How do I do this in Python? {{ task }}"),
        Template(
            "Stack Overflow question: {{ title }}\nDetails: {{ task }}\nGive the snippet from the accepted answer.",
            when="task != title",
        ),
        Template("Python, shortest way that is still easy to read: {{ task }}"),
        Template("# {{ task }}\n# In Python this is done as follows.", cue="Snippet:"),
        Template("Translate into Python code.\nEnglish: {{ task }}", cue="Python:"),
        Template("Snippet wanted for a cheat sheet on Python. Entry: {{ task }}"),
        Template("A colleague leans over and asks for the idiom for the following. What do you type? {{ task }}"),
        Template(
            "Comment this line of Python. Use the names of its variables.\n{{ answer }}",
            "{{ task }}",
            kind="inverted",
            name="comment",
        ),
        Template(
            "{{ answer }}\nSomebody gave this Python code as the answer to a question on a help site. What had been the "
            "title of the question?",
            "{{ title }}",
            kind="inverted",
            name="ask",
        ),
    ],
    lineage=["conala", "stack_overflow"],
    metrics=_CODE,
    evaluation="test",
    licence="MIT",
    link="https://huggingface.co/datasets/neulab/conala",
)


# https://huggingface.co/datasets/google/code_x_glue_ct_code_to_text (python) · licence: C-UDA
# {'id': 0, 'repo': 'ageitgey/face_recognition', 'path': 'examples/face_recognition_knn.py', 'func_name': 'train',
#  'original_string': 'def train(...', 'language': 'python', 'code': 'def train(train_dir, ...', 'code_tokens': [...],
#  'docstring': 'Trains a k-nearest neighbors classifier for face recognition.\n\n    :param train_dir: ...',
#  'docstring_tokens': ['Trains', 'a', ...], 'sha': '...', 'url': '...'}
# The code still holds its docstring, which is taken out; the answer is the docstring's first paragraph.
def _code_to_text(row):
    summary = " ".join(re.split(r"\n\s*\n|\n\s*:\w", row["docstring"].strip(), maxsplit=1)[0].split())
    code = re.sub(r'[ \t]*[rRuU]?("""|\'\'\').*?\1[ \t]*\n?', "", _python(row["code"]), count=1, flags=re.DOTALL)
    if len(summary.split()) < 3 or not summary.isascii() or summary in code or "\n" not in code:
        raise SkipRow("the docstring says too little, is not English, or is still in the code")
    return Example(
        {"code": code, "name": row["func_name"].rpartition(".")[2]}, summary if summary[-1] in ".!?:" else f"{summary}."
    )


code_to_text = Task(
    name="code_to_text",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_ct_code_to_text", "python"),
    example=_code_to_text,
    templates=[
        Template("What does this function do?\n{{ code }}"),
        Template("Write the first paragraph of a docstring for this Python function.\n{{ code }}", cue="Docstring:"),
        Template("{{ code }}\nSum up the purpose of the code above in a sentence or two."),
        Template("The reference manual has an entry for every function. Write the one for {{ name }}().\n{{ code }}"),
        Template("Explain {{ name }}() to a new member of the team, briefly.\n{{ code }}"),
        Template("Linter: missing docstring in {{ name }}(). Supply it.\n{{ code }}"),
        Template("Read the code and say what a caller can expect from it.\n{{ code }}"),
        Template("Python in, English out.\n{{ code }}", cue="English:"),
        Template("Code review. I do not see at once what {{ name }}() is for. Could you tell me?\n{{ code }}"),
        Template(
            "Write a Python function {{ name }}() with this docstring: {{ answer }}",
            "{{ code }}",
            kind="inverted",
            name="write_function",
        ),
        Template(
            "An open-source project lists under its planned functions the following one. Program it. {{ name }}(): "
            "{{ answer }}",
            "{{ code }}",
            kind="inverted",
            name="planned_function",
        ),
    ],
    lineage=["code_search_net"],
    metrics=["rougeL", "bleu"],
    evaluation="validation",
    long_fields=["code"],
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_ct_code_to_text",
)


# --- Java, C and C# ----------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/google/code_x_glue_tc_text_to_code · licence: C-UDA
# {'id': 0, 'nl': 'check if details are parsed . concode_field_sep Container parent concode_elem_sep boolean isParsed ...',
#  'code': 'boolean function ( ) { return isParsed ; }'}
# CONCODE: a method of a Java class, whose other fields and methods come after the description.
def _text_to_code(row):
    description, *members = re.split(r"concode_(?:field|elem|func)_sep", row["nl"])
    members = [" ".join(member.split()) for member in members]
    members = [member for member in members if member and member != "PlaceHolder placeHolder"]
    description = re.sub(r" ([,.;:!?])", r"\1", " ".join(description.split()))
    description = description[:1].upper() + description[1:]
    return Example({"description": description, "members": "; ".join(members)}, " ".join(row["code"].split()))


text_to_code = Task(
    name="text_to_code",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_tc_text_to_code"),
    example=_text_to_code,
    templates=[
        Template("Write a Java method named function for this description: {{ description }}"),
        Template("Class members: {{ members }}\nAdd a method that does the following. {{ description }}", when="members"),
        Template(
            "Implement the following as a member of a Java class{% if members %} that already has {{ members }}{% endif %}.\n"
            "{{ description }}"
        ),
        Template("Javadoc: {{ description }}\nContext: {{ members }}", when="members", cue="Method:"),
        Template(
            "Generate Java code.\nTask: {{ description }}{% if members +%}\nAvailable: {{ members }}{% endif %}", cue="Java:"
        ),
        Template(
            "A class is almost finished, with these fields and methods: {{ members }} What is missing is described as "
            "follows: {{ description }} Write what is missing.",
            when="members",
        ),
        Template("/** {{ description }} */"),
        Template("How would a Java programmer code this in a single method? {{ description }}"),
        Template(
            "You may use the names {{ members }} and nothing else from the class. The method should do this: {{ description }}",
            when="members",
        ),
        Template(
            "Document this Java method in a sentence.\n{{ answer }}",
            "{{ description }}",
            kind="inverted",
            name="document",
        ),
    ],
    lineage=["concode"],
    metrics=_CODE,
    evaluation="validation",
    long_fields=["members"],
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_tc_text_to_code",
)

# https://huggingface.co/datasets/google/code_x_glue_cc_code_refinement (small) · licence: C-UDA
# {'id': 0, 'buggy': 'public java.lang.String METHOD_1 ( ) { return new TYPE_1 ( STRING_1 ) . format ( VAR_1 [ ( ( VAR_1 . ...',
#  'fixed': 'public java.lang.String METHOD_1 ( ) { return new TYPE_1 ( STRING_1 ) . format ( VAR_1 [ ( ( type ) - 1 ) ] ) ; }'}
# Names and literals are replaced by METHOD_1, VAR_1, STRING_1 and so on.
code_refinement = Task(
    name="code_refinement",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_cc_code_refinement", "small"),
    example=lambda row: Example({"buggy": " ".join(row["buggy"].split())}, " ".join(row["fixed"].split())),
    templates=[
        Template("Fix the bug in this Java method.\n{{ buggy }}"),
        Template("{{ buggy }}\nThis version was replaced in a commit that fixed a bug. What did the new version look like?"),
        Template("Before the fix: {{ buggy }}", cue="After the fix:"),
        Template("The test for this method fails. Give the method as it should be; the names are abbreviated.\n{{ buggy }}"),
        Template("Somewhere in these lines something is wrong, missing or superfluous. Write them correctly.\n{{ buggy }}"),
        Template("Bug report: the code below does not behave as it should. Send a patched copy of it.\n{{ buggy }}"),
        Template(
            "Java, with METHOD_1, VAR_1 and the like for names: repair it with as small a change as you can.\n{{ buggy }}"
        ),
        Template("What would you change in this method before merging it? Return the changed method.\n{{ buggy }}"),
        Template("A static checker has flagged this method. Return it without the flaw.\n{{ buggy }}"),
        Template(
            "To test a bug finder, put a realistic bug into this Java method.\n{{ answer }}",
            "{{ buggy }}",
            kind="inverted",
            name="add_bug",
        ),
    ],
    lineage=["bugs2fix"],
    metrics=_CODE,
    evaluation="validation",
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_cc_code_refinement",
)

# https://huggingface.co/datasets/google/code_x_glue_cc_defect_detection · licence: C-UDA
# {'id': 0, 'func': 'static av_cold int vdadec_init(AVCodecContext *avctx)\n\n{ ...', 'target': False, 'project': 'FFmpeg',
#  'commit_id': '973b1a6b9070e2bf17d17568cbaf4043ce931f51'}
_UNSAFE = {"vulnerable": "yes", "not vulnerable": "no"}


def _defect_detection(row):
    code = "\n".join(line.rstrip() for line in _python(row["func"]).splitlines() if line.strip())
    options = ("not vulnerable", "vulnerable")
    return Example({"code": code, "project": row["project"]}, options[bool(row["target"])], options)


defect_detection = Task(
    name="defect_detection",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_cc_defect_detection"),
    example=_defect_detection,
    templates=[
        Template(
            "Is there a security problem in this C function? Answer yes or no.\n{{ code }}", words=_UNSAFE, options="never"
        ),
        Template("Function from {{ project }}:\n{{ code }}\nClassify it as vulnerable or not vulnerable.", options="never"),
        Template(
            "Audit of {{ project }}. The following lines were either changed later to close a hole, or left as they are. "
            "Which?\n{{ code }}",
            words={"vulnerable": "changed", "not vulnerable": "left as they are"},
        ),
        Template(
            "Could this code be open to attacks, for example through overflows, leaks or missing checks?\n{{ code }}",
            words=_UNSAFE,
        ),
        Template("Static analysis of C code. Choose the verdict.\n{{ options }}\n{{ code }}", options="always", cue="Verdict:"),
        Template(
            "Would you let this pass a security review or send it back?\n{{ code }}",
            words={"vulnerable": "send it back", "not vulnerable": "let it pass"},
            options="never",
        ),
        Template(
            "Mark with 1 a function that has a defect and with 0 one that has none.\n{{ code }}",
            words={"vulnerable": "1", "not vulnerable": "0"},
            options="never",
            cue="Mark:",
        ),
        Template("{{ code }}\nSafe or unsafe?", words={"vulnerable": "unsafe", "not vulnerable": "safe"}, options="never"),
        Template(
            "A commit to {{ project }} touched this function. Do you think it was touched to repair a vulnerability in it?\n"
            "{{ code }}",
            words=_UNSAFE,
        ),
        Template(
            "Look for unchecked lengths, use after free and the like, then call the code defective or sound.\n{{ code }}",
            words={"vulnerable": "defective", "not vulnerable": "sound"},
            options="never",
        ),
    ],
    lineage=["devign"],
    evaluation="validation",
    long_fields=["code"],
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_cc_defect_detection",
)


# https://huggingface.co/datasets/google/code_x_glue_cc_code_to_code_trans · licence: C-UDA
# {'id': 0, 'java': 'public ListSpeechSynthesisTasksResult listSpeechSynthesisTasks(ListSpeechSynthesisTasksRequest ...',
#  'cs': 'public virtual ListSpeechSynthesisTasksResponse ListSpeechSynthesisTasks(ListSpeechSynthesisTasksRequest ...'}
code_translation = Task(
    name="code_translation",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_cc_code_to_code_trans"),
    example=lambda row: Example({"java": " ".join(row["java"].split())}, " ".join(row["cs"].split())),
    templates=[
        Template("Translate this Java method into C#.\n{{ java }}"),
        Template("{{ java }}\nThat was Java. What is it in C#?"),
        Template("Java: {{ java }}", cue="C#:"),
        Template(
            "A library is ported from Java to .NET. Port the following method, and follow C#'s naming conventions.\n{{ java }}"
        ),
        Template("How does one write this in C#?\n{{ java }}"),
        Template("You know both languages. Rewrite for a C# project, from Java: {{ java }}"),
        Template("The Java edition of a program has this method. Write its counterpart in the C# edition.\n{{ java }}"),
        Template("Translate this C# method into Java.\n{{ answer }}", "{{ java }}", kind="inverted", name="to_java"),
        Template("C#: {{ answer }}", "{{ java }}", kind="inverted", name="to_java_form", cue="Java:"),
        Template(
            "Move this method from a .NET library to its Java sister, with a lower-case letter at the beginning of method "
            "names.\n{{ answer }}",
            "{{ java }}",
            kind="inverted",
            name="port_to_java",
        ),
    ],
    lineage=["codetrans"],
    metrics=_CODE,
    evaluation="validation",
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_cc_code_to_code_trans",
)

# https://huggingface.co/datasets/google/code_x_glue_cc_clone_detection_big_clone_bench · licence: C-UDA
# {'id': 0, 'id1': 13653451, 'id2': 21955002, 'func1': '    protected void downgradeHistory(Collection<String> ...',
#  'func2': '    private StringBuffer encoder(String arg) { ...', 'label': True}
_SAME = {"yes": "the same", "no": "different"}

clone_detection = Task(
    name="clone_detection",
    cluster="program_synthesis",
    source=hub("google/code_x_glue_cc_clone_detection_big_clone_bench"),
    example=lambda row: Example(
        {"first": textwrap.dedent(_python(row["func1"])), "second": textwrap.dedent(_python(row["func2"]))},
        ("no", "yes")[bool(row["label"])],
        ("no", "yes"),
    ),
    templates=[
        Template("Do these two Java methods do the same job?\nFirst:\n{{ first }}\nSecond:\n{{ second }}"),
        Template("Method A:\n{{ first }}\nMethod B:\n{{ second }}\nIs B a clone of A, in what it does if not in its words?"),
        Template(
            "Is what these two methods compute the same or different?\n{{ first }}\nThe other one:\n{{ second }}",
            words=_SAME,
            options="never",
        ),
        Template(
            "We want to remove duplicates from our code base. Could one of these replace the "
            "other?\n1.\n{{ first }}\n2.\n{{ second }}"
        ),
        Template(
            "Clone detection.\n{{ options }}\nLeft:\n{{ first }}\nRight:\n{{ second }}",
            words={"yes": "clones", "no": "not clones"},
            options="always",
            cue="Result:",
        ),
        Template(
            "Two students handed in these methods. Have they solved the same problem, or two different problems?\n"
            "Student 1:\n{{ first }}\nStudent 2:\n{{ second }}",
            words={"yes": "the same problem", "no": "two different problems"},
            options="never",
        ),
        Template(
            "Compare the functionality, not the style. Functionally equivalent? Answer yes or "
            "no.\n{{ first }}\nand\n{{ second }}",
            options="never",
        ),
        Template(
            "Pair of methods from open-source Java projects. True if they serve one purpose, false if not.\n{{ first }}\n"
            "Its partner in the pair:\n{{ second }}",
            words={"yes": "true", "no": "false"},
            options="never",
        ),
        Template(
            "Would a search for code like the first of these be right to return the "
            "second?\nQuery:\n{{ first }}\nHit:\n{{ second }}"
        ),
        Template(
            "Judge how these relate and say equivalent or unrelated.\nCode 1:\n{{ first }}\nCode 2:\n{{ second }}",
            words={"yes": "equivalent", "no": "unrelated"},
            options="never",
        ),
    ],
    lineage=["big_clone_bench"],
    metrics=["accuracy", "macro_f1"],
    train="train[:100000]",
    evaluation="validation[:10000]",
    long_fields=["first", "second"],
    licence="C-UDA",
    link="https://huggingface.co/datasets/google/code_x_glue_cc_clone_detection_big_clone_bench",
)

# --- SQL ---------------------------------------------------------------------------------------------------------------
# https://huggingface.co/datasets/b-mc2/sql-create-context · licence: CC BY 4.0
# {'question': 'How many heads of the departments are older than 56 ?', 'context': 'CREATE TABLE head (age INTEGER)',
#  'answer': 'SELECT COUNT(*) FROM head WHERE age > 56'}
# Questions and queries of WikiSQL and Spider, with the tables that they need.
sql_create_context = Task(
    name="sql_create_context",
    cluster="program_synthesis",
    source=hub("b-mc2/sql-create-context"),
    example=lambda row: Example(
        {
            "question": re.sub(r" ([?.!,])", r"\1", " ".join(row["question"].split())),
            "tables": " ".join(row["context"].split()),
        },
        " ".join(row["answer"].split()),
    ),
    templates=[
        Template("{{ tables }}\nWrite an SQL query that answers this: {{ question }}"),
        Template("Question: {{ question }}\nDatabase: {{ tables }}", cue="SQL:"),
        Template(
            "Given the following tables, translate the question into SQL.\nTables: {{ tables }}\nQuestion: {{ question }}"
        ),
        Template("{{ question }} Look it up with a query.\nSchema: {{ tables }}"),
        Template(
            "A manager who knows no SQL would like to know something. Which query do you run?\nThe database was made like "
            "this: {{ tables }}\nThe manager's question: {{ question }}"
        ),
        Template("Fill in the query of this report. Its source: {{ tables }} Its heading: {{ question }}"),
        Template("Database exam. The schema is {{ tables }} Formulate in SQL: {{ question }}"),
        Template(
            "What would you type at the database prompt to find this out?\nTo find out: {{ question }}\nYou have: {{ tables }}"
        ),
        Template(
            "{{ tables }}\nWhich question, in plain English, does this query answer? {{ answer }}",
            "{{ question }}",
            kind="inverted",
            name="explain_query",
        ),
        Template(
            "Reconstruct the CREATE TABLE statements for the tables and columns that are used here.\nQuestion: "
            "{{ question }}\nQuery: {{ answer }}",
            "{{ tables }}",
            kind="inverted",
            name="write_schema",
        ),
    ],
    lineage=["wikisql", "spider"],
    metrics=["exact_match", "bleu"],
    train="train[:98%]",
    evaluation="train[98%:]",
    licence="CC BY 4.0",
    link="https://huggingface.co/datasets/b-mc2/sql-create-context",
)

program_synthesis = Mixture(
    name="program_synthesis",
    parts=[
        mbpp,
        conala,
        code_to_text,
        text_to_code,
        code_refinement,
        defect_detection,
        code_translation,
        clone_detection,
        sql_create_context,
        humaneval,
    ],
    rate=proportional(cap=3000),
)
