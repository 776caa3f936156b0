"""Events as their readers see them: with what their envelope says for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from archiver.inbound.envelopes import as_read


def merged(payload: str, envelope: str) -> Any:
    return json.loads(as_read(payload, envelope), parse_int=str, parse_float=str)


def test_without_an_envelope_or_with_one_that_says_nothing_the_payload_is_as_it_was() -> None:
    payload = '{ "a": 1.10, "a": 2 }'
    assert as_read(payload, None) is payload
    assert as_read(payload, '{"batch":[],"writeKey":"k"}') is payload


@pytest.mark.parametrize("key", ["context", "integrations"])
def test_context_and_integrations_are_merged_and_the_items_own_win(key: str) -> None:
    envelope = f'{{"batch":[],"{key}":{{"a":"batch","b":1.10}}}}'
    assert merged(f'{{"{key}":{{"a":"item"}}}}', envelope) == {key: {"a": "item", "b": "1.10"}}
    assert merged("{}", envelope) == {key: {"a": "batch", "b": "1.10"}}
    assert merged(f'{{"{key}":null}}', envelope) == {key: {"a": "batch", "b": "1.10"}}
    assert merged(f'{{"{key}":[]}}', envelope) == {key: []}
    assert merged(f'{{"{key}":{{"a":null}}}}', envelope) == {key: {"a": "batch", "b": "1.10"}}


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ('{"batch":[],"sentAt":"t"}', {"sentAt": "t"}),
        ('{"batch":[],"receivedAt":"t","messageId":"of the batch"}', {"receivedAt": "t"}),
        ('{"payload":null,"createdAt":"t","messageId":"m"}', {"receivedAt": "t", "messageId": "m"}),
        ('{"EventPayload":{"batch":[],"receivedAt":"t"},"CreatedAt":"u"}', {"receivedAt": "t"}),
        ('{"EventPayload":null,"CreatedAt":"u"}', {"receivedAt": "u"}),
        ('{"sentAt":"t","batch":[', {"sentAt": "t"}),
        ('{"sentAt":null,"batch":[]}', {}),
        ('{"batch":[],"receivedAt":"t","sentAt":"2026-01', {"receivedAt": "t"}),
        ('{"batch":[],"sentAt":"t","context":{"x":NaN}}', {"sentAt": "t"}),
    ],
)
def test_what_an_event_does_not_say_itself(envelope: str, expected: dict[str, str]) -> None:
    assert merged("{}", envelope) == expected
    assert merged(json.dumps(dict.fromkeys(expected)), envelope) == expected
    own = dict.fromkeys(expected, "own")
    assert merged(json.dumps(own), envelope) == own


def test_values_keep_their_text_also_beside_lone_surrogates() -> None:
    envelope = '{"batch":[],"context":{"n":18446744073709551617}}'
    payload = '{"a":"\\ud800","n":1e400}'
    text = as_read(payload, envelope)
    assert '"\\ud800"' in text
    assert merged(payload, envelope)["context"] == {"n": "18446744073709551617"}
    assert "1e400" in text
