#!/usr/bin/env -S UV_THREADPOOL_SIZE=16 node
// What mount(8) calls for `mount -t pailfs s3://bucket /dir` and for such lines in fstab(5):
// mount.pailfs SOURCE DIR [-sfnv] [-o OPTIONS]
import { fileURLToPath } from 'node:url'
import { forMountHelper } from '../dist/src/cli/exit.js'
import { finish } from '../dist/src/cli/finish.js'
import { processIo } from '../dist/src/cli/io.js'
import { main } from '../dist/src/cli/main.js'
import { helperArguments } from '../dist/src/cli/mount-helper.js'

const words = helperArguments(process.argv.slice(2))
const script = fileURLToPath(new URL('pailfs.js', import.meta.url))
finish(words === undefined ? 0 : forMountHelper(await main(words, { ...processIo, script })))
