"""A Unix socket whose server does what a monitor or an agent must not: hostile-socket.py PATH BEHAVIOUR

As a monitor it greets first where the behaviour is one of after the greeting. Every connection is served by a thread of its own.
"""

import json
import os
import socket
import sys
import threading
import time

EVENT = b'{"event":"RTC_CHANGE","data":{"offset":1},"timestamp":{"seconds":1,"microseconds":1}}\n'
GREETING = b'{"QMP":{"version":{"qemu":{"micro":0,"minor":0,"major":10},"package":""},"capabilities":[]}}\n'


def events(connection):
    while True:
        connection.sendall(EVENT)


def line(connection):
    while True:
        connection.sendall(b"a" * 65536)


def dribble(connection):
    while True:
        connection.sendall(b" ")
        time.sleep(1)


def silence(connection):
    while connection.recv(4096):
        pass


def nesting(connection):
    while True:
        connection.sendall(b"[" * 500000 + b"]" * 500000 + b"\n")


def answers(connection, answer):
    """Reads commands, a line each, and says something to each."""
    for text in connection.makefile("rb"):
        connection.sendall(answer(json.loads(text)))


def greeted(behaviour):
    def serve(connection):
        connection.sendall(GREETING)
        connection.recv(4096)
        connection.sendall(b'{"return":{}}\n')
        behaviour(connection)

    return serve


def synchronized(behaviour):
    """An agent that answers the first question, and then behaves."""

    def serve(connection):
        request = json.loads(connection.makefile("rb").readline())
        connection.sendall(json.dumps({"return": request["arguments"]["id"]}).encode() + b"\n")
        behaviour(connection)

    return serve


def coloured(connection):
    connection.sendall(GREETING)
    refusal = {"error": {"class": "GenericError", "desc": "\x1b]0;taken over\x07 no\u009b31m"}}
    paused = {"return": {"status": "\x1b[2Jgone", "running": False}}

    def answer(request):
        if request["execute"] == "qmp_capabilities":
            return b'{"return":{}}\n'
        return json.dumps(paused if request["execute"] == "query-status" else refusal).encode() + b"\n"

    answers(connection, answer)


BEHAVIOURS = {
    "events": events,
    "line": line,
    "dribble": dribble,
    "silence": silence,
    "nesting": nesting,
    "greeted-events": greeted(events),
    "greeted-line": greeted(line),
    "greeted-dribble": greeted(dribble),
    "greeted-silence": greeted(silence),
    "synchronized-events": synchronized(events),
    "synchronized-line": synchronized(line),
    "synchronized-dribble": synchronized(dribble),
    "synchronized-silence": synchronized(silence),
    "coloured": coloured,
}


def serve(connection, behaviour):
    try:
        behaviour(connection)
    except OSError:
        pass


path, behaviour = sys.argv[1], BEHAVIOURS[sys.argv[2]]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path + ".new")
listener.listen(16)
# Whoever waits for the name finds somebody who listens.
os.rename(path + ".new", path)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection, behaviour), daemon=True).start()
