"""How changes are told: the specification's lines, every change exactly once, and no secret."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotconf.changes import Change
from hotconf.config.diff import diff
from hotconf.speckit import SPECKIT, AppConfig, detect_config_changes
from hotconf.speckit.changes import describe
from hotconf.speckit.checks import GATES

if TYPE_CHECKING:
    from collections.abc import Iterator

Table = dict[str, Any]

PROVIDER = {"base_url": "http://localhost"}


def config(**document: Any) -> AppConfig:
    """The config that a document makes."""
    return AppConfig.model_validate(document)


def agent(name: str, **fields: Any) -> Table:
    """An `[[agents]]` table."""
    return {"name": name, "command": name, **fields}


def lines(old: AppConfig, new: AppConfig) -> list[str]:
    """What people are told."""
    return describe(old, new, diff(old, new))


def models(*names: str, **fields: Any) -> Table:
    """A `[models]` table with the same fields for each name."""
    return {name: {"model": "m", **fields} for name in names}


# ---- Models


def test_one_model_config() -> None:
    """A changed entry is told by its name; the noun is in the singular."""
    old, new = config(models=models("openai")), config(models=models("openai", temperature=1))
    assert lines(old, new) == ["1 model config changed (openai)"]


def test_models_are_told_in_the_order_of_the_new_config() -> None:
    """Providers and models, in the order of the new file; what is no longer there comes last."""
    old = config(models=models("gone", "b", "a"))
    new = config(
        models={**models("a", tier="low"), **models("b", tier="low")},
        model_providers={"google": PROVIDER, "anthropic": PROVIDER},
    )
    assert lines(old, new) == ["5 model configs changed (google, anthropic, a, b, gone)"]


def test_the_line_of_the_specification() -> None:
    """The three providers of the specification's example."""
    new = config(model_providers=dict.fromkeys(("openai", "anthropic", "google"), PROVIDER))
    assert lines(AppConfig(), new) == ["3 model configs changed (openai, anthropic, google)"]


def test_a_name_in_both_tables_counts_once() -> None:
    """A model that is named like its provider is one name."""
    new = config(model_providers={"x": PROVIDER}, models=models("x"))
    assert lines(AppConfig(), new) == ["1 model config changed (x)"]
    assert detect_config_changes(AppConfig(), new) == (1, False, False)


# ---- Quality gates


def gates(**fields: Any) -> AppConfig:
    """A config with these gates."""
    return config(quality_gates=fields)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"plan": ["a", "b", "c"]}, {"plan": ["a", "b"]}, "plan: 3→2 agents"),
        ({}, {"plan": ["a"]}, "plan: 0→1 agents"),
        (
            {"plan": ["a", "b", "c"], "audit": ["gemini"]},
            {"plan": ["a", "b"], "audit": ["claude"]},
            "plan: 3→2 agents, audit: gemini → claude",
        ),
        ({"plan": ["a", "b", "c"]}, {"plan": ["d", "b", "e"]}, "plan: a + c → d + e"),
        ({"plan": ["a", "b"]}, {"plan": ["b", "a"]}, "plan: order changed"),
        ({"plan": ["a", "a"]}, {"plan": ["a", "b"]}, "plan: a → b"),
        ({"enabled": True}, {"enabled": False}, "enabled: true → false"),
        (
            {"consensus_threshold": 0.5, "audit": ["a"]},
            {"consensus_threshold": 0.9, "audit": ["b"]},
            "audit: a → b, consensus_threshold: 0.5 → 0.9",
        ),
    ],
)
def test_quality_gates(old: Table, new: Table, text: str) -> None:
    """Counts where they differ, else the members that do; the other settings with their values."""
    assert lines(gates(**old), gates(**new)) == [f"Quality gates updated ({text})"]
    assert detect_config_changes(gates(**old), gates(**new)) == (0, True, False)


# ---- Costs


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ({"daily_limit_usd": 10.0}, {"daily_limit_usd": 20}, "limits changed ($10/day → $20/day)"),
        (
            {"daily_limit_usd": 10, "monthly_limit_usd": 100},
            {"daily_limit_usd": 20},
            "limits changed ($10/day → $20/day, $100/month → none)",
        ),
        ({}, {"daily_limit_usd": 12.5}, "limits changed (none → $12.50/day)"),
        ({"daily_limit_usd": 0.001}, {"daily_limit_usd": 0.002}, "limits changed ($0.001/day → $0.002/day)"),
        ({"daily_limit_usd": 1e300}, {"daily_limit_usd": 0}, "limits changed ($1e+300/day → $0/day)"),
        (
            {"daily_limit_usd": 1, "alert_threshold": 0.8},
            {"daily_limit_usd": 2, "alert_threshold": 0.9},
            "limits changed ($1/day → $2/day, alert_threshold: 0.8 → 0.9)",
        ),
        ({}, {"enabled": False}, "settings changed (enabled: true → false)"),
    ],
)
def test_cost(old: Table, new: Table, text: str) -> None:
    """Limits as amounts without needless zeros; other settings are not called limits."""
    assert lines(config(cost=old), config(cost=new)) == [f"Cost {text}"]
    assert detect_config_changes(config(cost=old), config(cost=new)) == (0, False, True)


