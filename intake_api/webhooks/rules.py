"""Where a delivery may go, how it is signed, and when it is tried again."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

# a receiver that is down for a night gets everything in the morning; after a good two days a person must look
BACKOFF = tuple(timedelta(seconds=s) for s in (30, 120, 600, 1800, 7200, 21600, 43200, 86400))
MAX_ATTEMPTS = len(BACKOFF) + 1
TOLERANCE = timedelta(minutes=5)
_TUNNELS = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))


class UnsafeTargetError(ValueError):
    """The address must not be called; the message says why and what is allowed."""


def check_url(url: str, allowed_hosts: Collection[str]) -> str:
    """The host of an address that may be subscribed: https, or a host the deployment allows. Raises UnsafeTargetError."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError as error:
        raise UnsafeTargetError("The address cannot be read; write it like https://example.org/hook.") from error
    if not host or parts.username is not None or parts.password is not None or "\\" in url:
        raise UnsafeTargetError("The address needs a host and must hold no user name; write it like https://example.org/hook.")
    if host in allowed_hosts:
        return host
    if parts.scheme != "https":
        raise UnsafeTargetError("Only https is called; an administrator of the server can allow a host by MINHU_WEBHOOK_HOSTS.")
    try:
        check_addresses([host])
    except UnsafeTargetError:
        raise
    except ValueError:  # a name; its addresses are checked at every delivery, for they may change
        pass
    return host


def check_addresses(addresses: Iterable[str]) -> str:
    """The first of a host's addresses, when every one of them lies in the public internet.

    Raises UnsafeTargetError for inner networks, loopback, link-local, tunnels to them; ValueError for what is no address.
    """
    found = [ipaddress.ip_address(address.split("%", 1)[0]) for address in addresses]
    for address in found:
        inner = getattr(address, "ipv4_mapped", None) or address
        tunnelled = any(inner in net for net in _TUNNELS if net.version == inner.version)
        if not inner.is_global or inner.is_multicast or tunnelled:
            raise UnsafeTargetError("The host lies in an inner network; an administrator of the server can allow it by name.")
    if not found:
        raise UnsafeTargetError("The host has no address.")
    return str(found[0])


def sign(secret: str, body: bytes, at: datetime) -> str:
    """The Minhu-Signature header: when, and HMAC-SHA256 over "<when>.<body>"."""
    when = int(at.timestamp())
    mark = hmac.new(secret.encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={when},v1={mark}"


def signature_fits(secret: str, body: bytes, header: str, now: datetime) -> bool:
    """What a receiver must check: made with the secret over these very bytes, not more than five minutes ago."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    if not parts.get("t", "").isdecimal() or len(parts["t"]) > 12:
        return False
    at = datetime.fromtimestamp(int(parts["t"]), tz=now.tzinfo)
    return abs(now - at) <= TOLERANCE and hmac.compare_digest(sign(secret, body, at).encode(), header.encode("utf8", "replace"))


def wants(unit: str, states: Collection[str], ticket_units: Iterable[str], ticket_state: str) -> bool:
    """Whether a subscription is about this ticket; empty means everything."""
    return (not unit or unit in set(ticket_units)) and (not states or ticket_state in states)


def next_try(attempts: int, now: datetime) -> datetime | None:
    """When to try again after so many tries; None: give up, a person must look."""
    return now + BACKOFF[attempts - 1] if attempts < MAX_ATTEMPTS else None
