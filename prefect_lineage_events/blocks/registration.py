"""All blocks whose extra is installed: Prefect imports this module to register them by their slugs.

It is the entry point `prefect.collections`, and the argument of `prefect block register -m`.
"""

from __future__ import annotations

from importlib import import_module

_BLOCKS = {
    "sqlalchemy": ("AsyncSqlAlchemyLineage", "SqlAlchemyLineage"),
    "snowflake": ("SnowflakeLineage",),
}
_PACKAGES = frozenset({"prefect_sqlalchemy", "sqlalchemy", "prefect_snowflake", "snowflake"})

for _module, _names in _BLOCKS.items():
    try:
        _home = import_module(f"{__package__}.{_module}")
    except ModuleNotFoundError as _missing:
        # Any other missing module is an error, not an extra that is not installed.
        if (_missing.name or "").partition(".")[0] not in _PACKAGES:
            raise
    else:
        globals().update({_name: getattr(_home, _name) for _name in _names})
