/** The real clocks: the only place where the process's time and timers become `Clock`. */
import type { Clock, Timer } from '../core/ports.ts'
import type { Milliseconds } from '../core/types.ts'

/** Longest delay of a Node timer; longer ones would fire at once. */
const LONGEST: Milliseconds = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => Date.now(),
  after(delay: Milliseconds, then: () => void): Timer {
    const timer = setTimeout(then, Math.min(Math.max(0, delay), LONGEST))
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Goes on evenly when the machine's clock is set: for due times and what is measured from them. */
export const steadyClock: Clock = {
  now: () => Math.floor(performance.timeOrigin + performance.now()),
  after: (delay, then) => realClock.after(delay, then),
}
