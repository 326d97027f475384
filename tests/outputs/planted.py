"""A model with a place for every kind of secret, and saves that make each of its parts quote them.

With `noise` its validators, checks and `describe` quote all that they see, in every spelling.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any, Final, Literal, NamedTuple, NoReturn
from urllib.parse import quote

from pydantic import AliasPath, ConfigDict, Field, Json, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hotconf import HotReloadSettings, Problem, Schema
from watcher.watched import Frozen

VARIABLE: Final = "HOTCONF_PLANTED"
"""An environment variable that supplies a default; its name does not show that."""


UNHEARD: Final = "HOTCONF_UNHEARD"
"""One whose value users' code puts into a text, and hotconf sees nowhere else."""


class Account(NamedTuple):
    name: str
    password: str


class Sealed(Frozen):
    pin: SecretStr


class Server(Frozen):
    host: str = "h"
    password: str = ""
    pin: SecretStr | None = None


class Registry(Frozen):
    port: int = 1


def from_environment() -> str:
    """Whatever is there."""
    return os.environ.get(VARIABLE, "nothing-at-all")


class Planted(Frozen):
    """Everything secret here is so by its key, its type or its form."""

    model_config = ConfigDict(populate_by_name=True)

    api_key: str = "none-at-first"
    pin: SecretStr | None = None
    access_key: int = 0
    rate_token: float = 0.0
    expiry_secret: date | None = None
    token: list[str] = Field(default_factory=list)
    secret: tuple[str, int] | None = None
    account: Account | None = None
    accounts: list[Account] = Field(default_factory=list)
    blob: Json[dict[str, Any]] | None = None
    sealed: Json[Sealed] | None = None
    env_token: str = Field(default_factory=from_environment)
    url: str = ""
    dsn: str = ""
    http_headers: dict[str, str] = Field(default_factory=dict)
    registries: dict[str, Registry] = Field(default_factory=dict)
    servers: list[Server] = Field(default_factory=list)
    badge: SecretStr | None = Field(None, alias="door")
    vault: dict[str, SecretStr] = Field(default_factory=dict)
    keyed: dict[SecretStr, int] = Field(default_factory=dict)
    keyed_tables: dict[SecretStr, Registry] = Field(default_factory=dict)
    mail_password: str = Field("", alias="mail_word")
    mail_word_again: str = Field("", alias="mail_token")
    mail_secret: str = Field("", validation_alias=AliasPath("mail", "word"))
    mail: dict[str, str] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)
    derived: str = ""
    level: Literal["low", "high"] = "low"
    port: int = 0
    hot_reload: HotReloadSettings = HotReloadSettings()
    noise: str = ""
    form: str = ""

    @model_validator(mode="before")
    @classmethod
    def talks_first(cls, data: Any) -> Any:
        if isinstance(data, dict):
            if data.get("noise") == "before":
                raise ValueError(quotes(data))
            if isinstance(data.get("api_key"), str):
                return {**data, "derived": f"made of {data['api_key']}"}
        return data

    @field_validator("noise")
    @classmethod
    def talks(cls, value: str, info: ValidationInfo) -> str:
        if value == "validator":
            raise ValueError(quotes(info.data))
        if value == "assertion":
            raise AssertionError(quotes(info.data))
        if value == "custom":
            raise PydanticCustomError("odd", "odd: {text}", {"text": quotes(info.data)})
        return value

    @model_validator(mode="after")
    def talks_last(self) -> Planted:
        if self.noise == "model":
            raise ValueError(quotes(self))
        if self.noise == "raises":
            fail(self)
        return self


def fail(config: object) -> NoReturn:
    """As users' code does: one error caused by another, and with a note."""
    try:
        raise KeyError(quotes(config))
    except KeyError as error:
        failure = RuntimeError(f"could not use it: {quotes(config)}")
        failure.add_note(quotes(config))
        raise failure from error


def check(config: Planted) -> Iterable[Problem]:
    """Quotes in every part of a problem, and in what it raises."""
    if config.noise == "check":
        yield Problem(quotes(config), path="port", hint=quotes(config), mentions=((quotes(config), "noise"),))
    if config.noise == "warning":
        yield Problem(quotes(config), path="noise", severity="warning")
    if config.noise == "check raises":
        fail(config)


def describe(old: Planted, new: Planted, changes: object) -> list[str]:
    """Quotes old and new."""
    if new.noise == "describe raises":
        fail([old, new])
    return [quotes(old), quotes(new), str(changes)]


SCHEMA: Final = Schema(Planted, checks=[check], describe=describe, template="port = 1\n")


def quotes(seen: object) -> str:
    """Everything seen, in every spelling, and what hotconf does not know, as its `form` has it."""
    found = list(leaves(seen))
    unheard = [FORMS[value](os.environ.get(UNHEARD, "")) for value in found if value in FORMS]
    return " | ".join((*(spelled for value in found for spelled in spellings(value)), *unheard))


