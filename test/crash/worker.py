#!/usr/bin/python3
"""Works in a mount until it dies, then can say what of that must be there.

    worker.py work MOUNT SHADOW SEED     random calls in MOUNT; each is repeated in SHADOW, a plain folder, once it
                                         was acknowledged; ends at the first call that fails, or with its stdin
    worker.py verify MOUNT SHADOW        compares; the call that failed may have happened or not; SHADOW then
                                         follows MOUNT in that

SHADOW.json holds what else is known: the call that failed, and the files that were fsynced and not touched since.
Prints one line of JSON. It exits with 0 unless it is broken itself: what it found wrong is in the JSON.
"""
import hashlib
import json
import os
import random
import shutil
import sys
import threading

KIB = 1024
#: File sizes and how often: most are one PUT, a few go in parts.
SIZES = [(40, 0, 4 * KIB), (30, 4 * KIB, 300 * KIB), (12, KIB * KIB, 3 * KIB * KIB), (3, 17 * KIB * KIB, 22 * KIB * KIB)]
#: So many files at the most, so that a verification is quick.
MOST_FILES = 40
TOO_MUCH = 120 * KIB * KIB


class Failed(Exception):
    """A call on the mount failed: `call` says what may have happened."""

    def __init__(self, call, error):
        super().__init__(str(error))
        self.call = call
        self.error = error


