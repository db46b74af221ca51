"""Connection of the Snowflake programs to their account, as over a private link: another host and the same account."""

from __future__ import annotations

import os
from typing import Any

from prefect_snowflake import SnowflakeCredentials

LINK = {"host": os.environ["SNOWFLAKE_HOST"], "port": int(os.environ["SNOWFLAKE_PORT"]), "protocol": "http"}


def connect(block_class: Any, **more: Any) -> Any:
    """A connected block of that class; `more` are arguments of the connection."""
    account, user, password = (os.environ[f"SNOWFLAKE_{word}"] for word in ("ACCOUNT", "USER", "PASSWORD"))
    credentials = SnowflakeCredentials(account=account, user=user, password=password)
    block = block_class(credentials=credentials, database="FLOWS_SHOP", schema="PUBLIC", warehouse="ETL_WH")
    block.get_connection(**LINK, **more)
    return block
