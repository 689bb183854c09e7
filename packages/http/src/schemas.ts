// What the schemas of many routes have in common.
import type { FastifyInstance } from 'fastify'
import { type TObject, type TObjectOptions, type TProperties, Type } from 'typebox'

/** Without any other field. */
export const closed = <Properties extends TProperties>(properties: Properties, options?: TObjectOptions) =>
  Type.Object(properties, { ...options, additionalProperties: false })

export const text = (maxLength: number) => Type.String({ minLength: 1, maxLength, format: 'text' })

/** Not a union, whose parts the serializer would check with a validator of its own, at run time and without our formats. */
export const textOrNull = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description })

/** How many items a page has at most. */
export const limit = Type.Integer({ minimum: 1, maximum: 1000, default: 100 })

export const pageOf = <Item extends TObject>(item: Item) =>
  Type.Object(
    { items: Type.Array(item), next: textOrNull('What to pass as after, or null') },
    { title: `${Reflect.get(item, 'title')}Page` },
  )

/** The part of /docs in which the routes of a plugin stand; to be called before they are added. */
export function inChapter(app: Pick<FastifyInstance, 'addHook'>, chapter: string): void {
  app.addHook('onRoute', ({ schema }) => {
    if (schema) schema.tags ??= [chapter]
  })
}
