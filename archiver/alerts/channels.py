"""The ways out: apprise, a webhook that takes JSON, and the heartbeat.

Their addresses are secrets: no message, error or log of this module holds one, nor what a library
says about one.

Sources: apprise 2.2.0, README and source (high): `Apprise.instantiate` gives None for what is no
address; `notify` is true only if all took it, and gives up after `timeout`; declared as text, a
body is escaped for those services that know markup; it logs addresses in part, at all levels.
PagerDuty (apprise's plugin, high; Events API v2, high): with `action=map` a success resolves the
incident of the same `dedup` key, anything else raises or updates it.
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from archiver import __version__
from archiver.alerts.state import Message
from archiver.config import Config
from archiver.config.night_settings import ChannelSettings
from archiver.texts import instant_text

if TYPE_CHECKING:
    import apprise
    import httpx

_TRIES = 3
_FIRST_WAIT_SECONDS = 0.5
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_PAGERDUTY = "pagerduty"
# How apprise's log names the status of a reply.
_CODE = re.compile(r"error=(\d{3})\b")


class ChannelError(Exception):
    """A channel did not take a message.

    Args:
        why: for people, without any secret.
        may_pass: another try in a moment may succeed.
    """

    def __init__(self, why: str, *, may_pass: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.may_pass = may_pass


class Sender:
    """Sends messages to one channel.

    Args:
        settings: the channel's.
        environment: has its address.
        timeout: how long one try may take.
        transport: in place of the network, in tests; webhooks only.
        sleep: waits between tries.

    Raises:
        ChannelError: its variable is not set, or holds no address.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        environment: Mapping[str, str],
        timeout: timedelta,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # Most rounds send nothing: what sending takes is not loaded before.
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        self._variable = settings.url_env
        self._is_webhook = settings.type == "webhook"
        self._url = environment.get(settings.url_env, "").strip()
        if not self._url:
            raise ChannelError(f"the environment variable {settings.url_env} is not set")
        self._seconds = timeout.total_seconds()
        self._transport = transport
        if self._is_webhook:
            _check_http(self._url, settings.url_env)
        else:
            self._service("check")
        self._retrying = Retrying(
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(multiplier=_FIRST_WAIT_SECONDS, max=2),
            retry=retry_if_exception(lambda e: isinstance(e, ChannelError) and e.may_pass),
            reraise=True,
            sleep=sleep,
        )

    def send(self, message: Message, text: str) -> None:
        """Send one message.

        Args:
            message: what.
            text: its text, perhaps with a line about other channels.

        Raises:
            ChannelError: it was not taken, or nobody knows.
        """
        once = self._post if self._is_webhook else self._notify
        try:
            self._retrying(once, message, text)
        except ChannelError:
            raise
        except Exception as error:
            raise ChannelError(f"unexpected {type(error).__name__}") from None

    def _post(self, message: Message, text: str) -> None:
        body = {
            "alert_id": message.alert_id,
            "alert": message.alert,
            "kind": message.kind,
            "state": message.state,
            "title": message.title,
            "text": text,
            "as_of": instant_text(message.as_of),
            "opened_at": instant_text(message.opened_at),
            "run_id": message.run_id,
            "conditions": message.conditions,
        }
        headers = {"Idempotency-Key": message.alert_id}
        status = _call("POST", self._url, self._seconds, self._transport, headers, body)
        if not 200 <= status < 300:
            raise ChannelError(f"it answered {status}", may_pass=status in _TRY_AGAIN)

    def _notify(self, message: Message, text: str) -> None:
        import apprise

        types = {"resolved": apprise.NotifyType.SUCCESS, "updated": apprise.NotifyType.WARNING}
        service = self._service(message.alert)
        try:
            result = service.notify(
                title=message.title,
                body=text,
                notify_type=types.get(message.state, apprise.NotifyType.FAILURE),
                body_format=apprise.NotifyFormat.TEXT,
                timeout=self._seconds,
            )
        except Exception as error:
            raise ChannelError(f"apprise failed ({type(error).__name__})") from None
        if result:
            return
        if result.status == apprise.AppriseResultStatus.TIMEOUT:
            raise ChannelError("it did not answer in time")
        codes = [found[1] for entry in result.logs() if (found := _CODE.search(entry.message))]
        if codes:
            raise ChannelError(f"it answered {codes[-1]}", may_pass=int(codes[-1]) in _TRY_AGAIN)
        raise ChannelError("apprise could not deliver to it", may_pass=True)

    def _service(self, alert: str) -> apprise.Apprise:
        """The one service of the address, for messages about one alert."""
        _silence_apprise()
        import apprise

        asset = apprise.AppriseAsset(
            app_id="archiver",
            app_desc="archiver",
            async_mode=False,
            # A message that is sent on to a page to log in on would count as taken.
            http_redirects=False,
            service_timeout=self._seconds,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
            timezone="UTC",
        )
        service = apprise.Apprise(asset=asset)
        try:
            is_known = service.add(_for_alert(self._url, alert))
        except Exception as error:
            why = f"{self._variable} holds no address of apprise ({type(error).__name__})"
            raise ChannelError(why) from None
        if not is_known or len(service) != 1:
            raise ChannelError(
                f"{self._variable} must hold one address of apprise; for several, add channels"
            )
        return service


