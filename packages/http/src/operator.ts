import type { FastifyRequest } from 'fastify'
import './caller.ts'
import { headerText } from './header-text.ts'

const longestName = 200

/** Who is to be remembered as having asked for it. What `x-operator` says counts only where nobody is asked who they are. */
export function operatorOf({ caller, headers, ip }: FastifyRequest): string {
  if (caller) return caller.name
  const name = Array.from(headerText(String(headers['x-operator'] ?? '')))
  return name.slice(0, longestName).join('') || ip
}

/** Whether the caller may see what is for operators alone: the bytes of parked events. Without authentication everybody may. */
export const mayOperate = ({ caller }: FastifyRequest): boolean => !caller || caller.scopes.has('operate')