# ---- Agents


def off(*names: str) -> list[Table]:
    """Disabled agents."""
    return [agent(name, enabled=False) for name in names]


def on(*names: str) -> list[Table]:
    """Enabled agents."""
    return [agent(name) for name in names]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (off("gemini", "claude"), on("gemini", "claude"), ["2 agents enabled (gemini, claude)"]),
        (on("x"), off("x"), ["1 agent disabled (x)"]),
        (on("a"), on("new", "a"), ["1 agent added (new)"]),
        (on("a", "b", "c"), on("c"), ["2 agents removed (a, b)"]),
        (on("a"), on("b"), ["1 agent added (b)", "1 agent removed (a)"]),
        (on("a", "b"), on("b", "a"), ["Agents reordered"]),
        ([], off("a"), ["1 agent added (a)"]),
        (on("a"), [agent("a", command="c")], ['agents[0].command: "a" → "c"']),
        (
            on("a", "b"),
            [agent("b", command="c", args=["--x"], enabled=False)],
            ["1 agent removed (a)", "1 agent disabled (b)", "1 agent changed (b: command + args)"],
        ),
        (on("a", "a"), [agent("a"), agent("a", command="c")], ['agents[1].command: "a" → "c"']),
        (
            off("a"),
            [agent("a", description="d")],
            ["1 agent enabled (a)", 'agents[0].description: none → "d"'],
        ),
    ],
)
def test_agents(old: list[Table], new: list[Table], told: list[str]) -> None:
    """Agents are told by name, whatever became of their positions; other fields by value where they kept theirs."""
    assert lines(config(agents=old), config(agents=new)) == told


# ---- Everything else


def test_other_changes_have_a_line_each() -> None:
    """In the words of the change itself, whether the table is listed or belongs to others."""
    old = config(evidence={"retention_days": 90}, tui={"theme": "dark"}, version=1)
    new = config(evidence={"retention_days": 30}, tui={"theme": "light"}, version=2)
    assert sorted(lines(old, new)) == [
        "evidence.retention_days: 90 → 30",
        'tui.theme: "dark" → "light"',
        "version: 1 → 2",
    ]


def test_the_summary_of_the_specification() -> None:
    """All topics together stand in the specification's order, the single lines last."""
    old = config(
        agents=off("a"), quality_gates={"plan": ["a", "b", "c"]}, cost={"daily_limit_usd": 10}, model="gpt-5"
    )
    new = config(
        agents=on("a"),
        quality_gates={"plan": ["a", "b"]},
        cost={"daily_limit_usd": 20},
        model="gpt-6",
        models=models("m"),
    )
    assert lines(old, new) == [
        "1 model config changed (m)",
        "Quality gates updated (plan: 3→2 agents)",
        "Cost limits changed ($10/day → $20/day)",
        "1 agent enabled (a)",
        'model: "gpt-5" → "gpt-6"',
    ]


def test_nothing_changed() -> None:
    """No change, no line."""
    assert describe(AppConfig(), AppConfig(), ()) == []
    assert detect_config_changes(AppConfig(), AppConfig()) == (0, False, False)


def test_a_table_as_one_change_is_told_as_it_is() -> None:
    """A difference that does not say which field is told in its own words."""
    change = Change(("cost",), {"enabled": True}, {"enabled": False})
    assert describe(AppConfig(), AppConfig(), [change]) == [str(change)]


def test_no_line_holds_a_secret_or_a_control_character() -> None:
    """Secrets of every table stay out, names that are URLs lose their user information, and names are printable."""
    secret = "s3cret-value"
    url = f"https://me:{secret}@host"
    old = config(
        agents=[agent("a", env={"API_KEY": secret}), agent("gone", env={"TOKEN": secret}), agent(url)],
        model_providers={"x": {**PROVIDER, "http_headers": {"Authorization": secret}}},
    )
    new = config(
        agents=[agent("a", env={"API_KEY": secret + "2"}), agent("\x1b[31m", env={"TOKEN": secret})],
        model_providers={"x": PROVIDER, "\n": PROVIDER, url: PROVIDER},
        quality_gates={"plan": ["\u202e"], "audit": [url]},
        mcp_servers={"m": {"token": secret}},
    )
    assert lines(old, new)[0] == "3 model configs changed (x, \\n, https://********@host)"
    for told in (lines(old, new), lines(new, old)):
        assert len(told) >= 5
        assert all(secret not in line and line.isprintable() for line in told)


