#!/usr/bin/python3
"""Reads tap's raw output on stdin and says it shorter: a line for each test file, all that failed in
full, and at the end `N passed, N failed, N skipped` alone on a line. Counted are assertions, as tap
counts them. Argument: a file for the raw output. Exit code 1 when anything failed or the output is
not complete.
"""
import re
import sys

FILE_START = re.compile(r'^# Subtest: (.*)')
FILE_END = re.compile(r'^(not )?ok (\d+) - (.*)')
TOTALS = re.compile(r'^# \{ (total: .*) \}')
PASSED_POINT = re.compile(r'^ +ok \d+')
PLAN = re.compile(r'^1\.\.(\d+)')


def main():
    planned, files, failed_files, totals, block = None, 0, 0, None, []
    with open(sys.argv[1], 'w') as raw:
        for line in sys.stdin:
            raw.write(line)
            end = FILE_END.match(line)
            if FILE_START.match(line):
                block = []
            elif end:
                files += 1
                failed_files += bool(end.group(1))
                print(('FAILED  ' if end.group(1) else 'ok      ') + end.group(3), flush=True)
                if end.group(1):
                    print(''.join(block), flush=True)
            elif TOTALS.match(line):
                totals = counts(TOTALS.match(line).group(1))
            elif PLAN.match(line):
                planned = int(PLAN.match(line).group(1))
            elif not PASSED_POINT.match(line):
                block.append(line)
    passed, failed, skipped = totals or (0, 0, 0)
    if totals is None or planned != files:
        print('the run did not come to its end: %d of %s test files' % (files, planned))
        failed += 1
    # A file can fail without a failed assertion: a crash, or the time limit.
    failed = max(failed, failed_files)
    print('%d test files; assertions:' % files)
    print('%d passed, %d failed%s' % (passed, failed, ', %d skipped' % skipped if skipped else ''))
    return 1 if failed or not files else 0


def counts(text):
    numbers = {name: int(number) for name, number in re.findall(r'(\w+): (\d+)', text)}
    return (numbers.get('pass', 0), numbers.get('fail', 0),
            numbers.get('skip', 0) + numbers.get('todo', 0))


if __name__ == '__main__':
    sys.exit(main())
