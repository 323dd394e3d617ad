/** TLS before a server of the tests, with an authority of its own: what `--ca-bundle` is for. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import type { TestScope } from './mount.ts'

const run = promisify(execFile)

export interface TlsFront {
  /** https://localhost:PORT. */
  endpoint: string
  /** The authority's certificate, a PEM file. */
  authority: string
  /** An authority that has signed nothing here. */
  stranger: string
}

/** Terminates TLS and passes all on to a port of 127.0.0.1. Certificates go into `folder`; it ends with the test. */
export async function tlsFront(t: TestScope, folder: string, port: number): Promise<TlsFront> {
  const file = (name: string): string => join(folder, name)
  const certificate = async (name: string, words: string): Promise<void> => {
    const made = `-keyout ${name}.key -out ${name}.pem -days 2 -nodes`
    const all = `req -x509 -newkey rsa:2048 -subj /CN=${name} ${made}${words}`
    await run('openssl', all.split(' '), { cwd: folder })
  }
  await certificate('authority', '')
  await certificate('stranger', '')
  const extensions =
    ' -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE'
  await certificate('localhost', `${extensions} -CA authority.pem -CAkey authority.key`)
  const key = await readFile(file('localhost.key'))
  const cert = await readFile(file('localhost.pem'))
  const server = createServer({ key, cert }, socket => {
    const upstream = connect(port, '127.0.0.1')
    socket.pipe(upstream).pipe(socket)
    socket.on('error', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
    socket.on('close', () => upstream.destroy())
  })
  const open = new Set<{ destroy(): unknown }>()
  server.on('connection', socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.on('tlsClientError', () => undefined)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    endpoint: `https://localhost:${(server.address() as AddressInfo).port}`,
    authority: file('authority.pem'),
    stranger: file('stranger.pem'),
  }
}
