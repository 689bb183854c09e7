import { statfs } from 'node:fs/promises'
import { type Check, right, wrong } from './finding.ts'

/** What `npm start` wants to begin with. */
const least = 500e6
const enough = 5e9

/** A fiftieth of the disk, within bounds. */
export const leastFree = (total: number): number => Math.min(Math.max(total / 50, least), enough)

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1)

export const room = (free: number, total: number): string => `${gigabytes(free)} of ${gigabytes(total)} GB are free`

export interface Room {
  folder: string
  free: number
  total: number
}

export async function readRoom(folder: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(folder)
  return { folder, free: bavail * bsize, total: blocks * bsize }
}

export const diskChecks: readonly Check<Room>[] = [
  {
    id: 'disk-free',
    title: 'the data folder has room',
    why: 'PostgreSQL and Kafka stop when the disk is full, and then no order is taken.',
    judge: ({ folder, free, total }) =>
      free >= leastFree(total)
        ? right(`${folder}: ${room(free, total)}`)
        : wrong(
            `${folder}: ${room(free, total)}`,
            `du -xh -d 1 ${folder}; free some, or name another folder with INORDER_DATA`,
          ),
  },
]
