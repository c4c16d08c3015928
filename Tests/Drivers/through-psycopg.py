#!/usr/bin/python3
"""Connects with psycopg 3 to each URI on standard input and prints what a statement (the argument) says there, or the refusal."""

import sys

import psycopg

for line in sys.stdin:
    try:
        with psycopg.connect(line.rstrip("\n")) as connection:
            print("ok", connection.execute(sys.argv[1]).fetchone()[0])
    except psycopg.Error as refusal:
        print("refused", type(refusal).__name__, " ".join(str(refusal).split()))
