#!/usr/bin/python3
"""Compares what the suites found with the known failures, and prints the totals.

    compare.py KNOWN OUT SUITE...     OUT has what the suites' runners left there

A line of KNOWN is `SUITE:CASE  REASON`, with two spaces between. A case of pjdfstest is FILE:NUMBER, and
one line can name several numbers of a file: `pjdfstest:open/00.t:3-7,12  REASON`. The list may only
shrink: a failure that is not listed fails the run, and so does a listed case that passes or is no longer
there, with the request to take it out. A reason that begins with `flaky:` allows both. The last line is
`N passed, N failed, N skipped`; known failures are among the skipped.
"""
import os
import re
import sys
from collections import defaultdict


def main():
    known_file, out, suites = sys.argv[1], sys.argv[2], sys.argv[3:]
    known = read_known(known_file)
    totals = {'passed': 0, 'skipped': 0}
    news, stale, expected = {}, {}, 0
    for suite in suites:
        cases = read_pjdfstest(out) if suite == 'pjdfstest' else read_lists(out, suite)
        totals['passed'] += sum(result == 'passed' for result, _ in cases.values())
        totals['skipped'] += sum(result == 'skipped' for result, _ in cases.values())
        for case, (result, said) in cases.items():
            if result == 'failed' and suite + ':' + case not in known:
                news[suite + ':' + case] = said
            expected += result == 'failed' and suite + ':' + case in known
        for name, reason in known.items():
            its_suite, case = name.split(':', 1)
            if its_suite == suite and not reason.startswith('flaky:'):
                result = cases.get(case, ('gone', ''))[0]
                if result != 'failed':
                    stale[name] = {'passed': 'passes now', 'skipped': 'is skipped', 'gone': 'did not run'}[result]
        if not cases:
            news[suite + ':all'] = 'nothing ran'
    report('failed and not in the list of known failures:', news)
    report('shrink the list: take these out of %s:' % os.path.relpath(known_file), stale)
    print('known failures: %d; left out by the suites: %d' % (expected, totals['skipped']))
    failures = len(news) + len(stale)
    print('%d passed, %d failed, %d skipped' % (totals['passed'], failures, totals['skipped'] + expected))
    return 1 if failures else 0


def report(title, cases):
    """As lines of the list: the numbers of a file that have the same said of them together."""
    together = defaultdict(list)
    for name, said in cases.items():
        file, _, number = name.rpartition(':')
        # File names are random, and no two alike.
        said = re.sub(r'pjdfstest_[0-9a-f]{32}', 'NAME', said)
        together[(file, said) if number.isdigit() else (name, said)].append(number)
    if together:
        print('\n' + title)
    for (name, said), numbers in together.items():
        if numbers[0].isdigit():
            name += ':' + ranges(sorted(int(number) for number in numbers))
        print('  %s  %s' % (name, said))


def ranges(numbers):
    spans = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ','.join('%d' % a if a == b else '%d-%d' % (a, b) for a, b in spans)


def read_known(path):
    known = {}
    with open(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith('#'):
                continue
            match = re.match(r'^([\w-]+:\S+)\s{2,}(\S.*)$', line)
            if not match:
                sys.exit('%s:%d: not `SUITE:CASE  REASON`' % (path, number))
            for name in expand(match.group(1)):
                known[name] = match.group(2)
    return known


def expand(name):
    head, _, numbers = name.rpartition(':')
    if not re.match(r'^[\d,-]+$', numbers):
        return [name]
    names = []
    for span in numbers.split(','):
        first, _, last = span.partition('-')
        names += ['%s:%d' % (head, number) for number in range(int(first), int(last or first) + 1)]
    return names


def read_lists(out, suite):
    """The runners' lists: <suite>.passed, .skipped and .failed, a case and what was said of it a line."""
    cases = {}
    for kind in ('skipped', 'passed', 'failed'):
        for line in read(out, '%s.%s' % (suite, kind)):
            name, _, said = line.partition('\t')
            if name:
                cases[re.sub(r'\s+', '_', name.strip())] = (kind, said)
    return cases


def read_pjdfstest(out):
    """pjdfstest's lists hold its last file only; its log holds the TAP of all files."""
    cases, planned, file = {}, {}, None
    for line in read(out, 'pjdfstest.log'):
        start = re.match(r'^=== (\S+\.t)$', line)
        plan = re.match(r'^1\.\.(\d+)', line)
        point = re.match(r'^(not )?ok (\d+)( - )?(.*)', line)
        if start:
            file = start.group(1)
            planned[file] = None
        elif plan and file:
            planned[file] = int(plan.group(1))
        elif point and file:
            left_out = re.search(r'# *(TODO|SKIP)', line, re.I)
            result = 'skipped' if left_out else 'failed' if point.group(1) else 'passed'
            cases['%s:%s' % (file, point.group(2))] = (result, point.group(4))
    for file, count in planned.items():
        if count == 0:
            cases[file + ':all'] = ('skipped', 'not for this file system')
        elif count is None:
            cases[file + ':incomplete'] = ('failed', 'no plan')
        else:
            lost = [n for n in range(1, count + 1) if '%s:%d' % (file, n) not in cases]
            if lost:
                cases[file + ':incomplete'] = ('failed', '%d of %d never ran' % (len(lost), count))
    for line in read(out, 'pjdfstest.failed'):
        if re.match(r'^(time-limit|unmount|\S+:crash)\t', line):
            name, _, said = line.partition('\t')
            cases[name] = ('failed', said)
    return cases


def read(out, name):
    try:
        with open(os.path.join(out, name), errors='replace') as lines:
            return [line.rstrip('\n') for line in lines]
    except FileNotFoundError:
        return []


if __name__ == '__main__':
    sys.exit(main())
