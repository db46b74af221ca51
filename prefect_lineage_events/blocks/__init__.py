"""The blocks users import. Prefect loads this module (entry point `prefect.collections`) to register them.

Each block needs an extra; those whose packages are not installed are left out.
"""

from __future__ import annotations

from importlib import import_module

_MODULES = ("sqlalchemy", "snowflake")
_PACKAGES = frozenset({"prefect_sqlalchemy", "sqlalchemy", "prefect_snowflake", "snowflake"})

for _name in _MODULES:
    try:
        import_module(f"{__name__}.{_name}")
    except ModuleNotFoundError as missing:
        # Anything else that is missing is a mistake, and must not pass for an extra that was left out.
        if (missing.name or "").partition(".")[0] not in _PACKAGES:
            raise
