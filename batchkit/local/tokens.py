"""Tokens of the local Azure: signed with a secret made at each start, checked as Entra's would be.

The claims are those that Azurite's OAuth accepts: an issuer below https://sts.windows.net/,
the audience, iat, nbf and exp. Azurite checks no signature; Batch and Resource Manager here do.
"""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

import jwt

BATCH_AUDIENCE = "https://batch.core.windows.net/"
ARM_AUDIENCE = "https://management.azure.com/"
OLD_ARM_AUDIENCE = "https://management.core.windows.net/"  # what az and older clients still ask for
STORAGE_AUDIENCE = "https://storage.azure.com/"
REGISTRY_AUDIENCE = "https://containerregistry.azure.net/"
AUDIENCES = (BATCH_AUDIENCE, ARM_AUDIENCE, OLD_ARM_AUDIENCE, STORAGE_AUDIENCE, REGISTRY_AUDIENCE)

JOB = "batch_job"  # the claim that says which job a task's token is for

PRINCIPAL = (
    "5d2f5c1e-9a52-4d8b-8c43-6b8f1f0f3a77"  # whoever uses the local Azure, at every start: roles are given to it
)


def principal(name: str) -> str:
    """Return somebody's object id: a GUID as it is, another name's own, the same at every start."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"principal {name}"))


_ISSUERS = "https://sts.windows.net/"
_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "iat", "nbf", "exp"]


class AuthenticationFailed(Exception):  # noqa: N818 - the service's own name for it
    """A request without a token that holds; `reason` says what is wrong with it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Tokens:
    """Issues and verifies the bearer tokens of one run of the local Azure."""

    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    tenant_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    principal: str = PRINCIPAL

    def issue(
        self,
        audience: str,
        lifetime: timedelta = timedelta(hours=24),
        client_id: str = "local",
        job: str = "",
    ) -> str:
        """Return a JWT for `audience`, valid from now for `lifetime` (real time, whatever --speed says).

        With `job` it opens nothing but that job: the token that a task is given.
        """
        now = int(time.time())
        claims = {
            "iss": f"{_ISSUERS}{self.tenant_id}/",
            "tid": self.tenant_id,
            "aud": audience,
            "appid": client_id,
            "oid": self.principal,
            "sub": self.principal,
            "iat": now,
            "nbf": now - 5,
            "exp": now + int(lifetime.total_seconds()),
        }
        return jwt.encode(claims | ({JOB: job} if job else {}), self.secret, algorithm=_ALGORITHM)

    def verify(self, authorization: str | None, audience: str) -> dict[str, object]:
        """Return the claims of an Authorization header's bearer token.

        Args:
            authorization: the header's value, None when the request has none.
            audience: one of AUDIENCES; a slash at the end of either does not matter.

        Raises:
            AuthenticationFailed: no bearer token, or one that is forged, expired or for another audience.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthenticationFailed("The request has no bearer token.")
        claims = self._decode(token.strip())
        if str(claims["aud"]).rstrip("/") != audience.rstrip("/"):
            raise AuthenticationFailed(f"The token's audience is {claims['aud']}, not {audience}.")
        return claims

    def _decode(self, token: str) -> dict[str, object]:
        options: jwt.types.Options = {"verify_aud": False, "require": _CLAIMS}
        try:
            claims: dict[str, object] = jwt.decode(token, self.secret, algorithms=[_ALGORITHM], options=options)
        except jwt.ExpiredSignatureError:
            raise AuthenticationFailed("The token has expired.") from None
        except jwt.InvalidTokenError as error:
            raise AuthenticationFailed(f"The token is not one of this service: {error}.") from None
        if not str(claims["iss"]).startswith(_ISSUERS):
            raise AuthenticationFailed(f"The token's issuer {claims['iss']} is unknown here.")
        return claims
