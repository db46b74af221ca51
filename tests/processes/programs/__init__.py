"""Small Prefect programs that tests run as processes of their own, as users would."""
