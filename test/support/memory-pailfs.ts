/** The whole command, with `MemoryFs` in place of buckets. `TEST_FOLDER` is `memoryCompose`'s folder. */
import { finish } from '../../src/cli/finish.ts'
import { processIo } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import { memoryCompose } from './memory-compose.ts'

const compose = memoryCompose(process.env['TEST_FOLDER'] ?? '/nonexistent')
finish(await main(process.argv.slice(2), { ...processIo, compose }))
