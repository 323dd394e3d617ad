/** Real programs on a real mount over `MemoryFs`: what goes wrong here is the kernel link's fault. */
import { mkdir } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { mounted, noFuse, sh, temporary } from '../support/mounted.ts'
import type { Link } from '../support/mounted.ts'

const all: [name: string, needs: string, script: string, expected?: string][] = []

/** The script, which must exit with 0; skipped where the program is not installed. */
function program(...one: (typeof all)[number]): void {
  all.push(one)
}

/** Runs them all on a mount by this link. */
export function runPrograms(link: Link, skip: string | false = noFuse()): void {
  for (const one of all) run(link, skip, ...one)
}

function run(link: Link, skip: string | false, ...one: (typeof all)[number]): void {
  const [name, needs, script, expected] = one
  const missing = spawnSync('which', needs.split(' ')).status !== 0 && `needs ${needs}`
  t.test(name, { skip: skip || missing }, async t => {
    const top = temporary(t)
    const folder = join(top, 'm')
    await mkdir(folder)
    await mounted(t, folder, { link })
    const result = await sh(`set -e; W=${top}; ${script}`, folder, {
      ...process.env,
      HOME: top,
      LC_ALL: 'C',
    })
    t.match(result, { code: 0, ...(expected === undefined ? {} : { out: expected }) }, result.err)
  })
}

program(
  'rsync -a, again, --inplace, --delete, -X, links',
  'rsync',
  `mkdir -p $W/src/sub; echo one > $W/src/a; head -c 300000 /dev/urandom > $W/src/sub/b; ln -s a $W/src/l
   touch -d '2020-01-02 03:04:05' $W/src/a $W/src/sub $W/src; chmod 600 $W/src/a
   rsync -a $W/src/ d/; diff -r $W/src d; stat -c '%a %Y' d/a | cmp - <(stat -c '%a %Y' $W/src/a)
   rsync -ai $W/src/ d/ | tee $W/again; test ! -s $W/again
   echo more >> $W/src/sub/b; rsync -a --inplace --no-whole-file $W/src/ d/; cmp $W/src/sub/b d/sub/b
   rm $W/src/sub/b; rsync -a --delete $W/src/ d/; test ! -e d/sub/b; rsync -a --backup $W/src/ d/
   ls -A d | tr '\\n' ' '`,
  'a l sub ',
)

program(
  'tar, there and back',
  'tar',
  `mkdir -p $W/src/x/y; for n in 1 2 3; do head -c $((n * 50000)) /dev/urandom > $W/src/x/f$n; done; ln -s f1 $W/src/x/l
   tar cf a.tar -C $W/src .; mkdir out; tar xf a.tar -C out; diff -r $W/src out; tar cf - out | tar tf - | wc -l`,
)

program(
  'git',
  'git',
  `git init -q r; cd r; git config user.email a@b; git config user.name n
   for n in $(seq 20); do echo $n > f$n; done; git add .; git commit -qm one; git mv f1 g1; echo x >> f2; git commit -qam two
   git gc -q; git fsck --strict; git checkout -q HEAD~1; test -f f1; cd ..; git clone -q r s; cd s; git log --oneline | wc -l; git status --short`,
  '1\n',
)

program(
  'sqlite3, rollback journal and WAL',
  'sqlite3',
  `for mode in delete wal; do
     sqlite3 $mode.db "pragma journal_mode=$mode; create table t(a); insert into t values (1),(2); begin; insert into t select a+2 from t; commit;"
     sqlite3 $mode.db "select sum(a) from t; pragma integrity_check;"
   done`,
  'delete\n10\nok\nwal\n10\nok\n',
)

program(
  'vim and sed -i',
  'vim',
  `printf 'hello\\nworld\\n' > f; vim -es -u NONE -c 'set backup writebackup swapfile' -c '%s/world/there/' -c 'wq' f; cat f
   sed -i s/hello/bye/ f; cat f; ls -A | tr '\\n' ' '`,
  'hello\nthere\nbye\nthere\nf ',
)

program(
  'cp, mv, install, unzip, perl',
  'cp',
  `echo x > a; cp a b; cp -p a c; mv b d; mv -n a c; mv -f c e; install -m 700 e f; stat -c %a f; cp -r . $W/copy; diff -r . $W/copy
   mkdir dir; mv d dir/; mv dir other; cat other/d; perl -i -pe 's/x/y/' e; cat e; cp --sparse=always e g; cat g`,
  '700\nx\ny\ny\n',
)

program(
  'a file that is executed, locked, mapped',
  'flock',
  `printf '#!/bin/sh\\necho ran\\n' > s; chmod +x s; ./s; cp /bin/true t; ./t
   flock l -c 'echo locked'; (flock 9; ! flock -n l2 true; echo two) 9> l2`,
  'ran\nlocked\ntwo\n',
)
