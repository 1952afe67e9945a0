"""Signing in, accounts, service tokens, and webhooks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StrictBool

from intake_api.contracts.words import Name, PersonRole, Slug, State, Wire


class AreaIn(Wire):
    """Empty fields restrict nothing; `grid` is a grid's code, `unit` a department's name."""

    grid: Annotated[str, Field(max_length=100)] = ""
    community: Annotated[str, Field(max_length=100)] = ""
    street: Annotated[str, Field(max_length=100)] = ""
    district: Annotated[str, Field(max_length=100)] = ""
    unit: Annotated[str, Field(max_length=100)] = ""


class SignInIn(Wire):
    login: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class PersonView(Wire):
    """Who is signed in. `csrf` goes back in the X-CSRF-Token header with everything that changes something."""

    login: str
    name: str
    role: PersonRole
    area: AreaIn = AreaIn()
    csrf: str = ""


class AccountIn(Wire):
    login: Slug
    name: Name
    role: PersonRole
    area: AreaIn = AreaIn()
    password: Annotated[str, Field(min_length=10, max_length=200)]


class AccountChange(Wire):
    """What is left out stays. A new password, a new role or `active: false` ends every session of the account."""

    name: Name | None = None
    role: PersonRole | None = None
    area: AreaIn | None = None
    password: Annotated[str, Field(min_length=10, max_length=200)] | None = None
    active: StrictBool | None = None


class AccountView(Wire):
    login: str
    name: str
    role: PersonRole
    area: AreaIn
    active: bool
    created_at: AwareDatetime


class TokenIn(Wire):
    name: Slug
    scopes: Annotated[list[Literal["assistant", "channel", "reader"]], Field(min_length=1, max_length=3)]
    area: AreaIn = AreaIn()


class TokenView(Wire):
    """`token` is shown once, when it is made; only its digest is kept."""

    name: str
    scopes: list[str]
    area: AreaIn
    created_at: AwareDatetime
    token: str = ""


class WebhookIn(Wire):
    """A subscription: `unit` empty means every unit, `states` empty means every state."""

    url: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^https?://[!-~]+$")]
    unit: Annotated[str, Field(max_length=100)] = ""
    states: Annotated[list[State], Field(max_length=18)] = []


class WebhookView(Wire):
    """`secret` signs the deliveries and is shown once, when the subscription is made."""

    id: str
    url: str
    unit: str
    states: list[str]
    active: bool
    created_at: AwareDatetime
    failed: int = 0
    pending: int = 0
    secret: str = ""


class DeliveryView(Wire):
    id: str
    webhook: str
    ticket_id: str
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    next_at: AwareDatetime | None = None
    last_status: int | None = None
    last_error: str = ""
    created_at: AwareDatetime
    delivered_at: AwareDatetime | None = None
