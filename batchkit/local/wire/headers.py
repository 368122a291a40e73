"""Headers that every answer of the local Azure carries, on each of its planes."""

from __future__ import annotations

SECURITY = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
