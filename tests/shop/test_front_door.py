"""The shop as its customers meet it: through the gateway, with real engines behind it."""

from __future__ import annotations

import asyncio

import pytest

from tests.shop.shopper import PASSWORD, Shopper, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def on_hand(visitor: Shopper, sku: str) -> int:
    answer = await visitor.get(f"/stock/{sku}")
    return int(answer.document["available"])


async def test_anyone_can_search_the_catalogue(visitor: Shopper) -> None:
    async def finds_it() -> bool:
        found = (await visitor.get("/catalog?text=norrland%20knife")).document["entries"]
        return [entry["name"] for entry in found] == ["Norrland Chef's Knife 20 cm"]

    await eventually(finds_it)


async def test_anyone_can_look_at_a_product_and_its_stock(visitor: Shopper) -> None:
    product = (await visitor.get("/products/AUD-001")).document
    assert (product["category"], product["price"]["currency"]) == ("Audio", "USD")
    assert await on_hand(visitor, "AUD-001") > 0


async def test_a_new_customer_can_sign_in_at_once_and_sees_their_account(ann: Shopper) -> None:
    me = await ann.get("/users/me")
    assert (me.status, me.document["email"]) == (200, ann.email)


async def test_an_address_is_registered_once(ann: Shopper) -> None:
    ticket = (await ann.send("POST", "/credentials", {"password": PASSWORD})).document["credential"]
    body = {"email": ann.email.upper(), "credential": ticket, "name": "Bea"}
    again = await ann.send("POST", "/users", body)
    assert (again.status, again.code, again.document["email"]) == (409, "email_taken", ann.email)


async def test_a_registration_repeated_under_its_key_is_the_same_account(visitor: Shopper) -> None:
    ticket = (await visitor.send("POST", "/credentials", {"password": PASSWORD})).document["credential"]
    body = {"email": "twice@example.org", "credential": ticket, "name": "Twice"}
    answers = [await visitor.send("POST", "/users", body, key="registration-1") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].document == answers[1].document


async def test_a_wrong_password_is_not_let_in(ann: Shopper) -> None:
    answer = await ann.send("POST", "/sessions", {"email": ann.email, "password": "wrong horse"})
    assert (answer.status, answer.code) == (401, "invalid_credentials")


async def test_a_refresh_token_is_good_once(ann: Shopper) -> None:
    body = {"refresh_token": ann.refresh_token}
    first, again = [await ann.send("POST", "/sessions/refresh", body) for _ in range(2)]
    assert (first.status, again.status, again.code) == (200, 401, "invalid_refresh_token")


async def test_a_checkout_pays_ships_and_confirms(ann: Shopper) -> None:
    await ann.put("AUD-001", 2)
    order = (await ann.check_out()).document
    assert order["status"] == "confirmed"
    assert (await ann.get("/orders")).document == {"orders": [order], "complete": True}
    parcel = await ann.get(f"/parcels/{order['tracking']}")
    assert (parcel.status, parcel.document["order_id"]) == (200, order["id"])


async def test_a_customer_is_written_to_about_their_order(ann: Shopper) -> None:
    order = await ann.bought("AUD-001")

    async def has_mail() -> bool:
        letters = (await ann.get("/messages")).document
        return any(each["about"] == order["id"] and each["sent_at"] for each in letters)

    await eventually(has_mail)


async def test_a_checkout_repeated_under_its_key_is_one_order(ann: Shopper) -> None:
    await ann.put("AUD-001")
    answers = [await ann.check_out(key="buy-1") for _ in range(3)]
    assert len({answer.document["id"] for answer in answers}) == 1
    assert len((await ann.get("/orders")).document["orders"]) == 1


async def test_two_checkouts_at_once_under_one_key_are_one_order(ann: Shopper) -> None:
    await ann.put("AUD-001")
    answers = await asyncio.gather(*(ann.check_out(key="buy-2") for _ in range(4)))
    assert {answer.document["id"] for answer in answers} == {(await ann.get("/orders")).document["orders"][0]["id"]}


async def test_a_key_used_for_another_request_is_refused(ann: Shopper) -> None:
    await ann.put("AUD-001")
    await ann.check_out(key="buy-3")
    answer = await ann.check_out("tok_visa_0002", key="buy-3")
    assert (answer.status, answer.code) == (422, "key_reused")


