"""Deliveries go nowhere inside, are signed so that nobody can forge them, and are tried again for two days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake_api.webhooks import rules

NOW = datetime(2026, 6, 2, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    ["http://example.org/hook", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/latest",
     "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://user:pw@example.org/", "https:///nothing", "https://0.0.0.0/",
     "https://example.org:99999/", "https://192.168.1.1:8443/x", "https://[fe80::1]/", "https://100.64.0.1/", "https://a\\@b/"],
)  # fmt: skip
def test_addresses_that_must_not_be_called(url: str) -> None:
    with pytest.raises(rules.UnsafeTargetError):
        rules.check_url(url, ())


def test_addresses_that_may_be_called() -> None:
    assert rules.check_url("https://Example.org/hook?x=1", ()) == "example.org"
    assert rules.check_url("https://93.184.215.14:8443/", ()) == "93.184.215.14"
    assert rules.check_url("http://receiver.inside:9000/", ("receiver.inside",)) == "receiver.inside"


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1%eth0", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1"])
def test_one_inner_address_among_public_ones_is_enough_to_refuse(inner: str) -> None:
    with pytest.raises(rules.UnsafeTargetError):
        rules.check_addresses(["93.184.215.14", inner])


def test_a_host_without_addresses_is_refused() -> None:
    with pytest.raises(rules.UnsafeTargetError):
        rules.check_addresses([])


@given(body=st.binary(max_size=200), secret=st.text("abc123", min_size=1, max_size=20))
def test_a_signature_fits_these_bytes_and_this_secret_only(body: bytes, secret: str) -> None:
    header = rules.sign(secret, body, NOW)
    assert rules.signature_fits(secret, body, header, NOW + timedelta(minutes=4))
    assert not rules.signature_fits(secret + "x", body, header, NOW)
    assert not rules.signature_fits(secret, body + b"x", header, NOW)


def test_an_old_signature_cannot_be_played_again() -> None:
    header = rules.sign("secret", b"{}", NOW)
    assert not rules.signature_fits("secret", b"{}", header, NOW + timedelta(minutes=6))
    assert not rules.signature_fits("secret", b"{}", header, NOW - timedelta(minutes=6))


@given(st.text(max_size=60))
def test_a_forged_header_is_refused_and_breaks_nothing(header: str) -> None:
    assert not rules.signature_fits("secret", b"{}", header, NOW)


@pytest.mark.parametrize("header", ["t=1,v1=", "t=99999999999999999999,v1=a", "t=²,v1=a", "v1=a", "t=,v1="])
def test_mangled_headers(header: str) -> None:
    assert not rules.signature_fits("secret", b"{}", header, NOW)


def test_tries_grow_rarer_and_end() -> None:
    waits = [rules.next_try(n, NOW) for n in range(1, rules.MAX_ATTEMPTS + 1)]
    assert waits[-1] is None
    moments = [moment for moment in waits if moment is not None]
    assert moments == sorted(moments)
    assert len(moments) == rules.MAX_ATTEMPTS - 1
