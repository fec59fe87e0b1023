"""`flanjax documents`: a folder of texts into questions with answers, which a model writes and rules check.

recipe.py    how rows are made, as options
files.py     files into texts: which are read, in what encoding, and why others are not
passages.py  texts into passages; which documents are held out
checks.py    whether a question and its answer belong to their passage
making.py    questions and answers, passage by passage; wording.j2 has the prompts
command.py   `flanjax documents`
"""
