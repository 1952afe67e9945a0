"""Who is asking: service tokens, people's passwords, signed session cookies with their CSRF token, the area a person may see."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from itsdangerous import BadSignature, URLSafeTimedSerializer

from intake_api.contracts import PersonRole

Scope = Literal["assistant", "channel", "reader"]
SESSION_COOKIE = "minhu_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"
_hasher = PasswordHasher()  # the library's defaults follow RFC 9106 (argon2id, 64 MiB)
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$cHBGPh+/BwidncLAJsL+3A$jLdW0aBckIkI0+odjDVjofUoI9x8L+aYU4HkvXnEnb4"


@dataclass(frozen=True, slots=True)
class Area:
    """What part of a city somebody answers for. An empty field is no restriction; every named field must fit.

    `grid` is a grid's code, `unit` the name of a department that leads or assists.
    """

    grid: str = ""
    community: str = ""
    street: str = ""
    district: str = ""
    unit: str = ""

    def covers(self, *, grid: str, community: str, street: str, district: str, units: Iterable[str] = ()) -> bool:
        """Whether something at this place, held by these units, lies in the area."""
        named = ((self.grid, grid), (self.community, community), (self.street, street), (self.district, district))
        return all(not mine or mine == theirs for mine, theirs in named) and (not self.unit or self.unit in set(units))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, after authentication: a service with its scopes, or a person with a role and an area.

    `id` is the token's name or the account's sign-in name; `name` is what histories show.
    """

    kind: Literal["service", "person"]
    id: str
    name: str
    role: PersonRole | Literal["service"]
    area: Area = Area()
    scopes: frozenset[Scope] = frozenset()

    @property
    def is_administrator(self) -> bool:
        return self.role == "administrator"


def has_an_area(role: PersonRole, area: Area) -> bool:
    """Whether a person of this role says where: grid staff name a grid, a community its name, a department its unit."""
    needed = {
        "micro_worker": area.grid,
        "grid": area.grid,
        "community": area.community,
        "street": area.street,
        "department": area.unit,
        "administrator": "anywhere",
    }
    return bool(needed[role])


# ---- tokens ---------------------------------------------------------------------------------------------------------
def new_token() -> str:
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What is stored of a token. Tokens are 256 random bits, so a plain digest cannot be guessed back."""
    return hashlib.sha256(token.encode("utf8", "surrogatepass")).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in a time that says nothing about where they differ."""
    return hmac.compare_digest(left.encode("utf8", "surrogatepass"), right.encode("utf8", "surrogatepass"))


# ---- passwords ------------------------------------------------------------------------------------------------------
def hash_password(password: str) -> str:
    """argon2id; tens of milliseconds by design, so call it in a thread."""
    return _hasher.hash(password)


def password_fits(password: str, stored: str | None) -> bool:
    """Whether the password is the one stored; takes as long for an account that does not exist. Call it in a thread."""
    try:
        return _hasher.verify(stored or _NOBODY, password) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


# ---- sessions -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SessionClaim:
    """What a session cookie says: whose it is, which generation of the account's sessions, and its own random mark."""

    login: str
    generation: int
    mark: str


class Sealer:
    """Signs session cookies and CSRF tokens with keys derived from the installation's secret."""

    def __init__(self, secret: str, session_hours: int) -> None:
        self._cookies = URLSafeTimedSerializer(secret, salt="minhu.session")
        self._csrf_key = hashlib.sha256(b"minhu.csrf:" + secret.encode()).digest()
        self.max_age_s = session_hours * 3600

    def cookie(self, login: str, generation: int) -> str:
        return self._cookies.dumps([login, generation, secrets.token_urlsafe(12)])

    def read(self, cookie: str) -> SessionClaim | None:
        """The claim of a cookie; None when it was forged, mangled or is too old."""
        try:
            login, generation, mark = self._cookies.loads(cookie, max_age=self.max_age_s)
            return SessionClaim(str(login), int(generation), str(mark))
        except (BadSignature, ValueError, TypeError):
            return None

    def csrf(self, claim: SessionClaim) -> str:
        """The token a page of this session must send back with everything that changes something."""
        return hmac.new(self._csrf_key, f"{claim.login}\n{claim.mark}".encode(), hashlib.sha256).hexdigest()
