/**
 * Types of the little we use of fuse-native 2.2.6 and of its compiled part. The package has none of its own.
 *
 * Facts (read in its index.js and fuse-native.c): `handlers[op]` is called on the main thread with the C
 * struct of the waiting libfuse thread as a Buffer, the opcode, and the operation's arguments. The answer is
 * `fuse_native_signal_<name>(buffer, result, ...data)`, exactly once: it posts the semaphore the thread
 * waits on. For read, write and the xattr calls the last argument is the ArrayBuffer over C memory, which is
 * detached by the call. 64-bit numbers arrive as two 32-bit halves, low first.
 */
declare module 'fuse-native' {
  class Fuse {
    constructor(mountPoint: string, operations: object, options: { timeout: false })
    mount(done: (error: Error | null | undefined) => void): void
    /** The C struct of the mount; undefined before `mount`. */
    _thread: Buffer | null
    _handlers: readonly unknown[]
    _implemented: Set<number>
    /** The whole option string with its `-o`, at most 1,023 bytes. */
    _fuseOptions(): string
    _op_init(signal: (result: number) => void): void
  }
  export default Fuse
}