async def test_a_declined_card_cancels_the_order_and_puts_everything_back(ann: Shopper) -> None:
    before = await on_hand(ann, "KIT-002")
    await ann.put("KIT-002", 2)
    answer = await ann.check_out("tok_visa_9995")
    assert (answer.status, answer.code, answer.document["reason"]) == (402, "card_declined", "insufficient_funds")
    assert [each["reason"] for each in (await ann.get("/orders")).document["orders"]] == ["card_declined"]
    assert len((await ann.get("/cart")).document["lines"]) == 1
    assert await on_hand(ann, "KIT-002") == before


async def test_an_address_the_carrier_refuses_cancels_the_order(ann: Shopper) -> None:
    await ann.put("AUD-001")
    answer = await ann.check_out(postcode="00000")
    assert (answer.status, answer.code) == (409, "address_refused")


async def test_what_is_sold_out_cannot_be_bought(ann: Shopper) -> None:
    left = await on_hand(ann, "AUD-017")
    await ann.put("AUD-017", left + 1)
    answer = await ann.check_out()
    assert (answer.status, answer.document["available"], answer.document["requested"]) == (409, left, left + 1)


async def test_an_empty_cart_cannot_be_checked_out(ann: Shopper) -> None:
    answer = await ann.check_out()
    assert (answer.status, answer.code) == (409, "empty_cart")


async def test_nobody_sees_the_orders_parcels_or_cart_of_another(ann: Shopper) -> None:
    order = await ann.bought("AUD-001")
    bea = await ann.customer()
    assert (await bea.get(f"/orders/{order['id']}")).status == 404
    assert (await bea.get(f"/parcels/{order['tracking']}")).status == 404
    assert (await bea.get("/orders")).document["orders"] == []


async def test_a_profile_begins_with_a_name_and_is_written_by_its_owner(ann: Shopper) -> None:
    written = {"name": "Ann Lee", "phone": "", "address": None}
    answer = await ann.send("PUT", "/profile", written)
    assert (await ann.get("/profile")).document == answer.document
    assert answer.document["name"] == "Ann Lee"


async def test_the_admin_restocks_and_customers_find_more(admin: Shopper) -> None:
    before = await on_hand(admin, "GAR-001")
    answer = await admin.send("POST", "/stock/GAR-001/restocks", {"quantity": 10})
    assert (answer.status, answer.document["available"]) == (200, before + 10)


async def test_a_new_price_reaches_catalogue_and_cart(admin: Shopper, ann: Shopper) -> None:
    await ann.put("TOY-001")
    price = {"amount": 1234, "currency": "USD"}
    assert (await admin.send("PUT", "/products/TOY-001/price", {"price": price})).status == 200

    async def follows() -> bool:
        found = (await ann.get("/catalog?text=toy-001")).document["entries"]
        total = (await ann.get("/cart")).document["total"]
        return bool([each["price"] for each in found] == [price] and total == price)

    await eventually(follows)


async def test_a_checkout_at_a_price_that_changed_is_refused(ann: Shopper) -> None:
    await ann.put("AUD-001")
    address = {"name": "A", "street": "S", "city": "C", "postcode": "YO1", "country": "GB"}
    body = {"card": "tok_visa_4242", "address": address, "expected_total": {"amount": 1, "currency": "USD"}}
    answer = await ann.send("POST", "/checkout", body)
    assert (answer.status, answer.code) == (409, "total_changed")


async def test_the_admin_sees_revenue_and_the_funnel_with_abandoned_carts(admin: Shopper, ann: Shopper) -> None:
    await ann.bought("AUD-001")
    bea = await ann.customer()
    await bea.put("AUD-001")

    async def counted() -> bool:
        funnel = (await admin.get("/analytics/funnel")).document
        revenue = (await admin.get("/analytics/revenue")).document
        return bool(funnel["abandoned"].get("cart: idle") and funnel["confirmed"] and revenue[0]["orders"])

    await eventually(counted, seconds=20)


async def test_the_keys_that_tokens_are_signed_with_are_public(visitor: Shopper) -> None:
    keys = (await visitor.get("/.well-known/jwks.json")).document["keys"]
    assert keys
    assert all("d" not in key and key["use"] == "sig" for key in keys)
