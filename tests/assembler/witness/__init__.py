"""The warehouse as witness: a stand-in with the rows that Snowflake documents."""
