"""Another user, who exchanges what stands in a directory of theirs as fast as they can: exchange.py BEHAVIOUR PLACE TARGET SWAPS ROUNDS

Ends after so many exchanges (renameat2 with RENAME_EXCHANGE), and when the other side has removed, or cut, so many times what is here.
"""

import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
HERE = -100
behaviour, place, target = sys.argv[1:4]
most_swaps, most_rounds = int(sys.argv[4]), int(sys.argv[5])
os.chdir(place)
swaps = rounds = 0


def exchange(one, other):
    global swaps
    if libc.renameat2(HERE, one.encode(), HERE, other.encode(), 2) == 0:
        swaps += 1
        return True
    return False


def attempt(action, *arguments):
    try:
        action(*arguments)
        return True
    except OSError:
        return False


def is_over():
    return swaps >= most_swaps and rounds >= most_rounds


def fill(name, count):
    attempt(os.mkdir, name)
    for number in range(count):
        attempt(lambda: os.close(os.open(f"{name}/v{number}", os.O_CREAT | os.O_WRONLY, 0o600)))


# A directory that somebody with more rights removes again and again, in which a directory becomes a link to `target` and back.
def directory():
    global rounds
    while not is_over():
        rounds += attempt(os.mkdir, "box")
        fill("box/inner", 12)
        attempt(os.symlink, target, "box/link")
        for _ in range(40):
            if not exchange("box/inner", "box/link"):
                break


# A log that is over every limit, and is a link to `target` every other moment.
def log():
    global rounds
    attempt(os.symlink, target, "link")
    while not is_over():
        for name in ("serial.log", "link"):
            if not os.path.islink(name) and os.stat(name).st_size < 5 << 20:
                rounds += 1
                os.truncate(name, 5 << 20)
        exchange("serial.log", "link")


{"directory": directory, "log": log}[behaviour]()
print(f"{swaps} {rounds}")
