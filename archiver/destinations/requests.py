"""What a backfill asks of a destination: events in its form, request bodies, advice on replies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import msgspec

from archiver.destinations.base import ApiLogReader
from archiver.destinations.paths import Source

ANY_SOURCE = "*"
"""In `RequestBuilder.buildable`: every event source."""


class UnsendableEvent(Exception):
    """An event of which no request can be made that is true to it.

    Args:
        reason: why, in words for a list of what was left out; holds no personal data.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What requests need from the configuration.

    Attributes:
        event_source: where events happened, as `web`.
        event_source_id: the account's id for it, as the pixel code.
        preset: whose hub's form is meant.
        strict: follow the destination's documentation where the hub departs from it.
        overrides: the sources of `[destinations.x.map]`, by field; empty sources: not sent.
        base_url: scheme and host to send to instead of the destination's own, for tests and
            proxies; None: its own.
        api_version: version in the path, where it has one; None: the one that the preset's hub
            uses.
        token_env: name of the environment variable with the secret; None: the type's own.
        integration: the destination's name in an event's `integrations`.
        as_csv: the file that people upload by hand, where the destination has one.
    """

    event_source: str
    event_source_id: str
    preset: str
    strict: bool = False
    overrides: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    base_url: str | None = None
    api_version: str | None = None
    token_env: str | None = None
    integration: str | None = None
    as_csv: bool = False


@dataclass(frozen=True, slots=True)
class Header:
    """One header of a request: a constant, or a secret from the environment.

    Attributes:
        name: header name.
        value: its value; None where it is a secret.
        environment: name of the variable that holds the secret; None where it is a constant.
        scheme: how the secret is written: as it is, `Bearer SECRET`, or as the user name of HTTP
            basic authentication.
    """

    name: str
    value: str | None = None
    environment: str | None = None
    scheme: Literal["plain", "bearer", "basic"] = "plain"


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a destination's event, for people.

    Attributes:
        name: its place in the destination's event, names joined by dots.
        sources: where it is taken from, the first that has a value, as JSON paths or constants.
        form: in which form it is sent, as `plain` or `lower case, SHA-256`.
        is_overridden: the sources are the configuration's.
    """

    name: str
    sources: tuple[str, ...]
    form: str
    is_overridden: bool = False


@dataclass(frozen=True, slots=True)
class Quirk:
    """Where a preset follows the hub against the destination's documentation.

    Attributes:
        field: the field, or what is concerned.
        hub: what the hub does, and so the preset.
        documentation: what the documentation says, and so `strict = true`.
    """

    field: str
    hub: str
    documentation: str


class BuiltEvent(msgspec.Struct, frozen=True, gc=False):
    """An event in the destination's form.

    Attributes:
        item: the event, ready for `Requests.body`; the same bytes for the same payload.
        root: what the body's root needs to know of it; only events with the same root may share a
            body. Empty where any may.
        notes: what the hub would not have let through and what was done instead, field by field;
            empty where the item is what the hub would have sent. Holds no personal data.
    """

    item: bytes
    root: bytes = b""
    notes: tuple[str, ...] = ()


