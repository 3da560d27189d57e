"""A session of two users of matrix-nio, Alice and Bob, written down as sessions.py explains.

Usage: session.py BASE_URL WORD FOLDER; the users are alice-WORD and bob-WORD, and FOLDER keeps their keys.
"""

import asyncio
import io
import json
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import nio

PUBLIC_NAME = "matrix.home.test"
PASSWORD = "correct horse battery"
TEXT = "m.room.message"
PICTURE = bytes(range(256)) * 4096  # a megabyte
RANGES = ["bytes=0-0", "bytes=1000-70000", "bytes=-10", "bytes=1048570-", "bytes=9999999-"]


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def png(size: int) -> bytes:
    """A red square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\xff\0\0" * size) * size
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Client(nio.AsyncClient):
    """nio's, which says what it asks and what is answered, unless it only waits."""

    waits = False

    async def send(self, method: str, path: str, data: Any = None, headers: Any = None, *others: Any) -> Any:
        answer = await super().send(method, path, data, headers, *others)
        body = await answer.read()
        if not self.waits:
            headers = [[name, value] for name, value in answer.headers.items()]
            say(
                asked=f"{method} {path}",
                status=answer.status,
                headers=headers,
                text=body.decode(errors="replace") if len(body) < 100_000 else f"{len(body)} bytes",
            )
        return answer

    async def until(self, arrived: Any) -> None:
        """Syncs until then: a homeserver may need a moment."""
        self.waits = True
        for _ in range(600):
            answer = await self.sync()
            if isinstance(answer, nio.SyncResponse) and arrived(answer):
                break
            await asyncio.sleep(0.05)
        else:
            raise TimeoutError("it never came")
        self.waits = False

    async def until_seen(self, room: str, event_id: str) -> None:
        def arrived(answer: nio.SyncResponse) -> bool:
            joined = answer.rooms.join.get(room)
            return joined is not None and any(event.event_id == event_id for event in joined.timeline.events)

        await self.until(arrived)

    async def until_joined(self, room: str) -> None:
        await self.until(lambda _: room in self.rooms and self.user_id in self.rooms[room].users)

    async def whole_sync(self) -> None:
        """As a client that has just been started."""
        path = "/_matrix/client/v3/sync?timeout=0&filter=" + '{"presence":{"types":[]}}'
        await self.ask("GET", path)

    async def ask(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        """What nio has no method for, asked as it asks."""
        headers = {"Authorization": f"Bearer {self.access_token}", **more}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body), "application/json"
        return await self.send(method, path, data, headers)


def ok(answer: Any) -> Any:
    if isinstance(answer, nio.ErrorResponse):
        raise RuntimeError(str(answer))
    return answer


async def register(base_url: str, name: str, folder: Path) -> Client:
    store = folder / name
    store.mkdir()
    config = nio.AsyncClientConfig(encryption_enabled=True, max_timeouts=0)
    client = Client(base_url, f"@{name}:home.test", store_path=str(store), config=config)
    ok(await client.register(name, PASSWORD, "a phone"))
    return client


