"""PostgreSQL: psycopg, psycopg2 and asyncpg."""