class Worker:
    def __init__(self, mount, shadow, seed):
        self.mount = mount
        self.shadow = shadow
        self.random = random.Random(seed)
        self.known = load(shadow)
        self.synced = self.known['synced']
        self.calls = 0

    def at(self, name):
        return os.path.join(self.mount, name)

    def behind(self, name):
        return os.path.join(self.shadow, name)

    def do(self, call, mount, shadow):
        """The call on the mount, then the same on the shadow."""
        for name in call.get('names', []):
            for synced in list(self.synced):
                if synced == name or synced.startswith(name + '/'):
                    del self.synced[synced]
        try:
            result = mount()
        except OSError as error:
            raise Failed(call, error) from error
        self.calls += 1
        if shadow:
            shadow()
        return result

    def files(self):
        return sorted(tree(self.shadow)[0])

    def folders(self):
        return [''] + sorted(tree(self.shadow)[1])

    def fresh(self):
        folder = self.random.choice(self.folders())
        return os.path.join(folder, '%s%05d' % (self.random.choice(['f', '.t.', 'ü ']), self.random.randrange(100000)))

    def step(self):
        files = self.files()
        kinds = ['create'] * 5 + ['rewrite', 'patch', 'patch', 'append', 'rename', 'rename', 'replace', 'save', 'unlink',
                                  'truncate', 'mkdir', 'move']
        kind = self.random.choice(kinds)
        size = sum(os.path.getsize(self.behind(name)) for name in files)
        if len(files) > MOST_FILES or size > TOO_MUCH:
            kind = 'unlink'
        elif not files:
            kind = 'create'
        getattr(self, kind)(self.random.choice(files) if files else None)

    # What a user does.

    def create(self, _name):
        self.write_new(self.fresh())

    def rewrite(self, name):
        self.write_new(name)

    def save(self, name):
        """As editors and rsync do: written under another name, then renamed over the old one."""
        folder, base = os.path.split(name)
        other = os.path.join(folder, '.%s.%06d' % (base.strip('.'), self.random.randrange(1000000)))
        self.write_new(other)
        self.rename_to(other, name)

    def write_new(self, name):
        sizes = [entry for entry in SIZES for _ in range(entry[0])]
        _, low, high = self.random.choice(sizes)
        size = self.random.randrange(low, high)
        data = self.random.randbytes(min(size, 8191))
        data = (data * (size // max(1, len(data)) + 1))[:size]
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        call = {'do': 'create', 'names': [name]}
        with Descriptor(self, name, flags, call) as descriptor:
            step = self.random.choice([4 * KIB, 64 * KIB, 128 * KIB]) if size < KIB * KIB else 128 * KIB
            for start in range(0, size, step):
                descriptor.write(data[start:start + step], start)

    def patch(self, name):
        size = os.path.getsize(self.behind(name))
        with Descriptor(self, name, os.O_WRONLY, None) as descriptor:
            for _ in range(self.random.randrange(1, 4)):
                descriptor.write(self.random.randbytes(self.random.randrange(1, 9000)), self.random.randrange(size + 1))

    def append(self, name):
        size = os.path.getsize(self.behind(name))
        with Descriptor(self, name, os.O_WRONLY, None) as descriptor:
            descriptor.write(self.random.randbytes(self.random.randrange(1, 70000)), size)

    def truncate(self, name):
        size = self.random.randrange(os.path.getsize(self.behind(name)) * 3 // 2 + 1)
        self.do({'do': 'truncate', 'names': [name]}, lambda: os.truncate(self.at(name), size),
                lambda: os.truncate(self.behind(name), size))

    def rename(self, name):
        self.rename_to(name, self.fresh())

    def replace(self, name):
        self.rename_to(name, self.random.choice(self.files()))

    def rename_to(self, name, other):
        self.do({'do': 'rename', 'names': [name, other]}, lambda: os.rename(self.at(name), self.at(other)),
                lambda: os.rename(self.behind(name), self.behind(other)))

    def unlink(self, name):
        self.do({'do': 'unlink', 'names': [name]}, lambda: os.unlink(self.at(name)), lambda: os.unlink(self.behind(name)))

    def mkdir(self, _name):
        if len(self.folders()) > 6:
            return
        name = 'd%04d' % self.random.randrange(10000)
        if os.path.exists(self.behind(name)):
            return
        self.do({'do': 'mkdir', 'names': [name]}, lambda: os.mkdir(self.at(name)), lambda: os.mkdir(self.behind(name)))

    def move(self, _name):
        """A folder with all that is in it gets another name."""
        folders = self.folders()[1:]
        if folders:
            self.rename_to(self.random.choice(folders), 'm%05d' % self.random.randrange(100000))

    def fsync(self, name, descriptor):
        self.do({'do': 'fsync', 'names': []}, lambda: os.fsync(descriptor), None)
        self.synced[name] = digest(self.behind(name))


class Descriptor:
    """An open file in the mount, and its like in the shadow."""

    def __init__(self, worker, name, flags, call):
        self.worker = worker
        self.name = name
        if call:
            self.mine = worker.do(call, lambda: os.open(worker.at(name), flags, 0o644),
                                  lambda: os.close(os.open(worker.behind(name), flags, 0o644)))
        else:
            self.mine = worker.do({'do': 'open', 'names': [name]}, lambda: os.open(worker.at(name), flags), None)
        self.other = os.open(worker.behind(name), os.O_WRONLY)

    def write(self, data, offset):
        while data:
            call = {'do': 'write', 'names': [self.name], 'start': offset, 'end': offset + len(data), 'data': data.hex()}
            # A kill in the middle of it gives a short count: only so much was acknowledged.
            count = self.worker.do(call, lambda: os.pwrite(self.mine, data, offset), None)
            os.pwrite(self.other, data[:count], offset)
            data, offset = data[count:], offset + count

    def __enter__(self):
        return self

    def __exit__(self, kind, _error, _trace):
        try:
            if kind is None and self.worker.random.random() < 0.3:
                self.worker.fsync(self.name, self.mine)
        finally:
            os.close(self.other)
            try:
                os.close(self.mine)
            except OSError as error:
                if kind is None:
                    raise Failed({'do': 'close', 'names': []}, error) from error


def load(shadow):
    if os.path.exists(shadow + '.json'):
        with open(shadow + '.json') as file:
            return json.load(file)
    os.makedirs(shadow, exist_ok=True)
    return {'synced': {}, 'failed': None, 'calls': 0, 'fsyncs': 0}


def store(shadow, known):
    with open(shadow + '.json', 'w') as file:
        json.dump(known, file)


def tree(root):
    files, folders = set(), set()
    for at, names, here in os.walk(root, onerror=throw):
        inside = os.path.relpath(at, root)
        inside = '' if inside == '.' else inside
        folders.update(os.path.join(inside, name) for name in names)
        files.update(os.path.join(inside, name) for name in here)
    return files, folders


def throw(error):
    raise error


def digest(path):
    with open(path, 'rb') as file:
        return hashlib.md5(file.read()).hexdigest()


def work(mount, shadow, seed):
    worker = Worker(mount, shadow, seed)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    failed = None
    try:
        while not ended.is_set():
            worker.step()
    except Failed as failure:
        failed = dict(failure.call, error=str(failure.error))
    known = worker.known
    known['failed'] = failed
    known['calls'] += worker.calls
    store(shadow, known)
    return {'calls': worker.calls, 'failed': failed, 'synced': worker.synced}


def verify(mount, shadow):
    known = load(shadow)
    failed = known['failed'] or {'do': 'nothing', 'names': []}
    wrong = []
    doubtful = failed['names'] if failed['do'] in ('create', 'rename', 'unlink', 'mkdir', 'truncate') else []
    here, there = tree(mount), tree(shadow)

    def in_doubt(name):
        return any(name == one or name.startswith(one + '/') for one in doubtful)

    for kind, mine, model in (('file', here[0], there[0]), ('folder', here[1], there[1])):
        wrong += ['%s is missing: %s' % (kind, name) for name in sorted(model - mine) if not in_doubt(name)]
        wrong += ['%s should not be: %s' % (kind, name) for name in sorted(mine - model) if not in_doubt(name)]
    for name in sorted(here[0] & there[0]):
        if in_doubt(name):
            continue
        with open(os.path.join(mount, name), 'rb') as file:
            mine = file.read()
        with open(os.path.join(shadow, name), 'rb') as file:
            model = file.read()
        if mine != model and not (name in failed['names'] and failed['do'] == 'write' and fits(mine, model, failed)):
            wrong.append('%s: %d bytes, %d expected, first difference at %d'
                         % (name, len(mine), len(model), next((i for i, (a, b) in enumerate(zip(mine, model)) if a != b), -1)))
    wrong += doubts(mount, shadow, failed)
    follow(mount, shadow, failed['names'])
    known['failed'] = None
    store(shadow, known)
    return {'wrong': wrong, 'files': len(here[0]), 'hashes': {name: digest(os.path.join(shadow, name)) for name in tree(shadow)[0]},
            'folders': sorted(tree(shadow)[1])}


def fits(mine, model, failed):
    """The write that failed may have been done in part: pieces of its range, from its start."""
    data = bytes.fromhex(failed['data'])
    start, end = failed['start'], failed['end']
    if not len(model) <= len(mine) <= max(len(model), end) or mine[:start] != model[:start] or mine[end:] != model[end:]:
        return False
    return all(byte == data[at] or (start + at < len(model) and byte == model[start + at])
               for at, byte in enumerate(mine[start:end]))


def doubts(mount, shadow, failed):
    """A rename has happened or not, but nothing of it is lost."""
    if failed['do'] != 'rename':
        return []
    old, new = failed['names']

    def content(root, name):
        path = os.path.join(root, name)
        if os.path.isdir(path):
            return {inside: digest(os.path.join(path, inside)) for inside in tree(path)[0]}
        return digest(path) if os.path.exists(path) else None

    before = (content(shadow, old), content(shadow, new))
    after = (content(mount, old), content(mount, new))
    return [] if after in (before, (None, before[0])) else ['rename of %s to %s: %s, then %s' % (old, new, before, after)]


def follow(mount, shadow, names):
    for name in names:
        path, copy = os.path.join(mount, name), os.path.join(shadow, name)
        if os.path.isdir(copy):
            shutil.rmtree(copy)
        elif os.path.exists(copy):
            os.unlink(copy)
        if os.path.isdir(path):
            shutil.copytree(path, copy)
        elif os.path.exists(path):
            shutil.copyfile(path, copy)


if __name__ == '__main__':
    sys.setswitchinterval(0.001)
    if sys.argv[1] == 'work':
        print(json.dumps(work(*sys.argv[2:5])))
    else:
        print(json.dumps(verify(*sys.argv[2:4])))