def test_speckit_tells_changes_so() -> None:
    """The built-in schema describes with these lines."""
    assert SPECKIT.describe is describe


# ---- Every change by exactly one line

FULL: Table = {
    "model": "m",
    "model_provider": "google",
    "model_reasoning_effort": "low",
    "model_reasoning_summary": "none",
    "model_verbosity": "low",
    "model_context_window": 10,
    "model_max_output_tokens": 10,
    "approval_policy": "never",
    "sandbox_mode": "workspace-write",
    "profile": "p",
    "model_providers": {
        "x": {
            "name": "n",
            "base_url": "u",
            "env_key": "K",
            "wire_api": "chat",
            "query_params": {"q": "v"},
            "http_headers": {"h": "v"},
            "env_http_headers": {"h": "V"},
            "request_max_retries": 1,
            "stream_max_retries": 1,
            "stream_idle_timeout_ms": 1,
        }
    },
    "models": {
        "y": {
            "provider": "x",
            "model": "m",
            "tier": "low",
            "endpoint": "e",
            "temperature": 0.1,
            "max_tokens": 5,
            "cost_per_input_million": 0.1,
            "cost_per_output_million": 0.1,
            "retry": {"max_retries": 1, "base_delay_ms": 1, "max_delay_ms": 1},
        }
    },
    "agents": [
        {
            "name": "a",
            "canonical_name": "c",
            "command": "d",
            "args": ["1"],
            "args_read_only": ["2"],
            "args_write": ["3"],
            "read_only": True,
            "enabled": False,
            "description": "e",
            "instructions": "f",
            "env": {"E": "v"},
        },
        agent("b"),
    ],
    "quality_gates": {**{gate: ["a"] for gate in GATES}, "enabled": False, "consensus_threshold": 0.1},
    "evidence": {"enabled": False, "base_dir": "b", "max_size_mb": 9, "retention_days": 9},
    "cost": {"enabled": False, "daily_limit_usd": 1.5, "monthly_limit_usd": 2.5, "alert_threshold": 0.1},
    "hot_reload": {"enabled": False, "debounce_ms": 500, "mode": "eager", "watch_paths": ["w"]},
    "validation": {"check_api_keys": False, "check_commands": False, "strict_schema": True},
    "tui": {"theme": {"name": "x", "sizes": [1, 2]}},
    "unlisted": 1,
}
"""A document in which no field has its default."""

CHOICES = {"low": "high", "never": "untrusted", "workspace-write": "read-only", "none": "auto", "chat": "responses"}
CHOICES |= {"eager": "settle"}
OTHER = CHOICES | {other: choice for choice, other in CHOICES.items()}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all plain values."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return [path]


