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

/**
 * Goes on with whichever of the two went further since it was last asked: setting the machine's clock back stops no
 * age, and the time that the machine slept, which a steady clock leaves out, counts.
 */
export function ageingClock(steady: Clock, wall: Clock): Clock {
  let now = steady.now()
  let last = { steady: now, wall: wall.now() }
  return {
    now() {
      const next = { steady: steady.now(), wall: wall.now() }
      now += Math.max(0, next.steady - last.steady, next.wall - last.wall)
      last = next
      return now
    },
    after: (delay, then) => steady.after(delay, then),
  }
}
