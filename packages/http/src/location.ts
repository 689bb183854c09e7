/** Path of one thing among others, percent-encoded. */
export const pathTo = (collection: string, id: string): string => `${collection}/${encodeURIComponent(id)}`
