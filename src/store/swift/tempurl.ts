/**
 * TempURL: addresses signed with a key of the container or the account.
 * https://docs.openstack.org/swift/latest/api/temporary_url_middleware.html
 */
import { createHmac } from 'node:crypto'

/**
 * The query that signs a GET. `path`: unescaped, from the version on (`/v1/AUTH_a/c/o`); `expires`: seconds since 1970.
 */
export function signature(path: string, key: string, digest: string, expires: number): string {
  const mac = createHmac(digest, key).update(`GET\n${expires}\n${path}`).digest('hex')
  return `temp_url_sig=${mac}&temp_url_expires=${expires}`
}
