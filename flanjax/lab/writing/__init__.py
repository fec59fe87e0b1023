"""Models that are asked for texts: what `judge`, `self-instruct` and `documents` share.

ask.py       a prompt with the settings of its text, and the reply
endpoint.py  an OpenAI-compatible address
deadline.py  a request that ends in time, however slowly bytes trickle in
own.py       a model that is loaded here
options.py   the one that a command's options name
wording.py   prompts as Jinja templates in files
lists.py     numbered lists in replies
likeness.py  how like two texts are, and the nearest of many
replies.py   the replies as a file: what was asked before is not asked again
progress.py  a line on the terminal
rows.py      rows kept and rows dropped, as files
page.py      how the rows grew, why others were dropped, and a page to read them
"""
