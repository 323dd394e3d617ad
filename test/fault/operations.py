"""Does one operation in each of many processes, once told to; says how each ended.

Arguments: JSON list of [name, directory, Python statement], and seconds after which all get SIGINT (0: never).
Writes "ready" when all stand in their directories; each line on stdin begins. Then writes a JSON list of
[name, seconds, outcome]: "done", the errno's name, "interrupted", or "hangs" after BOUND.
"""
import errno
import json
import os
import select
import signal
import sys
import time

BOUND = 150


def read(name):
    with open(name, 'rb') as file:
        return file.read()


def write(name, data):
    with open(name, 'wb', buffering=0) as file:
        while data:
            data = data[file.write(data):]


def own(name):
    """A new file, written to and still open."""
    fd = os.open(name, os.O_CREAT | os.O_WRONLY)
    os.write(fd, b'mine')
    return fd


def handle():
    """From here on SIGINT is no end but an exception."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def child(directory, line, begun, ready, said):
    os.chdir(directory)
    names = {'os': os, 'read': read, 'write': write, 'handle': handle}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if 'mine' in line:
        names['mine'] = own('mine')
    os.write(ready, b'x')
    os.read(begun, 1)
    try:
        exec(line, names)
        outcome = 'done'
    except OSError as error:
        outcome = errno.errorcode.get(error.errno, str(error))
    except KeyboardInterrupt:
        outcome = 'interrupted'
    os.write(said, outcome.encode())
    # Not by the interpreter's way, which closes files.
    os._exit(0)


def start(job):
    name, directory, line = job
    begun, begin = os.pipe()
    ready_read, ready = os.pipe()
    said_read, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(begin)
        try:
            child(directory, line, begun, ready, said)
        except BaseException as error:
            os.write(said, repr(error).encode())
            os._exit(1)
    os.close(ready)
    os.close(said)
    os.read(ready_read, 1)
    return {'name': name, 'pid': pid, 'begin': begin, 'said': said_read}


def main():
    jobs = [start(job) for job in json.loads(sys.argv[1])]
    interrupt = float(sys.argv[2])
    print('ready', flush=True)
    sys.stdin.readline()
    at = time.monotonic()
    for job in jobs:
        os.write(job['begin'], b'x')
    results = []
    waiting = {job['said']: job for job in jobs}
    told = interrupt == 0
    while waiting and time.monotonic() - at < BOUND:
        for said in select.select(list(waiting), [], [], 0.1)[0]:
            # Nothing: ended by the signal before Python could say so.
            outcome = os.read(said, 200).decode() or 'interrupted'
            results.append([waiting.pop(said)['name'], time.monotonic() - at, outcome])
        if not told and time.monotonic() - at > interrupt:
            told = True
            for job in waiting.values():
                os.kill(job['pid'], signal.SIGINT)
    for job in waiting.values():
        results.append([job['name'], time.monotonic() - at, 'hangs'])
        os.kill(job['pid'], signal.SIGKILL)
    print(json.dumps(results), flush=True)


main()
