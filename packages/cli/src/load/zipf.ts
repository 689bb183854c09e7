/**
 * Draws ranks 0..n-1 by Zipf's law: rank k comes up in proportion to 1/(k+1)^s. With s = 0 all are equal; with s = 1 and
 * 1,000 ranks the first one is every seventh draw. `random` is in [0, 1).
 */
export function zipf(n: number, s: number, random: () => number): () => number {
  const upTo = new Float64Array(n)
  let total = 0
  for (let k = 0; k < n; k++) {
    total += 1 / (k + 1) ** s
    upTo[k] = total
  }
  return () => {
    const drawn = random() * total
    let [low, high] = [0, n - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! > drawn) high = middle
      else low = middle + 1
    }
    return low
  }
}
