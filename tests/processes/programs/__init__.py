"""Small Prefect programs that tests run as processes, as users would."""
