"""Notes of the user's thread -> events at Prefect. All of this room runs in a thread of ours."""
