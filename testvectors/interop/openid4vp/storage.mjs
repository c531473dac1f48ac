// Credo keeps its records where an application tells it to: here, in the memory of this process. Two things that its types do not say: a new
// agent does not start unless the storage already holds a record of the framework's storage version, and every record read must be a copy.
import { InjectionSymbols, JsonTransformer, RecordDuplicateError, RecordNotFoundError, StorageVersionRecord } from '@credo-ts/core'

class MemoryStorage {
  supportsCursorPagination = false
  #records = new Map() // type and id to {type, tags, value}

  constructor() {
    this.#put(new StorageVersionRecord({ storageVersion: StorageVersionRecord.frameworkStorageVersion }))
  }

  #key = (type, id) => `${type}\n${id}`

  #put(record) {
    record.updatedAt = new Date()
    this.#records.set(this.#key(record.type, record.id), { type: record.type, tags: record.getTags(), value: JsonTransformer.serialize(record) })
  }

  #get(recordClass, id) {
    const kept = this.#records.get(this.#key(recordClass.type, id))
    if (!kept) throw new RecordNotFoundError(`no record ${id}`, { recordType: recordClass.type })
    return this.#record(recordClass, kept)
  }

  #record(recordClass, { tags, value }) {
    const record = JsonTransformer.deserialize(value, recordClass)
    record.replaceTags(tags)
    return record
  }

  async save(_, record) {
    if (this.#records.has(this.#key(record.type, record.id))) {
      throw new RecordDuplicateError(`a second record ${record.id}`, { recordType: record.type })
    }
    this.#put(record)
  }

  async update(_, record) {
    this.#get(record.constructor, record.id)
    this.#put(record)
  }

  async delete(_, record) {
    await this.deleteById(_, record.constructor, record.id)
  }

  async deleteById(_, recordClass, id) {
    this.#get(recordClass, id)
    this.#records.delete(this.#key(recordClass.type, id))
  }

  async getById(_, recordClass, id) {
    return this.#get(recordClass, id)
  }

  async getAll(_, recordClass) {
    return this.findByQuery(_, recordClass, {})
  }

  async findByQuery(_, recordClass, query, options = {}) {
    const found = [...this.#records.values()].filter((kept) => kept.type === recordClass.type && matches(kept.tags, query))
    const from = options.offset ?? 0
    return found.slice(from, from + (options.limit ?? found.length)).map((kept) => this.#record(recordClass, kept))
  }
}

function matches(tags, { $and = [], $or, $not, ...equal }) {
  return (
    $and.every((q) => matches(tags, q)) &&
    (!$or || $or.some((q) => matches(tags, q))) &&
    !($not && matches(tags, $not)) &&
    Object.entries(equal).every(
      ([name, want]) => want === undefined || (Array.isArray(want) ? want.every((w) => tags[name]?.includes(w)) : tags[name] === want)
    )
  )
}

// MemoryStorageModule registers it.
export class MemoryStorageModule {
  register(dependencyManager) {
    dependencyManager.registerInstance(InjectionSymbols.StorageService, new MemoryStorage())
  }
}
