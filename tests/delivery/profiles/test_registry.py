"""The registry of profiles, which the setting `profile` offers by name."""

from __future__ import annotations

from typing import get_args

import pytest

from prefect_lineage_events.delivery.profiles.registry import PROFILES, profile_of
from prefect_lineage_events.settings import LineageSettings


def test_the_setting_offers_every_profile():
    assert set(get_args(LineageSettings.model_fields["profile"].annotation)) == {"auto", *PROFILES}


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://marquez:5000/api/v1/lineage", "marquez"),
        ("http://marquez:5000/api/v1/lineage/", "marquez"),
        ("http://gms:8080/openapi/openlineage/api/v1/lineage", "datahub"),
        ("https://acme.acryl.io/gms/openapi/openlineage/api/v1/lineage/", "datahub"),
        ("http://openmetadata:8585/api/v1/openlineage/lineage", "openmetadata"),
        ("http://somewhere/v2/lineage", "plain"),
        ("", "plain"),
    ],
)
def test_a_profile_is_found_by_the_address(address, name):
    assert profile_of(address).name == name
