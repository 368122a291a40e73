"""Certificates for one run: a certificate authority made on the spot, and one pair for 127.0.0.1.

They hold for thirty days, and their folder is readable by its owner alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LIFETIME = timedelta(days=30)


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that clients trust, and the pair that servers present."""

    authority: Path
    certificate: Path
    key: Path


def make(folder: Path) -> Certificates:
    """Write a new authority and a certificate for loopback into `folder` and return their files."""
    import trustme  # slow to import, so done beside what else starts

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    expires = datetime.now(UTC).replace(tzinfo=None) + _LIFETIME
    authority = trustme.CA(organization_name="batchkit local Azure")
    pair = authority.issue_cert("127.0.0.1", "localhost", not_after=expires)
    authority.cert_pem.write_to_path(made.authority)
    made.key.touch(mode=0o600)
    pair.private_key_pem.write_to_path(made.key)
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    return made
