"""Looking Snowflake's columns up: where the login can be repeated without a person, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("snowflake.connector")
from prefect_lineage_events.instrumentation.drivers.snowflake import lookup as snowflake_lookup
from prefect_lineage_events.instrumentation.drivers.snowflake.lookup import lookup, lookup_by
from prefect_lineage_events.instrumentation.instrument import instrument_connection
from tests.instrumentation.drivers.conftest import RecordingTracer
from tests.requirements import connector_4
from tests.services.snowflake import SnowflakeStandIn


@pytest.fixture(scope="module")
def private_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_own_connection_with_a_key_is_looked_up_on_another_one(
    snowflake_server: SnowflakeStandIn, tracers: list[RecordingTracer], private_key: bytes
) -> None:
    own = snowflake_server.connect("LOOKUPS", private_key=private_key)
    own.cursor().execute("CREATE OR REPLACE TABLE looked_up (a INT, b VARCHAR)")
    instrument_connection(own)
    found = tracers[0].lookup([("LOOKUPS", "PUBLIC", "LOOKED_UP"), ("LOOKUPS", "PUBLIC", "MISSING")])

    assert {table: list(columns) for table, columns in found.items()} == {
        ("LOOKUPS", "PUBLIC", "LOOKED_UP"): ["A", "B"]
    }
    assert tracers[0].statements == []
    assert len(tracers) == 1
    own.close()


@connector_4
def test_password_that_the_connector_deleted_is_not_requested_again(
    snowflake_server: SnowflakeStandIn, tracers: list[RecordingTracer]
) -> None:
    own = snowflake_server.connect("LOOKUPS")
    instrument_connection(own)

    assert tracers[0].lookup is None
    own.close()


class OpenConnection:
    """A connection with the arguments that opened it; connector 5 keeps them in `config`."""

    role = database = schema = "X"

    def __init__(self, version: int, **given: Any) -> None:
        if version == 5:
            self.config = type("Config", (), given)()
        else:
            self.__dict__.update({f"_{name}": value for name, value in given.items()})


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize(
    ("given", "can"),
    [
        ({"authenticator": "SNOWFLAKE_JWT", "private_key": b"key"}, True),
        ({"authenticator": "SNOWFLAKE_JWT", "private_key_file": "/key.p8"}, True),
        ({"authenticator": "OAUTH", "token": "t"}, True),
        ({"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": "t"}, True),
        ({"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "AWS"}, True),
        ({"authenticator": "OAUTH_CLIENT_CREDENTIALS", "oauth_client_id": "i", "oauth_client_secret": "s"}, True),
        ({"authenticator": "SNOWFLAKE", "password": "p"}, True),
        ({"password": "p"}, True),
        ({"authenticator": "SNOWFLAKE", "password": None}, False),
        ({"authenticator": "SNOWFLAKE", "password": "p", "passcode": "123456"}, False),
        ({"authenticator": "SNOWFLAKE", "password": "p", "passcode_in_password": True}, False),
        ({"authenticator": "SNOWFLAKE", "password": "p", "mfa_callback": print}, False),
        ({"authenticator": "USERNAME_PASSWORD_MFA", "password": "p"}, False),
        ({"authenticator": "EXTERNALBROWSER", "token": "t"}, False),
        ({"authenticator": "OAUTH_AUTHORIZATION_CODE", "token": "t"}, False),
        ({"authenticator": "https://org.okta.com", "password": "p"}, False),
        ({"authenticator": "SNOWFLAKE_JWT"}, False),
        ({"authenticator": "OAUTH_CLIENT_CREDENTIALS", "oauth_client_id": "i"}, False),
    ],
)
def test_only_an_unattended_login_is_repeated(
    version: int, given: dict[str, Any], can: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snowflake.connector.connect", lambda **_: pytest.fail("a look-up connects when it is asked"))

    assert (lookup(OpenConnection(version, account="a", user="u", **given)) is not None) is can


def test_a_secret_is_in_no_repr() -> None:
    found = lookup_by(print, {"password": "hunter2"})
    assert found is not None
    assert "hunter2" not in repr(found)


def test_look_up_quotes_awkward_names() -> None:
    assert snowflake_lookup._quoted(("DB", 'od"d', "a.b")) == '"DB"."od""d"."a.b"'
