// A changed scale turns 12.50 into 1250.00 in every reader. The registry lets it pass, even FULL_TRANSITIVE: to Avro's
// resolution bytes are bytes. So it is checked here, before a schema is registered and before a writer's schema is used.

/** Throws when a decimal that a schema of `existing` and `candidate` both have is not the same in both, or one only in one. */
export function assertDecimalsUnchanged(existing: string[], candidate: string): void {
  const now = fieldsOf(candidate)
  for (const text of existing) {
    for (const [path, before] of fieldsOf(text)) {
      const after = now.get(path)
      if (after !== undefined && after !== before)
        throw new Error(
          `${path} is ${after}, but was ${before}: a decimal must not change, so give the field another name`,
        )
    }
  }
}

type Json = null | string | number | boolean | Json[] | { [name: string]: Json }

/** Path of each field that is no record -> what its bytes mean. */
function fieldsOf(schema: string): Map<string, string> {
  const fields = new Map<string, string>()
  const visit = (node: Json, path: string, namespace: string): void => {
    if (Array.isArray(node)) for (const branch of node) visit(branch, path, namespace)
    else if (node === null || typeof node !== 'object') fields.set(path, fields.get(path) ?? 'no decimal')
    else if (node.type === 'record') {
      const own = String(node.namespace ?? namespace)
      const name = String(node.name).includes('.') ? String(node.name) : `${own}.${node.name}`
      for (const field of node.fields as { name: string; type: Json }[]) visit(field.type, `${name}.${field.name}`, own)
    } else if (node.type === 'array') visit(node.items ?? null, path, namespace)
    else if (node.type === 'map') visit(node.values ?? null, path, namespace)
    else if (node.logicalType === 'decimal') fields.set(path, `decimal(${node.precision},${node.scale ?? 0})`)
    else if (typeof node.type === 'object') visit(node.type, path, namespace)
    else fields.set(path, fields.get(path) ?? 'no decimal')
  }
  visit(JSON.parse(schema), '', '')
  return fields
}
