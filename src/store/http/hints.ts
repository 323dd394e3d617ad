/** What a person can do where no complete reply came, by the socket's or TLS's own code. Data only. */

const HINTS: Readonly<Record<string, string>> = {
  ENOTFOUND:
    'The host name is not known: check the endpoint, and whether buckets are host names there (path style).',
  EAI_AGAIN: 'The host name could not be looked up: check the network and DNS.',
  ECONNREFUSED: 'Nothing listens there: check host and port of the endpoint.',
  EPROTO: 'No TLS is spoken there: check http:// or https:// and the port of the endpoint.',
  EHOSTUNREACH: 'The host cannot be reached: check the network.',
  ENETUNREACH: 'The network cannot be reached.',
}

/** What Node calls a certificate that does not hold (its documentation of tls, "X509 certificate error codes"). */
const CERTIFICATE = /CERT|CRL|VERIFY|SELF_SIGNED|ISSUER|ALTNAME|^ERR_TLS|^ERR_SSL|CA_KEY/

/** Whether the server's certificate was refused: nothing that passes by itself. */
export function isCertificateError(code: string | undefined): boolean {
  return code !== undefined && CERTIFICATE.test(code)
}

/** Undefined where the code tells nothing. */
export function connectionHint(code: string | undefined): string | undefined {
  if (isCertificateError(code)) {
    return 'The TLS certificate of the server is not trusted: give its authority with --ca-bundle.'
  }
  return code !== undefined && Object.hasOwn(HINTS, code) ? HINTS[code] : undefined
}
