/** A bounded pool of connections to one host. (Interface first; see types.ts.) */
import { HttpError, type HttpPoolOptions, type HttpReply, type HttpRequest } from './types.ts'

/** Keep-alive connections to one host and port. */
export class HttpPool {
  readonly options: HttpPoolOptions

  constructor(options: HttpPoolOptions) {
    this.options = options
  }

  /** Resolves with the reply whatever its status; rejects with HttpError, or with what the sink threw. */
  request(_request: HttpRequest): Promise<HttpReply> {
    return Promise.reject(new HttpError('closed', 'not yet'))
  }

  /** Destroys all connections; waiting and running requests reject with `closed`. */
  close(): void {}
}
