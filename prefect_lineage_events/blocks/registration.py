"""All blocks whose extra is installed, loaded at once: Prefect imports this to know them by their slugs.

It is the entry point `prefect.collections`, and what `prefect block register -m` takes.
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
        # Anything else that is missing is a mistake, and must not pass for an extra that was left out.
        if (_missing.name or "").partition(".")[0] not in _PACKAGES:
            raise
    else:
        globals().update({_name: getattr(_home, _name) for _name in _names})
