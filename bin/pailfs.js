#!/usr/bin/env -S UV_THREADPOOL_SIZE=16 node
// More threads than Node's 4, so that one slow disk call does not hold up the others. They must be
// set before Node starts.
import { finish } from '../dist/src/cli/finish.js'
import { main } from '../dist/src/cli/main.js'

finish(await main(process.argv.slice(2)))
