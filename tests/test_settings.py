"""Where settings come from, which values they take, and how a wrong one is told."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr, ValidationError

import eventide_notify
from eventide_notify import ConfigurationError, Settings
from eventide_notify.demo import demo_settings
from eventide_notify.settings import load_settings

ROOT = Path(__file__).parents[1]
SECRET = "s" * 32
PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)

ALIASES = {
    "PORT": ["PORT"],
    "DATABASE_URL": ["MONGODB_URI", "MONGODB_URL", "DATABASE_URL"],
    "REDIS_URL": ["REDIS_URL"],
    "JWT_SECRET": ["JWT_ACCESS_SECRET", "JWT_SECRET"],
    "CORS_ORIGINS": ["FRONTEND_URL"],
    "TRUSTED_PROXIES": ["FORWARDED_ALLOW_IPS"],
}
DEFAULTS = {
    "HOST": "127.0.0.1", "PORT": 3000, "DATABASE_URL": "sqlite:///eventide.db", "MONGODB_DRIVER": "motor",
    "REDIS_URL": None, "QUEUES": None,
    "JWT_SECRET": None, "ALLOW_WEAK_SECRET": False, "JWT_PUBLIC_KEY": None, "JWKS_URL": None, "JWT_ALGORITHMS": (),
    "JWT_AUDIENCE": None, "JWT_ISSUER": None, "JWT_LEEWAY": 10, "JWT_USER_CLAIM": None, "ADMIN_ROLE": "admin",
    "CORS_ORIGINS": (), "TRUSTED_PROXIES": ("127.0.0.1",),
    "NOTIFICATION_EVENTS": ("notification", "newNotification"),
    "BROADCAST_EVENTS": ("global_notification", "announcement"), "ROOT_NAMESPACE": True,
    "TRANSPORTS": ("websocket", "polling"), "CATCH_UP_LIMIT": 100, "ANNOUNCEMENT_DAYS": 30, "MAX_SOCKETS_PER_USER": 20,
    "API_KEYS": (), "REVOCATION_DAYS": 400, "LIMIT_REST": "600/minute", "LIMIT_ADMIN": "off",
    "LIMIT_EVENTS": "50/second", "LIMIT_CONNECTS": "off", "MAX_SOCKETS": None, "RETENTION_DAYS": None,
    "RETENTION_READ_DAYS": None,
    "ALERT_USERS": (), "ALERT_WEBHOOK": None, "ALERT_WEBHOOK_SECRET": None, "OPS_TOKEN": None,
    "LOG_LEVEL": "info", "LOG_FORMAT": "text",
}  # fmt: skip
"""The contract's table."""


