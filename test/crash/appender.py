#!/usr/bin/python3
"""Appends lines of its own to files that others append to as well, and says what became of each.

    appender.py MOUNT WHO SECONDS SEED FILE...

Prints one line of JSON: for each line that was acknowledged its file, and `fsync`: null (not asked for), 0 or the
name of the error. An error at another call is no acknowledgement; they are counted.
"""
import errno
import json
import os
import random
import sys
import time


def main(mount, who, seconds, seed, *files):
    choice = random.Random(seed)
    lines, errors = {}, {}
    end = time.monotonic() + float(seconds)
    count = 0
    while time.monotonic() < end:
        count += 1
        line, name = '%s-%d' % (who, count), choice.choice(files)
        synced = None
        try:
            descriptor = os.open(os.path.join(mount, name), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(descriptor, (line + '\n').encode())
                lines[line] = {'file': name, 'fsync': None}
                if choice.random() < 0.4:
                    try:
                        os.fsync(descriptor)
                        synced = 0
                    except OSError as error:
                        synced = errno.errorcode[error.errno]
                    lines[line]['fsync'] = synced
            finally:
                os.close(descriptor)
        except OSError as error:
            code = errno.errorcode[error.errno]
            errors[code] = errors.get(code, 0) + 1
        time.sleep(choice.random() * 0.1)
    print(json.dumps({'lines': lines, 'errors': errors}))


if __name__ == '__main__':
    main(*sys.argv[1:])
