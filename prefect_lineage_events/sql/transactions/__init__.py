"""Statements that steer a transaction, and each store's rules of transactions."""
