/**
 * What a container or an EC2 instance asks for its role's keys, on loopback, for tests: the container credentials
 * endpoint (ECS, EKS) at /container, the instance metadata service (IMDSv2 alone) at /latest.
 */
import { createServer, type IncomingMessage, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestScope } from './mount.ts'

export interface RoleKeys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  /** From now, ms. */
  lifetime: number
}

const INSTANCE_TOKEN = 'instance-metadata-token'
const CREDENTIALS = '/latest/meta-data/iam/security-credentials/'

export class RoleServer {
  readonly address: string
  /** How often keys were handed out. */
  issued = 0
  /** What a container must say in Authorization. */
  readonly containerToken = 'container-authorization-token'

  private constructor(server: HttpServer, keys: (issue: number) => RoleKeys) {
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request: IncomingMessage, reply) => {
      request.resume()
      const answer = this.#answer(request, keys)
      reply.writeHead(answer === undefined ? 401 : 200).end(answer)
    })
  }

  /** `keys` is asked each time keys are handed out, with 1 for the first. It ends with the test. */
  static async start(t: TestScope, keys: (issue: number) => RoleKeys): Promise<RoleServer> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.closeAllConnections()
      server.close()
    })
    return new RoleServer(server, keys)
  }

  #answer({ method, url = '', headers }: IncomingMessage, keys: (issue: number) => RoleKeys) {
    if (url === '/container') {
      return headers.authorization === this.containerToken ? this.#issue(keys) : undefined
    }
    if (method === 'PUT' && url === '/latest/api/token') return INSTANCE_TOKEN
    if (headers['x-aws-ec2-metadata-token'] !== INSTANCE_TOKEN) return undefined
    if (url === CREDENTIALS) return 'a-role'
    return url === `${CREDENTIALS}a-role` ? this.#issue(keys) : undefined
  }

  #issue(keys: (issue: number) => RoleKeys): string {
    const { accessKeyId, secretAccessKey, sessionToken, lifetime } = keys(++this.issued)
    return JSON.stringify({
      Code: 'Success',
      Type: 'AWS-HMAC',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: new Date(Date.now() + lifetime).toISOString().replace(/\.\d+/, ''),
    })
  }
}
