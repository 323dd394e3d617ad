/** Real programs on a mount by fuse-native. */
import { runPrograms } from './programs.ts'

runPrograms('native')
