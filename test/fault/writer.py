"""Writes, reads, truncates, appends and fsyncs one file at random and compares it with what it should be in memory.

    writer.py FILE SEED COUNT

Exits with 1 and says so on stderr where an operation failed; with 2 where bytes are not what was written.
"""
import os
import random
import sys

MOST = 400_000


def differs(name, model, where):
    with open(name, 'rb') as file:
        found = file.read()
    if found == bytes(model):
        return False
    at = next((i for i, (a, b) in enumerate(zip(found, model)) if a != b), min(len(found), len(model)))
    print('WRONG BYTES %s: %d bytes for %d, from %d on' % (where, len(found), len(model), at), file=sys.stderr)
    return True


def main(name, seed, count):
    choice = random.Random(int(seed))
    model = bytearray()
    file = open(name, 'w+b', buffering=0)
    for number in range(int(count)):
        what = choice.choice(['write', 'write', 'write', 'append', 'read', 'read', 'truncate', 'sync', 'reopen'])
        at = choice.randrange(0, max(1, len(model)))
        size = choice.randrange(1, 60_000)
        if what == 'write' or what == 'append':
            if what == 'append' or choice.random() < 0.1:
                at = len(model)
            data = choice.randbytes(min(size, MOST - at))
            file.seek(at)
            done = 0
            while done < len(data):
                done += file.write(data[done:])
            model[at:at + len(data)] = data
        elif what == 'read':
            file.seek(at)
            found = b''
            while len(found) < size:
                more = file.read(size - len(found))
                if not more:
                    break
                found += more
            if found != bytes(model[at:at + size]):
                print('WRONG BYTES in step %d at %d' % (number, at), file=sys.stderr)
                return 2
        elif what == 'truncate':
            end = choice.randrange(0, MOST // 2)
            file.truncate(end)
            model = model[:end] + bytes(max(0, end - len(model)))
        elif what == 'sync' and choice.random() < 0.3:
            os.fsync(file.fileno())
        elif what == 'reopen':
            file.close()
            if differs(name, model, 'after closing in step %d' % number):
                return 2
            file = open(name, 'r+b', buffering=0)
    os.fsync(file.fileno())
    file.close()
    return 2 if differs(name, model, 'at the end') else 0


try:
    sys.exit(main(*sys.argv[1:]))
except OSError as error:
    print('%s: %s' % (type(error).__name__, error), file=sys.stderr)
    sys.exit(1)
