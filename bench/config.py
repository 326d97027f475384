"""A realistic configuration of about 8 KB; each version of it differs from the one before in three values.

It warns of two things (an API key that is not set, a command that is not installed), so that finding the places of
warnings is part of what is measured; without these it is called clean. Imports nothing, because the probes of memory
use it, too.
"""

from __future__ import annotations

SIZE = 8192

_PROVIDERS = ("openai", "anthropic", "google", "azure", "mistral", "local")
_GATES = ("plan", "tasks", "validate", "audit", "unlock")
_AGENTS = (
    ("gemini", "env"),
    ("claude", "sh"),
    ("gpt_pro", "cat"),
    ("gpt_codex", "ls"),
    ("code", "hotconf-bench-absent"),
    ("reviewer", "sort"),
    ("planner", "cut"),
    ("spare", "tr"),
)
_WARNED = (("HOTCONF_BENCH_UNSET_KEY", "PATH"), ("hotconf-bench-absent", "ls"))


def text(version: int, *, clean: bool = False) -> bytes:
    """The file as it stands at `version`; every version is equally long."""
    parts = [_head(version), *map(_provider, _PROVIDERS), *(_agent(n, version) for n in range(len(_AGENTS)))]
    size = sum(map(len, parts))
    count = 0
    while size < SIZE - 200:
        parts.append(_model(count, version))
        size += len(parts[-1])
        count += 1
    written = "\n".join(parts)
    for absent, present in _WARNED if clean else ():
        written = written.replace(absent, present)
    return written.encode()


def below(section: str, written: bytes) -> bytes:
    """The same, all of it in one table, for those who read nothing else."""
    lines = written.decode().splitlines(keepends=True)
    heads = (
        (line.replace("[[", f"[[{section}.", 1) if line.startswith("[[") else f"[{section}.{line[1:]}")
        for line in lines
    )
    return (
        f"[{section}]\n".encode()
        + "".join(head if line.startswith("[") else line for head, line in zip(heads, lines, strict=True)).encode()
    )


def _head(version: int) -> str:
    gates = "\n".join(f'{gate} = ["gemini", "claude", "gpt_pro"]' for gate in _GATES)
    return f"""\
# The configuration of the application. Saved while it runs; see the manual for what each table means.
model = "gpt-5"
model_provider = "openai"
model_reasoning_effort = "high"
approval_policy = "on-request"
sandbox_mode = "workspace-write"

[quality_gates]
# Which agents judge at which gate.
{gates}
consensus_threshold = 0.67

[evidence]
base_dir = "evidence"
max_size_mb = 25
retention_days = 90

[cost]
enabled = true
daily_limit_usd = {version % 1000 + 1000}.5
monthly_limit_usd = 5000.0
alert_threshold = 0.8

[hot_reload]
enabled = true
debounce_ms = 2000
watch_paths = []

[tui]
theme = "dark"
notifications = ["reload", "agent-turn-complete"]

[mcp_servers.search]
command = "npx"
args = ["-y", "@example/search-server", "--stdio"]
env = {{ SEARCH_ENDPOINT = "https://search.example.com/v1" }}
"""


def _provider(name: str) -> str:
    key = "PATH" if name != "openai" else "HOTCONF_BENCH_UNSET_KEY"
    return f"""\
[model_providers.{name}]
name = "{name.title()}"
base_url = "https://{name}.example.com/v1"
env_key = "{key}"
wire_api = "chat"
http_headers = {{ X-Client = "bench", X-Team = "platform" }}
request_max_retries = 4
"""


def _agent(nth: int, version: int) -> str:
    name, command = _AGENTS[nth]
    enabled = "true" if name != "spare" or version % 2 else "false"
    return f"""\
[[agents]]
name = "{name}"
command = "{command}"
args = ["--format", "json"]
args_read_only = ["--sandbox", "read-only"]
enabled = {enabled}{" " * (5 - len(enabled))}
description = "Works on what the gate gives it"
instructions = \"\"\"
Read the task first. Answer with a list of findings, the gravest first,
and say of each where it stands.\"\"\"
"""


def _model(nth: int, version: int) -> str:
    temperature = 0.1 + version % 9 / 10 if nth == 0 else 0.7
    return f"""\
[models.model-{nth:02d}]
provider = "{_PROVIDERS[nth % len(_PROVIDERS)]}"
model = "vendor-model-{nth:02d}-large"
tier = "{("low", "medium", "high")[nth % 3]}"
temperature = {temperature:.1f}
max_tokens = 8192
cost_per_input_million = {nth + 1}.25
cost_per_output_million = {nth + 3}.5
retry = {{ max_retries = 5, base_delay_ms = 500 }}
"""
