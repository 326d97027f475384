"""What a publisher checks against what it has read, before it sends anything."""

from __future__ import annotations

from hotconf.fleet.protocol.keys import Keys
from hotconf.fleet.protocol.known import Known, misread
from hotconf.fleet.protocol.records import Current, Document
from hotconf.fleet.publishing.results import ConflictError, Published, UnchangedError
from hotconf.text import printable


def new(keys: Keys, found: Known, document: Document, expect: str | None) -> None:
    """Raises if `document` is current, whatever its version, or if another version than `expect` is."""
    expected(keys, found, expect)
    current = found.current
    if current is None:
        return
    if _same(current.document, document):
        advice = ": promote it" if current.canary else ""
        raise UnchangedError(f"this document is version {current.document.version}, current already{advice}")
    if current.canary is not None and _same(current.canary.stable, document):
        version = current.canary.stable.version
        raise UnchangedError(f"this document is version {version}, which all but the canaries serve: roll back")


def _same(one: Document, other: Document) -> bool:
    return (one.sha256, one.format) == (other.sha256, other.format)


def expected(keys: Keys, found: Known, expect: Published | str | None) -> None:
    """Raises if another publish, or another version, than `expect` is current; empty: if anything is."""
    current = found.current
    if isinstance(expect, Published):
        if current is None or current.publish_id != expect.publish_id:
            raise conflict(found)
        return
    if expect is not None and current is None and found.base:
        raise ConflictError(str(misread(keys, keys.current)))
    version = "" if current is None else current.document.version
    if expect is not None and version != expect:
        now = f"version {version} is current" if version else "nothing is current"
        wanted = f"version {printable(expect)}" if expect else "nothing"
        raise ConflictError(f"{now}, not {wanted}", _published(current))


def free(keys: Keys, found: Known) -> None:
    """Raises if an offer is open, or if something is not understood."""
    if found.current is None and found.base:
        raise ConflictError(str(misread(keys, keys.current)))
    no_offer(keys, found)


def no_offer(keys: Keys, found: Known) -> None:
    """Raises if one is open."""
    if found.offer is None and found.offered:
        raise ConflictError(str(misread(keys, keys.offer)), _published(found.current))
    if found.offer is not None:
        by = printable(found.offer.by) or "another publisher"
        version, asks = found.offer.document.version, printable(found.offer.asks)
        text = f"{by} is publishing version {version}, {asks}: wait, or override it"
        raise ConflictError(text, _published(found.current), found.offer)


def _published(current: Current | None) -> Published | None:
    return None if current is None else Published.of(current)


def conflict(found: Known) -> ConflictError:
    """Something else became current."""
    if found.current is None:
        what = "what is current now is not understood" if found.base else "nothing is current any more"
        return ConflictError(what)
    now = Published.of(found.current)
    what = f"version {now.version}, by {printable(now.by)} at {now.at}"
    return ConflictError(f"something else became current meanwhile: {what} (epoch {now.epoch})", now, found.offer)
