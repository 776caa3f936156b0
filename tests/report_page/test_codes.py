"""What codes of destinations mean in words."""

from __future__ import annotations

import pytest

from archiver.report.page_codes import meaning


@pytest.mark.parametrize(
    "kind, code, said",
    [
        ("tiktok-events", "40100", "too many requests in too short a time"),
        ("tiktok-events", "40199", "quota, access token, scope or advertiser"),
        ("tiktok-events", "51004", "an error inside TikTok's servers"),
        ("tiktok-events", "503", "the destination was not available"),
        ("tiktok-events", "٤٠١٠٠", None),
        ("tiktok-events", "<script>", None),
        ("meta-capi", "100/2804003", "the event is too old"),
        ("meta-capi", "100/2804050", "a field of the event, or of the request, is not valid"),
        ("meta-capi", "80004", "too many requests in too short a time"),
        ("meta-capi", "294", "no permission"),
        ("meta-capi", "٢٥٠", None),
        ("google-ads", "EXPIRED_EVENT", "the click is too old"),
        ("custom", "429", "too many requests in too short a time"),
        ("custom", "40100", None),
        ("", "no_reply", "no reply came, as after a time-out"),
    ],
)
def test_meaning(kind: str, code: str, said: str | None) -> None:
    assert meaning(kind, code) == said
