"""All profiles, by the names that the setting `profile` takes."""

from __future__ import annotations

from prefect_lineage_events.delivery.profiles.base import Profile
from prefect_lineage_events.delivery.profiles.datahub import DATAHUB
from prefect_lineage_events.delivery.profiles.marquez import MARQUEZ
from prefect_lineage_events.delivery.profiles.openmetadata import OPENMETADATA

PLAIN = Profile()
PROFILES: dict[str, Profile] = {profile.name: profile for profile in (PLAIN, MARQUEZ, DATAHUB, OPENMETADATA)}


def profile_of(address: str) -> Profile:
    """The profile of a target with this HTTP address; the plain one where none matches."""
    return next((profile for profile in PROFILES.values() if profile.matches(address)), PLAIN)
