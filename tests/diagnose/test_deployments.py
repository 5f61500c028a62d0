"""What is said of deployments that are wrong, and of one that is right: nginx as in `deploy/`, spoilt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.utils import formatdate
from pathlib import Path

import pytest

from eventide_notify.auth import TokenIssuer
from eventide_notify.diagnose import Finding, Plan, diagnose, requests
from eventide_notify.diagnose.target import Target
from eventide_notify.models import utc_now
from eventide_notify.verify.http import Answer

from ..require import missing
from ..servers import ServerError
from ..servers.balancer import LoadBalancer
from ..servers.haproxy import start_haproxy_server
from ..servers.nginx import Change, start_nginx_server
from ..servers.process import HOST
from ..service import SECRET, Altered, Service, issuer
from ..waiting import until
from .certificates import certificate

PAGE = "https://app.example.com"
PINGS = 2
"""Seconds between the pings of a service for tests of time-outs."""

Behind = Callable[..., LoadBalancer]
Findings = dict[str, Finding]


@pytest.fixture(scope="module")
def services() -> Iterator[list[Service]]:
    """Two, which know nothing of each other."""
    with ExitStack() as stack:
        services = [stack.enter_context(Service({"EVENTIDE_CORS_ORIGINS": PAGE})) for _ in range(2)]
        for service in services:
            service.start()
        yield services


@pytest.fixture
def behind_nginx(services: list[Service]) -> Iterator[Behind]:
    """nginx with changes, before both services or others."""
    with ExitStack() as stack:

        def behind(*changes: Change, before: list[Service] = services) -> LoadBalancer:
            try:
                server = start_nginx_server([service.base_url for service in before], changes)
            except ServerError as error:
                missing(f"there is no nginx: {error}")
            return stack.enter_context(server)

        yield behind


def token() -> str:
    return issuer().issue("admin", ttl=600, now=utc_now(), admin=True)


async def found(url: str, **plan: object) -> Findings:
    """What is said, by what was looked at."""
    given = {"token": token(), **plan}
    findings = [finding async for finding in diagnose(Plan(url=url, **given))]  # type: ignore[arg-type]
    named = {finding.what: finding for finding in findings}
    assert len(named) == len(findings)
    return named


def bad(findings: Findings) -> dict[str, str]:
    return {what: finding.level for what, finding in findings.items() if finding.level not in ("ok", "skipped")}


async def test_a_right_deployment_is_right(behind_nginx: Behind) -> None:
    findings = await found(behind_nginx().base_url, origins=(PAGE,))
    assert bad(findings) == {}
    assert [what for what, finding in findings.items() if finding.level == "skipped"] == ["time-outs"]
    assert {"WebSocket", "polling", "Host", f"origin {PAGE}", "bodies", "token", "X-Forwarded-Proto"} <= {*findings}


async def test_haproxy_as_shipped_is_right(services: list[Service]) -> None:
    try:
        server = start_haproxy_server([service.base_url for service in services])
    except ServerError as error:
        missing(f"there is no haproxy: {error}")
    with server:
        assert bad(await found(server.base_url, origins=(PAGE,))) == {}


async def test_without_a_token_the_rest_is_looked_at(behind_nginx: Behind) -> None:
    findings = await found(behind_nginx().base_url, token=None)
    assert bad(findings) == {}
    assert findings["token"].level == findings["forwarded headers"].level == "skipped"
    assert findings["bodies"].level == "ok"


SPOILT: list[tuple[str, list[Change], dict[str, str], str]] = [
    (
        "without-upgrade",
        [(r"proxy_set_header Upgrade .*;", "", 1)],
        {"WebSocket": "FAILED"},
        "proxy_set_header Upgrade $http_upgrade",
    ),
    (
        "not-sticky",
        [(r"hash \$route consistent;", "", 1)],
        {"polling": "FAILED"},
        "hash $route consistent",
    ),
    (
        "sticky-by-cookie-only",
        [
            (r"''      \$remote_addr;", "'' $request_id;", 1),
            (r"eventide_route=\$remote_addr", "eventide_route=$request_id", 1),
        ],
        {"polling": "warning"},
        "use the address too",
    ),
    (
        "host-lost",
        [(r"proxy_set_header (Host|X-Forwarded-Host) .*;", "", 2)],
        {"Host": "FAILED"},
        "proxy_set_header Host $http_host",
    ),
    (
        "port-lost",
        [(r"(proxy_set_header (?:Host|X-Forwarded-Host)) .*;", r"\g<1> $host;", 2)],
        {"Host": "FAILED"},
        "instead of $host",
    ),
    (
        "buffering",
        [(r"proxy_buffering off;", "proxy_buffering on;", 1)],
        {"buffering": "warning"},
        "proxy_buffering off",
    ),
    (
        "small-bodies",
        [(r"client_max_body_size 4m;", "", 1)],
        {"bodies": "FAILED"},
        "client_max_body_size 4m",
    ),
    (
        "authorization-lost",
        [(r"proxy_buffering off;", 'proxy_buffering off; proxy_set_header Authorization "";', 1)],
        {"token": "FAILED"},
        "Authorization",
    ),
    (
        "compressed",
        [(r"proxy_buffering off;", "gzip on; gzip_types *; gzip_min_length 1; proxy_buffering off;", 1)],
        {"compression": "warning"},
        "gzip off",
    ),
    (
        "another-cors-header",
        [(r"add_header Set-Cookie", "add_header Access-Control-Allow-Origin *; add_header Set-Cookie", 1)],
        {f"origin {PAGE}": "FAILED"},
        "add_header Access-Control-Allow-",
    ),
    (
        "origin-removed",
        [(r"proxy_buffering off;", 'proxy_buffering off; proxy_set_header Origin "";', 1)],
        {f"origin {PAGE}": "FAILED", "other origins": "warning"},
        "OPTIONS",
    ),
    (
        "another-path",
        [(r"proxy_pass http://\$eventide;", "proxy_pass http://$eventide/elsewhere;", 1)],
        {"service": "FAILED"},
        "without changing the path",
    ),
]


@pytest.mark.parametrize(("changes", "expected", "change"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
async def test_what_is_wrong_is_said_and_nothing_else(
    behind_nginx: Behind, changes: list[Change], expected: dict[str, str], change: str
) -> None:
    findings = await found(behind_nginx(*changes).base_url, origins=(PAGE,))
    assert bad(findings) == expected
    assert change in findings[next(iter(expected))].change


async def test_an_origin_that_is_not_allowed(behind_nginx: Behind) -> None:
    findings = await found(behind_nginx().base_url, origins=("https://other.example.com", f"{PAGE}/"))
    assert bad(findings) == {"origin https://other.example.com": "FAILED", f"origin {PAGE}/": "FAILED"}
    assert "EVENTIDE_CORS_ORIGINS" in findings["origin https://other.example.com"].change
    assert "no slash" in findings[f"origin {PAGE}/"].change


def over_tls(folder: Path, *, days: float, address: str = HOST) -> Change:
    made = certificate(folder, days=days, address=address)
    lines = f"ssl_certificate {made.certificate}; ssl_certificate_key {made.key};"
    return r"(listen 127.0.0.1:\d+);", rf"\g<1> ssl; {lines}", 1


def secure(server: LoadBalancer) -> str:
    return server.base_url.replace("http:", "https:")


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate of the test is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))


@pytest.mark.usefixtures("trusted")
async def test_tls_is_right(behind_nginx: Behind, tmp_path: Path) -> None:
    findings = await found(secure(behind_nginx(over_tls(tmp_path, days=90.5))))
    assert bad(findings) == {}
    assert findings["certificate"].said in ("valid for 90 days", "valid for 91 days")


@pytest.mark.usefixtures("trusted")
async def test_a_certificate_that_ends_soon(behind_nginx: Behind, tmp_path: Path) -> None:
    assert bad(await found(secure(behind_nginx(over_tls(tmp_path, days=5))))) == {"certificate": "warning"}


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("days", "address", "change"), [(-3, HOST, "renew"), (90, "127.0.0.9", "for this name")], ids=["expired", "another"]
)
async def test_a_certificate_that_is_wrong(
    behind_nginx: Behind, tmp_path: Path, days: float, address: str, change: str
) -> None:
    findings = await found(secure(behind_nginx(over_tls(tmp_path, days=days, address=address))))
    assert bad(findings) == {"certificate": "FAILED"}  # and all the rest was looked at, but for what takes a token
    assert {what for what, finding in findings.items() if finding.level == "skipped"} >= {"token", "forwarded headers"}
    assert change in findings["certificate"].change


async def test_a_certificate_of_nobody(behind_nginx: Behind, tmp_path: Path) -> None:
    findings = await found(secure(behind_nginx(over_tls(tmp_path, days=90))))
    assert bad(findings) == {"certificate": "FAILED"}
    assert "fullchain" in findings["certificate"].change


@pytest.mark.usefixtures("trusted")
async def test_the_scheme_is_lost(behind_nginx: Behind, tmp_path: Path) -> None:
    lost = (r"proxy_set_header X-Forwarded-Proto .*;", "", 1)
    findings = await found(secure(behind_nginx(over_tls(tmp_path, days=90), lost)))
    assert bad(findings) == {"X-Forwarded-Proto": "FAILED"}
    assert "$scheme" in findings["X-Forwarded-Proto"].change
    assert "EVENTIDE_TRUSTED_PROXIES must contain the proxy, 127.0.0.1" in findings["X-Forwarded-Proto"].change


async def test_what_does_not_speak_tls(services: list[Service]) -> None:
    findings = await found(secure_of(services[0]))
    assert bad(findings) == {"certificate": "FAILED"}
    assert "http:// address" in findings["certificate"].change


def secure_of(service: Service) -> str:
    return service.base_url.replace("http:", "https:")


async def test_a_redirect_to_https(behind_nginx: Behind) -> None:
    redirect = (r"proxy_buffering off;", "return 301 https://$http_host$request_uri;", 1)
    findings = await found(behind_nginx(redirect).base_url)
    assert bad(findings) == {"service": "FAILED"}
    assert "give them, and this check, https://" in findings["service"].change


@pytest.mark.parametrize("skew", [-3600, -8, 8, 3600])
async def test_clocks_that_differ(services: list[Service], skew: float) -> None:
    findings = await found(services[0].base_url, clock=lambda: time.time() - skew)
    level = "warning" if abs(skew) < 10 else "FAILED"
    assert bad(findings) == {"clock": level, "clock of the instance": level}
    assert f"{'ahead of' if skew > 0 else 'behind'} this machine's" in findings["clock"].said
    assert "NTP" in findings["clock"].change


def test_a_slow_answer_is_no_wrong_clock() -> None:
    answer = Answer(200, {"date": formatdate(1_000, usegmt=True)}, b"")
    assert [requests._skew(answer, *asked) for asked in ((997, 1_004), (1_000.9, 1_000.9))] == [0, 0]
    assert [requests._skew(answer, *asked) for asked in ((1_003, 1_009), (990, 995))] == [-2, 5]


async def test_an_answer_that_was_read_late_is_not_held_back(
    services: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, late = requests._in_halves, [0.0]

    async def read_late(target: Target, path: str) -> tuple[Answer, float]:
        answer, pause = await read(target, path)
        return answer, late.pop() if late else pause

    monkeypatch.setattr(requests, "_in_halves", read_late)
    assert bad(await found(services[0].base_url)) == {}
    assert late == []


@pytest.mark.parametrize(
    ("ttl", "signer", "change"),
    [(-3600, None, "has expired"), (3600, "another secret that is long enough", "compare EVENTIDE_JWT_SECRET")],
    ids=["expired", "another-secret"],
)
async def test_a_token_that_is_refused(services: list[Service], ttl: float, signer: str | None, change: str) -> None:
    other = TokenIssuer(signer or SECRET, algorithm="HS256", user_claim="sub", admin_role="admin")
    findings = await found(services[0].base_url, token=other.issue("42", ttl=ttl, now=utc_now()))
    assert bad(findings) == {"token": "FAILED"}
    assert change in findings["token"].change


async def test_a_token_that_was_revoked(services: list[Service]) -> None:
    revoked = issuer().issue("revoked", ttl=600, now=utc_now())
    with services[0].client(admin=True) as client:
        client.post("/v1/admin/revocations", json={"userId": "revoked"}).raise_for_status()
    findings = await found(services[0].base_url, token=revoked)
    assert bad(findings) == {"token": "FAILED"}
    assert "revoked: get a new one" in findings["token"].change


async def test_a_limit_of_the_service() -> None:
    with Service({"EVENTIDE_LIMIT_REST": "1/hour", "EVENTIDE_LIMIT_ADMIN": "1/hour"}) as service:
        service.start()
        mine = token()
        first = await found(service.base_url, token=mine)
        assert "raise it (EVENTIDE_LIMIT_ADMIN)" in first["forwarded headers"].said
        findings = await found(service.base_url, token=mine)
    assert bad(findings) == {"token": "FAILED"}
    assert "cannot be tried: 429" in findings["token"].said
    assert "raise it (EVENTIDE_LIMIT_REST)" in findings["token"].change


async def test_a_limit_of_the_proxy(behind_nginx: Behind) -> None:
    limit = (r"location / \{", "location = /v1/notifications/unread-count { return 429; } location / {", 1)
    findings = await found(behind_nginx(limit).base_url)
    assert bad(findings)["token"] == "FAILED"
    assert "a limit of the proxy" in findings["token"].change


async def test_what_is_no_token(services: list[Service]) -> None:
    findings = await found(services[0].base_url, token="something")
    assert bad(findings) == {"token": "FAILED"}
    assert "copied completely" in findings["token"].change


async def test_nothing_listens() -> None:
    with Service() as service:
        findings = await found(service.base_url)
    assert bad(findings) == {"connection": "FAILED"}
    assert "listen" in findings["connection"].change


async def test_a_name_without_an_address() -> None:
    findings = await found("https://nowhere.invalid")
    assert bad(findings) == {"name": "FAILED"}
    assert "DNS" in findings["name"].change


@pytest.mark.parametrize("url", ["notify.example.com", "ftp://notify.example.com", "http://", "http://[x"])
async def test_what_is_no_address(url: str) -> None:
    assert bad(await found(url)) == {"address": "FAILED"}


async def test_without_instances(behind_nginx: Behind) -> None:
    with Service() as gone:
        server = behind_nginx(before=[gone])
    findings = await found(server.base_url)
    assert bad(findings) == {"service": "FAILED"}
    assert "start the instances" in findings["service"].change


async def test_a_service_without_polling() -> None:
    with Service({"EVENTIDE_TRANSPORTS": "websocket"}) as service:
        service.start()
        findings = await found(service.base_url)
    assert bad(findings) == {}
    assert findings["polling"].level == "skipped"


@pytest.fixture(scope="module")
def quick() -> Iterator[Service]:
    """One that pings more often."""
    with Altered({"realtime.engine.transport.PING_INTERVAL": PINGS}) as service:
        service.start()
        yield service


async def test_idle_connections_that_stay(behind_nginx: Behind, quick: Service) -> None:
    findings = await found(behind_nginx(before=[quick]).base_url, slow=True)
    assert bad(findings) == {}
    assert {"time-outs (websocket)", "time-outs (polling)"} <= {*findings}


async def test_idle_connections_that_are_closed(behind_nginx: Behind, services: list[Service]) -> None:
    # Shorter than the pings are apart, and longer than a slow machine needs for any other answer.
    short = (r"proxy_(read|send)_timeout 75s;", r"proxy_\g<1>_timeout 6s;", 2)
    # The other service is the one that has to have nothing left at the end.
    findings = await found(behind_nginx(short, before=services[1:]).base_url, slow=True)
    assert bad(findings) == {"time-outs (websocket)": "FAILED", "time-outs (polling)": "FAILED"}
    assert "proxy_read_timeout 75s" in findings["time-outs (polling)"].change


async def test_it_sends_nothing_and_leaves_nothing(services: list[Service]) -> None:
    await found(services[0].base_url)
    with services[0].client("1") as client:
        assert client.get("/v1/notifications").json()["notifications"] == []
        # The service sees the last connection end when it gets to it.
        await until(lambda: "eventide_sockets 0.0" in client.get("/metrics").text)
