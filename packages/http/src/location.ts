/** Path of one thing among others, percent-encoded; the dots of `.` and `..` too, which would name another path. */
export const pathTo = (collection: string, id: string): string =>
  `${collection}/${encodeURIComponent(id).replace(/^\.{1,2}$/, (dots) => dots.replaceAll('.', '%2E'))}`
