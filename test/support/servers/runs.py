#!/usr/bin/python3
"""Test runs: each has a folder of its own with its servers, mounts and processes, and is cleaned up whole.

    runs.py new BASE PID        makes BASE/run-PID-STARTTIME for the run of that process and prints it,
                                after cleaning up after runs in BASE that were interrupted
    runs.py record RUN NAME PID remembers a process of the run, to be ended with it
    runs.py clean RUN           ends the run's processes, mounts and servers and removes the folder
"""
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mounts  # noqa: E402
import procs  # noqa: E402
import serve  # noqa: E402


def new(base, pid):
    os.makedirs(base, mode=0o700, exist_ok=True)
    for name in os.listdir(base):
        kind, _, owner = name.partition('-')
        owner_pid, _, started = owner.partition('-')
        if kind == 'run' and not procs.is_alive(int(owner_pid), int(started)):
            print('cleaning up after an interrupted run: ' + name, file=sys.stderr)
            clean(os.path.join(base, name))
    run = os.path.join(base, 'run-%d-%d' % (pid, procs.start_time(pid)))
    os.makedirs(run, mode=0o700)
    print(run)


def record(run, name, pid):
    with open(os.path.join(run, 'pids'), 'a') as pids:
        pids.write('%d %d %s\n' % (pid, procs.start_time(pid) or 0, name))


def clean(run):
    procs.end_recorded(run)
    mounts.sweep(run, everything=True)
    serve.sweep(run)
    shutil.rmtree(run, ignore_errors=True)


if __name__ == '__main__':
    command, path = sys.argv[1:3]
    if command == 'new':
        new(path, int(sys.argv[3]))
    elif command == 'record':
        record(path, sys.argv[3], int(sys.argv[4]))
    else:
        clean(path)
