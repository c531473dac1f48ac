// npm's dcql as one process that speaks JSON lines, as judge.mjs does. Each line in is {"query": the text of a query, "cards": [{"type",
// "claims", "unbound", "authority"}]}, each line out {"ok": {"satisfiable", "matches": {query: [{"card", "set", "output"}]}}} or {"error"}.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { DcqlQuery } from 'dcql'

function judge({ query, cards }) {
  const parsed = DcqlQuery.parse(JSON.parse(query))
  DcqlQuery.validate(parsed)
  const result = DcqlQuery.query(
    parsed,
    cards.map(({ type, claims, unbound, authority }) => ({
      credential_format: 'dc+sd-jwt',
      vct: type,
      claims,
      cryptographic_holder_binding: !unbound,
      ...(authority ? { authority } : {}),
    })),
  )
  const matches = parsed.credentials.map(({ id }) => [
    id,
    (result.credential_matches[id].valid_credentials ?? []).map(({ input_credential_index, claims }) => ({
      card: input_credential_index,
      set: claims.valid_claim_sets[0].claim_set_index ?? 0,
      output: claims.valid_claim_sets[0].output,
    })),
  ])
  return { satisfiable: Boolean(result.can_be_satisfied), matches: Object.fromEntries(matches) }
}

const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')
const version = JSON.parse(readFileSync(new URL('node_modules/dcql/package.json', import.meta.url))).version

say({ node: process.version, versions: { dcql: version } })
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  try {
    say({ ok: judge(JSON.parse(line)) })
  } catch (e) {
    say({ error: String(e?.message ?? e) })
  }
}