async def rooms(alice: Client, bob: Client, word: str) -> str:
    room = ok(
        await alice.room_create(
            alias=f"café-{word}",
            name=f"Room {word}",
            topic="what is talked about",
            preset=nio.RoomPreset.public_chat,
            initial_state=[{"type": "org.example.initial", "state_key": "a/b c", "content": {"lit": True}}],
        )
    ).room_id
    ok(await alice.room_invite(room, bob.user_id))
    await bob.until(lambda answer: room in answer.rooms.invite)
    ok(await bob.join(room))
    await alice.until_joined(room)
    await bob.until_joined(room)
    ok(await alice.room_resolve_alias(f"#café-{word}:home.test"))
    ok(await alice.joined_members(room))
    ok(await bob.joined_rooms())

    first = ok(await alice.room_send(room, TEXT, {"msgtype": "m.text", "body": f"first {word}"}, "txn/1 ä")).event_id
    again = ok(await alice.room_send(room, TEXT, {"msgtype": "m.text", "body": f"first {word}"}, "txn/1 ä")).event_id
    say(step="the same transaction", saw=first == again)
    reply = {"msgtype": "m.text", "body": "☃ 𝄞", "m.relates_to": {"m.in_reply_to": {"event_id": first}}}
    second = ok(await bob.room_send(room, TEXT, reply)).event_id
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": first, "key": "👍"}}
    ok(await bob.room_send(room, "m.reaction", reaction))
    for state_key in ["", "a/b c", "100%", "ä?#;+"]:
        ok(await alice.room_put_state(room, "org.example.state", {"key": state_key}, state_key))
        ok(await alice.room_get_state_event(room, "org.example.state", state_key))
    await bob.room_put_state(room, "org.example.state", {"not": "allowed"}, "")
    await bob.room_send(room, TEXT, {"msgtype": "m.text", "body": "x" * 70_000})
    ok(await alice.room_redact(room, second, "no snow"))
    last = ok(await alice.room_send(room, TEXT, {"msgtype": "m.text", "body": "last"})).event_id

    await alice.until_seen(room, last)
    await bob.until_seen(room, last)
    ok(await bob.room_get_event(room, second))
    await bob.room_get_event(room, "$unknown")
    ok(await bob.room_context(room, first, 4))
    page = ok(await bob.room_messages(room, "", direction=nio.MessageDirection.back, limit=5))
    ok(await bob.room_messages(room, page.end, direction=nio.MessageDirection.back, limit=50))
    ok(await alice.room_get_state(room))
    ok(await bob.room_typing(room, True))
    ok(await bob.room_typing(room, False))
    ok(await bob.room_read_markers(room, first, first))
    return room


async def what_is_theirs(alice: Client, bob: Client, room: str, word: str) -> None:
    ok(await alice.set_displayname("Alice ☃"))
    ok(await bob.get_profile(alice.user_id))
    ok(await alice.get_displayname())
    mine = f"/_matrix/client/v3/user/{alice.user_id}"
    await alice.ask("PUT", f"{mine}/account_data/org.example.mine", {"a": [1, None, 2.5, "é"]})
    await alice.ask("GET", f"{mine}/account_data/org.example.mine")
    await alice.ask("GET", f"{mine}/account_data/org.example.none")
    await alice.ask("PUT", f"{mine}/rooms/{room}/account_data/org.example.mine", {"b": 1})
    await alice.ask("PUT", f"{mine}/rooms/{room}/tags/m.favourite", {"order": 0.5})
    await alice.ask("GET", f"{mine}/rooms/{room}/tags")
    ok(await alice.upload_filter(room={"timeline": {"limit": 3}}))
    await alice.ask("GET", "/_matrix/client/v3/pushrules/")
    await bob.ask("GET", f"/_matrix/client/v3/profile/@nobody-{word}:home.test")

    where = {"search_categories": {"room_events": {"search_term": word, "order_by": "recent"}}}
    await bob.ask("POST", "/_matrix/client/v3/search", where)
    await bob.ask("POST", "/_matrix/client/v3/publicRooms", {"filter": {"generic_search_term": word}})


async def media(alice: Client, bob: Client) -> None:
    for content in [b"x", PICTURE]:
        upload, _ = await alice.upload(lambda *_: io.BytesIO(content), "image/x-raw", "a picture ä.raw", filesize=len(content))
        uri = ok(upload).content_uri
        download = ok(await bob.download(uri))
        say(step="a download", saw=[download.body == content, download.content_type, download.filename])
        path = "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://")
        for wanted in RANGES:
            await bob.ask("GET", path, Range=wanted)
        await bob.ask("HEAD", path, **{"Accept-Encoding": "identity"})  # Synapse gives a HEAD a gzip body
        await bob.ask("GET", f"{path}/another%20name%2F.raw")
    square = png(64)
    upload, _ = await alice.upload(lambda *_: io.BytesIO(square), "image/png", "square.png", filesize=len(square))
    where = ok(upload).content_uri.removeprefix("mxc://")
    await bob.ask("GET", f"/_matrix/client/v1/media/thumbnail/{where}?width=32&height=32&method=scale")
    await bob.ask("GET", "/_matrix/client/v1/media/download/home.test/unknown")
    await bob.ask("GET", "/_matrix/client/v1/media/config")


