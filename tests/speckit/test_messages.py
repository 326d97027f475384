"""The built-in schema in the whole way from bytes to problems: the words, and the place where they point."""

from pathlib import Path

import pytest

from hotconf.config.merge import merge
from hotconf.config.spelling import respell
from hotconf.config.validation.validate import Validated, validate
from hotconf.engine.candidate import Invalid
from hotconf.formats.base import Document
from hotconf.formats.registry import parse
from hotconf.problems import Problem
from hotconf.speckit import SPECKIT, AppConfig

QUIET = "[validation]\ncheck_api_keys = false\ncheck_commands = false\n"


def judged(text: str) -> Validated[AppConfig] | Invalid:
    """What becomes of a file with this text."""
    document = parse(text.encode(), Path("/etc/config.toml"))
    assert isinstance(document, Document), document
    spelled = respell(document, SPECKIT)
    return validate(SPECKIT, merge((spelled,))) if isinstance(spelled, Document) else Invalid(spelled)


def problems(text: str) -> tuple[Problem, ...]:
    """All that is said of a file with this text."""
    verdict = judged(text)
    return verdict.problems if isinstance(verdict, Invalid) else verdict.warnings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[model_providers.openai]\nname = 'x'\n",
            "config.toml:1:18: Missing required field: model_providers.openai.base_url",
        ),
        (
            "[quality_gates]\nplan = 'gemini'\n",
            "config.toml:2:8: Type mismatch: quality_gates.plan expected array, got string",
        ),
        (
            "approval_policy = 'unknown'\n",
            'config.toml:1:19: Invalid enum value: approval_policy="unknown" '
            "(expected: untrusted, on-failure, on-request, never)",
        ),
        ("model_provider = 'unknown'\n", "config.toml:1:18: Model provider 'unknown' not found in model_providers"),
        (
            "[quality_gates]\nplan = ['gpt_pro']\n",
            "config.toml:2:9: Quality gate agent 'gpt_pro' not found or disabled",
        ),
        (
            "[evidence]\nmax_size_mb = 5000\n",
            "config.toml:2:15: Evidence max_size_mb=5000 exceeds limit (1000 MB)",
        ),
        (
            "[hot_reload]\ndebounce_ms = 50\n",
            "config.toml:2:15: Hot-reload debounce_ms=50 too low (minimum: 100ms)",
        ),
    ],
)
def test_the_messages_of_the_specification(text: str, message: str) -> None:
    """Word for word, after the place, and alone."""
    assert isinstance(judged(text + QUIET), Invalid)
    assert [str(problem) for problem in problems(text + QUIET)] == [message]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[quality_gates]\nplans = []\n", "quality_gates.plans"),
        ("[[agents]]\nname = 'a'\ncommand = 'b'\nreadonly = true\n", "agents[0].readonly"),
        ("[model_providers.x]\nbase_url = 'u'\nenvkey = 'K'\n", "model_providers.x.envkey"),
        ("[models.x]\nmodel = 'm'\n[models.x.retry]\nmax_retry = 1\n", "models.x.retry.max_retry"),
        ("[cost]\ndaily_limit = 1\n", "cost.daily_limit"),
        ("modle = 'x'\n", "modle"),
        ("[quality_gate]\nplan = []\n", "quality_gate"),
        ("[zebra]\n", "zebra"),
    ],
)
def test_unknown_keys(text: str, key: str) -> None:
    """One warning for each, anywhere in the file; with `strict_schema`, one error."""
    assert isinstance(judged(text + QUIET), Validated)
    assert [problem.message for problem in problems(text + QUIET)] == [f"Unknown key: {key}"]
    assert isinstance(judged(text + QUIET + "strict_schema = true\n"), Invalid)
    assert [p.message for p in problems(text + QUIET + "strict_schema = true\n")] == [f"Unknown key: {key}"]


def test_both_spellings() -> None:
    """Field names may be written with `-`, in every table; keys that are data stay as they are."""
    verdict = judged(
        "model-provider = 'my-own'\n[model-providers.my-own]\nbase-url = 'u'\n[model-providers.my-own.http-headers]\n"
        "X-Team = 'a'\n[quality-gates]\nconsensus-threshold = 1\n[mcp-servers.a-b]\nc-d = 1\n" + QUIET
    )
    assert isinstance(verdict, Validated)
    assert verdict.warnings == ()
    assert verdict.config.model_providers["my-own"].http_headers == {"X-Team": "a"}
    assert verdict.config.quality_gates.consensus_threshold == 1.0
    assert verdict.config.model_extra == {"mcp-servers": {"a-b": {"c-d": 1}}}


def test_the_template_as_a_file() -> None:
    """The untouched template gives the defaults and nothing to complain about."""
    verdict = judged(SPECKIT.template or "")
    assert verdict == Validated(AppConfig(), ())


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("daily_limit_usd = 20.0", "cost"),
        ("debounce_ms = 500", "hot_reload"),
        ("watch_paths = ['more.toml']", "hot_reload"),
        ("retention_days = 1", "evidence"),
        ("strict_schema = true", "validation"),
        ("plan = ['gemini']", "quality_gates"),
    ],
)
def test_a_key_above_its_table_is_told(text: str, table: str) -> None:
    """With the table that it belongs to; an error where the schema is strict."""
    for strict, severity in (("", "warning"), ("strict_schema = true\n", "error")):
        (problem,) = problems(f"{text}\n{QUIET}{strict}")
        assert str(problem) == f"config.toml:1:1: Unknown key: {text.split()[0]}"
        assert (problem.hint, problem.severity) == (f"it belongs to [{table}]", severity)


def test_a_key_at_the_top_that_is_no_slip_for_sure_is_kept() -> None:
    """Several tables have it, or none, or only tables with names of their own."""
    text = "enabled = true\nname = 'x'\ncommand = 'x'\nbase_url = 'u'\nnotify = ['a']\nmax_retries = 1\n"
    assert problems(text + QUIET) == ()


def test_an_api_key_in_the_file_is_told_what_to_name() -> None:
    """The variable."""
    (problem,) = problems("[model_providers.p]\nbase_url = 'u'\napi_key = 'hunter2'\n" + QUIET)
    assert problem.hint == 'name the variable that holds it: env_key = "…"'
