/** Questions for an object that may not be there. */
import { StoreError } from '../core/errors.ts'

/** What the question answers; undefined where there is no such object. Rejects with any other error. */
export async function ifThere<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'not-found') return undefined
    throw error
  }
}
