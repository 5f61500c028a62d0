"""`send` and `announce`: requests to a running service."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import LOCAL_URL, Token, Url, cli, given, post

Message = Annotated[str, typer.Option(help="The text of the notification.")]
Title = Annotated[str | None, typer.Option(help="A title above the text.", show_default=False)]
Kind = Annotated[str | None, typer.Option("--type", help="A type of your own, such as ORDER.", show_default=False)]
Link = Annotated[str | None, typer.Option(help="Where it leads: a relative or an http(s) address.", show_default=False)]


@cli.command()
def send(
    *,
    user: Annotated[list[str], typer.Option(help="The id of a recipient; may be repeated.")],
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send a notification through a running service."""
    body = {"userIds": user, **given(message=message, title=title, type=type, link=link)}
    for item in post(url, "/v1/admin/notifications", body, token)["notifications"]:
        typer.echo(f"{item['id']}  {item['userId']}  {item['status']}")


@cli.command()
def announce(
    *,
    message: Message,
    title: Title = None,
    type: Kind = None,
    link: Link = None,
    audience: Annotated[str, typer.Option(help="everyone, or connected.")] = "everyone",
    url: Url = LOCAL_URL,
    token: Token = None,
) -> None:
    """Send an announcement to all users through a running service."""
    body = given(message=message, title=title, type=type, link=link, audience=audience)
    typer.echo(post(url, "/v1/admin/announcements", body, token)["id"])
