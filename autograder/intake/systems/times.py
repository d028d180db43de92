"""The times that systems write beside what was handed in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(\S*)")


def utc_time(value: object) -> datetime | None:
    """Return a time of a source in UTC, or None if it is none.

    nbgrader's own function takes an offset for seconds, so it is not used.
    """
    if isinstance(value, dict):  # a Rails time: the same moment twice, and a zone
        value = value.get("utc") or value.get("time")
    try:
        time = _parsed(value) if isinstance(value, str) else value
        if not isinstance(time, datetime):
            return None
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
        return None


def _parsed(text: str) -> datetime:
    """Return the time that a text gives, with the zone it names.

    Raises:
        KeyError, OSError, ValueError: it gives none, or nobody knows the zone.
    """
    found = TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(text)
    time, zone = found.groups()
    if not zone or zone in ("Z", "UTC", "GMT"):
        return datetime.fromisoformat(time)
    if zone[0] in "+-":
        return datetime.fromisoformat(time + zone)
    return datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone))
