"""Types of the fields of events, so that no event holds what a store cannot (`encoding`)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from prefect_lineage_events import encoding

MAX_LABEL = 512


def _encoded_text(value: Any) -> Any:
    return encoding.text(value) if isinstance(value, str) else value


def _encoded_label(value: Any) -> Any:
    return encoding.text(value[:MAX_LABEL]) if isinstance(value, str) else value


def _encoded_name(value: Any) -> Any:
    return encoding.name(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_encoded_text)]
Label = Annotated[str, BeforeValidator(_encoded_label)]
Name = Annotated[str, BeforeValidator(_encoded_name)]
Count = Annotated[int, Field(ge=0, le=encoding.MAX_INTEGER)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Moment = Annotated[dt.datetime, AfterValidator(encoding.moment)]
