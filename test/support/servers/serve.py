#!/usr/bin/python3
"""Starts, shares and stops the real object stores that pailfs is tested on.

    serve.py start KIND DIR [--options JSON] [--lease PID] [--linger SECONDS] [--private] [--persist]
    serve.py stop DIR         ends it and waits until it is gone
    serve.py sweep ROOT       ends every server in the folders below ROOT
    serve.py missing KIND     prints the Debian packages that are lacking

KIND is swift, swift-keystone or rgw; `start` prints one line of JSON that says how to reach it.

One supervisor process per server is the parent of its daemons and holds DIR/lock while it lives.
Who uses a server holds a lease, a file DIR/leases/PID-STARTTIME, which is void once that process
has ended, however it ended; a supervisor without leases stops after the linger time. So a test run
that was killed leaves nothing behind, and several test files can share one server.
  --private   nobody else will come: stop at once with the last lease, and remove DIR
  --persist   needs no lease and keeps its data: runs until `serve.py stop`
"""
import argparse
import fcntl
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import procs  # noqa: E402

# Servers import modules of this folder; nothing is to be written into the checkout.
os.environ['PYTHONDONTWRITEBYTECODE'] = '1'

MODULES = {'swift': 'swift', 'swift-keystone': 'keystone', 'rgw': 'rgw'}
START_SECONDS = 180
POLL_SECONDS = 0.3


def server_module(kind):
    # The file names carry a suffix, so that none hides the Python package of the same name.
    return importlib.import_module(MODULES[kind] + '_server')


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest='command', required=True)
    for name in ('start', '_supervise'):
        start = commands.add_parser(name)
        start.add_argument('kind', choices=sorted(MODULES))
        start.add_argument('dir')
        start.add_argument('--options', default='{}')
        start.add_argument('--lease', type=int)
        start.add_argument('--linger', type=float, default=0)
        start.add_argument('--private', action='store_true')
        start.add_argument('--persist', action='store_true')
    commands.add_parser('stop').add_argument('dir')
    commands.add_parser('sweep').add_argument('root')
    commands.add_parser('missing').add_argument('kind', choices=sorted(MODULES))
    args = parser.parse_args()
    if args.command == 'start':
        print(json.dumps(start_server(args)))
    elif args.command == '_supervise':
        supervise(args)
    elif args.command == 'stop':
        stop_server(args.dir)
    elif args.command == 'sweep':
        sweep(args.root)
    else:
        print(' '.join(server_module(args.kind).missing()))


# The client's side


def start_server(args):
    directory = os.path.abspath(args.dir)
    os.makedirs(os.path.join(directory, 'leases'), mode=0o700, exist_ok=True)
    with open(os.path.join(directory, 'gate'), 'w') as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        if args.lease:
            path = os.path.join(directory, 'leases', '%d-%d' % (args.lease, procs.start_time(args.lease)))
            open(path, 'w').close()
        return read_json(directory, 'server.json') if is_up(directory) else spawn_supervisor(directory)


def spawn_supervisor(directory):
    remove(directory, 'server.json')
    remove(directory, 'failed.json')
    argv = [sys.executable, os.path.abspath(__file__), '_supervise'] + sys.argv[2:]
    with open(os.path.join(directory, 'supervisor.log'), 'ab') as log:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        info = read_json(directory, 'server.json')
        if info:
            return info
        failed = read_json(directory, 'failed.json')
        if failed:
            sys.exit(failed['message'])
        if child.poll() is not None:
            sys.exit('the supervisor ended; see %s/supervisor.log' % directory)
        time.sleep(0.05)
    child.terminate()
    sys.exit('no answer from the server after %d s; see %s/log' % (START_SECONDS, directory))


def is_up(directory):
    """The supervisor lives and has not decided to stop. The caller holds the gate."""
    return bool(read_json(directory, 'server.json')) and not lock_is_free(directory)


def stop_server(directory):
    try:
        with open(os.path.join(directory, 'supervisor')) as recorded:
            pid, started = (int(word) for word in recorded.read().split())
    except (OSError, ValueError):
        pid = None
    if pid and procs.is_alive(pid, started):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 2 * procs.GRACE_SECONDS
        while procs.is_alive(pid, started) and time.monotonic() < deadline:
            time.sleep(0.05)
        if procs.is_alive(pid, started):
            os.kill(pid, signal.SIGKILL)
    procs.end_recorded(directory)
    remove(directory, 'server.json')


def sweep(root):
    for name in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        if os.path.exists(os.path.join(root, name, 'lock')):
            stop_server(os.path.join(root, name))


def lock_is_free(directory):
    try:
        with open(os.path.join(directory, 'lock')) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False


# The supervisor's side


def supervise(args):
    directory = os.path.abspath(args.dir)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Held, never released by hand: it is free again when this process is gone.
    lock = open(os.path.join(directory, 'lock'), 'w')
    fcntl.flock(lock, fcntl.LOCK_EX)
    write(directory, 'supervisor', '%d %d' % (os.getpid(), procs.start_time(os.getpid())))
    procs.end_recorded(directory)
    if not args.persist:
        shutil.rmtree(os.path.join(directory, 'data'), ignore_errors=True)
    children = procs.Children(directory)
    try:
        info = server_module(args.kind).start(children, directory, json.loads(args.options))
        write(directory, 'server.json', json.dumps(dict(info, kind=args.kind, directory=directory,
                                                        supervisor=os.getpid())))
        watch(directory, children, args)
    except (procs.ServerFailed, OSError) as error:
        write(directory, 'failed.json', json.dumps({'message': str(error)}))
        print(error, file=sys.stderr)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        remove(directory, 'server.json')
        children.end()
        if args.private:
            shutil.rmtree(directory, ignore_errors=True)
        elif not args.persist:
            shutil.rmtree(os.path.join(directory, 'data'), ignore_errors=True)


def watch(directory, children, args):
    """Returns when the server is no longer wanted."""
    last_used = time.monotonic()
    while True:
        time.sleep(POLL_SECONDS)
        gone = children.dead()
        if gone:
            raise procs.ServerFailed('%s ended by itself\n%s' % (gone, children.tail(gone)))
        if args.persist or live_leases(directory):
            last_used = time.monotonic()
        elif time.monotonic() - last_used >= args.linger and close_gate(directory):
            return


def live_leases(directory):
    folder = os.path.join(directory, 'leases')
    live = 0
    for name in os.listdir(folder):
        pid, _, started = name.partition('-')
        if procs.is_alive(int(pid), int(started)):
            live += 1
        else:
            remove(folder, name)
    return live


def close_gate(directory):
    """No newcomer can take this server any more, unless one is at the gate or came in last."""
    with open(os.path.join(directory, 'gate'), 'w') as gate:
        try:
            fcntl.flock(gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if live_leases(directory):
            return False
        remove(directory, 'server.json')
        return True


# Small files


def read_json(directory, name):
    try:
        with open(os.path.join(directory, name)) as file:
            return json.load(file)
    except OSError:
        return None


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path + '.new', 'w') as file:
        file.write(text)
    os.replace(path + '.new', path)


def remove(directory, name):
    try:
        os.unlink(os.path.join(directory, name))
    except FileNotFoundError:
        pass


if __name__ == '__main__':
    main()
