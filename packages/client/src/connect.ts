import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { connectUnix } from '@dunbar/wire'
import { Client } from './client.js'

export interface ConnectOptions {
  /** The node's data folder. Default: `$DUNBAR_PATH`, else `~/.dunbar`. */
  readonly path?: string
  /** How long connecting may take. Default 5,000. */
  readonly timeoutMs?: number
}

/** The folder of the user's node: `$DUNBAR_PATH`, else `~/.dunbar`. */
export function defaultFolder(): string {
  return process.env.DUNBAR_PATH || join(homedir(), '.dunbar')
}

/**
 * Connects to the node that runs on a data folder, over its Unix socket. Whoever may open the
 * socket has all the rights of the node's owner.
 * @throws {CONNECT_FAILED} where no node runs there; `data.reason` has the system's code
 * @throws {SOCKET_PATH_TOO_LONG}
 */
export async function connect(options: ConnectOptions = {}): Promise<Client> {
  const path = join(resolve(options.path ?? defaultFolder()), 'socket')
  const { timeoutMs } = options
  return new Client(await connectUnix(timeoutMs === undefined ? { path } : { path, timeoutMs }))
}
