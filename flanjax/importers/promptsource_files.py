"""Reads promptsource's files: YAML in which a template has the tag `!Template`, and its notes the tag `!TemplateMetadata`.

Both tags are read as plain mappings. Every other tag is refused, so that no file can make an object.
"""

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import jinja2
import yaml
from etils import epath

from flanjax.importers.imported import Refused
from flanjax.importers.promptsource_environment import SEPARATOR, is_constant, parse
from flanjax.sources import SourceError

FILE = "templates.yaml"
_DEPTHS = (f"*/{FILE}", f"*/*/{FILE}", f"*/*/*/{FILE}")
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, if PyYAML was built with it


class Written(NamedTuple):
    """A template as its file has it.

    Attributes:
      metrics: names as promptsource has them.
      original_task: whether it asks for what the dataset was made for.
      shows_choices: whether its input names the answer choices.
    """

    name: str
    source: str
    answer_choices: str | None
    metrics: tuple[str, ...]
    original_task: bool
    shows_choices: bool


class TemplateFile(NamedTuple):
    """The templates of one configuration of a dataset, and those that cannot be used, with reasons."""

    dataset: str
    config: str | None
    templates: tuple[Written, ...]
    refused: tuple[Refused, ...]

    def __str__(self) -> str:
        return f"{self.dataset}/{self.config}" if self.config else self.dataset


def find(folder: epath.Path) -> list[epath.Path]:
    """Returns the files of a folder, in order of name. Raises SourceError if there is none."""
    found = sorted(path for pattern in _DEPTHS for path in folder.glob(pattern))
    if not found:
        raise SourceError(f"promptsource: {folder} has no <dataset>/{FILE}, nor <dataset>/<configuration>/{FILE}.")
    return found


def read(path: epath.Path, folder: epath.Path) -> TemplateFile:
    """Returns the templates of a file. Raises ValueError if it is not a file of promptsource."""
    try:
        content = yaml.load(path.read_text(), _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is not YAML that can be read safely: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not isinstance(templates := content.get("templates"), dict):
        raise ValueError("it has no mapping `templates`")
    place = path.parent.relative_to(folder).parts
    dataset = content.get("dataset", place[0])
    config = content.get("subset", "/".join(place[1:]) if "dataset" not in content else None)
    if not isinstance(dataset, str) or not isinstance(config, str | None):
        raise ValueError(f"its dataset is {dataset!r} and its subset {config!r}, expected texts")
    file = TemplateFile(dataset, config or None, (), ())
    written, refused = [], []
    for key, template in templates.items():
        try:
            written.append(_written(template))
        except ValueError as error:
            name = template.get("name", key) if isinstance(template, dict) else key
            refused.append(Refused(f"{file}: {name}", str(error)))
    return file._replace(templates=tuple(written), refused=tuple(refused))


def _written(template: Any) -> Written:
    if not isinstance(template, dict):
        raise ValueError(f"it is a {type(template).__name__}, expected a template")
    metadata = template.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is no mapping")
    metrics = metadata.get("metrics") or []
    if not isinstance(metrics, list) or not all(isinstance(metric, str) for metric in metrics):
        raise ValueError(f"its metrics are {metrics!r}, expected a list of texts")
    source = _checked(template, "jinja")
    if SEPARATOR not in source:
        raise ValueError(f"it has no {SEPARATOR}, so it has no answer")
    return Written(
        _text(template, "name"),
        source,
        None if template.get("answer_choices") is None else _checked(template, "answer_choices"),
        tuple(metrics),
        metadata.get("original_task") is True,
        metadata.get("choices_in_prompt") is True,
    )


def _text(template: dict[str, Any], key: str) -> str:
    value = template.get(key)
    if not isinstance(value, str):
        raise ValueError(f"its {key} is {value!r}, expected text")
    return value


def _checked(template: dict[str, Any], key: str) -> str:
    """Returns a text that can be rendered."""
    text = _text(template, key)
    try:
        if not is_constant(text):
            parse(text)
    except (jinja2.TemplateError, RecursionError) as error:
        raise ValueError(f"its {key} is not Jinja2 that can be rendered: {error}") from error
    return text


class _Loader(_Base):
    """PyYAML's safe loader, which makes texts, numbers, lists and mappings only."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        made = super().construct_mapping(node, deep)
        if len(made) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a mapping has a key twice", node.start_mark)
        return made


def _mapping(loader: Any, node: Any) -> Iterator[dict[Any, Any]]:
    made: dict[Any, Any] = {}
    yield made
    made.update(loader.construct_mapping(node))


_Loader.add_constructor("!Template", _mapping)
_Loader.add_constructor("!TemplateMetadata", _mapping)
