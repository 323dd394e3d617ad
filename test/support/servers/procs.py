"""Processes that cannot be forgotten: what a server starts is written down and always ended.

Each child is recorded in DIR/pids as "PID STARTTIME NAME". A pid counts only while its start time
is the recorded one, so a number that the kernel gave to another program is never signalled. The
kernel ends the children too when the supervisor dies (PR_SET_PDEATHSIG).
"""
import ctypes
import os
import random
import signal
import socket
import subprocess
import time

GRACE_SECONDS = 8.0
PR_SET_PDEATHSIG = 1


class ServerFailed(Exception):
    """A server did not come up; the message says which one and shows the end of its log."""


def start_time(pid):
    """Clock ticks after boot at which the process began, or None when there is none."""
    try:
        with open('/proc/%d/stat' % pid, 'rb') as stat:
            fields = stat.read().rsplit(b')', 1)[1].split()
    except OSError:
        return None
    return None if fields[0] == b'Z' else int(fields[19])


def is_alive(pid, started):
    return start_time(pid) == started


def read_pids(directory):
    try:
        with open(os.path.join(directory, 'pids')) as lines:
            rows = [line.split() for line in lines]
    except OSError:
        return []
    return [(int(row[0]), int(row[1]), row[2]) for row in rows if len(row) == 3]


def end_recorded(directory):
    """Ends every process recorded below this directory that still runs, the last started first."""
    rows = read_pids(directory)[::-1]
    for signum, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 2.0)):
        for pid, started, _ in rows:
            if is_alive(pid, started):
                _signal(pid, signum)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(is_alive(pid, at) for pid, at, _ in rows):
            time.sleep(0.05)
    _remove(os.path.join(directory, 'pids'))


def _signal(pid, signum):
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Children:
    """The processes of one server. Logs are in DIR/log/NAME.log."""

    def __init__(self, directory):
        self.directory = directory
        self.log_directory = os.path.join(directory, 'log')
        self._running = []
        os.makedirs(self.log_directory, exist_ok=True)

    def log(self, name):
        return os.path.join(self.log_directory, name + '.log')

    def spawn(self, name, argv, env=None):
        with open(self.log(name), 'ab') as log:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env=env, cwd='/', preexec_fn=_end_with_parent)
        with open(os.path.join(self.directory, 'pids'), 'a') as pids:
            pids.write('%d %d %s\n' % (child.pid, start_time(child.pid) or 0, name))
        self._running.append((name, child))

    def run(self, name, argv, env=None, timeout=90):
        """Runs a program to its end, its output in the log; raises ServerFailed when it fails."""
        with open(self.log(name), 'ab') as log:
            try:
                code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                      cwd='/', timeout=timeout, preexec_fn=_end_with_parent).returncode
            except subprocess.TimeoutExpired:
                code = 'none after %d s' % timeout
        if code != 0:
            raise ServerFailed('%s: exit code %s\n%s' % (argv[0], code, self.tail(name)))

    def dead(self):
        """Name of a child that has ended, or None."""
        for name, child in self._running:
            if child.poll() is not None:
                return name
        return None

    def wait_for(self, what, ready, seconds=60.0):
        """Polls ready() until it is true; a child that dies meanwhile ends the wait."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if ready():
                    return
                reason = 'not ready'
            except OSError as error:
                reason = str(error)
            gone = self.dead()
            if gone:
                raise ServerFailed('%s ended by itself\n%s' % (gone, self.tail(gone)))
            if time.monotonic() > deadline:
                raise ServerFailed('%s: %s after %d s; logs in %s'
                                   % (what, reason, seconds, self.log_directory))
            time.sleep(0.05)

    def tail(self, name, size=2000):
        try:
            with open(self.log(name), 'rb') as log:
                return log.read()[-size:].decode('utf-8', 'replace')
        except OSError:
            return ''

    def end(self):
        for _, child in self._running[::-1]:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for _, child in self._running:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._running = []
        end_recorded(self.directory)


def listens(host, port):
    """For wait_for: true once something accepts connections there."""
    def ready():
        socket.create_connection((host, port), 1).close()
        return True
    return ready


def free_ports(count, host='127.0.0.1', wanted=None):
    """The first of `count` free adjacent ports, at random below the ephemeral range so that no
    outgoing connection takes one. PAILFS_TEST_PORTS=LOW-HIGH narrows the choice."""
    if wanted:
        return wanted
    low, high = (int(n) for n in os.environ.get('PAILFS_TEST_PORTS', '20000-29999').split('-'))
    starts = list(range(low, high - count + 2))
    random.shuffle(starts)
    for first in starts:
        if all(_is_free(host, port) for port in range(first, first + count)):
            return first
    raise ServerFailed('no %d adjacent free ports in %d-%d' % (count, low, high))


def _is_free(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
