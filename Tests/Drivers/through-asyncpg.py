#!/usr/bin/python3
"""Connects with asyncpg to each URI on standard input and prints what a statement (the argument) says there, or the refusal."""

import asyncio
import sys

import asyncpg


async def answer(uri, statement):
    connection = await asyncpg.connect(uri, timeout=30)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def main():
    for line in sys.stdin:
        try:
            print("ok", await answer(line.rstrip("\n"), sys.argv[1]))
        except Exception as refusal:
            print("refused", type(refusal).__name__, " ".join(str(refusal).split()))


asyncio.run(main())
