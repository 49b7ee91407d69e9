"""P-31 and what else a real nats-server can be configured to: permissions, limits, authorization.

Whoever is concerned is told, with the server's words; everybody else goes on.
"""

from collections.abc import Callable
from typing import Any

import pytest
from face_support import Face
from fault_proxy import Event, FaultProxy, Plan, Way
from network_support import SOON

import anynats
from anynats.server import Server

Start = Callable[..., Server]
Behind = Callable[..., FaultProxy]

USER = {"user": "ann", "password": "s3cret"}


def users(permissions: str = "", name: str = "ann", password: str = "s3cret") -> str:
    """The text of a configuration with one user."""
    user = f"user: {name}, password: {password}, permissions: {{ {permissions} }}"
    return f"authorization {{ users: [ {{ {user} }} ] }}"


def errors_of(nc: Any) -> list[anynats.Error]:
    """Return the errors that became known since."""
    return [event.error for event in iter(nc.next_event, None) if event.kind == "error"]


async def forbidden(sub: Any) -> str:
    """Return why a subscription has ended; its end is a permission violation."""
    with pytest.raises(anynats.Closed) as caught:
        await sub.next(timeout=5)
    assert isinstance(caught.value.__cause__, anynats.PermissionViolation)
    return str(caught.value.__cause__)


# --- permissions ---------------------------------------------------------------------------------


def test_p31_permissions(face: Face, nats_server_factory: Start) -> None:
    """Publish, subscribe and a queue are denied: the right one is told, the connection stays."""
    deny = 'publish: { deny: ["no.>"] }, subscribe: { deny: ["secret", "open team"] }'
    server = nats_server_factory(config=users(deny))

    async def body() -> None:
        nc = await face.connect(server.url, **USER)
        async with nc:
            for _ in range(2):  # the second time is like the first
                secret, spare = await nc.subscribe("secret"), await nc.subscribe("open")
                queued, other = (
                    await nc.subscribe("open", queue="team"),
                    await nc.subscribe("open", queue="them"),
                )
                assert '"secret"' in await forbidden(secret)
                assert '"open" using queue "team"' in await forbidden(queued)
                with pytest.raises(anynats.PermissionViolation, match=r"no\.way"):
                    await nc.request("no.way", timeout=5)
                await nc.publish("no.more")
                await nc.publish("open", b"for all")
                assert (await spare.next(timeout=5)).payload == b"for all"
                assert (await other.next(timeout=5)).payload == b"for all"
                told = errors_of(nc)
                assert [type(error) for error in told] == [anynats.PermissionViolation] * 4
                assert '"no.more"' in str(told[-1])
                assert not (spare.ended or other.ended)
                spare.unsubscribe()
                other.unsubscribe()
            assert nc.counters["reconnects"] == 0

    face.run(body())


def test_p31_permissions_taken_away(face: Face, nats_server_factory: Start) -> None:
    """A reload forbids what had been allowed (`(sid "N")` in the text): both subscriptions of that
    subject end, another stays."""
    server = nats_server_factory(config=users())

    async def body() -> None:
        nc = await face.connect(server.url, **USER, **SOON)
        async with nc:
            gone = [await nc.subscribe("gone"), await nc.subscribe("gone", queue="q")]
            kept = await nc.subscribe("kept")
            await nc.flush()
            server.reload(users("subscribe: { deny: gone }"))
            for sub in gone:
                await forbidden(sub)
            await nc.publish("gone", b"nobody")
            await nc.publish("kept", b"still here")
            assert (await kept.next(timeout=5)).payload == b"still here"
            assert nc.counters["unknown_sid"] == 0

    face.run(body())


def test_allow_responses(face: Face, nats_server_factory: Start) -> None:
    """A service may publish answers only, so many to each request: more are refused and told."""
    service = '{ user: svc, password: p, permissions: { subscribe: ask, publish: { deny: ">" },'
    service += " allow_responses: { max: 2, expires: 10s } } }"
    server = nats_server_factory(
        config=f"authorization {{ users: [ {service}, {{ user: ann, password: s3cret }} ] }}"
    )

    async def body() -> None:
        nc = await face.connect(server.url, user="svc", password="p")
        with anynats.connect(server.url, **USER) as other:
            async with nc:
                sub = await nc.subscribe("ask")
                await nc.flush()
                with other.subscribe("answers") as answers:
                    other.publish("ask", b"?", reply="answers")
                    request = await sub.next(timeout=5)
                    for n in range(3):
                        await nc.publish(request.reply, b"%d" % n)
                    await nc.publish("elsewhere")
                    await nc.flush()
                    other.flush()
                    assert [answers.next(timeout=5).payload for _ in range(2)] == [b"0", b"1"]
                    assert answers.try_next() is None
                told = [str(error) for error in errors_of(nc)]
                assert ['"answers"' in told[0], '"elsewhere"' in told[1], len(told)] == [1, 1, 2]
                assert nc.counters["reconnects"] == 0

    face.run(body())


