export { deltas, prefixSums } from './deltas.js'
export {
  decode1234,
  decode1248,
  decodeZigzag1248,
  encode1234,
  encode1248,
  encodeZigzag1248,
} from './integers.js'
export { type StreamVByte, StreamVByteError, type StreamVByteErrorCode } from './stream.js'
export { twin } from './twin.js'
