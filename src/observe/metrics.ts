/**
 * Counters, by name. Enough for `pailfs status`: each is a number that only grows, or a gauge read when asked.
 */
export interface Counters {
  add(name: string, by?: number): void
  /** Read at each snapshot. */
  gauge(name: string, read: () => number): void
  snapshot(): Readonly<Record<string, number>>
}

export function createCounters(): Counters {
  const counts = new Map<string, number>()
  const gauges = new Map<string, () => number>()
  return {
    add: (name, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by),
    gauge: (name, read) => void gauges.set(name, read),
    snapshot() {
      const all: Record<string, number> = Object.fromEntries(counts)
      for (const [name, read] of gauges) all[name] = read()
      return all
    },
  }
}
