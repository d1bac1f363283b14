/** An id of a feed, `@<base64 of 32 bytes>.ed25519`. */
export type FeedId = string & { readonly __brand: 'FeedId' }
/** An id of a message, `%<base64 of 32 bytes>.sha256`. */
export type MessageKey = string & { readonly __brand: 'MessageKey' }
/** An id of a blob, `&<base64 of 32 bytes>.sha256`. */
export type BlobId = string & { readonly __brand: 'BlobId' }
/** Position of a message in its feed, from 1. */
export type Sequence = number
