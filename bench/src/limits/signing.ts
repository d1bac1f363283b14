import { generateKeys, sign } from '@dunbar/core'
import { microsEach } from './micros.js'
import { signedText } from './validation.js'

/** Signatures a second over the bytes that messages are signed by, on one core. */
export function signingRate(texts: readonly string[]): number {
  const { secretKey } = generateKeys()
  const signed = texts.map((text) =>
    Buffer.from(signedText(JSON.stringify(JSON.parse(text), null, 2))),
  )
  return 1e6 / microsEach(signed, (bytes) => sign(bytes, secretKey).length)
}