def leaves(seen: object) -> Iterator[str]:
    """What users' code may put into a text; of a URL only the secret part."""
    if isinstance(seen, SecretStr):
        yield seen.get_secret_value()
    elif isinstance(seen, str):
        yield seen
    elif isinstance(seen, Frozen):
        yield from leaves(dict(seen))
    elif isinstance(seen, dict):
        for key, value in seen.items():
            yield str(key)
            yield from leaves(value)
    elif isinstance(seen, list | tuple):
        for value in seen:
            yield from leaves(value)
    elif seen is not None and not isinstance(seen, HotReloadSettings):
        yield str(seen)


def spellings(text: str) -> Iterator[str]:
    """As code writes it into messages, implemented independently here."""
    yield from (text, repr(text), json.dumps(text))
    if len(text) >= 4:
        yield from (text.upper(), text.lower(), quote(text, safe=""), quote(text))
    if len(text) > 60:
        yield f"{text[:25]}...{text[-24:]}"
    if len(text) >= 8 and text.isascii():
        yield from (b64encode(f"{user}{text}".encode()).decode() for user in ("", "u:", "ab:", "bob:"))
        yield from (text.encode().hex(), repr(text.encode()))


def leaked(text: str, secret: str) -> list[str]:
    """The spellings of `secret` found in `text`; pieces of a long one count as well."""
    if len(secret) < 4:  # only as a word, and only in users' texts, is it looked for
        return [secret] if f"'{secret}'" in text or f"| {secret} |" in text else []
    forms = set(spellings(secret))
    forms |= {secret[:10], secret[-10:]} if len(secret) >= 12 else set()
    forms |= {form.strip("\"'") for form in spellings(secret)}
    if len(secret) > 20:
        forms |= {secret[at : at + 16] for at in range(len(secret) - 16)}
    return sorted(form for form in forms if form in text)


def basic(secret: str) -> str:
    """As a string in TOML."""
    return json.dumps(secret)


PLACES: Final[dict[str, Callable[[str], str]]] = {
    "a key": lambda s: f"api_key = {basic(s)}\n",
    "a type": lambda s: f"pin = {basic(s)}\n",
    "an array": lambda s: f'token = [{basic(s)}, "other"]\n',
    "a tuple": lambda s: f"secret = [{basic(s)}, 5]\n",
    "a named tuple": lambda s: f'account = ["bob", {basic(s)}]\n',
    "named tuples": lambda s: f'accounts = [["bob", "p0"], ["eve", {basic(s)}]]\n',
    "text in JSON": lambda s: f"blob = {basic(json.dumps({'user': 'bob', 'password': s}))}\n",
    "a type in JSON": lambda s: f"sealed = {basic(json.dumps({'pin': s}))}\n",
    "the environment": lambda s: "port = 3\n",
    "several lines": lambda s: f'api_key = """\n{s}\nand more of it"""\n',
    "a literal": lambda s: f"api_key = '''{s}'''\n",
    "an unknown key": lambda s: f"zz_password = {basic(s)}\n",
    "a slip for a word": lambda s: f"pasword = {basic(s)}\n",
    "a slip for a plural": lambda s: f"paswords = [{basic(s)}]\n",
    "a slip in a joined word": lambda s: f"clientsecert = {basic(s)}\n",
    "a slip across two words": lambda s: f"api_kye = {basic(s)}\n",
    "a slip for a field": lambda s: f"acces_key = {basic(s)}\n",
    "a slip for a type": lambda s: f"[[servers]]\npinn = {basic(s)}\n",
    "a name with an alias": lambda s: f"badge = {basic(s)}\n",
    "a slip in a line": lambda s: f'servers = [{{ hots = "x", pasword = {basic(s)} }}]\n',
    "a comment": lambda s: f"# password = {basic(s)}\n",
    "an array of tables": lambda s: f"[[servers]]\npassword = {basic(s)}\n",
    "a line of tables": lambda s: f'servers = [{{ host = "x", password = {basic(s)} }}]\n',
    "a secret name": lambda s: f"mail_word = {basic(s)}\n",
    "a secret alias": lambda s: f"mail_word_again = {basic(s)}\n",
    "an alias path": lambda s: f"[mail]\nword = {basic(s)}\n",
    "a key of a type": lambda s: f"[keyed]\n{basic(s)} = 5\n",
    "a table of a key of a type": lambda s: f"[keyed_tables.{basic(s)}]\nport = 5\n",
    "a slip for a secret name": lambda s: f"mail_wrod = {basic(s)}\n",
    "a free table of a type": lambda s: f"[vault]\nmain = {basic(s)}\n",
    "a secret table": lambda s: f"[credentials.mail]\nuser = {basic(s)}\n",
    "a header": lambda s: f'[http_headers]\nAuthorization = "Bearer {s}"\n',
}
BROKEN: Final[dict[str, Callable[[str], str]]] = {
    "the rest of a string": lambda s: f"api_key = '''x'''\n\n{s}'''\n",
    "a bare line of a secret table": lambda s: f"[credentials]\n{s}\n",
    "a line of a broken array": lambda s: f'token = [\n "x\n {s}"\n]\n',
}
"""In files that are not TOML."""
NUMBERS: Final[dict[str, Callable[[str], str]]] = {
    "an integer": lambda s: f"access_key = {s}\n",
    "a float": lambda s: f"rate_token = {s}.5\n",
    "a number in a table": lambda s: f"[credentials]\npin = {s}\n",
}
DATES: Final[dict[str, Callable[[str], str]]] = {"a date": lambda s: f"expiry_secret = {s}\n"}
URLS: Final[dict[str, Callable[[str], str]]] = {
    "a URL": lambda s: f'url = "postgres://bob:{s}@db/x"\n',
    "a URL as a key": lambda s: f'[registries."https://bot:{s}@reg.example/"]\nport = "x"\n',
    "a URL without a scheme": lambda s: f'url = "//bob:{s}@db/x"\n',
    "an unknown URL": lambda s: f'zz = "amqp+ssl://bob:{s}@h1,h2/"\n',
    "an unknown key of a URL": lambda s: f'"https://bot:{s}@reg.example/" = 1\n',
    "a proxy": lambda s: f'url = "bob:{s}@proxy:8080"\n',
    "a query": lambda s: f'url = "jdbc:postgresql://h/d?user=u&password={s}&ssl=on"\n',
    "a DSN": lambda s: f'dsn = "host=db password={s} user=x"\n',
}

