"""`send` and `announce`: requests to a running service."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .common import LOCAL_URL, Token, Url, cli, given, post

Message = Annotated[str, typer.Option(help="The text of the notification.")]
Title = Annotated[str | None, typer.Option(help="A title above the text.", show_default=False)]
Kind = Annotated[str | None, typer.Option("--type", help="A type of your own, such as ORDER.", show_default=False)]
Link = Annotated[str | None, typer.Option(help="Where it leads: a relative or an http(s) address.", show_default=False)]
SendAt = Annotated[
    str | None, typer.Option(help="When to send it, such as 2027-01-01T09:00:00Z. Default: now.", show_default=False)
]
ExpiresAt = Annotated[str | None, typer.Option(help="When nobody has it any more, likewise.", show_default=False)]


@cli.command()
def send(
    *,
    user: Annotated[list[str], typer.Option(help="The id of a recipient; may be repeated.")],
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    send_at: SendAt = None,
    expires_at: ExpiresAt = None,
    collapse_key: Annotated[
        str | None,
        typer.Option(help="It replaces what the user has not read and has the same key.", show_default=False),
    ] = None,
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send a notification through a running service."""
    times = given(sendAt=send_at, expiresAt=expires_at, collapseKey=collapse_key)
    body = {"userIds": user, **given(message=message, title=title, type=type, link=link), **times}
    answer = post(url, "/v1/admin/notifications", body, token)
    for item in answer.get("notifications", ()):
        typer.echo(f"{item['id']}  {item['userId']}  {item['status']}")
    _say_when(answer)


@cli.command()
def announce(
    *,
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    audience: Annotated[str, typer.Option(help="everyone, or connected.")] = "everyone",
    topic: Annotated[
        str | None, typer.Option(help="To who is subscribed to this topic only.", show_default=False)
    ] = None,
    require_ack: Annotated[bool, typer.Option("--require-ack", help="It must be acknowledged.")] = False,
    remind_after: Annotated[
        int | None,
        typer.Option(help="Seconds until who has not acknowledged it is reminded, and again.", show_default=False),
    ] = None,
    send_at: SendAt = None,
    expires_at: ExpiresAt = None,
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send an announcement to all users through a running service."""
    times = given(sendAt=send_at, expiresAt=expires_at)
    wishes = given(topic=topic, requireAck=require_ack or None, remindAfter=remind_after)
    body = given(message=message, title=title, type=type, link=link, audience=audience)
    answer = post(url, "/v1/admin/announcements", {**body, **wishes, **times}, token)
    if "id" in answer:
        typer.echo(answer["id"])
    _say_when(answer)


def _say_when(answer: Any) -> None:
    if (later := answer.get("scheduled")) is not None:
        typer.echo(f"{later['id']}  scheduled for {later['sendAt']}")
