"""Look-up of Snowflake's columns on a connection of our own, opened without a person or not at all.

A second login must never open a browser or send an approval request to a phone. The connector deletes a password as
soon as it has logged in (4.x), so a connection that was opened with one can be opened again only from a block or an
engine's URL, which have the password.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prefect_lineage_events.instrumentation.execution import answer_or_default
from prefect_lineage_events.naming import quote

# Authenticators that need no person. Okta, a browser, an authorization code and MFA may ask one.
_UNATTENDED = frozenset(
    {
        "snowflake",
        "snowflake_jwt",
        "oauth",
        "oauth_client_credentials",
        "programmatic_access_token",
        "workload_identity",
    }
)
_ASKS = ("passcode", "passcode_in_password", "mfa_callback", "client_request_mfa_token")
_LOOKUP_TIMEOUT = {"login_timeout": 10, "network_timeout": 10}

# The arguments of a connection that a second one needs; the connector keeps them under these names.
# https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-connect
_ADDRESS = ("account", "user", "host", "port", "protocol", "proxy_host", "proxy_port", "proxy_user", "proxy_password")
_KEY_FILE = ("private_key_file", "private_key_file_pwd", "private_key_password")
_SECRETS: Mapping[str, tuple[str, ...]] = {
    "snowflake": ("password",),
    "snowflake_jwt": ("private_key", "private_key_passphrase", *_KEY_FILE),
    "oauth": ("token",),
    "oauth_client_credentials": (
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_token_request_url",
        "oauth_scope",
        "oauth_credentials_in_body",
    ),
    "programmatic_access_token": ("token",),
    "workload_identity": ("workload_identity_provider", "workload_identity_entra_resource", "token"),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "snowflake_jwt": ("private_key", "private_key_file"),
    "workload_identity": ("workload_identity_provider",),
    "oauth_client_credentials": ("oauth_client_secret",),
}


@dataclass(frozen=True, slots=True)
class DescribeLookup:
    """Columns by DESCRIBE TABLE, which needs no warehouse, over a connection opened for each batch."""

    connect: Callable[[], Any] = field(repr=False)

    def __call__(self, tables: Sequence[tuple[str, ...]]) -> Mapping[tuple[str, ...], Mapping[str, str | None]]:
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            found = {table: answer_or_default(_describe, cursor, table, default=None) for table in tables}
        return {table: columns for table, columns in found.items() if columns}


def _describe(cursor: Any, table: tuple[str, ...]) -> dict[str, str | None]:
    rows = cursor.execute(f"DESCRIBE TABLE {_quoted(table)}").fetchall()
    return {row[0]: row[1] for row in rows}


def _quoted(parts: Sequence[str]) -> str:
    return ".".join(map(quote, parts))


def lookup_by(connect: Callable[..., Any], arguments: Mapping[str, Any]) -> DescribeLookup | None:
    """A look-up that connects with these arguments of the connector; None where that could ask a person."""
    if not _is_unattended(arguments.get("authenticator"), arguments):
        return None
    return DescribeLookup(partial(connect, **{**arguments, **_LOOKUP_TIMEOUT}))


def is_interactive_login(connection: Any) -> bool:
    """Did this login use a second factor? Known only from the account's token that skips it next time.

    Without such tokens the login looks the same as one by password alone.
    """
    return bool(getattr(getattr(connection, "rest", None), "mfa_token", None))


def lookup(connection: Any) -> DescribeLookup | None:
    """A look-up for a user's connection, with the login arguments that the connection still has."""
    from snowflake.connector import connect

    argument = partial(_argument, connection)
    authenticator = str(argument("authenticator") or "snowflake").lower()
    needed = _NEEDED.get(authenticator, _SECRETS.get(authenticator, ()))
    if is_interactive_login(connection) or not any(argument(name) for name in needed):
        return None
    session = {"role": connection.role, "database": connection.database, "schema": connection.schema}
    names = (*_ADDRESS, *_SECRETS[authenticator], *_ASKS)
    known = {name: value for name in names if (value := argument(name)) not in (None, "", False)}
    return lookup_by(connect, {**known, **session, "authenticator": authenticator})


def _argument(connection: Any, name: str) -> Any:
    """An argument of the connection. Connector 5 keeps them in `config`, 4 in private attributes of the same names."""
    config = getattr(connection, "config", None)
    return getattr(connection, f"_{name}", None) if config is None else getattr(config, name, None)


def _is_unattended(authenticator: Any, arguments: Mapping[str, Any]) -> bool:
    is_known = str(authenticator or "snowflake").lower() in _UNATTENDED
    return is_known and not any(arguments.get(name) for name in _ASKS)
