"""Requests to the stand-in's accounts in tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from archiver.drill.standin import Account, Answer
from archiver.drill.standin_meta import MetaAccount
from archiver.drill.standin_tiktok import PATH, TikTokAccount

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def tiktok(**options: Any) -> TikTokAccount:
    return TikTokAccount("PIXEL", **options)


def meta(**options: Any) -> MetaAccount:
    return MetaAccount("DATASET", **options)


def tiktok_item(event_id: Any = "one", at: datetime = NOW, **more: Any) -> dict[str, Any]:
    item = {"event": "CompletePayment", "event_id": event_id, "event_time": int(at.timestamp())}
    return item | {"user": {}} | more


def meta_item(event_id: Any = "one", at: datetime = NOW, **more: Any) -> dict[str, Any]:
    return {
        "event_name": "Purchase",
        "event_id": event_id,
        "event_time": int(at.timestamp()),
        "action_source": "website",
        "user_data": {"em": ["x"]},
        "custom_data": {"value": 1.5, "currency": "USD"},
    } | more


def send(account: Account, *items: Any, at: datetime = NOW, **body: Any) -> Answer:
    """One request with these events, with a token."""
    if isinstance(account, MetaAccount):
        path, headers = "/v24.0/DATASET/events", {"Authorization": "Bearer token"}
        document: dict[str, Any] = {"data": list(items)}
    else:
        path, headers = PATH, {"access-token": "token"}
        document = {"event_source": "web", "event_source_id": "PIXEL", "data": list(items)}
    return account.handle(at, path, headers, json.dumps(document | body).encode())


def reply(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def ids(account: Account) -> dict[str, int]:
    """How often each id was counted."""
    return {key.event_id: len(counts) for key, counts in account.counted.items()}
