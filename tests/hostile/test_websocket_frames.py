"""WebSocket frames that break the rules of RFC 6455, and rare ones that keep them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from ..service import Service
from .frames import NAMESPACE, Opcode, WebSocket, close, frame, text, upgrade, websocket
from .hostile import many
from .peer import Ended, connected
from .watch import Watch, connections, until_gone

LARGEST = 2_000_000
"""Bytes of one message, at most."""
PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009
"""Codes of close frames."""
HALF = "é".encode()[:1]

CONTROL = [Opcode.CLOSE, Opcode.PING, Opcode.PONG]


@pytest.fixture
async def socket(victim: Service, user: str) -> AsyncIterator[WebSocket]:
    """A WebSocket of a session that has joined."""
    async with websocket(victim.base_url, victim.token(user)) as socket:
        yield socket


BROKEN = [
    *(frame(Opcode.TEXT, b"3", reserved=bits) for bits in (1, 2, 4, 7)),
    *(frame(Opcode.PING, reserved=bits) for bits in (1, 4)),
    *(frame(opcode, b"x") for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *(frame(opcode, b"3", key=None) for opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG)),
    *(frame(opcode, b"\x03\xe8" + b"x" * 124) for opcode in CONTROL),
    *(frame(opcode, fin=False) for opcode in CONTROL),
    *(frame(opcode, announce=1 << 16) for opcode in CONTROL),
    frame(Opcode.CONTINUATION, b"x"),
    frame(Opcode.CONTINUATION, b"x", fin=False),
    text("4", fin=False) + text("3"),
    text("4", fin=False) + frame(Opcode.BINARY, b"3"),
    text("3") + frame(Opcode.CONTINUATION, b"x"),
    close()[:1] + b"\x81" + b"\x00\x00\x00\x00" + b"\x03",
    *(close(code) for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)),
]


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: data[:16].hex())
async def test_a_frame_against_the_rules_is_a_protocol_error(socket: WebSocket, data: bytes) -> None:
    await socket.write(data)
    assert await socket.refusal() == PROTOCOL_ERROR


@pytest.mark.parametrize(
    "data",
    [
        frame(Opcode.TEXT, b"4\xff"),
        frame(Opcode.TEXT, b"4" + HALF),
        frame(Opcode.TEXT, b"4\xed\xa0\x80"),
        frame(Opcode.TEXT, b"4\xf4\x90\x80\x80"),
        frame(Opcode.TEXT, b"4\xc0\x80"),
        frame(Opcode.TEXT, b"4" + HALF, fin=False) + frame(Opcode.CONTINUATION, b"x"),
        frame(Opcode.TEXT, b"4", fin=False) + frame(Opcode.CONTINUATION, HALF),
        close(1000, b"\xff"),
    ],
    ids=["byte", "cut", "surrogate", "beyond", "overlong", "fragments", "last fragment", "reason"],
)
async def test_text_that_is_no_utf_8_is_invalid(socket: WebSocket, data: bytes) -> None:
    await socket.write(data)
    assert await socket.refusal() == INVALID_DATA


@pytest.mark.parametrize("opcode", [Opcode.TEXT, Opcode.BINARY])
async def test_a_frame_is_too_big_before_it_has_come(socket: WebSocket, opcode: Opcode) -> None:
    await socket.write(frame(opcode, b"4", announce=LARGEST + 100_000))
    assert await socket.refusal() == TOO_BIG


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) - 1])
async def test_a_frame_of_exabytes_is_too_big(socket: WebSocket, size: int) -> None:
    await socket.write(frame(Opcode.BINARY, announce=size))
    assert await socket.refusal() == TOO_BIG


async def test_a_length_of_64_bits_is_no_length(socket: WebSocket) -> None:
    await socket.write(frame(Opcode.BINARY, announce=1 << 63))
    assert await socket.refusal() in {PROTOCOL_ERROR, TOO_BIG}


async def test_a_message_is_too_big_by_the_sum_of_its_fragments(socket: WebSocket, watch: Watch) -> None:
    await socket.write(text("4", fin=False))
    fragment = frame(Opcode.CONTINUATION, b"x" * 100_000, fin=False)
    for _ in range(LARGEST // 100_000 + 2):
        if not await socket.write(fragment):
            break
    assert await socket.refusal() == TOO_BIG
    assert watch.peak_growth < 40


async def test_the_first_frame_may_be_too_big_too(victim: Service) -> None:
    async with websocket(victim.base_url) as socket:
        await socket.message(starts="0")
        await socket.write(frame(Opcode.TEXT, announce=1 << 40))
        assert await socket.refusal() == TOO_BIG


async def test_a_large_message_is_answered(socket: WebSocket) -> None:
    event = f'42{NAMESPACE},7["mark_read",{{"notificationId":"{"x" * 1_000_000}"}}]'
    await socket.write(text(event))
    assert "payload_too_large" in await socket.message(starts=f"43{NAMESPACE},7[")


@pytest.mark.parametrize("size", [0, 1, 124, 125])
async def test_a_pong_has_the_payload_of_its_ping(socket: WebSocket, size: int) -> None:
    payload = bytes(range(256))[:size]
    await socket.write(frame(Opcode.PING, payload))
    assert await socket.pong() == payload
    await socket.ask()


async def test_some_pings_in_a_row_are_answered_in_order(socket: WebSocket) -> None:
    await socket.write(b"".join(frame(Opcode.PING, bytes([number])) for number in range(20)))
    assert [await socket.pong() for _ in range(20)] == [bytes([number]) for number in range(20)]
    await socket.ask()


async def test_some_unsolicited_pongs_are_passed_over(socket: WebSocket) -> None:
    await socket.write(frame(Opcode.PONG, b"unasked") * 5)
    await socket.ask()


class TestFragments:
    """A message may come in pieces."""

    async def test_an_event_in_pieces_is_understood(self, socket: WebSocket) -> None:
        await socket.write(text(f"42{NAMESPACE}", fin=False))
        await socket.write(frame(Opcode.CONTINUATION, b',9["get_un', fin=False))
        await socket.write(frame(Opcode.CONTINUATION, b'read_count"]'))
        await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_control_frames_may_come_between(self, socket: WebSocket) -> None:
        await socket.write(text(f"42{NAMESPACE},", fin=False) + frame(Opcode.PING, b"between"))
        assert await socket.pong() == b"between"
        await socket.write(frame(Opcode.PONG) + frame(Opcode.CONTINUATION, b'9["get_unread_count"]'))
        await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_the_last_piece_may_be_empty(self, socket: WebSocket) -> None:
        await socket.write(text(f'42{NAMESPACE},9["get_unread_count"]', fin=False) + frame(Opcode.CONTINUATION))
        await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_the_first_piece_may_be_empty(self, socket: WebSocket) -> None:
        await socket.write(text("", fin=False))
        await socket.write(frame(Opcode.CONTINUATION, f'42{NAMESPACE},9["get_unread_count"]'.encode()))
        await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_a_character_may_be_cut_in_two(self, socket: WebSocket) -> None:
        data = f'42{NAMESPACE},9["mark_read",{{"notificationId":"é😀"}}]'.encode()
        for cut in range(data.index(HALF), data.index(b'"}]')):
            await socket.write(frame(Opcode.TEXT, data[:cut], fin=False) + frame(Opcode.CONTINUATION, data[cut:]))
            assert "not_found" in await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_frames_may_come_byte_by_byte(self, socket: WebSocket) -> None:
        for byte in frame(Opcode.PING, b"slow") + text(f'42{NAMESPACE},9["get_unread_count"]'):
            await socket.write(bytes([byte]))
            await asyncio.sleep(0.001)  # so that each is a read of its own
        assert await socket.pong() == b"slow"
        await socket.message(starts=f"43{NAMESPACE},9[")

    async def test_many_messages_may_come_in_one_write(self, socket: WebSocket) -> None:
        events = (text(f'42{NAMESPACE},{number}["get_unread_count"]') for number in range(20))
        await socket.write(b"".join(events))
        for number in range(20):
            await socket.message(starts=f"43{NAMESPACE},{number}[")

    @pytest.mark.parametrize("key", [b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x01\x00\x00\x80"])
    async def test_every_mask_is_taken_off(self, socket: WebSocket, key: bytes) -> None:
        for size in (0, 1, 2, 3, 4, 5, 63, 64, 65, 125):
            await socket.write(frame(Opcode.PING, b"p" * size, key=key))
            assert await socket.pong() == b"p" * size

    @pytest.mark.parametrize("form", [126, 127])
    async def test_a_length_may_be_written_longer_than_it_need_be_or_refused(
        self, socket: WebSocket, form: int
    ) -> None:
        payload = f'42{NAMESPACE},9["get_unread_count"]'.encode()
        length = len(payload).to_bytes(2 if form == 126 else 8, "big")
        await socket.write(bytes([0x81, 0x80 | form]) + length + bytes(4) + payload)
        with suppress(Ended):
            await socket.message(starts=f"43{NAMESPACE},9[")


class TestClosing:
    """The closing handshake, and those who do not keep to it."""

    @pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 3000, 4999])
    async def test_a_close_frame_comes_back(self, socket: WebSocket, code: int) -> None:
        await socket.write(close(code, "das Ende: é".encode()))
        assert await socket.end() == code

    async def test_a_close_frame_without_a_code_does_too(self, socket: WebSocket) -> None:
        await socket.write(close())
        assert await socket.end() in {None, 1000}

    async def test_nothing_counts_after_it(self, socket: WebSocket, victim: Service, user: str) -> None:
        [id] = await asyncio.to_thread(victim.send, user)
        await socket.message(starts=f'42{NAMESPACE},["notification"')
        await socket.write(close(1000) + text(f'42{NAMESPACE},9["mark_read",{{"notificationId":"{id}"}}]'))
        await socket.end()
        with victim.client(user) as client:
            assert (await asyncio.to_thread(client.get, f"/v1/notifications/{id}")).json()["read"] is False

    @pytest.mark.parametrize("data", [frame(Opcode.PING, key=None), text("9")], ids=["frame", "packet"])
    async def test_who_is_closed_and_stays_loses_the_connection(self, socket: WebSocket, data: bytes) -> None:
        await socket.write(data)
        await socket.end(within=30, answering=False)

    async def test_who_does_not_answer_the_services_close_is_closed_all_the_same(self) -> None:
        with Service({"EVENTIDE_JWT_LEEWAY": "0"}) as service:
            service.start()
            async with websocket(service.base_url, service.token("guest", ttl=8)) as socket:
                await socket.end(within=30, answering=False)

    async def test_the_session_ends_with_its_transport(self, victim: Service, user: str) -> None:
        for last in (close(1000), frame(Opcode.TEXT, b"4\xff"), text("9"), frame(Opcode.PING, key=None)):
            async with websocket(victim.base_url, victim.token(user)) as socket:
                assert await asyncio.to_thread(connections, victim, user) == 1
                await socket.write(last)
                await socket.end()
                await until_gone(victim, user)


class TestEngineIo:
    """Engine.IO packets that a client does not send."""

    @pytest.mark.parametrize("packet", ["7", "9", "x", "é", "-1", "/"])
    async def test_what_is_no_packet_closes_the_transport(self, socket: WebSocket, packet: str) -> None:
        await socket.write(text(packet))
        await socket.end()

    async def test_a_close_packet_closes_the_transport(self, socket: WebSocket) -> None:
        await socket.write(text("1"))
        await socket.end()

    @pytest.mark.parametrize("packet", ["0{}", "5", "6", "3", "3probe"])
    async def test_packets_out_of_place_are_passed_over_or_close_it(self, socket: WebSocket, packet: str) -> None:
        await socket.write(text(packet))
        with suppress(Ended):
            await socket.ask()

    async def test_the_log_has_no_traceback_of_it(self, victim: Service, watch: Watch) -> None:
        async def attack(data: bytes) -> str:
            async with websocket(victim.base_url) as socket:
                await socket.write(data + close(1000))
                return str(await socket.refusal())

        for data in (text("9"), frame(Opcode.TEXT, b"\xff"), frame(3), close(999), frame(Opcode.BINARY, b"")):
            await many(100, lambda _, data=data: attack(data), at_once=10)  # type: ignore[misc]
        watch.assert_quiet()


async def test_compression_is_not_agreed_to(victim: Service) -> None:
    async with connected(victim.base_url) as peer:
        offer = ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")
        answer = await peer.exchange(upgrade([offer]))
        assert answer.status == 101
        assert "sec-websocket-extensions" not in answer.headers


async def test_the_answer_to_an_upgrade_proves_that_it_was_understood(victim: Service) -> None:
    async with connected(victim.base_url) as peer:
        answer = await peer.exchange(upgrade())
        assert answer.headers["sec-websocket-accept"] == "HxsUJC4OiqNriAZyCwkivbLEyUM="


@pytest.mark.parametrize("sid", ["unknown", "x" * 2_000])
async def test_an_upgrade_of_a_session_that_is_not_there_is_refused(victim: Service, sid: str) -> None:
    async with connected(victim.base_url) as peer:
        answer = await peer.exchange(upgrade(target=f"/socket.io/?EIO=4&transport=websocket&sid={sid}"))
        if answer.status == 101:  # a server may say it in a close frame, too
            socket = WebSocket(peer)
            await socket.end()
        else:
            assert answer.status in {400, 403}
