/**
 * The simulator: many lives of the whole core, each by a seed (world.ts, pair.ts; kinds.ts has the kinds). A seed that
 * fails is printed, with what was done.
 *
 * PAILFS_SEEDS: lives of each kind (10,000 in all); PAILFS_FIRST: the first seed (1); PAILFS_SEED: only this one, with
 * all that was done; PAILFS_KIND: only kinds with this in their name.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { KINDS } from './kinds.ts'
import type { LivesOrder, LivesResult } from './lives-child.ts'

const ONE = process.env['PAILFS_SEED']
const FIRST = Number(ONE ?? process.env['PAILFS_FIRST'] ?? 1)
const SEEDS = Number(process.env['PAILFS_SEEDS'] ?? Math.ceil(10_000 / KINDS.length))
const LAST = ONE === undefined ? FIRST + SEEDS - 1 : FIRST
const THREADS = ONE === undefined ? Math.min(4, availableParallelism()) : 1
const LONG = { timeout: 36_000_000 }

t.setTimeout(LONG.timeout)

const workers = Array.from({ length: THREADS }, () => {
  return new Worker(new URL('./lives-child.js', import.meta.url))
})

function run(worker: Worker, order: LivesOrder): Promise<LivesResult> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    // A life that throws where nobody listens ends its thread.
    worker.once('error', error => {
      reject(new Error(`a life of '${order.kind}': ${String(error)}`, { cause: error }))
    })
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    worker.postMessage(order)
  })
}

async function lives(t: Test, kind: string): Promise<LivesResult[]> {
  const more = { kind, last: LAST, step: THREADS, stacks: ONE !== undefined }
  const results = await Promise.all(
    workers.map((worker, at) => run(worker, { ...more, first: FIRST + at })),
  )
  for (const worker of workers) worker.removeAllListeners('error')
  const failed = results.flatMap(({ failure }) => failure ?? []).sort((a, b) => a.seed - b.seed)
  for (const { seed, message, stack, history } of failed.slice(0, 1)) {
    t.fail(`PAILFS_SEED=${seed} PAILFS_KIND='${kind}': ${message}`)
    t.comment(history.slice(ONE === undefined ? -12 : 0).join('\n'))
    if (ONE !== undefined) t.comment(stack)
  }
  const sum = (what: 'lives' | 'crashes' | 'conflicts') => results.reduce((n, r) => n + r[what], 0)
  const facts = `${sum('lives')} lives, ${sum('crashes')} crashes, ${sum('conflicts')} conflicts`
  if (failed.length === 0) t.pass(facts)
  return results
}

const all: LivesResult[] = []
for (const kind of KINDS) {
  if (!kind.includes(process.env['PAILFS_KIND'] ?? '')) continue
  await t.test(kind, LONG, async t => void all.push(...(await lives(t, kind))))
}
for (const worker of workers) await worker.terminate()

const sum = (what: 'lives' | 'crashes' | 'conflicts') => all.reduce((n, r) => n + r[what], 0)
const failed = all.filter(({ failure }) => failure).length
const facts = { lives: sum('lives'), crashes: sum('crashes'), conflicts: sum('conflicts'), failed }
t.comment(`figures: ${JSON.stringify(facts)}`)
