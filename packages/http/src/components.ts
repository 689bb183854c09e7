// Named schemas of an OpenAPI document. A schema's `title` is its name: what says so stands once, in components.
import { isDeepStrictEqual } from 'node:util'

interface Document {
  paths?: object
  components?: object
}

/** What holds values, in which a `title` is no name of a schema. */
const values = ['default', 'enum', 'example', 'examples']

/** The document with every titled schema of its paths in `components.schemas`, and a reference in its place. */
export function withComponents(document: Document): Document {
  const schemas: Record<string, unknown> = {}

  function moved(node: unknown): unknown {
    if (Array.isArray(node)) return node.map(moved)
    if (typeof node !== 'object' || node === null) return node
    const parts = Object.entries(node).map(([name, part]) => [name, values.includes(name) ? part : moved(part)])
    const { title, examples: _, ...schema } = Object.fromEntries(parts)
    // Of a body, @fastify/swagger puts them beside the schema.
    if (typeof title !== 'string') return Object.fromEntries(parts)
    if (title in schemas && !isDeepStrictEqual(schemas[title], schema))
      throw new Error(`two different schemas of the API are called ${title}`)
    schemas[title] = schema
    return { $ref: `#/components/schemas/${title}` }
  }

  const paths = moved(document.paths)
  return { ...document, paths, components: { ...document.components, schemas } } as Document
}
