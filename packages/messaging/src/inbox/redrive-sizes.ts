// How much of what is parked one transaction takes. All of it may be more than a transaction can do before its deadline,
// and then it would never be done.

/** Records of one key in one step; `least` is what a batch takes of a key whatever else it heals. */
export const stepSize = { together: 500, oneByOne: 50, least: 4 }
/** Of key, value and headers; the first record is taken whatever its size. */
export const stepBytes = 8 * 1024 * 1024

export interface Share {
  readonly records: number
  readonly bytes: number
}

/** What a batch that closes the gaps of so many keys takes of what waits in each of them. */
export const healShare = (keys: number, oneByOne: boolean): Share => ({
  records: oneByOne
    ? Math.max(1, Math.floor(stepSize.oneByOne / keys))
    : Math.max(stepSize.least, Math.floor(stepSize.together / keys)),
  bytes: stepBytes / keys,
})
