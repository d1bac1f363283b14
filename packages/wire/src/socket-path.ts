import { WireError } from './errors.js'

/** `sun_path` without its closing zero: 108 bytes on Linux, 104 on the BSDs and macOS. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * Refuses what the system would cut off without a word.
 * @throws {SOCKET_PATH_TOO_LONG}
 */
export function checkSocketPath(path: string): void {
  const sizeBytes = Buffer.byteLength(path)
  if (sizeBytes <= MAX_PATH_BYTES) return
  throw new WireError(
    'SOCKET_PATH_TOO_LONG',
    `a socket's path may have ${MAX_PATH_BYTES} bytes and ${path} has ${sizeBytes}: use a folder with a shorter path`,
    { path, sizeBytes, maxBytes: MAX_PATH_BYTES },
  )
}
