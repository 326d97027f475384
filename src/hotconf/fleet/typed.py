"""`command_line`: a command of the fleet as it is typed in the shell of the app, so that it reaches the same fleet.

`folded`: the same in lines that fit.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from os import fspath
from typing import Any, Final

from hotconf.report.cells import width


def command_line(reached: Mapping[str, Any], environment: Mapping[str, str], command: str, *more: str) -> str:
    """`hotconf fleet COMMAND NAME …`, with an option for whatever `environment` does not say already.

    `reached`: how the program reaches it (`Etcd.reached`). A user that the environment names stays: it may publish,
    which the program's may not. A password is asked for, or in the environment; it is never shown.
    """
    return shlex.join(["hotconf", "fleet", command, reached["name"], *more, *_options(reached, environment)])


def folded(line: str, room: int) -> Iterator[str]:
    """`line` in lines of at most `room` columns, if its words are not longer: a shell reads them as one."""
    words = [shlex.quote(word) for word in shlex.split(line)]
    held = words[0]
    for nth, word in enumerate(words[1:], 1):
        end = 0 if nth == len(words) - 1 else 2
        if width(held) + 1 + width(word) + end > room:
            yield f"{held} \\"
            held = f"  {word}"
        else:
            held = f"{held} {word}"
    yield held


def _options(reached: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    from hotconf.fleet import TLS  # the app itself does without a fleet
    from hotconf.fleet.protocol.keys import PREFIX

    said = {option: environment.get(name) or None for option, name in _VARIABLES.items()}
    wanted = {
        "--endpoints": ",".join(reached["endpoints"]),
        "--prefix": None if reached["prefix"] == (said["--prefix"] or PREFIX) else reached["prefix"],
        "--user": said["--user"] or reached["user"],
    }
    tls = reached["tls"]
    if isinstance(tls, TLS):
        wanted |= {"--cacert": tls.ca, "--cert": tls.cert, "--key-file": tls.key}
    elif tls is not None:  # a context does not say of which files it was made
        wanted["--cacert"] = said["--cacert"] or "FILE"
    for option, value in wanted.items():
        if value is not None and fspath(value) != said[option]:
            yield from (option, fspath(value))
    if reached["insecure"]:
        yield "--insecure"


_VARIABLES: Final = {
    "--endpoints": "HOTCONF_ETCD_ENDPOINTS",
    "--prefix": "HOTCONF_ETCD_PREFIX",
    "--user": "HOTCONF_ETCD_USER",
    "--cacert": "HOTCONF_ETCD_CACERT",
    "--cert": "HOTCONF_ETCD_CERT",
    "--key-file": "HOTCONF_ETCD_KEY",
}
