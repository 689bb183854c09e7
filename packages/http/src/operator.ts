import type { FastifyRequest } from 'fastify'
import { headerText } from './header-text.ts'

const longestName = 200

/** Who is to be remembered as having asked for it. */
export function operatorOf({ headers, ip }: FastifyRequest): string {
  const name = Array.from(headerText(String(headers['x-operator'] ?? '')))
  return name.slice(0, longestName).join('') || ip
}

/** Whether the caller may see what is for operators alone: the bytes of parked events. A service asks nobody who they are. */
export const mayOperate = (_request: FastifyRequest): boolean => true
