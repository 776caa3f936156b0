"""Posts request bodies, and says what came of it; no secret of the environment gets any further."""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from urllib.parse import quote, urlsplit

import httpx

from archiver import __version__
from archiver.backfill.upload_journal import Answer
from archiver.destinations.requests import Header
from archiver.errors import UsageError

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0

# Longer than any reply that tells of the 2,000 events of a request one by one.
_MAX_REPLY_BYTES = 1024 * 1024
# A connection that was idle for longer may be closed by the other side just as it is used, and
# then nobody knows whether the request arrived.
_IDLE_SECONDS = 1.0
# A year: whoever asks for longer asks for ever, and instants end.
_LONGEST_RETRY_SECONDS = 366 * 86_400.0
# Anything shorter is no secret, and would be found in the midst of other words.
_MIN_SECRET = 4

_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_TOKEN = re.compile(r"[\x21-\x7e]+")
# These say that no connection came about, so that nothing of the request went out.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
UNTRUSTED = "its certificate is not trusted"


def secret_names(url: str, headers: tuple[Header, ...]) -> list[str]:
    """The environment variables that requests need, in a stable order."""
    names = [header.environment for header in headers if header.environment]
    return list(dict.fromkeys([*names, *_VARIABLE.findall(url)]))


def shown_headers(headers: tuple[Header, ...]) -> list[str]:
    """The headers as people may see them, secrets as `$NAME`."""
    schemes = {"plain": "", "bearer": "Bearer ", "basic": "Basic, user name "}
    return [
        f"{h.name}: {schemes[h.scheme]}${h.environment}"
        if h.environment
        else f"{h.name}: {h.value}"
        for h in headers
    ]


def check_address(url: str, configured: str | None) -> None:
    """Refuse to send tokens and personal data in the clear to another machine.

    Args:
        url: where requests would go.
        configured: the configuration's `base_url`, where that was written on purpose.

    Raises:
        UsageError: it is no address, or plain http to a host that is not this one.
    """
    parts = urlsplit(url)
    doing = f"sending to {parts.hostname or url}"
    if parts.username is not None:
        raise UsageError(doing, "its address holds credentials", "leave them out of base_url")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _is_plain(url):
        raise UsageError(doing, "this is no scheme and host", "write https://host")
    is_wanted = configured is not None and url.startswith(configured.rstrip("/") + "/")
    if parts.scheme == "http" and not is_wanted and not _is_loopback(parts.hostname):
        raise UsageError(
            doing,
            "plain http shows tokens and personal data to everybody on the way",
            "write https; or, where the way is yours, set base_url in the configuration",
        )


class Poster:
    """Sends bodies to one address.

    Args:
        url: the address, with `$NAME` for secrets.
        headers: the headers.
        environment: where the secrets are.
        transport: in place of the network, in tests and drills; None: the network, with proxies
            as the environment says, but for this machine.
        read_seconds: how long a reply may take.

    Raises:
        UsageError: a variable is not set, or holds no token; names the variable only.
    """

    def __init__(
        self,
        url: str,
        headers: tuple[Header, ...],
        environment: Mapping[str, str],
        transport: httpx.BaseTransport | None,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._read_seconds = read_seconds
        self._secrets = _secrets(url, headers, environment)
        expanded = _VARIABLE.sub(lambda found: quote(self._secrets[found[1]], safe=""), url)
        self._request = (expanded, {h.name: self._header(h) for h in headers})
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(read_seconds, connect=min(CONNECT_SECONDS, read_seconds)),
            limits=httpx.Limits(max_connections=1, keepalive_expiry=_IDLE_SECONDS),
            headers={"User-Agent": f"archiver/{__version__}"},
            follow_redirects=False,
            trust_env=not _is_loopback(urlsplit(url).hostname or ""),
        )

    def __enter__(self) -> Poster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def post(self, body: bytes, clock: Callable[[], datetime]) -> Answer:
        """Send one request; failures of the network are answers too."""
        url, headers = self._request
        try:
            with (
                _unlogged(),
                self._client.stream("POST", url, headers=headers, content=body) as response,
            ):
                return Answer(
                    http_status=response.status_code,
                    body=self._without_secrets(_text(response, self._read_seconds)),
                    retry_after_seconds=_retry_after(response.headers.get("Retry-After"), clock),
                )
        except _UNSENT as error:
            # The words of the library may hold the address, and so a secret.
            is_trust = "CERTIFICATE_VERIFY_FAILED" in str(error)
            problem = UNTRUSTED if is_trust else type(error).__name__
            return Answer(was_sent=False, problem=problem)
        except httpx.HTTPError as error:
            return Answer(problem=type(error).__name__)

    def _header(self, header: Header) -> str:
        if header.environment is None:
            return header.value or ""
        secret = self._secrets[header.environment]
        if header.scheme == "bearer":
            return f"Bearer {secret}"
        return f"Basic {_basic(secret)}" if header.scheme == "basic" else secret

    def _without_secrets(self, text: str) -> str:
        for name, secret in self._secrets.items():
            if len(secret) >= _MIN_SECRET:
                forms = (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], _basic(secret))
                for form in forms:
                    text = text.replace(form, f"${name}")
        return text


def _secrets(
    url: str, headers: tuple[Header, ...], environment: Mapping[str, str]
) -> dict[str, str]:
    secrets = {}
    for name in secret_names(url, headers):
        secret = environment.get(name, "")
        if not _TOKEN.fullmatch(secret):
            raise UsageError(
                "taking the token from the environment",
                f"{name} is not set"
                if not secret
                else f"what {name} holds is no token: it has"
                " white space, control characters or letters beyond ASCII",
                f"export {name}; the token itself never stands in the configuration",
            )
        secrets[name] = secret
    return secrets


def _basic(secret: str) -> str:
    return base64.b64encode(f"{secret}:".encode()).decode()


def _text(response: httpx.Response, seconds: float) -> str:
    """The reply's text; what is too long is cut.

    Raises:
        httpx.ReadTimeout: it takes longer than so many seconds. The library itself limits the
            time between two pieces only.
    """
    data = b""
    until = time.monotonic() + seconds
    for chunk in response.iter_bytes():
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the reply takes too long")
        data += chunk
        if len(data) >= _MAX_REPLY_BYTES:
            break
    return data[:_MAX_REPLY_BYTES].decode("utf-8", "replace")


def _retry_after(text: str | None, clock: Callable[[], datetime]) -> float | None:
    """Seconds to wait, from seconds or from an HTTP date; None for anything else."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return min(float(text[:20]), _LONGEST_RETRY_SECONDS)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until.replace(tzinfo=UTC) if until.tzinfo is None else until
    return min(max(0.0, (until - clock()).total_seconds()), _LONGEST_RETRY_SECONDS)


def _is_plain(url: str) -> bool:
    """Whether nothing but a path and one query can follow the host; and the port is one."""
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return "#" not in url and "/" not in url.partition("?")[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep httpx from logging the address of a request, which may hold a secret."""
    logger = logging.getLogger("httpx")

    def drop(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)
