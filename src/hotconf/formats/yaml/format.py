"""`YAML`: the core schema of YAML 1.2, parsed by libyaml through PyYAML, which comes with the extra `yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hotconf.formats.base import Format, Mistakes, Outline, noted, with_note
from hotconf.formats.places import Places
from hotconf.keypath import KeyPath
from hotconf.problems import Problem

if TYPE_CHECKING:
    from hotconf.formats.gaps import Gap

# A program without YAML imports no more of this package than this module, and never `yaml`.

_MISSING: Final = "To read YAML, install PyYAML with libyaml: pip install 'hotconf[yaml]'"
_SCHEMA: Final = r"#[ \t]*+yaml-language-server[ \t]*+:[ \t]*+\$schema=(.+)"


class _Yaml(Format):
    name = "YAML"
    suffixes: tuple[str, ...] = (".yaml", ".yml")
    package = "yaml"
    defaults = "{}"
    assigns = ":"
    item = "-"

    def parse(self, path: Path, text: str) -> dict[str, Any] | Problem:
        try:
            from yaml import YAMLError

            from hotconf.formats.yaml.compose import Composer, RefusedError, TooDeepError
            from hotconf.formats.yaml.scalars import TooLongError
        except ImportError:
            return Problem(_MISSING, kind="unreadable", file=path)
        mistakes = Mistakes(self.name, path, text)
        composer = Composer(text)
        try:
            node = composer.root()
        except RefusedError as error:
            related = [] if error.first is None else [mistakes.related("first defined", error.first)]
            return mistakes.problem_at(error.reason, error.span, error.hint, *related)
        except (TooDeepError, RecursionError) as error:  # a caller that has used up its stack may cause the latter
            return mistakes.too_deep(error.offset if isinstance(error, TooDeepError) else None)
        except TooLongError as error:
            return mistakes.too_long(error.span)
        except YAMLError as error:
            from hotconf.formats.yaml.mistakes import refused

            return refused(mistakes, error, composer.flows)
        if node is not None and isinstance(node.value, dict):
            return node.value
        is_empty = node is None or (node.value is None and node.begin == node.end)
        if is_empty and "#" in text:
            return {}  # nothing but comments, as in the other formats
        from hotconf.formats.yaml.mistakes import not_a_mapping

        return not_a_mapping(mistakes, *((0, 0) if node is None else (node.begin, node.end)))

    def gap(self, text: str, problem: Problem) -> Gap | None:
        from hotconf.formats.yaml.salvage import gap

        return gap(text, problem)

    def may_follow(self, text: str, problem: Problem, since: int | None) -> bool:
        from hotconf.formats.yaml.salvage import may_follow

        return may_follow(text, problem, since)

    def warnings(self, path: Path, text: str) -> tuple[Problem, ...]:
        from hotconf.formats.yaml.doubts import doubts

        return tuple(doubts(path, text))

    def locate(self, text: str) -> Places:
        from hotconf.formats.yaml.positions import places

        return places(text)

    def outline(self, text: str) -> Outline:
        from hotconf.formats.yaml.outline import outline

        return outline(text)

    def starts(self, line: str) -> KeyPath | None:
        from hotconf.formats.yaml.outline import starts

        return starts(line)

    def stamp(self, text: str, schema: str) -> str:
        """The comment `# yaml-language-server: $schema=SCHEMA` at the head."""
        return with_note(text, f"# yaml-language-server: $schema={schema}", _SCHEMA)

    def schema_of(self, text: str) -> str | None:
        return noted(text, _SCHEMA)


YAML: Final[Format] = _Yaml()