def test_replies_forbidden(face: Face, nats_server_factory: Start) -> None:
    """Who may not subscribe to its inbox learns so from each request, at once."""
    server = nats_server_factory(config=users('subscribe: { deny: "_INBOX.>" }'))

    async def body() -> None:
        nc = await face.connect(server.url, **USER)
        async with nc:
            await nc.subscribe("service")
            for _ in range(3):
                with pytest.raises(anynats.PermissionViolation, match="_INBOX"):
                    await nc.request("service", timeout=5)
            assert nc.counters["reconnects"] == 0

    face.run(body())


# --- limits --------------------------------------------------------------------------------------


def test_max_payload_changes(face: Face, nats_server_factory: Start) -> None:
    """By a reload, of which a server says nothing until it ends the connection; and by a move to
    a server with a smaller one: the next publish is checked."""
    large = nats_server_factory(config="max_payload: 2000")
    small = nats_server_factory(config="max_payload: 100")

    async def body() -> None:
        urls = [large.url, small.url]
        nc = await face.connect(urls, randomize_servers=False, **SOON)
        async with nc:
            sub = await nc.subscribe("sized")
            await nc.publish("sized", bytes(2_000))
            assert len((await sub.next(timeout=5)).payload) == 2_000
            large.reload("max_payload: 1000")
            await nc.publish("sized", bytes(1_001))
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            assert [type(error) for error in errors_of(nc)] == [anynats.MaxPayload]
            while nc.server != large.url:
                nc.reconnect()
                await nc.flush()
            with pytest.raises(anynats.MaxPayload, match="1000"):
                await nc.publish("sized", bytes(1_001))
            nc.reconnect()
            await nc.flush()
            assert (nc.server, nc.max_payload) == (small.url, 100)
            with pytest.raises(anynats.MaxPayload, match="100"):
                await nc.request("sized", bytes(101), timeout=5)
            await nc.publish("sized", bytes(100))
            assert len((await sub.next(timeout=5)).payload) == 100

    face.run(body())


def test_max_payload_of_what_waits(face: Face, behind: Behind, nats_server_factory: Start) -> None:
    """What waited for a connection and is too large for the new server is not sent there, but
    told and counted; what waited beside it arrives."""
    large = nats_server_factory(config="max_payload: 2000")
    small = nats_server_factory(config="max_payload: 100")
    proxy = behind(port=large.port)

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        async with nc:
            sub = await nc.subscribe("sized")
            await nc.flush()
            proxy.refuse()
            proxy.cut()
            await face.until(nc, lambda: nc.state == "reconnecting")
            for n in range(6):
                await nc.publish("sized", b"%d" % n + bytes(n % 2 * 1_000))
            proxy.server_port = small.port
            proxy.listen()
            await nc.flush(timeout=5)
            assert [(await sub.next(timeout=5)).payload for _ in range(3)] == [b"0", b"2", b"4"]
            assert nc.counters["lost_publishes"] == 3
            assert nc.counters["reconnects"] == 1
            assert anynats.MaxPayload in [type(error) for error in errors_of(nc)]

    face.run(body())


def test_max_connections(face: Face, nats_server_factory: Start) -> None:
    """A full server says so, and another one is tried."""
    full = nats_server_factory(config="max_connections: 1")
    other = nats_server_factory()

    async def body() -> None:
        with anynats.connect(full.url):
            with pytest.raises(anynats.ServerError, match=r"(?i)maximum connections exceeded"):
                await face.connect(full.url)
            nc = await face.connect([full.url, other.url], randomize_servers=False)
            async with nc:
                assert nc.server == other.url
                await nc.flush()

    face.run(body())


def test_max_subscriptions(face: Face, nats_server_factory: Start) -> None:
    """The server refuses one, without saying which: it is told, and the others go on."""
    server = nats_server_factory(config="max_subscriptions: 2")

    async def body() -> None:
        nc = await face.connect(server.url)
        async with nc:
            subs = [await nc.subscribe("a") for _ in range(3)]
            await nc.publish("a", b"x")
            await nc.flush()
            assert [sub.pending for sub in subs] == [1, 1, 0]
            (error,) = errors_of(nc)
            assert type(error) is anynats.ServerError
            assert "maximum subscriptions exceeded" in str(error).lower()
            assert nc.counters["reconnects"] == 0

    face.run(body())


