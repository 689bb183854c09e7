import type { FastifyRequest } from 'fastify'

const longestName = 200

/** Who is to be remembered as having asked for it. */
export const operatorOf = ({ headers, ip }: FastifyRequest): string =>
  String(headers['x-operator'] ?? '').slice(0, longestName) || ip
