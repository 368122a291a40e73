"""Certificates: a certificate authority made on the spot, and one pair for 127.0.0.1.

They hold for thirty days, and their folder is readable by its owner alone. Those of an earlier run are taken again
while they hold for another week, so that clients of that run trust this one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_LIFETIME = timedelta(days=30)
_REST = timedelta(days=7)


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that clients trust, and the pair that servers present."""

    authority: Path
    certificate: Path
    key: Path


def make(folder: Path, names: Sequence[str] = ()) -> Certificates:
    """Return the files of an authority and a certificate for loopback in `folder`, written anew unless they hold.

    Args:
        folder: of its own for each set of names.
        names: other hosts that the certificate is to hold for.
    """
    import trustme  # slow to import, so done beside what else starts

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = Certificates(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    if _hold(made):
        return made
    made.certificate.unlink(missing_ok=True)  # until it is there again nothing here is whole
    expires = datetime.now(UTC).replace(tzinfo=None) + _LIFETIME
    authority = trustme.CA(organization_name="batchkit local Azure")
    pair = authority.issue_cert("127.0.0.1", "localhost", *names, not_after=expires)
    authority.cert_pem.write_to_path(made.authority)
    made.key.touch(mode=0o600)
    pair.private_key_pem.write_to_path(made.key)
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in pair.cert_chain_pems))
    return made


def bundle(made: Certificates, environment: Mapping[str, str]) -> Path:
    """Write and return a PEM file of the authority and all that this machine trusts without it.

    For variables that put one file in the place of all trust: with the authority alone in REQUESTS_CA_BUNDLE a program
    reaches nothing else.
    """
    import certifi  # beside the start, as above

    named = (environment.get(name, "") for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"))
    others = next((Path(file) for file in named if file and Path(file).is_file()), Path(certifi.where()))
    both = made.authority.with_name("bundle.pem")
    both.write_bytes(made.authority.read_bytes() + others.read_bytes())
    return both


def _hold(made: Certificates) -> bool:
    """Say whether an earlier run's files are whole and hold for a while."""
    try:
        age = time.time() - made.certificate.stat().st_mtime
    except FileNotFoundError:
        return False
    return made.authority.exists() and made.key.exists() and age < (_LIFETIME - _REST).total_seconds()
