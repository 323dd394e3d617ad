/**
 * What a program does with a directory's files, guessed from what it did with the first: it asks for the attributes
 * of one after the other (ls, find, rsync), or it opens them (cat, grep, tar). In the first case HEADs run ahead of
 * it; in the second the first bytes are asked for along with the attributes, and no HEAD is needed.
 */
import type { Bytes, Milliseconds } from '../core/types.ts'
import { PAGE_SIZE } from '../core/page.ts'

/** Kept in each directory. */
export interface Habit {
  /** Whether a program read the directory through: attributes of all its files may be asked for next. */
  read: boolean
  /** Attributes of files that had to be asked for since then, and files opened. */
  asked: number
  opened: number
  /** HEADs were started for the rest. */
  ahead: boolean
}

/** Attributes asked for, without opens between, after which all the others' are fetched ahead. */
const ENOUGH = 2
/** Larger files are not read for the sake of their attributes. */
const SMALL: Bytes = PAGE_SIZE
/** An answer is that of the open itself when the look-up that brought it came just before. */
const SAME_OPEN: Milliseconds = 100

export function newHabit(): Habit {
  return { read: false, asked: 0, opened: 0, ahead: false }
}

/** A program began to read the directory. */
export function readThrough(habit: Habit): void {
  Object.assign(habit, newHabit(), { read: true })
}

/** Whether a program opens the directory's files rather than only look at them. */
export function opens({ opened, asked }: Habit): boolean {
  return opened > 0 && opened * 2 >= asked - 1
}

/** What to ask the bucket for, when a file's attributes are wanted that are not known. Counts the question. */
export function question(habit: Habit, size: Bytes): 'head' | 'head-and-ahead' | 'first-bytes' {
  habit.asked += 1
  if (opens(habit)) return size > 0 && size <= SMALL ? 'first-bytes' : 'head'
  if (!habit.read || habit.ahead || habit.asked < ENOUGH) return 'head'
  habit.ahead = true
  return 'head-and-ahead'
}

/** Whether an answer of that time serves for an open now. */
export function servesOpen(answeredAt: Milliseconds, now: Milliseconds): boolean {
  return now - answeredAt <= SAME_OPEN && now >= answeredAt
}
