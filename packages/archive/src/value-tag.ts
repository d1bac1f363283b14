/**
 * The tags of leaves, as numbers that the compiler writes into the code: a leaf costs a few
 * nanoseconds, and a look-up in the generated enum is one of them. They equal its `ValueTag`.
 */
export const tagNull = 0
export const tagFalse = 1
export const tagTrue = 2
export const tagInt = 3
export const tagDouble = 4
export const tagString = 5
export const tagMessageId = 6
export const tagFeedId = 7
export const tagBlobId = 8
export const tagEmptyObject = 9
export const tagArray = 10
export const tagTuples = 11
export const tagObject = 12
export const tagHex = 13
export const tagBox = 14
export const tagBox2 = 15
