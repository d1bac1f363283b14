/**
 * Points of small order. A signature can be made that verifies under such a key for every message,
 * and a shared secret made with one is known to everyone, so both are refused by these lists, not
 * by what the library at hand happens to do.
 *
 * All encodings are listed, the non-canonical ones included; the sign bit (Ed25519) or unused bit
 * (X25519) on top of the last byte is ignored.
 * @source libsodium `ge25519_has_small_order`, `has_small_order`; Cremers and Jackson, "Prime, Order Please" (2019)
 */

const zero = '0000000000000000000000000000000000000000000000000000000000000000'
const one = '0100000000000000000000000000000000000000000000000000000000000000'
const primeMinusOne = 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
const prime = 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
const primePlusOne = 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'

const edwardsPoints = pointTable([
  zero,
  one,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  primeMinusOne,
  prime,
  primePlusOne,
])

const montgomeryPoints = pointTable([
  zero,
  one,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  primeMinusOne,
  prime,
  primePlusOne,
])

/** True where an Ed25519 public key (a feed's key) is of low order. Costs nanoseconds for any other key. */
export function isLowOrderKey(publicKey: Uint8Array): boolean {
  return isInTable(publicKey, edwardsPoints)
}

/** True where an X25519 public key (an ephemeral key of a handshake or a box) is of low order. */
export function isLowOrderCurveKey(publicKey: Uint8Array): boolean {
  return isInTable(publicKey, montgomeryPoints)
}

type PointTable = ReadonlyArray<Uint8Array | undefined>

/** The points by their first byte, which tells them all apart. */
function pointTable(points: readonly string[]): PointTable {
  const table: (Uint8Array | undefined)[] = new Array(256).fill(undefined)
  for (const hex of points) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    table[bytes[0]!] = bytes
  }
  return table
}

function isInTable(key: Uint8Array, table: PointTable): boolean {
  if (key.length !== 32) return false
  const point = table[key[0]!]
  if (point === undefined) return false
  for (let at = 1; at < 31; at++) if (key[at] !== point[at]) return false
  return (key[31]! & 0x7f) === point[31]
}
