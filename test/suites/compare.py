#!/usr/bin/python3
"""Compares what the suites found with the known failures, and prints the totals.

    compare.py KNOWN OUT SUITE...     OUT has <suite>.failed, .passed and .skipped

A line of KNOWN is `SUITE:CASE  REASON`. The list may only shrink: a failure that is not listed fails
the run, and so does a listed case that passes or is no longer there, with the request to take its line
out. A reason that begins with `flaky:` allows both. The last line is `N passed, N failed, N skipped`;
known failures are among the skipped.
"""
import os
import re
import sys


def main():
    known_file, out, suites = sys.argv[1], sys.argv[2], sys.argv[3:]
    known = read_known(known_file)
    totals = {'passed': 0, 'failed': 0, 'skipped': 0}
    news, stale, expected = [], [], 0
    for suite in suites:
        found = {kind: read_cases(out, suite, kind) for kind in totals}
        for kind in ('passed', 'skipped'):
            totals[kind] += len(found[kind])
        failed = dict(found['failed'])
        # One name may have failed and passed: pjdfstest's numbers are unique, crashes are not.
        passed = {case for case, _ in found['passed']} - set(failed)
        ran = set(failed) | passed | {case for case, _ in found['skipped']}
        for case, said in failed.items():
            if suite + ':' + case in known:
                expected += 1
            else:
                news.append('%s:%s  %s' % (suite, case, said))
        for name, reason in known.items():
            its_suite, case = name.split(':', 1)
            if its_suite == suite and not reason.startswith('flaky:') and case not in failed:
                stale.append('%s  (%s)' % (name, 'it passes now' if case in passed else
                                           'it is skipped' if case in ran else 'no such case ran'))
        if not ran:
            news.append('%s:all  nothing ran' % suite)
    report('failed and not in the list of known failures:', news)
    report('shrink the list: take these lines out of %s:' % os.path.relpath(known_file), stale)
    print('known failures: %d; left out by the suites: %d' % (expected, totals['skipped']))
    failures = len(news) + len(stale)
    print('%d passed, %d failed, %d skipped' % (totals['passed'], failures, totals['skipped'] + expected))
    return 1 if failures else 0


def report(title, lines):
    if lines:
        print('\n' + title)
        for line in sorted(lines):
            print('  ' + line)
        print()


def read_known(path):
    known = {}
    with open(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith('#'):
                continue
            match = re.match(r'^([\w-]+:\S+)\s{2,}(\S.*)$', line)
            if not match:
                sys.exit('%s:%d: not `SUITE:CASE  REASON`' % (path, number))
            known[match.group(1)] = match.group(2)
    return known


def read_cases(out, suite, kind):
    """Pairs of a case's name, without spaces, and what was said of it."""
    try:
        with open(os.path.join(out, '%s.%s' % (suite, kind)), errors='replace') as lines:
            return [split_case(suite, line.rstrip('\n')) for line in lines if line.strip()]
    except FileNotFoundError:
        return []


def split_case(suite, line):
    if suite == 'pjdfstest':
        # `open/00.t:12 - tried ...`, or `open/00.t: 3 of 10 assertions never ran (rc 1)`.
        match = re.match(r'^(\S+\.t):(\d+)?(.*)$', line)
        if match:
            return '%s:%s' % (match.group(1), match.group(2) or 'incomplete'), match.group(3).strip(' -')
    name, _, said = line.partition('\t')
    return re.sub(r'\s+', '_', name.strip()), said


if __name__ == '__main__':
    sys.exit(main())