FORMS: Final[dict[str, Callable[[str], str]]] = {
    "prose": lambda s: f"no login, password: {s}",
    "YAML": lambda s: f"\ndb:\n  user: bob\n  password: {s}\n  host: x\n",
    "YAML below": lambda s: f"\ndb:\n  password: |\n    {s}\n    {s}\n  host: x\n",
    "JSON": lambda s: json.dumps({"password": s, "credentials": {"a": {"b": s}, "c": [s]}}, indent=2),
    "JSON in JSON": lambda s: json.dumps(json.dumps({"password": s})),
    "Python": lambda s: repr({"password": s.encode(), "token": (s, [s])}),
    "headers": lambda s: f"Authorization: Bearer {s}\nX-Api-Key: {s}\nauthorization: basic {s}",
    "pairs of headers": lambda s: repr([("Authorization", f"Bearer {s}"), ("X-Api-Key", s)]),
    "a driver": lambda s: f"Driver={{x}};Uid=sa;Pwd={{my {s}}};Database=x",
    "a list": lambda s: f"Server=db;Password=my {s};Database=x",
    "a URL with spaces": lambda s: f"could not connect to postgres://bob:my {s}@db/x at all",
    "an option": lambda s: f"mysql --user bob --password {s} -h db",
    "words": lambda s: f"the password {s} was refused, and the token is '{s}'",
}
IN_TEXTS: Final[dict[str, Callable[[str], str]]] = {
    f"in a text: {form}": lambda s, form=form: f"form = {basic(form)}\n" for form in FORMS
}

OCCASIONS: Final[dict[str, Callable[[str], str]]] = {
    "changed": lambda text: text,
    "unchanged but for a comment": lambda text: text + "# more\n",
    "gone": lambda text: "port = 1\n",
    "a wrong type": lambda text: f'rest = 1\nport = "x"\n{text.replace("port = 3", "")}',
    "a wrong choice": lambda text: f'level = "x"\n{text}',
    "unknown keys": lambda text: f"prot = 1\nlevl = 2\n{text}",
    "many unknown keys": lambda text: "".join(f"zz{n} = 1\n" for n in range(150)) + text,
    "the same again": lambda text: text + text,
    "not TOML below": lambda text: text + "oops oops\n",
    "not TOML above": lambda text: "oops oops\n" + text,
    "not closed": lambda text: text.replace('"\n', "\n", 1),
    "no quotes": lambda text: text.replace('"', ""),
    "wrong for its place": lambda text: text.replace(" = ", " = [[", 1).replace("\n", "]]\n", 1),
    **{
        f"noise: {noise}": lambda text, noise=noise: f'noise = "{noise}"\n{text}'
        for noise in ("before", "validator", "assertion", "custom", "model", "raises", "check", "warning")
    },
    **{
        f"noise: {noise}": lambda text, noise=noise: f'noise = "{noise}"\n{text}'
        for noise in ("check raises", "describe raises", "none")
    },
}
