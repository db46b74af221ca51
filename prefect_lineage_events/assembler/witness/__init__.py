"""The warehouse as witness: what Snowflake's access history says of statements that were understood in part."""
