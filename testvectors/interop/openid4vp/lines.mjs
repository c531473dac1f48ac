// What every peer here speaks: JSON lines. The first line out says who is here; then each line in is {"op": ..., ...} and is answered by one
// line, {"ok": ...} or {"error": "what the peer said"}. The process ends when its input ends.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const manifest = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url)))
const version = (name) => manifest(`node_modules/${name}/package.json`).version
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')

// why tells an error with everything that caused it: the layers of these peers wrap one another.
function why(e) {
  const said = []
  for (let c = e; c && said.length < 8; c = c.cause ?? c.errorResponse?.cause) {
    said.push(String(c?.errorResponse?.error_description ?? c?.message ?? c))
  }
  return said.join(': ')
}

export async function serve(ops, extra = {}) {
  say({
    ...extra,
    node: process.version,
    versions: Object.fromEntries(Object.keys(manifest('package.json').dependencies).map((n) => [n, version(n)])),
  })
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const { op, ...args } = JSON.parse(line)
      if (!Object.hasOwn(ops, op)) throw new Error(`no such op: ${op}`)
      say({ ok: (await ops[op](args)) ?? null })
    } catch (e) {
      say({ error: why(e) })
    }
  }
  process.exit(0)
}
