"""First row, with the application's rights; prints whether there was anything to do."""

import os

import psycopg

from app import settings

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    found = connection.execute("SELECT 1 FROM stores WHERE name = %s", [settings.GREETING]).fetchone()
    if not found:
        connection.execute("INSERT INTO stores (name) VALUES (%s)", [settings.GREETING])
print("unchanged" if found else "changed")
