"""Webhooks: signed, sent until they are taken, and to nobody else."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from eventide_notify import webhooks
from eventide_notify.webhooks import WebhookSender

from .waiting import until
from .webhook_receiver import SECRET, WebhookReceiver

PAYLOAD = {"type": "alert.began", "data": {"title": "Grüße"}}


@pytest.fixture
async def receiver() -> AsyncIterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


async def test_it_is_signed(receiver: WebhookReceiver) -> None:
    sender = WebhookSender(receiver.url, SECRET)
    sender.send("one", PAYLOAD)
    await until(lambda: receiver.took == [("one", PAYLOAD)])
    await sender.close()


async def test_it_is_sent_again_under_the_same_id_until_it_is_taken(receiver: WebhookReceiver) -> None:
    receiver.refusals = [500, 302, 410]  # and not followed elsewhere
    sender = WebhookSender(receiver.url, SECRET, pauses=(0.01,) * 5)
    sender.send("one", PAYLOAD)
    await until(lambda: bool(receiver.took))
    assert receiver.attempts == ["one"] * 4
    await sender.close()


async def test_after_the_last_attempt_the_log_says_so(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.refusals = [500] * 9
    sender = WebhookSender(receiver.url, SECRET, pauses=(0.01, 0.01))
    with caplog.at_level(logging.ERROR):
        sender.send("one", PAYLOAD)
        await until(lambda: "the webhook one was not taken: the answer was 500" in caplog.text)
    assert receiver.attempts == ["one"] * 3
    await sender.close()


async def test_the_address_is_not_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    sender = WebhookSender("http://127.0.0.1:1/secret-path", SECRET, pauses=())
    sender.send("one", PAYLOAD)
    await until(lambda: "the webhook one was not taken" in caplog.text)
    assert "secret-path" not in caplog.text
    await sender.close()


async def test_a_stop_does_not_wait_for_a_receiver(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.refusals = [500] * 9
    sender = WebhookSender(receiver.url, SECRET, pauses=(1_000,))
    sender.send("one", PAYLOAD)
    await until(lambda: receiver.attempts == ["one"])
    await sender.close()
    assert "1 webhook(s) were not taken before the stop" in caplog.text


async def test_the_end_of_a_process_does_not_wait_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.setblocking(False)
        sender = WebhookSender(f"http://127.0.0.1:{mute.getsockname()[1]}/", SECRET)
        sender.send("one", PAYLOAD)
        loop = asyncio.get_running_loop()
        connection, _ = await loop.sock_accept(mute)
        with connection:
            await sender.close()
            await asyncio.wait_for(loop.shutdown_default_executor(), 15)
