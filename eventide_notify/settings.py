"""The configuration: environment variables and `.env`, read once at the edge into one typed object.

Only `app`, `cli` and `demo` know this module; everybody else is handed plain values.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, cast
from urllib.parse import SplitResult, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AliasChoices, Field, SecretStr, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .access import ApiKeys
from .auth import TokenIssuer
from .models import UserKey
from .proxies import TrustedProxies
from .queues.address import QueueAddress, parse_addresses
from .rates import parse_rate
from .redis_client import sentinel_address
from .store import SCHEMES
from .wire import RESERVED_EVENTS

PREFIX = "EVENTIDE_"
TEST_PREFIX = "EVENTIDE_TEST_"
DEFAULT_USER_CLAIMS = ("sub", "userId", "id")
SECRET_MIN_BYTES = 32
WEBHOOK_SECRET_MIN_BYTES = 24

_HMAC = {"HS256", "HS384", "HS512"}
_PUBLIC = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
_REDIS_SCHEMES = {"redis", "rediss", "redis+sentinel", "unix"}
_FIXED_EVENTS = RESERVED_EVENTS - {"notification", "newNotification", "global_notification", "announcement"}


class ConfigurationError(Exception):
    """The configuration cannot be used. The message is one line and names the variable."""


def _named(name: str, *aliases: str) -> AliasChoices:
    return AliasChoices(PREFIX + name, *aliases)


Words = Annotated[tuple[str, ...], NoDecode]
"""A comma list."""


class Settings(BaseSettings):
    """Every setting, under the name of its variable without `EVENTIDE_`.

    `Settings()` reads the environment and `.env`. `Settings(jwt_secret=…, database_url=…)` overrides single ones.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", validation_alias=_named("HOST"))
    port: int = Field(3000, ge=0, le=65535, validation_alias=_named("PORT", "PORT"))
    database_url: SecretStr = Field(
        SecretStr("sqlite:///eventide.db"),
        validation_alias=_named("DATABASE_URL", "MONGODB_URI", "MONGODB_URL", "DATABASE_URL"),
    )
    mongodb_driver: Literal["motor", "pymongo"] = Field("motor", validation_alias=_named("MONGODB_DRIVER"))
    redis_url: SecretStr | None = Field(None, validation_alias=_named("REDIS_URL", "REDIS_URL"))
    queues: SecretStr | None = Field(None, validation_alias=_named("QUEUES"))

    jwt_secret: SecretStr | None = Field(None, validation_alias=_named("JWT_SECRET", "JWT_ACCESS_SECRET", "JWT_SECRET"))
    allow_weak_secret: bool = Field(False, validation_alias=_named("ALLOW_WEAK_SECRET"))
    jwt_public_key: str | None = Field(None, validation_alias=_named("JWT_PUBLIC_KEY"))
    jwks_url: str | None = Field(None, validation_alias=_named("JWKS_URL"))
    jwt_algorithms: Words = Field((), validation_alias=_named("JWT_ALGORITHMS"))
    jwt_audience: str | None = Field(None, validation_alias=_named("JWT_AUDIENCE"))
    jwt_issuer: str | None = Field(None, validation_alias=_named("JWT_ISSUER"))
    jwt_leeway: float = Field(10, ge=0, le=3600, validation_alias=_named("JWT_LEEWAY"))
    jwt_user_claim: str | None = Field(None, min_length=1, validation_alias=_named("JWT_USER_CLAIM"))
    admin_role: str = Field("admin", min_length=1, validation_alias=_named("ADMIN_ROLE"))

    cors_origins: Words = Field((), validation_alias=_named("CORS_ORIGINS", "FRONTEND_URL"))
    trusted_proxies: Words = Field(("127.0.0.1",), validation_alias=_named("TRUSTED_PROXIES", "FORWARDED_ALLOW_IPS"))
    notification_events: Words = Field(
        ("notification", "newNotification"), min_length=1, validation_alias=_named("NOTIFICATION_EVENTS")
    )
    broadcast_events: Words = Field(
        ("global_notification", "announcement"), min_length=1, validation_alias=_named("BROADCAST_EVENTS")
    )
    root_namespace: bool = Field(True, validation_alias=_named("ROOT_NAMESPACE"))
    transports: Words = Field(("websocket", "polling"), min_length=1, validation_alias=_named("TRANSPORTS"))
    catch_up_limit: int = Field(100, ge=1, le=10_000, validation_alias=_named("CATCH_UP_LIMIT"))
    announcement_days: float = Field(30, gt=0, le=3650, validation_alias=_named("ANNOUNCEMENT_DAYS"))
    max_sockets_per_user: int = Field(20, ge=1, validation_alias=_named("MAX_SOCKETS_PER_USER"))

    api_keys: Words = Field((), validation_alias=_named("API_KEYS"))
    revocation_days: float = Field(400, gt=0, le=3650, validation_alias=_named("REVOCATION_DAYS"))
    limit_rest: str = Field("600/minute", validation_alias=_named("LIMIT_REST"))
    limit_admin: str = Field("off", validation_alias=_named("LIMIT_ADMIN"))
    limit_events: str = Field("50/second", validation_alias=_named("LIMIT_EVENTS"))
    limit_connects: str = Field("off", validation_alias=_named("LIMIT_CONNECTS"))
    max_sockets: int | None = Field(None, ge=1, validation_alias=_named("MAX_SOCKETS"))

    retention_days: float | None = Field(None, gt=0, le=36_500, validation_alias=_named("RETENTION_DAYS"))
    retention_read_days: float | None = Field(None, gt=0, le=36_500, validation_alias=_named("RETENTION_READ_DAYS"))

    alert_users: Words = Field((), validation_alias=_named("ALERT_USERS"))
    alert_webhook: SecretStr | None = Field(None, validation_alias=_named("ALERT_WEBHOOK"))
    alert_webhook_secret: SecretStr | None = Field(None, validation_alias=_named("ALERT_WEBHOOK_SECRET"))
    ops_token: SecretStr | None = Field(None, validation_alias=_named("OPS_TOKEN"))

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias=_named("LOG_LEVEL"))
    log_format: Literal["text", "json"] = Field("text", validation_alias=_named("LOG_FORMAT"))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the caller says; then the environment and `.env` as one.

        As two, a DATABASE_URL that another program left in the shell would hide an EVENTIDE_DATABASE_URL in the file.
        """
        both, file = cast(EnvSettingsSource, env_settings), cast(DotEnvSettingsSource, dotenv_settings)
        both.env_vars = {**file.env_vars, **both.env_vars}
        return init_settings, both

    @field_validator(
        "jwt_algorithms",
        "cors_origins",
        "trusted_proxies",
        "notification_events",
        "broadcast_events",
        "transports",
        "api_keys",
        "alert_users",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
        return value

    @field_validator("log_level", "log_format", "mongodb_driver", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr) -> SecretStr:
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in sorted(SCHEMES))}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in _REDIS_SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{s}://' for s in sorted(_REDIS_SCHEMES))}")
        if parts.scheme in {"redis", "rediss"}:
            _check_port(parts)
        if parts.scheme == "redis+sentinel":
            sentinel_address(value.get_secret_value())
        return value

    @field_validator("queues")
    @classmethod
    def _known_queues(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_addresses(value.get_secret_value())
        return value

    @field_validator("jwt_public_key")
    @classmethod
    def _readable_key(cls, value: str | None) -> str | None:
        if value is None:
            return None
        pem = value.replace("\\n", "\n")  # some panels for environment variables have one line only
        try:
            load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("is not a public key in PEM form (-----BEGIN PUBLIC KEY-----)") from None
        return pem

    @field_validator("limit_rest", "limit_admin", "limit_events", "limit_connects")
    @classmethod
    def _known_rate(cls, value: str) -> str:
        parse_rate(value)
        return value

    @field_validator("jwks_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("alert_webhook")
    @classmethod
    def _webhook_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("alert_webhook_secret")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            prefix, _, text = value.get_secret_value().partition("_")
            try:
                key = b64decode(text, validate=True) if prefix == "whsec" else b""
            except ValueError:
                key = b""
            if len(key) < WEBHOOK_SECRET_MIN_BYTES:
                raise ValueError(f"must be whsec_ and base64 of at least {WEBHOOK_SECRET_MIN_BYTES} bytes")
        return value

    @field_validator("alert_users")
    @classmethod
    def _user_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for user in value:
            try:
                TypeAdapter(UserKey).validate_python(user)
            except ValidationError:
                raise ValueError(f"{user[:50]!r} is not a user id") from None
        return value

    @field_validator("transports")
    @classmethod
    def _known_transports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := set(value) - {"websocket", "polling"}:
            raise ValueError(f"must be websocket, polling or both, not {', '.join(sorted(unknown))}")
        return value

    @field_validator("notification_events", "broadcast_events")
    @classmethod
    def _free_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if taken := set(value) & _FIXED_EVENTS:
            raise ValueError(f"the name {sorted(taken)[0]!r} is reserved by the protocol")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_origin, value))

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            TrustedProxies(value)
        except ValueError as error:
            raise ValueError(f"must be a list of addresses and networks, or *; {error}") from None
        return value

    @field_validator("api_keys")
    @classmethod
    def _known_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        ApiKeys(value)
        return value

    @model_validator(mode="after")
    def _sound_keys(self) -> Settings:
        algorithms = set(self.effective_algorithms)
        if unknown := algorithms - _HMAC - _PUBLIC:
            raise ValueError(f"{PREFIX}JWT_ALGORITHMS: {', '.join(sorted(unknown))} are not supported")
        if algorithms & _HMAC and algorithms & _PUBLIC:
            # A public key that is also taken for an HMAC secret lets anybody sign.
            raise ValueError(f"{PREFIX}JWT_ALGORITHMS: HMAC (HS…) and public keys must not be mixed")
        if self.uses_public_keys and algorithms & _HMAC:
            raise ValueError(f"{PREFIX}JWT_ALGORITHMS: HMAC (HS…) cannot be used with a public key or key set")
        if self.jwt_secret and self.uses_public_keys:
            raise ValueError(f"{PREFIX}JWT_SECRET: set a secret, or a public key or key set, not both")
        if self.jwt_public_key and self.jwks_url:
            raise ValueError(f"{PREFIX}JWT_PUBLIC_KEY: set a public key or {PREFIX}JWKS_URL, not both")
        if self.jwt_secret and not self.uses_public_keys and algorithms & _PUBLIC:
            raise ValueError(f"{PREFIX}JWT_ALGORITHMS: {', '.join(sorted(algorithms))} needs a public key or key set")
        secret = self.jwt_secret.get_secret_value().encode() if self.jwt_secret else None
        if secret is not None and len(secret) < SECRET_MIN_BYTES and not self.allow_weak_secret:
            raise ValueError(
                f"{PREFIX}JWT_SECRET: needs at least {SECRET_MIN_BYTES} bytes, this one has {len(secret)} "
                f"({PREFIX}ALLOW_WEAK_SECRET=true accepts it all the same)"
            )
        return self

    @model_validator(mode="after")
    def _webhook_is_signed(self) -> Settings:
        if (self.alert_webhook is None) != (self.alert_webhook_secret is None):
            lacks = "ALERT_WEBHOOK_SECRET" if self.alert_webhook else "ALERT_WEBHOOK"
            raise ValueError(f"{PREFIX}{lacks}: {PREFIX}ALERT_WEBHOOK and its secret are set together, or neither is")
        return self

    @property
    def own_hosts(self) -> frozenset[str]:
        """The names that this service is known by to lead here."""
        return frozenset(
            {self.host.lower(), *filter(None, (urlsplit(origin).hostname for origin in self.cors_origins))}
        )

    @property
    def queue_addresses(self) -> Sequence[QueueAddress]:
        """The queues whose messages are taken."""
        return parse_addresses(self.queues.get_secret_value()) if self.queues else []

    @property
    def uses_public_keys(self) -> bool:
        return bool(self.jwt_public_key or self.jwks_url)

    @property
    def can_verify(self) -> bool:
        """Whether there is anything to check tokens against."""
        return bool(self.jwt_secret or self.uses_public_keys)

    @property
    def effective_algorithms(self) -> tuple[str, ...]:
        return self.jwt_algorithms or (("RS256", "ES256", "EdDSA") if self.uses_public_keys else ("HS256",))


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment and `.env`; raises `ConfigurationError` with one line for what is wrong."""
    known = {choice for field in Settings.model_fields.values() for choice in _variables(field.validation_alias)}
    for name, written in _given_variables(even_empty=True).items():
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name not in known:
            raise ConfigurationError(f"{written}: there is no such setting")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigurationError(_one_line(error)) from None


