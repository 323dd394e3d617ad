/** The library's face: what a program that embeds pailfs may rely on. */
export type { FileSystem } from './fs/api.ts'
export type { ObjectStore } from './store/store.ts'