def heartbeat(
    config: Config,
    environment: Mapping[str, str],
    *,
    transport: httpx.BaseTransport | None = None,
) -> str | None:
    """Call the heartbeat's URL, if its variable is set; call it after a round that succeeded.

    Args:
        config: the settings.
        environment: has the URL.
        transport: in place of the network, in tests.

    Returns:
        Why it failed, for people, without the URL; None: it was called, or there is none.
    """
    variable = config.alerts.heartbeat_url_env
    url = environment.get(variable, "").strip()
    if not url:
        return None
    try:
        _check_http(url, variable)
        status = _call("GET", url, config.alerts.timeout.total_seconds(), transport)
    except ChannelError as error:
        return f"the heartbeat failed: {error.why}"
    return None if 200 <= status < 300 else f"the heartbeat failed: it answered {status}"


def _for_alert(url: str, alert: str) -> str:
    """The address with what ties messages of one alert together, where a service knows that.

    PagerDuty: one incident per alert, which `resolved` ends; what the user wrote stays.
    """
    if url.partition(":")[0].lower() != _PAGERDUTY:
        return url
    for key, value in (("action", "map"), ("dedup", f"archiver-{alert}")):
        if f"{key}=" not in url.partition("?")[2]:
            url += f"{'&' if '?' in url else '?'}{key}={value}"
    return url


def _check_http(url: str, variable: str) -> None:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_good = False
    if not is_good:
        raise ChannelError(f"{variable} holds no http or https URL")


def _call(
    method: str,
    url: str,
    seconds: float,
    transport: httpx.BaseTransport | None,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> int:
    """The status of the reply; its body is not waited for, and nothing longer than `seconds`.

    The limits of httpx are those of one reading: a server that sends a byte now and then, or a
    name that does not resolve, would hold the archive's lock for as long as it likes.
    """
    answers: queue.SimpleQueue[int | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_ask(method, url, seconds, transport, headers, body))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise ChannelError("it did not answer in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _ask(
    method: str,
    url: str,
    seconds: float,
    transport: httpx.BaseTransport | None,
    headers: Mapping[str, str] | None,
    body: Mapping[str, Any] | None,
) -> int:
    import httpx

    is_here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    with (
        _masked(),
        httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(seconds),
            headers={"User-Agent": f"archiver/{__version__}"},
            follow_redirects=False,
            trust_env=not is_here,
        ) as client,
        client.stream(method, url, json=body, headers=headers) as reply,
    ):
        return reply.status_code


@contextmanager
def _masked() -> Iterator[None]:
    """Turn what httpx raises into words without an address; its own log has the URL as well."""
    import httpx

    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    except httpx.TimeoutException:
        raise ChannelError("it did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
        why = f"it could not be reached ({type(error).__name__})"
        raise ChannelError(why, may_pass=isinstance(error, httpx.TransportError)) from None
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _silence_apprise() -> None:
    """Let nothing that apprise logs get out, also of threads that it leaves behind.

    Its own record of a call still has what was logged; only numbers are taken from that.
    """
    logger = logging.getLogger("apprise")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    logging.getLogger("requests").setLevel(logging.CRITICAL)