async def in_secret(alice: Client, bob: Client) -> None:
    for who in [alice, bob]:
        ok(await who.keys_upload())
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
    room = ok(await alice.room_create(invite=[bob.user_id], initial_state=[encryption])).room_id
    await bob.until(lambda answer: room in answer.rooms.invite)
    ok(await bob.join(room))
    await alice.until(lambda _: room in alice.rooms and bob.user_id in alice.rooms[room].users)
    if alice.should_query_keys:
        ok(await alice.keys_query())
    message = {"msgtype": "m.text", "body": "a secret"}
    ok(await alice.room_send(room, TEXT, message, ignore_unverified_devices=True))

    seen: list[Any] = []
    bob.add_event_callback(lambda _, event: seen.append([event.body, event.decrypted]), nio.RoomMessageText)
    await bob.until(lambda _: seen)
    say(step="a secret", saw=seen)
    ok(await bob.room_leave(room))
    ok(await bob.room_forget(room))


async def to_device(alice: Client, bob: Client) -> None:
    message = nio.ToDeviceMessage("org.example.hello", bob.user_id, bob.device_id, {"hello": "Bob"})
    ok(await alice.to_device(message, "one"))
    ok(await alice.devices())
    ok(await alice.update_device(alice.device_id, {"display_name": "a telephone"}))


async def syncs(alice: Client, bob: Client, room: str) -> None:
    await bob.whole_sync()
    await alice.whole_sync()
    window = {"lists": {"all": {"ranges": [[0, 9]], "required_state": [["*", "*"]], "timeline_limit": 5}}}
    window["extensions"] = {name: {"enabled": True} for name in ["to_device", "account_data", "e2ee"]}
    path = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
    answer = await bob.ask("POST", f"{path}?timeout=0", window)
    if answer.status == 200:
        later = ok(await alice.room_send(room, TEXT, {"msgtype": "m.text", "body": "later"})).event_id
        position = (await answer.json())["pos"]
        polled = await bob.ask("POST", f"{path}?pos={position}&timeout=20000", window)
        say(step="a long poll", saw=later in await polled.text())


async def before_log_in(base_url: str) -> None:
    """What nobody needs a token for."""
    client = Client(base_url)
    await client.send("GET", "/_matrix/client/versions")
    await client.login_info()
    await client.discovery_info()
    await client.send("GET", "/_matrix/client/v3/capabilities")
    for path in ["/login/sso/redirect", "/login/sso/redirect/cas"]:
        url = f"{base_url}/_matrix/client/v3{path}?redirectUrl=https://app.invalid/?a=b%26c"
        where = {"Host": PUBLIC_NAME}
        async with client.client_session.get(url, headers=where, allow_redirects=False) as answer:
            headers = [[name, value] for name, value in answer.headers.items()]
            say(asked=f"GET {path}", status=answer.status, headers=headers, text=await answer.text())
    await client.close()


async def main(base_url: str, word: str, folder: Path) -> None:
    await before_log_in(base_url)
    alice = await register(base_url, f"alice-{word}", folder)
    bob = await register(base_url, f"bob-{word}", folder)
    other = Client(base_url, bob.user_id)
    await other.login("wrong")
    ok(await other.login(PASSWORD, "a laptop"))
    await other.ask("GET", "/_matrix/client/v3/capabilities")

    room = await rooms(alice, bob, word)
    await what_is_theirs(alice, bob, room, word)
    await media(alice, bob)
    await to_device(alice, bob)
    await syncs(alice, bob, room)
    await in_secret(alice, bob)

    ok(await bob.room_leave(room))
    await bob.room_get_state(room)
    ok(await other.logout())
    await other.ask("GET", "/_matrix/client/v3/account/whoami")
    ok(await alice.logout(all_devices=True))
    for client in [alice, bob, other]:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