class Requests(Protocol):
    """The requests of one configured destination.

    Attributes:
        url: where they are posted, with `$NAME` for a secret of the environment; None where the
            files are for uploading by hand.
        headers: the headers of a request.
        file_name: pattern of the files' names, as `batch-{:05d}.json`.
        fields: the fields of an event, for people; per event name they may be fewer.
    """

    @property
    def url(self) -> str | None: ...  # noqa: D102 - described above, like those that follow
    @property
    def headers(self) -> tuple[Header, ...]: ...  # noqa: D102
    @property
    def file_name(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> tuple[FieldInfo, ...]: ...  # noqa: D102

    def build_event(
        self, payload: bytes, destination_event: str, event_id: str, event_time_us: int
    ) -> BuiltEvent:
        """Put one inbound event into the destination's form.

        Args:
            payload: the inbound event's JSON text, as archived.
            destination_event: the name from the rule that selected it.
            event_id: the id by which the destination knows it.
            event_time_us: when it happened, microseconds since 1970, UTC.

        Raises:
            UnsendableEvent: no readable event, or one of which no true request can be made.
        """
        ...

    def body(self, items: Sequence[bytes], root: bytes) -> bytes:
        """Join built items of one root into the body of one request, or into one file.

        Each item adds its length and at most one byte to the length of a body without items.
        """
        ...

    def split(self, body: bytes) -> tuple[list[bytes], bytes]:
        """Take a body apart again: items and root, of which `body` makes the same bytes.

        Raises:
            ValueError: it is no body of these requests.
        """
        ...


Step = Literal["done", "wait", "isolate", "stop", "unsure"]


@dataclass(frozen=True, slots=True)
class Advice:
    """What a reply means for the upload.

    Attributes:
        step: `done`: each event has its verdict; `wait`: nothing was taken, for a reason that
            passes (throttling, the server's own fault); `isolate`: nothing was taken, because of
            single events; `stop`: nothing was taken, and nothing will be before somebody mends
            token, permission or account; `unsure`: it may have landed.
        rows: with `isolate`, the events at fault, by position; empty where the reply names none.
    """

    step: Step
    rows: tuple[int, ...] = ()


@runtime_checkable
class RequestBuilder(ApiLogReader, Protocol):
    """A destination for which a backfill can be written and uploaded.

    Attributes:
        buildable: the pairs of preset and event source whose events can be put into its form.
        quirks: where a preset departs from the documentation, by preset.
        has_verdicts: whether a reply says that events were accepted (GA4's does not).
        token_env: the environment variable of the secret, if the configuration names none.
        api_version: the version of its API that requests are built for; None where it has none.
    """

    @property
    def buildable(self) -> tuple[tuple[str, str], ...]: ...  # noqa: D102
    @property
    def quirks(self) -> Mapping[str, tuple[Quirk, ...]]: ...  # noqa: D102
    @property
    def has_verdicts(self) -> bool: ...  # noqa: D102
    @property
    def token_env(self) -> str: ...  # noqa: D102
    @property
    def api_version(self) -> str | None: ...  # noqa: D102

    def requests(self, settings: RequestSettings) -> Requests:
        """The requests for one configured destination.

        Raises:
            ValueError: preset and event source are not `buildable`, an override names no field,
                or there is no CSV; the message names what is known.
        """
        ...

    def advise(self, http_status: int | None, reply: bytes | None, items: int) -> Advice:
        """What to do after a reply; arguments as in `judge`."""
        ...


def joined(start: bytes, items: Sequence[bytes], end: bytes) -> bytes:
    """A body of items with commas between them, which are copied only once."""
    if not items:
        return start + end
    if len(items) == 1:
        return b"".join((start, *items, end))
    return b",".join((start + items[0], *items[1:-1], items[-1] + end))


def split_items(body: bytes, key: str) -> list[bytes]:
    """The elements of the array under a key of a JSON object, byte for byte.

    Raises:
        ValueError: it is not such an object.
    """
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return [bytes(raw) for raw in msgspec.json.decode(found[key], type=list[msgspec.Raw])]
    except (msgspec.MsgspecError, KeyError):
        raise ValueError(f"the body is no object with an array {key!r}") from None


def check_buildable(
    kind: RequestBuilder, settings: RequestSettings, csv_sources: Collection[str] = ()
) -> None:
    """Refuse a preset and an event source that a destination cannot build requests for.

    Args:
        kind: the destination.
        settings: what is asked of it.
        csv_sources: the event sources for which there is a CSV.

    Raises:
        ValueError: the message names what it can.
    """
    sources = (settings.event_source, ANY_SOURCE)
    if not any((settings.preset, source) in kind.buildable for source in sources):
        known = ", ".join(f"{preset} {source}" for preset, source in kind.buildable)
        raise ValueError(
            f"requests of type {kind.type} cannot be built for preset {settings.preset!r} and "
            f"event_source {settings.event_source!r} (known: {known})"
        )
    if settings.as_csv and settings.event_source not in csv_sources:
        raise ValueError(
            f"{kind.type} takes no CSV of event_source {settings.event_source!r}"
            + (f" (only of {', '.join(map(repr, csv_sources))})" if csv_sources else "")
        )
