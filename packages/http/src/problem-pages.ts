import { readFile } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Problem, problems } from '@inorder/contracts/problems.ts'
import { Type } from 'typebox'
import { answersOf, plainText } from './answers.ts'

const folder = new URL('../../../docs/problems/', import.meta.url)

/** What an error's `type` leads to. */
export const problemPages: FastifyPluginAsyncTypebox = async (app) => {
  const schema = {
    operationId: 'getProblemPage',
    summary: 'What a problem means',
    tags: ['service'],
    params: Type.Object({ name: Type.String({ examples: ['order-not-found'] }) }),
    response: { 200: plainText, ...answersOf('problem-not-found') },
  }
  app.get('/problems/:name', { schema }, async ({ params: { name } }, reply) => {
    if (!Object.hasOwn(problems, name)) throw new Problem('problem-not-found', 'There is no problem of this name.')
    // Not text/markdown: browsers would save it instead of showing it.
    return reply.type('text/plain; charset=utf-8').send(await readFile(new URL(`${name}.md`, folder), 'utf8'))
  })
}
