"""Who gets in, who is kept out, and how long."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from intake_api.people.tables import Account, ServiceToken
from intake_api.security import CSRF_HEADER, SESSION_COOKIE, hash_password, password_fits
from tests.intake_api.doors import PASSWORD, Clock, Connect, SignIn, assert_problem

ACCOUNT = {"login": "fang", "name": "方姐", "role": "grid", "area": {"grid": "heron-1"}, "password": "a long password"}


async def test_signing_in_and_out(person: SignIn, connect: Connect) -> None:
    http = await person("street", street="听雨街道")
    me = (await http.get("/v1/session")).json()
    assert (me["login"], me["role"], me["area"]["street"]) == ("street", "street", "听雨街道")
    cookie = http.cookies[SESSION_COOKIE]
    assert (await http.delete("/v1/session")).status_code == 204
    stolen = connect(Cookie=f"{SESSION_COOKIE}={cookie}")
    assert_problem(await stolen.get("/v1/session"), 401, "unauthorised")


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(person: SignIn, connect: Connect) -> None:
    await person("administrator")
    answer = await connect().post("/v1/session", json={"login": "administrator", "password": PASSWORD})
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags


async def test_a_forged_or_old_cookie_is_nobody(person: SignIn, connect: Connect, clock: Clock) -> None:
    http = await person("administrator")
    cookie = http.cookies[SESSION_COOKIE]
    for forged in (cookie[:-2], cookie.swapcase(), "x.y.z", "%00", "a" * 5000):
        assert_problem(await connect(Cookie=f"{SESSION_COOKIE}={forged}").get("/v1/session"), 401, "unauthorised")


async def test_changes_need_the_csrf_token_of_this_very_session(person: SignIn) -> None:
    http, other = await person("administrator"), await person("administrator", "second")
    foreign = other.headers[CSRF_HEADER]
    del http.headers[CSRF_HEADER]
    assert_problem(await http.post("/v1/accounts", json=ACCOUNT), 403, "csrf")
    assert_problem(await http.post("/v1/accounts", json=ACCOUNT, headers={CSRF_HEADER: foreign}), 403, "csrf")
    assert (await http.get("/v1/accounts")).status_code == 200


async def test_an_unknown_name_looks_like_a_wrong_password(administrator: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    wrong = await nobody.post("/v1/session", json={"login": "administrator", "password": "wrong"})
    unknown = await nobody.post("/v1/session", json={"login": "nobody-here", "password": "wrong"})
    assert_problem(wrong, 401, "wrong_password")
    assert wrong.json() == unknown.json()


async def test_after_five_failures_a_name_must_wait(administrator: httpx.AsyncClient, nobody: httpx.AsyncClient, clock: Clock) -> None:
    for _ in range(5):
        await nobody.post("/v1/session", json={"login": "administrator", "password": "wrong"})
    right = {"login": "administrator", "password": PASSWORD}
    answer = await nobody.post("/v1/session", json=right)
    assert_problem(answer, 429, "too_many_tries")
    assert int(answer.headers["retry-after"]) == 15 * 60
    clock.advance(minutes=16)
    assert (await nobody.post("/v1/session", json=right)).status_code == 200


async def test_success_forgives_the_failures_before(administrator: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    for password in ("wrong",) * 4 + (PASSWORD,) + ("wrong",) * 4:
        await nobody.post("/v1/session", json={"login": "administrator", "password": password})
    assert (await nobody.post("/v1/session", json={"login": "administrator", "password": PASSWORD})).status_code == 200


async def test_an_address_that_tries_many_names_must_wait(nobody: httpx.AsyncClient, app: FastAPI, clock: Clock) -> None:
    from intake_api.people.tables import SignInFailure
    from intake_api.security import token_digest

    async with app.state.db.writing() as session:
        address = token_digest("address:127.0.0.1")
        session.add_all(SignInFailure(login_digest=f"{n:064}", address_digest=address, at=clock.now) for n in range(30))
    assert_problem(await nobody.post("/v1/session", json={"login": "new", "password": "x"}), 429, "too_many_tries")


async def test_passwords_and_tokens_are_stored_as_hashes(administrator: httpx.AsyncClient, app: FastAPI) -> None:
    made = (await administrator.post("/v1/tokens", json={"name": "bureau", "scopes": ["reader"]})).json()
    async with app.state.db.reading() as session:
        account = await session.get(Account, "administrator")
        assert account.password_hash.startswith("$argon2id$")
        stored = str([vars(row) for row in await session.scalars(select(ServiceToken))])
    assert "bureau" in stored
    assert PASSWORD not in account.password_hash
    assert made["token"] not in stored


async def test_accounts_are_opened_changed_and_closed(administrator: httpx.AsyncClient, connect: Connect) -> None:
    assert (await administrator.post("/v1/accounts", json=ACCOUNT)).status_code == 201
    assert_problem(await administrator.post("/v1/accounts", json=ACCOUNT), 409, "login_taken")
    fang = connect()
    await fang.post("/v1/session", json={"login": "fang", "password": ACCOUNT["password"]})
    assert (await fang.get("/v1/session")).json()["area"]["grid"] == "heron-1"
    moved = await administrator.patch("/v1/accounts/fang", json={"area": {"grid": "heron-2"}})
    assert moved.json()["area"]["grid"] == "heron-2"
    assert (await fang.get("/v1/session")).json()["area"]["grid"] == "heron-2"
    await administrator.patch("/v1/accounts/fang", json={"active": False})
    assert_problem(await fang.get("/v1/session"), 401, "unauthorised")
    again = await fang.post("/v1/session", json={"login": "fang", "password": ACCOUNT["password"]})
    assert_problem(again, 401, "wrong_password")
    assert "password" not in (await administrator.get("/v1/accounts")).text


async def test_a_new_password_ends_every_session(administrator: httpx.AsyncClient, person: SignIn) -> None:
    fang = await person("grid", "fang", grid="heron-1")
    await administrator.patch("/v1/accounts/fang", json={"password": "another long one"})
    assert_problem(await fang.get("/v1/session"), 401, "unauthorised")


async def test_somebody_must_be_left_to_let_others_in(administrator: httpx.AsyncClient) -> None:
    for change in ({"active": False}, {"role": "street", "area": {"street": "x"}}):
        assert_problem(await administrator.patch("/v1/accounts/administrator", json=change), 409, "last_administrator")


@pytest.mark.parametrize(("role", "area"), [("grid", {}), ("department", {"grid": "g"}), ("community", {"street": "s"})])
async def test_a_role_without_its_area_is_refused(administrator: httpx.AsyncClient, role: str, area: dict[str, str]) -> None:
    body = {**ACCOUNT, "role": role, "area": area}
    assert_problem(await administrator.post("/v1/accounts", json=body), 422, "area_missing")


async def test_only_administrators_keep_accounts_and_tokens(person: SignIn, service: httpx.AsyncClient) -> None:
    street = await person("street", street="听雨街道")
    for http in (street, service):
        assert_problem(await http.get("/v1/accounts"), 403, "forbidden")
        assert_problem(await http.post("/v1/tokens", json={"name": "x", "scopes": ["assistant"]}), 403, "forbidden")


async def test_a_token_does_what_its_scope_says_until_it_is_withdrawn(administrator: httpx.AsyncClient, connect: Connect) -> None:
    made = (await administrator.post("/v1/tokens", json={"name": "bureau", "scopes": ["reader"]})).json()
    assert_problem(await administrator.post("/v1/tokens", json={"name": "bureau", "scopes": ["reader"]}), 409, "name_taken")
    bureau = connect(Authorization=f"Bearer {made['token']}")
    assert (await bureau.get("/v1/catalogue")).status_code == 200
    bind = {"channel": "web", "chat_id": "g", "code": "x", "by_handle": "web:1"}
    assert_problem(await bureau.post("/v1/chats/bind", json=bind), 403, "forbidden")
    assert (await administrator.delete("/v1/tokens/bureau")).status_code == 204
    assert_problem(await bureau.get("/v1/catalogue"), 401, "unauthorised")
    assert_problem(await administrator.delete("/v1/tokens/bureau"), 404, "not_found")


def test_a_password_fits_only_itself() -> None:
    stored = hash_password("right")
    assert password_fits("right", stored)
    assert not password_fits("wrong", stored)
    assert not password_fits("right", None)
    assert not password_fits("right", "not a hash")
