"""The files of a Hugging Face tokenizer, checked before the compiled `tokenizers` library sees them.

The library does not always raise an exception for an unexpected file: it may end the process, or try to allocate all memory.
Errors here name the file and its key.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import tokenizers
from etils import epath

TOKENIZER, CONFIG, CHAT = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
_SPARE_IDS = 1024  # ids that a vocabulary may leave out


class UnreadableTokenizer(ValueError):
    """A file is not a valid tokenizer; the message names the file and the wrong key."""


class Named(NamedTuple):
    """The contents of tokenizer_config.json that are used here.

    Attributes:
      tokens: bos_token, eos_token and so on, as text.
      chat_template: Jinja2 text; "" if there is none.
    """

    tokens: dict[str, str]
    chat_template: str


def read_backend(path: epath.Path) -> tokenizers.Tokenizer:
    """Returns the tokenizer in a tokenizer.json. Raises UnreadableTokenizer naming the file and the key if it is malformed."""
    record = check_backend(path)
    record["padding"] = record["truncation"] = None  # the library would allocate memory for them at once
    with no_panic(str(path)):
        try:
            return tokenizers.Tokenizer.from_str(json.dumps(record))
        except Exception as error:
            raise UnreadableTokenizer(f"{path} is no tokenizer that the tokenizers library reads: {error}") from error


@contextlib.contextmanager
def no_panic(what: str) -> Iterator[None]:
    """Turns a panic of the tokenizers library, which no `except Exception` catches, into an UnreadableTokenizer."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise UnreadableTokenizer(f"{what} is no tokenizer that the tokenizers library reads: {error}") from error


def check_backend(path: epath.Path) -> dict[str, Any]:
    """Returns the parsed tokenizer.json. Raises UnreadableTokenizer if an id is out of range or a part has the wrong type."""
    record = _read_object(path)
    model, added = record.get("model"), record.get("added_tokens") or []
    if not isinstance(model, dict):
        raise UnreadableTokenizer(f"{path}: model is {_short(model)}, expected an object with a vocab")
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise UnreadableTokenizer(f"{path}: added_tokens is {_short(added)}, expected a list of objects")
    vocabulary = model.get("vocab")
    if not isinstance(vocabulary, dict | list) or not vocabulary:
        raise UnreadableTokenizer(
            f"{path}: model.vocab is {_short(vocabulary)}, expected an object of ids or a list of pieces, not empty"
        )
    ids = [("model.vocab", token, number) for token, number in vocabulary.items()] if isinstance(vocabulary, dict) else []
    ids += [("added_tokens", str(token.get("content")), token.get("id")) for token in added]
    limit = 2 * (len(vocabulary) + len(added)) + _SPARE_IDS
    for key, token, number in ids:
        if type(number) is not int or not 0 <= number < limit:
            raise UnreadableTokenizer(
                f"{path}: {key} gives {_short(token)} the id {_short(number)}, expected a whole number from 0 to {limit - 1:,} "
                f"in a vocabulary of {len(vocabulary) + len(added):,} tokens"
            )
    return record


def read_named(directory: epath.Path) -> Named:
    """Returns the special tokens and the chat template of a directory. Raises UnreadableTokenizer if one has the wrong type."""
    path = directory / CONFIG
    config = _read_object(path)
    tokens = {}
    for key, value in config.items():
        if not key.endswith("_token") or key.startswith("add_") or value is None:
            continue
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, bool):  # an on/off switch that older versions wrote
            continue
        if not isinstance(text, str):
            raise UnreadableTokenizer(f"{path}: {key} is {_short(value)}, expected a text, or an object with a text as content")
        tokens[key] = text
    chat = config.get("chat_template") or ""
    if (directory / CHAT).exists():
        chat = (directory / CHAT).read_text()
    return Named(tokens, default_template(chat, f"{path}: chat_template"))


def default_template(chat: Any, where: str) -> str:
    """Returns the chat template, or of several the one called "default". Raises UnreadableTokenizer if there is neither."""
    if isinstance(chat, dict):
        chat = chat.get("default", "")
    if isinstance(chat, list) and all(isinstance(t, dict) and {"name", "template"} <= t.keys() for t in chat):
        chat = {t["name"]: t["template"] for t in chat}.get("default", "")
    if not isinstance(chat, str):
        raise UnreadableTokenizer(f"{where} is {_short(chat)}, expected a text or a list of objects with name and template")
    return chat


def _read_object(path: epath.Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise UnreadableTokenizer(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableTokenizer(f"{path} holds {_short(found)}, expected an object")
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= 80 else f"{text[:80]}…"