def is_set(variable: str) -> bool:
    """Whether the environment or `.env` has this very variable, not just an alias of it."""
    return variable in _given_variables()


def given_name(field: str) -> str:
    """The variable that a setting was read from: its own, or the alias that was there instead."""
    choices, given = _variables(Settings.model_fields[field].validation_alias), _given_variables()
    return next((given[choice] for choice in choices if choice in given), choices[0])


def token_issuer(settings: Settings) -> TokenIssuer:
    """The maker of tokens that the settings describe; raises `ConfigurationError` when there is no secret to sign."""
    if settings.jwt_secret is None:
        raise ConfigurationError("EVENTIDE_JWT_SECRET: is not set, so no token can be signed")
    return TokenIssuer(
        settings.jwt_secret.get_secret_value(),
        algorithm=settings.effective_algorithms[0],
        user_claim=settings.jwt_user_claim or DEFAULT_USER_CLAIMS[0],
        admin_role=settings.admin_role,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )


def _check_port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        # What stands there may be a part of a password with a slash in it, so it is not shown.
        raise ValueError("has a port that is not a number; in a password write / as %2F") from None


def _origin(text: str) -> str:
    if text == "*":
        return text
    parts = urlsplit(text.lower().rstrip("/"))
    if not parts.scheme or not parts.netloc or parts.path or parts.query or parts.fragment:
        # A browser's Origin header never has a path: such a setting would silently allow nobody.
        raise ValueError(f"{text!r} is not an origin such as https://app.example.com")
    return parts.geturl()


def _given_variables(*, even_empty: bool = False) -> Mapping[str, str]:
    """The variables that are set, in capitals, as whoever set them wrote them."""
    in_file = DotEnvSettingsSource(Settings, case_sensitive=True, env_ignore_empty=False).env_vars
    return {name.upper(): name for name, value in {**in_file, **os.environ}.items() if value or even_empty}


def _variables(alias: object) -> list[str]:
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else []


def _one_line(error: ValidationError) -> str:
    """The first fault, under the name of the variable that was set."""
    first = error.errors(include_url=False, include_input=False)[0]
    message = " ".join(first["msg"].removeprefix("Value error, ").split())
    name, _, fault = (str(first["loc"][0]), "", message) if first["loc"] else message.partition(": ")
    for field_name, field in Settings.model_fields.items():
        choices = _variables(field.validation_alias)
        if name in (field_name, *choices):
            name = given_name(field_name)
    return f"{name}: {fault}"
