import { createHash } from 'node:crypto'
import { secretbox } from '@dunbar/core'
import { describe, expect, it } from 'vitest'
import { BoxOpener, BoxSealer } from '../src/box-stream.js'
import { hex, readVectors } from './conformance-vectors.js'

interface StreamCase {
  readonly key: string
  readonly startNonce: string
  readonly plaintextChunks: readonly string[] | { readonly bytes: readonly number[] }
  readonly ciphertextIncludingGoodbye?: string
  readonly ciphertextLength: number
  readonly ciphertextSha256?: string
}

const { cases } = readVectors<{ cases: StreamCase[] }>('box-stream.json')

function plaintextsOf({ plaintextChunks }: StreamCase): Buffer[] {
  if (!('bytes' in plaintextChunks)) return plaintextChunks.map(hex)
  return plaintextChunks.bytes.map((sizeBytes, i) =>
    Buffer.from(Array.from({ length: sizeBytes }, (_, j) => (7 * j + i) & 255)),
  )
}

describe('the streams of pull-box-stream', () => {
  it.each(cases.map((streamCase) => [streamCase.startNonce, streamCase]))(
    'are sealed and opened byte by byte the same, from nonce %s',
    (_nonce, streamCase) => {
      const [key, nonce] = [hex(streamCase.key), hex(streamCase.startNonce)]
      const plaintexts = plaintextsOf(streamCase)
      const sealer = new BoxSealer(key, nonce)
      const sealed = Buffer.concat([
        ...plaintexts.map((bytes) => sealer.seal(bytes)),
        sealer.goodbye(),
      ])
      expect(sealed.length).toBe(streamCase.ciphertextLength)
      const { ciphertextIncludingGoodbye: whole, ciphertextSha256: digest } = streamCase
      if (whole !== undefined) expect(sealed.toString('hex')).toBe(whole)
      if (digest !== undefined) {
        expect(createHash('sha256').update(sealed).digest('hex')).toBe(digest)
      }
      const opener = new BoxOpener(key, nonce)
      expect(opener.open(Buffer.from(sealed))).toEqual(
        plaintexts.length === 0 ? [] : [Buffer.concat(plaintexts)],
      )
      expect(opener.end).toBe('goodbye')
    },
  )

  it('are those of the protocol text', () => {
    const key = hex('bea05c78ab0dbd87b41835f0b38c21e8840cf93b950f221ff784a9629e8fb924')
    const nonce = hex('eaa31eb1d39c82ba01ea902e9db2dbca5ab3fe24ac136905')
    const sealer = new BoxSealer(key, nonce)
    expect(sealer.seal(Buffer.from('hello')).toString('hex')).toBe(
      '212f29cb185aabb6f41ac5731f9ec7624a9812c6988f9a0f559d3c4c73fc9fb197105b9f21e177',
    )
    expect(sealer.goodbye().toString('hex')).toBe(
      '4d9313d6ac1fe2566cac75882671874ab07aaca5b33e441cc17728be9e99a7d9841c',
    )
  })
})

describe('a packet', () => {
  const key = Buffer.alloc(32, 7)
  const nonce = Buffer.alloc(24)
  const nextNonce = Buffer.from([...Buffer.alloc(23), 1])

  /** A packet of any length, as the reference would write it too. */
  function packetOf(body: Buffer): Buffer {
    const box = Buffer.from(secretbox(body, nextNonce, key))
    const header = Buffer.alloc(18)
    header.writeUInt16BE(body.length)
    box.copy(header, 2, 0, 16)
    return Buffer.concat([secretbox(header, nonce, key), box.subarray(16)])
  }

  it('of 4,096 bytes is the largest', () => {
    const opener = new BoxOpener(key, nonce)
    expect(opener.open(packetOf(Buffer.alloc(4096, 1)))).toEqual([Buffer.alloc(4096, 1)])
    expect(opener.end).toBeNull()
  })

  it.each([4097, 60_000, 65_535, 0])('of %d bytes is refused at its header', (sizeBytes) => {
    const opener = new BoxOpener(key, nonce)
    expect(opener.open(packetOf(Buffer.alloc(sizeBytes, 1)).subarray(0, 34))).toEqual([])
    expect(opener.end).toMatchObject({ code: 'BAD_BOX' })
  })

  it('that is cut is copied by itself, and those behind it lie together in what came', () => {
    const sealer = new BoxSealer(key, nonce)
    const stream = Buffer.concat(
      ['one', 'two', 'three'].map((text) => sealer.seal(Buffer.from(text))),
    )
    const opener = new BoxOpener(key, nonce)
    expect(opener.open(stream.subarray(0, 20))).toEqual([])
    const came = Buffer.from(new Uint8Array(stream.subarray(20)).buffer)
    const [first, ...rest] = opener.open(came)
    expect(first).toEqual(Buffer.from('one'))
    expect(first!.buffer).not.toBe(came.buffer)
    expect(rest).toEqual([Buffer.from('twothree')])
    expect(rest[0]!.buffer).toBe(came.buffer)
  })

  it('that is damaged gives what came before it, and nothing of itself', () => {
    const sealer = new BoxSealer(key, nonce)
    const stream = Buffer.concat([sealer.seal(Buffer.from('one')), sealer.seal(Buffer.from('two'))])
    stream[stream.length - 1]! ^= 1
    const opener = new BoxOpener(key, nonce)
    expect(opener.open(stream)).toEqual([Buffer.from('one')])
    expect(opener.end).toMatchObject({ code: 'BAD_BOX' })
  })
})