class Environment:
    """An environment and a folder with nothing in them but what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._file = folder / ".env"
        monkeypatch.chdir(folder)
        ours = {name for names in ALIASES.values() for name in names}
        for name in os.environ:
            if name.upper().startswith("EVENTIDE_") or name.upper() in ours:
                monkeypatch.delenv(name)

    def has(self, **variables: str) -> None:
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def has_file(self, *lines: str) -> None:
        self._file.write_text("\n".join(lines))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    return Environment(monkeypatch, tmp_path)


def plain(settings: Settings, name: str) -> Any:
    value = getattr(settings, name.lower())
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def fault(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(**overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def values(settings: Settings) -> dict[str, Any]:
    return {name.upper(): plain(settings, name) for name in type(settings).model_fields}


# Where they come from


def test_the_defaults_are_those_of_the_contract(environment: Environment) -> None:
    assert values(load_settings()) == DEFAULTS


WEBHOOK = {"ALERT_WEBHOOK": "https://alerts.example.com/hook", "ALERT_WEBHOOK_SECRET": "whsec_" + "c" * 32}


@pytest.mark.parametrize("name", sorted(DEFAULTS.keys() - WEBHOOK.keys()))
def test_every_setting_is_read_under_its_name(environment: Environment, name: str) -> None:
    other: dict[str, tuple[str, Any]] = {
        "PORT": ("4000", 4000), "DATABASE_URL": ("mongodb://host/db",) * 2, "MONGODB_DRIVER": ("PyMongo", "pymongo"),
        "REDIS_URL": ("redis+sentinel://host/mymaster/0",) * 2,
        "QUEUES": ("amqp://host/?queue=inbox, redis://host?stream=inbox",) * 2,
        "JWT_SECRET": (SECRET,) * 2, "ALLOW_WEAK_SECRET": ("true", True),
        "JWT_PUBLIC_KEY": (PEM.replace("\n", "\\n"), PEM), "JWKS_URL": ("https://id.example.com/jwks.json",) * 2,
        "JWT_ALGORITHMS": (" HS512, HS256 ,", ("HS512", "HS256")), "JWT_LEEWAY": ("0.5", 0.5),
        "CORS_ORIGINS": ("https://A.example.com/, http://localhost:4200", ("https://a.example.com", "http://localhost:4200")),
        "TRUSTED_PROXIES": ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        "NOTIFICATION_EVENTS": ("alert,notification,alert", ("alert", "notification")),
        "BROADCAST_EVENTS": ("news", ("news",)), "ROOT_NAMESPACE": ("0", False),
        "TRANSPORTS": ("polling", ("polling",)), "CATCH_UP_LIMIT": ("7", 7),
        "ANNOUNCEMENT_DAYS": ("0.5", 0.5), "MAX_SOCKETS_PER_USER": ("1", 1), "LOG_LEVEL": ("DEBUG", "debug"),
        "API_KEYS": (f"shop:{'a' * 64}, crm:{'b' * 64}", (f"shop:{'a' * 64}", f"crm:{'b' * 64}")),
        "REVOCATION_DAYS": ("7", 7),
        "LIMIT_REST": ("10/second",) * 2, "LIMIT_ADMIN": ("1000/minute",) * 2, "LIMIT_EVENTS": ("off",) * 2,
        "LIMIT_CONNECTS": ("100/hour",) * 2, "MAX_SOCKETS": ("5000", 5000), "RETENTION_DAYS": ("90", 90),
        "RETENTION_READ_DAYS": ("0.5", 0.5), "ALERT_USERS": ("root, 7", ("root", "7")),
        "OPS_TOKEN": (SECRET,) * 2, "LOG_FORMAT": ("JSON", "json"),
    }  # fmt: skip
    written, read = other.get(name, ("else", "else"))
    environment.has(**{f"EVENTIDE_{name}": written})
    assert values(load_settings()) == DEFAULTS | {name: read}


def test_the_webhook_and_its_secret_are_set_together(environment: Environment) -> None:
    environment.has(**{f"EVENTIDE_{name}": value for name, value in WEBHOOK.items()})
    assert values(load_settings()) == DEFAULTS | WEBHOOK


@pytest.mark.parametrize(("name", "lacks"), list(zip(WEBHOOK, reversed(WEBHOOK), strict=True)))
def test_a_webhook_without_its_secret_is_a_fault(environment: Environment, name: str, lacks: str) -> None:
    environment.has(**{f"EVENTIDE_{name}": WEBHOOK[name]})
    assert fault() == (f"EVENTIDE_{lacks}: EVENTIDE_ALERT_WEBHOOK and its secret are set together, or neither is")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALERT_WEBHOOK", "alerts.example.com"), ("ALERT_WEBHOOK", "https://"), ("ALERT_WEBHOOK_SECRET", "whsec_"),
        ("ALERT_WEBHOOK_SECRET", "whsec_short"), ("ALERT_WEBHOOK_SECRET", "c" * 32),
        ("ALERT_WEBHOOK_SECRET", "no base64, but long enough to be one"),
        ("ALERT_USERS", "u" * 129),
    ],
)  # fmt: skip
def test_what_alerts_cannot_be_sent_with_is_a_fault(environment: Environment, name: str, value: str) -> None:
    environment.has(**{f"EVENTIDE_{other}": each for other, each in {**WEBHOOK, name: value}.items()})
    assert fault().startswith(f"EVENTIDE_{name}: ")


@pytest.mark.parametrize(("name", "aliases"), ALIASES.items())
def test_an_alias_counts_where_the_name_before_it_is_absent(
    environment: Environment, name: str, aliases: list[str]
) -> None:
    kind = {"PORT": "400{}", "JWT_SECRET": SECRET + "{}", "REDIS_URL": "redis://{}", "CORS_ORIGINS": "http://{}"}
    kind["TRUSTED_PROXIES"] = "10.0.0.{}"

    def read() -> str:
        found = plain(load_settings(), name)
        return ",".join(found) if isinstance(found, tuple) else str(found)

    some = [kind.get(name, "sqlite:///{}").format(number) for number in range(len(aliases) + 1)]
    for variable, value in zip([*reversed(aliases), f"EVENTIDE_{name}"], some, strict=True):
        environment.has(**{variable: value})
        assert read() == value
    environment.has(**{f"EVENTIDE_{name}": ""})  # empty is absent
    assert read() == some[-2]


def test_the_file_counts_and_the_environment_comes_before_it(environment: Environment) -> None:
    environment.has_file("EVENTIDE_PORT=4000", f'export EVENTIDE_JWT_SECRET="{SECRET}"  # a remark', "OTHER=1")
    environment.has(EVENTIDE_PORT="5000")
    settings = load_settings()
    assert (settings.port, plain(settings, "JWT_SECRET")) == (5000, SECRET)


def test_an_alias_in_the_environment_does_not_hide_our_name_in_the_file(environment: Environment) -> None:
    environment.has_file("EVENTIDE_DATABASE_URL=sqlite:///ours.db")
    environment.has(DATABASE_URL="mysql://another/program", PORT="5000")
    settings = load_settings()
    assert (plain(settings, "DATABASE_URL"), settings.port) == ("sqlite:///ours.db", 5000)


@pytest.mark.parametrize(
    "variables", [{}, {"PORT": "1"}, {"EVENTIDE_PORT": "1"}, {"PORT": "1", "EVENTIDE_PORT": "2"}], ids=str
)
@pytest.mark.parametrize("line", ["", "PORT=3", "EVENTIDE_PORT=4"])
def test_what_the_caller_says_comes_before_everything(
    environment: Environment, variables: dict[str, str], line: str
) -> None:
    environment.has(**variables, JWT_SECRET="an environment's secret, long enough", EVENTIDE_JWKS_URL="")
    environment.has_file(line)
    for settings in (load_settings(port=9, jwt_secret=SECRET), Settings(port=9, jwt_secret=SecretStr(SECRET))):
        assert (settings.port, plain(settings, "JWT_SECRET")) == (9, SECRET)


def test_all_origins_may_be_allowed(environment: Environment) -> None:
    environment.has(EVENTIDE_CORS_ORIGINS="*")
    assert load_settings().cors_origins == ("*",)


def test_the_public_surface_is_complete() -> None:
    assert all(hasattr(eventide_notify, name) for name in eventide_notify.__all__)


# The demo's


def test_the_demo_has_a_secret_of_its_own(environment: Environment) -> None:
    environment.has(EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_JWT_ALGORITHMS="HS512", EVENTIDE_PORT="4000")
    one, other = demo_settings(), demo_settings(port=5000)
    assert len({SECRET, plain(one, "JWT_SECRET"), plain(other, "JWT_SECRET")}) == 3
    assert (one.port, other.port, one.effective_algorithms) == (4000, 5000, ("HS256",))


@pytest.mark.parametrize("name", ["JWT_PUBLIC_KEY", "JWKS_URL"])
def test_the_demo_needs_no_keys(environment: Environment, name: str) -> None:
    environment.has(**{f"EVENTIDE_{name}": PEM if name == "JWT_PUBLIC_KEY" else "https://id.example.com/"})
    settings = demo_settings()
    assert not settings.uses_public_keys


def test_the_demos_database_is_a_file_unless_ours_is_named(environment: Environment) -> None:
    environment.has(DATABASE_URL="mysql://another/program")
    assert plain(demo_settings(), "DATABASE_URL") == "sqlite:///eventide-demo.db"
    environment.has(EVENTIDE_DATABASE_URL="sqlite://")
    assert plain(demo_settings(), "DATABASE_URL") == "sqlite://"


def test_the_demo_lets_in_what_development_servers_on_this_machine_serve(environment: Environment) -> None:
    origins = demo_settings().cors_origins
    assert {"http://localhost:5173", "http://127.0.0.1:8000"} < set(origins)
    assert all(urlsplit(origin).hostname in ("localhost", "127.0.0.1") for origin in origins)
    environment.has(FRONTEND_URL="http://app.example.com")
    assert demo_settings().cors_origins == ("http://app.example.com",)


@pytest.mark.parametrize(
    ("set_to", "listens"),
    [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("192.0.2.1", "127.0.0.1"), ("example.com", "127.0.0.1"),
     ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("localhost", "localhost")],
)  # fmt: skip
def test_the_demo_is_not_reachable_unless_its_command_says_so(
    environment: Environment, set_to: str, listens: str
) -> None:
    environment.has(EVENTIDE_HOST=set_to)
    assert demo_settings().host == listens
    assert demo_settings(host="0.0.0.0").host == "0.0.0.0"


# What is wrong is told in one line


@pytest.mark.parametrize(
    "name", ["EVENTIDE_FOO", "EVENTIDE_", "EVENTIDE_JWT_SECRETS", "eventide_Foo", "EVENTIDE_TESTING"]
)
def test_an_unknown_name_is_refused(environment: Environment, name: str) -> None:
    environment.has(**{name: ""})
    assert fault() == f"{name}: there is no such setting"


def test_an_unknown_name_in_the_file_is_refused(environment: Environment) -> None:
    environment.has_file("EVENTIDE_PROT=4000")
    assert fault() == "EVENTIDE_PROT: there is no such setting"


def test_names_for_tests_are_known(environment: Environment) -> None:
    environment.has(EVENTIDE_TEST_ANYTHING="x")
    assert load_settings().port == 3000


def test_an_unknown_override_is_refused(environment: Environment) -> None:
    assert "jwt_secrets" in fault(jwt_secrets=SECRET)
    with pytest.raises(ValidationError, match="jwt_secrets"):
        Settings(jwt_secrets=SECRET)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("PORT", value) for value in ("x", "-1", "65536", "80.5")),
        *(("DATABASE_URL", value) for value in ("mysql://host/db", "eventide.db", "http://host", "sqlite", "://")),
        ("MONGODB_DRIVER", "mongoengine"),
        *(("REDIS_URL", value) for value in ("http://host", "localhost:6379", "redis://host:port/0", "rediss://:hun/ter2@host")),
        *(("REDIS_URL", f"redis+sentinel://{value}") for value in ("h", "h:2/0", "h/a/b", "h/a/0/1", "/m", "h:x/m")),
        *(("QUEUES", value) for value in ("http://host", "amqp://host", "amqp://host?queue=a,amqp://other?queue=a")),
        *(("ALLOW_WEAK_SECRET", value) for value in ("perhaps", "2")),
        *(("JWT_PUBLIC_KEY", value) for value in ("x", "-----BEGIN PUBLIC KEY-----", PEM[:-40], "/etc/key.pem")),
        *(("TRUSTED_PROXIES", value) for value in ("proxy", "10.0.0.1/8", "10.0.0", "10.0.0.1:80")),
        *(("JWKS_URL", value) for value in ("file:///etc/jwks.json", "id.example.com")),
        *(("JWT_ALGORITHMS", value) for value in ("none", "None", "HS256,none", "HS257", "HS256,RS256", "ES256,HS512")),
        *(("JWT_LEEWAY", value) for value in ("-1", "3601", "nan", "inf", "1s")),
        *(("CORS_ORIGINS", value) for value in ("example.com", "http://", "https://a.example.com/app", "null", "http://a;http://b")),
        *(("NOTIFICATION_EVENTS", value) for value in (",", "connect", "a,unread_count")),
        *(("BROADCAST_EVENTS", value) for value in (",", "disconnect", "mark_read")),
        ("ROOT_NAMESPACE", "maybe"),
        *(("TRANSPORTS", value) for value in (",", "webtransport", "websocket;polling")),
        *(("CATCH_UP_LIMIT", value) for value in ("0", "-1", "x", "10001")),
        *(("ANNOUNCEMENT_DAYS", value) for value in ("0", "-1", "nan", "inf")),
        *(("MAX_SOCKETS_PER_USER", value) for value in ("0", "x")),
        *((name, value) for name in ("RETENTION_DAYS", "RETENTION_READ_DAYS") for value in ("0", "-1", "1e9", "x")),
        *(("LIMIT_REST", value) for value in ("600", "0/minute", "-1/minute", "600/day", "1.5/second", "on")),
        *((f"LIMIT_{name}", "600/min") for name in ("ADMIN", "EVENTS", "CONNECTS")),
        *(("MAX_SOCKETS", value) for value in ("0", "x")),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
    ],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_wrong_value_is_told_by_name(environment: Environment, name: str, wrong: str) -> None:
    environment.has(**{f"EVENTIDE_{name}": wrong})
    assert fault().startswith(f"EVENTIDE_{name}: ")
    if name in ALIASES:
        environment.has(**{f"EVENTIDE_{name}": "", ALIASES[name][-1]: wrong})
        assert fault().startswith(f"{ALIASES[name][-1]}: ")


@pytest.mark.parametrize("name", ["EVENTIDE_JWT_SECRET", "JWT_ACCESS_SECRET", "JWT_SECRET"])
def test_a_weak_secret_is_refused_and_not_shown(environment: Environment, name: str) -> None:
    weak = "hunter2".ljust(31, "x")
    environment.has(**{name: weak})
    assert fault().startswith(f"{name}: needs at least 32 bytes, this one has 31")
    assert "hunter2" not in fault()
    environment.has(EVENTIDE_ALLOW_WEAK_SECRET="true")
    assert plain(load_settings(), "JWT_SECRET") == weak


def test_the_length_of_a_secret_is_in_bytes(environment: Environment) -> None:
    environment.has(EVENTIDE_JWT_SECRET="\N{OWL}" * 8)
    assert load_settings().can_verify


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"JWT_SECRET": SECRET, "EVENTIDE_JWT_PUBLIC_KEY": PEM}, "JWT_SECRET"),
        ({"EVENTIDE_JWT_SECRET": SECRET, "EVENTIDE_JWKS_URL": "https://x"}, "EVENTIDE_JWT_SECRET"),
        ({"EVENTIDE_JWT_PUBLIC_KEY": PEM, "EVENTIDE_JWKS_URL": "https://x"}, "EVENTIDE_JWT_PUBLIC_KEY"),
        ({"EVENTIDE_JWT_SECRET": SECRET, "EVENTIDE_JWT_ALGORITHMS": "RS256"}, "EVENTIDE_JWT_ALGORITHMS"),
        ({"EVENTIDE_JWT_PUBLIC_KEY": PEM, "EVENTIDE_JWT_ALGORITHMS": "HS256"}, "EVENTIDE_JWT_ALGORITHMS"),
        ({"EVENTIDE_JWKS_URL": "https://x", "EVENTIDE_JWT_ALGORITHMS": "HS256"}, "EVENTIDE_JWT_ALGORITHMS"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_secrets_and_public_keys_are_not_mixed(environment: Environment, variables: dict[str, str], named: str) -> None:
    environment.has(**variables)
    assert fault().startswith(f"{named}: ")


def test_algorithms_fit_the_key(environment: Environment) -> None:
    environment.has(EVENTIDE_JWT_SECRET=SECRET)
    assert load_settings().effective_algorithms == ("HS256",)
    environment.has(EVENTIDE_JWT_SECRET="", EVENTIDE_JWT_PUBLIC_KEY=PEM)
    assert load_settings().effective_algorithms == ("RS256", "ES256", "EdDSA")


def test_secrets_are_not_printed(environment: Environment) -> None:
    environment.has(EVENTIDE_JWT_SECRET=SECRET, EVENTIDE_DATABASE_URL="mongodb://user:hunter2@host/db")
    shown = f"{load_settings()!r} {load_settings()}"
    assert SECRET not in shown
    assert "hunter2" not in shown


# Documentation

_LINE = re.compile(r"#?(EVENTIDE_\w+)=(.*)")


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = [(match[1], match[2]) for line in lines if (match := _LINE.fullmatch(line))]
    assert len(found) == len(dict(found))
    return dict(found)


def test_the_example_lists_exactly_the_settings_that_exist() -> None:
    assert list(example()) == [f"EVENTIDE_{name}" for name in values(Settings.model_construct())]


def test_the_example_has_the_defaults(environment: Environment) -> None:
    environment.has_file(*(f"{name}={value}" for name, value in example().items()))
    assert values(load_settings()) == DEFAULTS
    shown = {name.removeprefix("EVENTIDE_") for name, value in example().items() if value}
    assert shown == {name for name, value in DEFAULTS.items() if value not in (None, ())}


def test_the_example_names_the_aliases() -> None:
    text = (ROOT / ".env.example").read_text()
    assert re.findall(r"\[([A-Z_, ]+)\]", text) == [", ".join(names) for names in ALIASES.values()]


def test_the_readme_has_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in example() if f"`{name}" not in text] == []
