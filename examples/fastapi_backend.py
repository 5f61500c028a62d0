"""A blog's backend on FastAPI, with the notification service in the same process.

Start it with `python examples/fastapi_backend.py` (or `uvicorn examples.fastapi_backend:app`). It prints two commands:
Ana writes a post, and Ben comments on it. Connect as Ana on the page /client/ to see that she is told.

The blog's own routes, its /docs and its lifespan stay what they are. The sockets, /v1/… and /client/ are the service's.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field, SecretStr

from eventide_notify import Draft, Settings, create_app
from eventide_notify.errors import Unavailable
from eventide_notify.realtime.protocol import HttpProtocol

logger = logging.getLogger("blog")

settings = Settings()
if settings.jwt_secret is None:  # to try it without a configuration; tokens then end with the process
    settings = Settings(jwt_secret=SecretStr(secrets.token_urlsafe(32)))
SECRET = settings.jwt_secret.get_secret_value() if settings.jwt_secret else ""

USERS = {1: "Ana", 2: "Ben"}


class NewPost(BaseModel):
    title: str = Field(min_length=1, max_length=200)


class NewComment(BaseModel):
    text: str = Field(min_length=1, max_length=5_000)


@dataclass
class Post:
    id: int
    author: int
    title: str
    comments: list[str] = field(default_factory=list)


@asynccontextmanager
async def lifespan(api: FastAPI) -> AsyncIterator[dict[str, Any]]:
    # A real blog would open its database here. It is run by the service, and its state is in `request.state`.
    posts: dict[int, Post] = {}
    yield {"posts": posts}


def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> int:
    """The blog's own authentication. The service accepts the same tokens, for it has the same secret."""
    try:
        claims = jwt.decode(credentials.credentials, SECRET, algorithms=["HS256"], options={"verify_sub": False})
        return int(claims["sub"])
    except (jwt.PyJWTError, KeyError, ValueError):
        raise HTTPException(401, "a valid token is needed") from None


def all_posts(request: Request) -> dict[int, Post]:
    posts: dict[int, Post] = request.state.posts
    return posts


User = Annotated[int, Depends(current_user)]
Posts = Annotated[dict[int, Post], Depends(all_posts)]

api = FastAPI(title="A blog", lifespan=lifespan)
app = create_app(settings, inner_app=api)


@api.post("/posts", status_code=201)
async def write_post(new: NewPost, user: User, posts: Posts) -> Post:
    post = Post(len(posts) + 1, user, new.title)
    posts[post.id] = post
    return post


@api.get("/posts/{id}")
async def read_post(id: int, posts: Posts) -> Post:
    if id not in posts:
        raise HTTPException(404, "there is no such post")
    return posts[id]


@api.post("/posts/{id}/comments", status_code=201)
async def write_comment(id: int, new: NewComment, user: User, posts: Posts) -> Post:
    post = await read_post(id, posts)
    post.comments.append(new.text)
    if user != post.author:  # nobody needs to be told what they wrote themselves
        await notify_author(post, commenter=user)
    return post


async def notify_author(post: Post, *, commenter: int) -> None:
    draft = Draft(
        type="NEW_COMMENT",
        title="New Comment",
        message=f'{USERS.get(commenter, "Somebody")} commented on "{post.title}"',
        link=f"/posts/{post.id}#comment-{len(post.comments)}",
        data={"postId": post.id},
    )
    try:
        await app.notifications.send([post.author], draft)
    except Unavailable:
        # The comment is written: that its author's notification is not must not make it fail.
        logger.warning("the author of post %d could not be notified", post.id)


def token(user: int) -> str:
    return jwt.encode({"sub": user, "exp": datetime.now(UTC) + timedelta(days=1)}, SECRET, algorithm="HS256")


def main() -> None:
    address = f"http://{settings.host}:{settings.port}"
    post = f"curl -X POST {address}/posts -H 'Content-Type: application/json'"
    comment = f"curl -X POST {address}/posts/1/comments -H 'Content-Type: application/json'"
    print(f"Connect on {address}/client/ with Ana's token:\n\n{token(1)}\n\nThen let Ana write, and Ben comment:\n")
    print(f"""{post} -H 'Authorization: Bearer {token(1)}' -d '{{"title": "Sunset"}}'\n""")
    print(f"""{comment} -H 'Authorization: Bearer {token(2)}' -d '{{"text": "Where was that?"}}'\n""", flush=True)
    # The service's own HTTP class has limits, and writes WebSocket frames as they are; `eventide-notify serve` uses it.
    uvicorn.run(app, host=settings.host, port=settings.port, http=HttpProtocol)


if __name__ == "__main__":
    main()
