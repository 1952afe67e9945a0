"""The catalogue changes by versions; no ticket ever points at a matter that is gone."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from intake_api.contracts import MatterIn
from nlp.taxonomy import load_taxonomy
from tests.intake_api.doors import SignIn, assert_problem


async def edited(http: httpx.AsyncClient) -> dict[str, Any]:
    """The version in force as an administrator would send it back."""
    view = (await http.get("/v1/catalogue")).json()
    matters = []
    for matter in view["matters"]:
        kept = {name: value for name, value in matter.items() if name in MatterIn.model_fields}
        times = {"respond": f"{matter['respond_s'] // 60}min", "resolve": f"{matter['resolve_s'] // 60}min"}
        matters.append({**kept, **times})
    return {"based_on": view["version"], "domains": view["domains"], "matters": matters}


async def test_a_new_installation_has_the_shipped_catalogue(service: httpx.AsyncClient) -> None:
    view = (await service.get("/v1/catalogue")).json()
    shipped = load_taxonomy()
    assert view["version"] == shipped.version
    assert [matter["id"] for matter in view["matters"]] == list(shipped.ids())
    assert view["matters"][0]["domain_name"] == shipped.domains[shipped.matters[0].domain]


async def test_a_rename_makes_a_version_and_breaks_nothing(administrator: httpx.AsyncClient, service: httpx.AsyncClient) -> None:
    body = await edited(administrator)
    old_name, body["matters"][0]["name"] = body["matters"][0]["name"], "路灯不亮或损坏"
    published = (await administrator.put("/v1/catalogue", json=body)).json()
    assert published["version"] == body["based_on"] + 1
    assert (await service.get("/v1/catalogue")).json()["matters"][0]["name"] == "路灯不亮或损坏"
    assert (await service.get("/v1/catalogue", params={"version": body["based_on"]})).json()["matters"][0]["name"] == old_name
    assert_problem(await service.get("/v1/catalogue", params={"version": 99}), 404, "not_found")


async def test_two_administrators_do_not_overwrite_each_other(administrator: httpx.AsyncClient) -> None:
    body = await edited(administrator)
    assert (await administrator.put("/v1/catalogue", json=body)).status_code == 200
    assert_problem(await administrator.put("/v1/catalogue", json=body), 409, "catalogue_changed")


def _without_the_first(body: dict[str, Any]) -> None:
    del body["matters"][0]


def _with_a_double(body: dict[str, Any]) -> None:
    body["matters"].append(copy.deepcopy(body["matters"][0]))


def _in_no_domain(body: dict[str, Any]) -> None:
    body["matters"][0]["id"] = "nowhere.streetlight"


def _heir_unknown(body: dict[str, Any]) -> None:
    body["matters"][0]["replaced_by"] = "facility.unheard_of"


def _heir_retired(body: dict[str, Any]) -> None:
    body["matters"][0]["replaced_by"] = body["matters"][1]["id"]
    body["matters"][1]["replaced_by"] = body["matters"][2]["id"]


def _grid_without_duty(body: dict[str, Any]) -> None:
    body["matters"][0] |= {"level": "grid", "grid_duty": False}


@pytest.mark.parametrize("spoil", [_without_the_first, _with_a_double, _in_no_domain, _heir_unknown, _heir_retired, _grid_without_duty])
async def test_a_catalogue_that_would_lose_something_is_refused_whole(administrator: httpx.AsyncClient, spoil: Any) -> None:
    body = await edited(administrator)
    spoil(body)
    assert_problem(await administrator.put("/v1/catalogue", json=body), 422, "catalogue_invalid")
    assert (await administrator.get("/v1/catalogue")).json()["version"] == body["based_on"]


async def test_a_retired_matter_stays_and_never_comes_back(administrator: httpx.AsyncClient) -> None:
    body = await edited(administrator)
    body["matters"][0]["replaced_by"] = body["matters"][1]["id"]
    published = (await administrator.put("/v1/catalogue", json=body)).json()
    assert published["matters"][0]["replaced_by"] == body["matters"][1]["id"]
    back = await edited(administrator)
    back["matters"][0]["replaced_by"] = None
    assert_problem(await administrator.put("/v1/catalogue", json=back), 422, "catalogue_invalid")


async def test_only_an_administrator_publishes(person: SignIn, service: httpx.AsyncClient) -> None:
    body = await edited(service)
    street = await person("street", street="听雨街道")
    for http in (service, street):
        assert_problem(await http.put("/v1/catalogue", json=body), 403, "forbidden")
