"""Texts of people with a secret, in the forms in which documentation, notes and tags show one."""

from __future__ import annotations

FORMS = (
    "reads postgres://etl:{secret}@db.example/shop",
    "password={secret}",
    "password: {secret}",
    "the password is {secret}",
    "api_key={secret}",
    "AWS_SECRET_ACCESS_KEY={secret}",
    "Authorization: Bearer {secret}",
    "Authorization: Basic {secret}",
    "curl -u etl:{secret} https://api.example",
    "psql --password {secret}",
    "https://account.example/c/x.csv?sv=1&sig={secret}",
    "https://{secret}@api.example/v1",
    "host=db user=etl password={secret} dbname=shop",
    "Server=db;Uid=etl;Pwd={secret};Encrypt=yes",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey={secret}==;EndpointSuffix=x",
    "connect etl/{secret}@db.example:1521/orcl",
    "CREATE USER etl IDENTIFIED BY {secret}",
    "ghp_{secret}",
    "xoxb-{secret}",
    "-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----",
    "https://git:{secret}@git.example/acme/etl.git",
    '{{"token": "{secret}"}}',
)


def documentation(secret: str) -> str:
    """One text with all forms of a secret."""
    return "\n\n".join(form.format(secret=secret) for form in FORMS)