def altered(value: Any) -> Any:
    """Another value that the same field accepts."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return OTHER.get(value, value + "'")
    return value + 1 if isinstance(value, int) else value / 2


def edited(document: Table, path: tuple[str | int, ...], remove: bool = False) -> Table:
    """A copy of `document` with another value at `path`, or none."""
    copy: Any = deepcopy(document)
    place = copy
    for key in path[:-1]:
        place = place[key]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = altered(place[path[-1]])
    return copy  # type: ignore[no-any-return]


def test_the_full_document_knows_every_field() -> None:
    """The tests below would say nothing about a field that is missing here."""
    full, plain = AppConfig.model_validate(FULL), AppConfig(model_providers={}, agents=())
    assert set(FULL) == {*AppConfig.model_fields, "tui", "unlisted"}
    for table in (full.agents[0], full.model_providers["x"], full.models["y"], full.models["y"].retry):
        assert table.model_fields_set == set(type(table).model_fields)
    for name in ("quality_gates", "evidence", "cost", "hot_reload", "validation"):
        for field in type(getattr(full, name)).model_fields:
            assert getattr(getattr(full, name), field) != getattr(getattr(plain, name), field)


@pytest.mark.parametrize("path", leaves(FULL), ids=lambda path: ".".join(map(str, path)))
def test_every_field_is_told(path: tuple[str | int, ...]) -> None:
    """A change of any field of any table, back and forth, has a line that speaks of it."""
    one, other = AppConfig.model_validate(FULL), AppConfig.model_validate(edited(FULL, path))
    for old, new in ((one, other), (other, one)):
        assert_told_once(old, new)


edits = st.lists(st.tuples(st.sampled_from(leaves(FULL)), st.booleans()), max_size=6)
names = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)


@st.composite
def documents(draw: st.DrawFn) -> Table:
    """The full document after random edits, with random agents, gates, models and providers."""
    document = deepcopy(FULL)
    for path, remove in draw(edits):
        if len(path) == 2 and path[0] not in ("agents", "models", "model_providers") and remove:
            document[str(path[0])].pop(path[1], None)
        elif not remove:
            document = edited(document, path) if _has(document, path) else document
    if draw(st.booleans()):
        document["agents"] = [
            agent(name, enabled=draw(st.booleans()), command=draw(st.sampled_from("xy"))) for name in draw(names)
        ]
    if draw(st.booleans()):
        document["quality_gates"] = {gate: draw(names) for gate in draw(st.sets(st.sampled_from(GATES)))}
    if draw(st.booleans()):
        document["models"] = {name: {"model": draw(st.sampled_from("xy"))} for name in draw(names)}
    if draw(st.booleans()):
        document["model_providers"] = {name: {"base_url": draw(st.sampled_from("xy"))} for name in draw(names)}
    if draw(st.booleans()):
        document["cost"] = {"daily_limit_usd": draw(st.floats(0, 1e20) | st.integers(0, 100))}
    return document


def _has(document: Any, path: tuple[str | int, ...]) -> bool:
    for key in path:
        try:
            document = document[key]
        except (KeyError, IndexError):
            return False
    return True


@given(documents(), documents())
def test_every_change_is_told_by_one_line(one: Table, other: Table) -> None:
    """Whatever two configs differ in: each difference is told, once, and nothing else is."""
    assert_told_once(AppConfig.model_validate(one), AppConfig.model_validate(other))


@given(documents(), documents())
def test_counting_and_telling_agree(one: Table, other: Table) -> None:
    """`detect_config_changes` says what the lines say."""
    old, new = AppConfig.model_validate(one), AppConfig.model_validate(other)
    told = lines(old, new)
    counted, gates_changed, cost_changed = detect_config_changes(old, new)
    assert [int(line.split()[0]) for line in told if " model config" in line] == ([counted] if counted else [])
    assert any(line.startswith("Quality gates updated (") for line in told) is gates_changed
    assert any(line.startswith("Cost ") for line in told) is cost_changed


def assert_told_once(old: AppConfig, new: AppConfig) -> None:
    """Each difference has exactly one line that speaks of it, and each line speaks of a difference."""
    changes: dict[str, list[Change]] = {}
    for change in diff(old, new):
        changes.setdefault(TOPICS.get(str(change.path[0]), "other"), []).append(change)
    told = lines(old, new)
    about = {topic: [line for line in told if re.match(pattern, line)] for topic, pattern in LINES.items()}
    about["other"] = [line for line in told if not any(re.match(pattern, line) for pattern in LINES.values())]
    assert {topic for topic, found in about.items() if found} == set(changes)
    assert about["other"] == [str(change) for change in changes.get("other", [])]
    for line in about["models"]:
        assert set(in_parentheses(line)) == {change.path[1] for change in changes["models"]}
    for line in about["gates"]:
        assert {part.split(":")[0] for part in in_parentheses(line)} == {c.path[1] for c in changes["gates"]}
    for line in about["cost"]:
        assert len(in_parentheses(line)) == len(changes["cost"])
    assert all(len(about[topic]) <= 1 for topic in ("models", "gates", "cost"))
    assert sorted(agent_facts(about["agents"], new)) == sorted(differences(old, new))


TOPICS = {
    "model_providers": "models",
    "models": "models",
    "quality_gates": "gates",
    "cost": "cost",
    "agents": "agents",
}
LINES = {
    "models": r"\d+ model configs? changed \(",
    "gates": r"Quality gates updated \(",
    "cost": r"Cost (limits|settings) changed \(",
    "agents": r"\d+ agents? |Agents reordered$|agents\[",
}


def in_parentheses(line: str) -> list[str]:
    """The details of a line."""
    return line[line.index("(") + 1 : -1].split(", ")


def differences(old: AppConfig, new: AppConfig) -> Iterator[str]:
    """What differs between two lists of agents, by name."""
    before, after = ({agent.name: agent.model_dump() for agent in config.agents} for config in (old, new))
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield "reordered"
    for name in before.keys() | after.keys():
        if name not in before or name not in after:
            yield f"{name} {'removed' if name in before else 'added'}"
            continue
        for key, value in after[name].items():
            if before[name][key] != value:
                yield f"{name} {'enabled' if value else 'disabled'}" if key == "enabled" else f"{name}.{key}"


def agent_facts(told: list[str], new: AppConfig) -> Iterator[str]:
    """What the lines about agents say, in the same words."""
    for line in told:
        if line == "Agents reordered":
            yield "reordered"
        elif found := re.match(r"agents\[(\d+)\]\.(\w+)", line):
            yield f"{new.agents[int(found[1])].name}.{found[2]}"
        elif " changed (" in line:
            for part in in_parentheses(line):
                name, _, keys = part.partition(": ")
                yield from (f"{name}.{key}" for key in keys.split(" + "))
        else:
            yield from (f"{name} {line.split()[2]}" for name in in_parentheses(line))