def test_max_control_line(face: Face, nats_server_factory: Start) -> None:
    """A subject that is too long for the server ends the connection; the client says why, comes
    back, and does not send it again."""
    server = nats_server_factory(config="max_control_line: 512")

    async def body() -> None:
        nc = await face.connect(server.url, **SOON)
        async with nc:
            sub = await nc.subscribe("a")
            await nc.publish("s" * 600, b"x")
            await face.until(nc, lambda: nc.counters["reconnects"] == 1)
            (error,) = errors_of(nc)
            assert "maximum control line exceeded" in str(error).lower()
            await nc.publish("a", b"after")
            assert (await sub.next(timeout=5)).payload == b"after"
            assert nc.counters["reconnects"] == 1

    face.run(body())


def test_a_server_without_headers(face: Face, nats_server_factory: Start) -> None:
    """Headers are refused before they are sent; everything else works."""
    server = nats_server_factory(config="no_header_support: true")

    async def body() -> None:
        nc = await face.connect(server.url, **SOON)
        async with nc:
            sub = await nc.subscribe("a")
            with pytest.raises(anynats.UsageError, match="headers"):
                await nc.publish("a", b"x", headers={"k": "v"})
            with pytest.raises(anynats.UsageError, match="headers"):
                await nc.request("a", b"x", headers={"k": "v"}, timeout=1)
            await nc.publish("a", b"plain")
            assert (await sub.next(timeout=5)).payload == b"plain"
            assert nc.counters["reconnects"] == 0

    face.run(body())


def test_a_server_that_pings(face: Face, nats_server_factory: Start) -> None:
    """Its pings are answered while nobody does anything, so the client stays."""
    server = nats_server_factory(config='ping_interval: "100ms"\nping_max: 2')

    async def body() -> None:
        nc = await face.connect(server.url)
        async with nc:
            await face.sleep(nc, 0.8)
            await nc.flush()
            assert nc.counters["reconnects"] == 0

    face.run(body())


def test_a_server_that_drops_slow_consumers(
    face: Face, behind: Behind, nats_server_factory: Start
) -> None:
    """It closes without a word when the network does not take what it has to say; the client is
    back, and what follows arrives."""
    server = nats_server_factory(config='max_pending: 2000000\nwrite_deadline: "200ms"')
    slow = Plan(down=Way(events=[Event(b"stand still", "pause", 1)]))
    proxy = behind([slow], port=server.port)

    async def body() -> None:
        nc = await face.connect(proxy.url, **SOON)
        with anynats.connect(server.url) as other:
            async with nc:
                sub = await nc.subscribe("flood", pending_messages=10, slow_consumer="drop_old")
                await nc.flush()
                other.publish("flood", b"stand still")
                for _ in range(100):
                    other.publish("flood", bytes(500_000))
                await face.until(nc, lambda: nc.counters["reconnects"] == 1)
                await nc.flush()
                other.publish("flood", b"after")
                other.flush()
                while (await sub.next(timeout=5)).payload != b"after":
                    pass

    face.run(body())
    assert "Slow Consumer" in server.log()


# --- authorization -------------------------------------------------------------------------------


def test_a_user_is_taken_away(face: Face, nats_server_factory: Start) -> None:
    """By a reload: the client says why, tries on with pauses, and is back when the user is."""
    server = nats_server_factory(config=users())

    async def body() -> None:
        nc = await face.connect(server.url, **USER, **SOON)
        async with nc:
            sub = await nc.subscribe("a")
            await nc.flush()
            server.reload(users(password="another"))
            await face.until(nc, lambda: isinstance(nc.last_error, anynats.AuthorizationError))
            assert nc.state == "reconnecting"
            await nc.publish("a", b"waits")
            server.reload(users())
            assert (await sub.next(timeout=5)).payload == b"waits"
            assert nc.counters["attempts"] < 500, "no pauses"

    face.run(body())


def test_authentication_timeout(face: Face, behind: Behind, nats_server_factory: Start) -> None:
    """A CONNECT that comes too late for the server: that is said, not the end of file."""
    server = nats_server_factory(
        config="authorization { user: ann, password: s3cret, timeout: 0.2 }"
    )
    proxy = behind(lambda n: Plan(up=Way(events=[Event(0, "pause", 1)])), port=server.port)

    async def body() -> None:
        with pytest.raises(anynats.AuthorizationError, match=r"(?i)authentication timeout"):
            await face.connect(proxy.url, **USER)

    face.run(body())


def test_tokens_and_the_user_of_the_nameless(face: Face, nats_server_factory: Start) -> None:
    with_token = nats_server_factory(config="authorization { token: t0ken }")
    nameless = nats_server_factory(config=users("subscribe: a") + "\nno_auth_user: ann")

    async def body() -> None:
        for wrong in ({}, {"token": "wrong"}, USER):
            with pytest.raises(anynats.AuthorizationError):
                await face.connect(with_token.url, **wrong)
        for url, options in (
            (with_token.url, {"token": "t0ken"}),
            (with_token.url.replace("//", "//t0ken@"), {}),
            (nameless.url, {}),
        ):
            nc = await face.connect(url, **options)
            async with nc:
                await nc.flush()

    face.run(body())
