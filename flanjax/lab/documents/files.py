"""Files into texts. A file that is no text is refused by its name, and says what would help."""

import codecs
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

TEXT, MARKDOWN, HTML = (".txt", ".text"), (".md", ".markdown"), (".html", ".htm")
KINDS = (*TEXT, *MARKDOWN, *HTML)
# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_HEAD = 4096  # bytes in which an HTML file names its encoding
# What browsers read where a page names an encoding (https://encoding.spec.whatwg.org/#names-and-labels), by Python's names of
# both. A page that is in UTF-16 cannot name it in ASCII.
_WINDOWS = "cp1252"
_READ_AS = dict.fromkeys(("ascii", "iso8859-1", "cp1252"), _WINDOWS)
_READ_AS |= dict.fromkeys(("utf-16", "utf-16-le", "utf-16-be"), "utf-8")
# Of windows-1252 the bytes 0x80 to 0x9f; those that Python leaves open are control characters.
_HIGH = {byte: bytes([byte]).decode(_WINDOWS, "ignore") or chr(byte) for byte in range(0x80, 0xA0)}
_FRONT = re.compile(r"\A---[ \t]*\n.*?^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
_HIDDEN = {"script", "style", "template", "noscript", "svg", "nav", "select", "textarea"}
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
    "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "ol", "p", "pre", "section",
    "table", "tbody", "td", "th", "thead", "title", "tr", "ul",
}  # fmt: skip


class Document(NamedTuple):
    """A text.

    Attributes:
      name: of its file, from the folder on, with /.
      cut: whether the file is longer.
    """

    name: str
    text: str
    cut: bool


class Refused(NamedTuple):
    """A file that no passage is made of, and why."""

    name: str
    why: str


def read_documents(
    folder: str, most_bytes: int | None, out: str = "", wanted: Callable[[str], bool] = lambda name: True
) -> Iterator[Document | Refused]:
    """Yields a document or its refusal for every file of a folder, in the order of their names. One is in memory at a time.

    Files whose name begins with a dot are passed over, as are folders of such a name.

    Args:
      most_bytes: a file is read up to its last whole line before so many; None: whole.
      out: a folder inside which no file is read, since the command writes there.
      wanted: whether a file of this name is read.

    Raises:
      ValueError: there is no such folder, or it has no file, or it is `out`.
    """
    place = Path(folder)
    if not place.is_dir():
        raise ValueError(f"{folder} is no folder; name one with texts")
    whole, own = place.resolve(), Path(out).resolve()
    if out and own == whole:
        raise ValueError(f"--out {out} is the folder that is read; name another one, or one inside it")
    files = {path.relative_to(place).as_posix(): path for path in place.rglob("*")}
    names = sorted(name for name in files if not any(part.startswith(".") for part in name.split("/")))
    if out and own.is_relative_to(whole):
        names = [name for name in names if own not in (whole / name).parents]
    found = [(name, files[name]) for name in names if not files[name].is_dir()]
    if not found:
        raise ValueError(f"{folder} has no files")
    for name, path in found:
        if wanted(name):
            yield _read(name, path, most_bytes)


def _read(name: str, path: Path, most_bytes: int | None) -> Document | Refused:
    kind = path.suffix.lower()
    if kind not in KINDS:
        return Refused(name, f"its name ends in {kind or 'no kind'}, expected one of {', '.join(KINDS)}")
    if not path.is_file():
        return Refused(name, "there is no file behind this link" if path.is_symlink() else "it is no regular file")
    try:
        with path.open("rb") as file:
            raw = file.read() if most_bytes is None else file.read(most_bytes + 1)
    except OSError as error:
        return Refused(name, f"it cannot be read: {error.strerror}")
    try:
        text, cut = _decoded(raw, len(raw) if most_bytes is None else most_bytes, html=kind in HTML)
    except ValueError as error:
        return Refused(name, str(error))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = html_text(text) if kind in HTML else _FRONT.sub("", text) if kind in MARKDOWN else text
    return Document(name, text, cut) if text.strip() else Refused(name, "it has no text" if raw else "it is empty")


def _decoded(raw: bytes, most_bytes: int, *, html: bool) -> tuple[str, bool]:
    """The text of a file's first bytes, and whether it was cut. Raises ValueError saying why it is none."""
    mark, encoding = next(((mark, name) for mark, name in _MARKS if raw.startswith(mark)), (b"", ""))
    named = _CHARSET.search(raw[:_HEAD]) if html and not mark else None
    encoding = encoding or (_named(named[1].decode()) if named else "utf-8")
    cut = len(raw) > most_bytes
    raw = raw[len(mark) : most_bytes]
    try:
        if encoding == _WINDOWS:
            text = raw.decode("latin-1").translate(_HIGH)
        else:
            text = codecs.getincrementaldecoder(encoding)().decode(raw, final=not cut)
    except UnicodeDecodeError as error:
        what = f"byte 0x{error.object[error.start]:02x} at {len(mark) + error.start}"
        raise ValueError(f"it is not {encoding} ({what}); convert it to UTF-8, as by iconv -f ... -t utf-8") from error
    if "\0" in text:
        raise ValueError("it has NUL characters, so it is no text, or UTF-16 without its mark; convert it to UTF-8")
    return (text[: text.rfind("\n") + 1] or text[: text.rfind(" ")] if cut else text), cut


def _named(label: str) -> str:
    """The encoding in which a page is read that names this one. Raises ValueError if texts have no such encoding."""
    try:
        found = codecs.lookup(label)
    except LookupError as error:
        raise ValueError(f"it says that it is in {label}, which is not known; convert it to UTF-8") from error
    if not found._is_text_encoding:  # as zlib and rot13, which Python has among its codecs
        raise ValueError(f"it says that it is in {label}, which is no encoding of text; convert it to UTF-8")
    return _READ_AS.get(found.name, label)


def html_text(page: str) -> str:
    """Returns the text of a page, a paragraph for each block, without scripts, styles and navigation.

    >>> html_text("<title>Sun</title><p>It is <b>hot</b>.<script>x()</script><p>Very&nbsp;hot.")
    'Sun\\n\\nIt is hot.\\n\\nVery hot.'
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    blocks = (" ".join(block.split()) for block in "".join(reader.parts).split("\0"))
    return "\n\n".join(filter(None, blocks))


class _Reader(HTMLParser):
    """Collects texts, and a NUL wherever a block begins or ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        self.parts.append("\0" if tag in _BLOCKS else " " if tag == "br" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        self.parts.append("\0" if tag in _BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data.replace("\0", " "))
