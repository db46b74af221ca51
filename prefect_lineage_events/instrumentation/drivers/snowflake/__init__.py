"""Snowflake's connector and the block around it."""
