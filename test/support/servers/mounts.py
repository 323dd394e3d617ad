#!/usr/bin/python3
"""Ends mounts that tests left behind.

    mounts.py clear DIR      unmounts what is mounted exactly there, whatever state it is in
    mounts.py sweep ROOT     ends the daemons and mounts recorded in ROOT/mounts by tests that have ended
    mounts.py sweep ROOT all ... and by those that still run

A record is a file of JSON: {"dir", "pid", "started", "owner", "ownerStarted"}. The mount point itself is
never touched, since a mount that nobody answers would hang whoever asks.
"""
import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import procs  # noqa: E402


def find_mount(directory):
    """Device number MAJOR:MINOR of the FUSE mount that shows at this path, or None (proc(5), mountinfo)."""
    found = None
    with open('/proc/self/mountinfo', errors='surrogateescape') as lines:
        for line in lines:
            left, _, right = line.partition(' - ')
            fields = left.split(' ')
            point = fields[4].encode('utf-8', 'surrogateescape').decode('unicode_escape')
            point = point.encode('latin-1').decode('utf-8', 'surrogateescape')
            if point == directory and right.startswith('fuse'):
                found = fields[2]
    return found


def clear(directory):
    """The gentle way, then lazily, then by cutting the kernel's connection so that nobody hangs in it."""
    directory = os.path.normpath(directory)
    for lazy in ([], ['-z']):
        if not find_mount(directory):
            return
        said = subprocess.run(['fusermount3', '-u'] + lazy + ['--', directory], capture_output=True, timeout=30)
        if said.returncode and os.getuid() == 0:
            subprocess.run(['umount', '-i'] + (['-l'] if lazy else []) + ['--', directory],
                           capture_output=True, timeout=30)
        device = find_mount(directory)
        if device and not lazy:
            abort(device)
    if find_mount(directory):
        sys.exit('still mounted: ' + directory)


def abort(device):
    try:
        with open('/sys/fs/fuse/connections/%s/abort' % device.split(':')[1], 'w') as file:
            file.write('1')
    except OSError:
        pass


def sweep(root, everything):
    folder = os.path.join(root, 'mounts')
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        try:
            with open(path) as file:
                record = json.load(file)
        except ValueError:
            os.unlink(path)
            continue
        if not everything and procs.is_alive(record['owner'], record['ownerStarted']):
            continue
        if procs.is_alive(record['pid'], record['started']) or find_mount(record['dir']):
            print('clearing a mount that a test left: ' + record['dir'])
        end(record['pid'], record['started'])
        clear(record['dir'])
        os.unlink(path)


def end(pid, started):
    if procs.is_alive(pid, started):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while procs.is_alive(pid, started) and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == '__main__':
    if sys.argv[1] == 'clear':
        clear(sys.argv[2])
    else:
        sweep(sys.argv[2], sys.argv[3:] == ['all'])
