"""Golden events are partial templates: values in a template must be equal, and values that it leaves out may be anything.

`"<uuid>"`, `"<time>"` and `"<any>"` stand for any value of that kind. Lists match item by item.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_KINDS = {
    "<uuid>": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "<time>": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "<any>": re.compile(r".*", re.DOTALL),
}


def differences(template: Any, found: Any, where: str = "") -> Iterator[str]:
    if isinstance(template, dict) and isinstance(found, dict):
        for key, part in template.items():
            if key in found:
                yield from differences(part, found[key], f"{where}/{key}")
            else:
                yield f"{where}/{key} is missing"
    elif isinstance(template, list) and isinstance(found, list):
        if len(template) != len(found):
            yield f"{where} has {len(found)} items, not {len(template)}"
        for number, (part, item) in enumerate(zip(template, found, strict=False)):
            yield from differences(part, item, f"{where}/{number}")
    elif template in _KINDS:
        if not (isinstance(found, str) and _KINDS[template].fullmatch(found)):
            yield f"{where} is {found!r}, no {template}"
    elif template != found:
        yield f"{where} is {found!r}, not {template!r}"
