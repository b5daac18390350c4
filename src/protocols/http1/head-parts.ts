/**
 * The fields of a head sorted: those that go end to end, and those that frame, route or hold the connection.
 *
 * Decides which fields are told (RFC 9110 §7.6.1), and how a body is framed as far as requests and responses agree.
 * Must never do: let a field through that a part of the head's own stands for.
 */
import { type Fields, type HttpProblem, noFields } from '../http/message.ts';
import { isAll, isDigit } from './byte-kinds.ts';
import { type ConnectionOptions, readConnection } from './connection-options.ts';
import {
  acceptsField,
  codingField,
  connectionField,
  endToEnd,
  expectField,
  hostField,
  lengthField,
  upgradeField,
} from './field-kinds.ts';
import { type FieldScanner, offsetsPerField } from './field-scanner.ts';
import type { SharedProblems } from './problems.ts';

const lengthDigitsMax = 15;

/** One per reader, filled again for each head. */
export class HeadParts {
  fields: Fields = noFields;
  connection: ConnectionOptions = readConnection(null);
  host: string | null = null;
  hosts = 0;
  coding: string | null = null;
  codings = 0;
  expect: string | null = null;
  expects = 0;
  upgrade: string | null = null;
  upgrades = 0;
  /** TE, joined with commas. */
  accepts: string | null = null;
  /** The announced length: -1 when there is none, -2 when it is unclean. */
  length = -1;
  #lengths = 0;
  #connection: string | null = null;

  /** What is wrong with the length and the options, whatever the message. */
  problem(problems: SharedProblems): HttpProblem | null {
    if (!this.connection.isClean) return problems.connection;
    if (this.#lengths > 1) return problems.severalLengths;
    if (this.length === -2) return problems.length;
    return this.#lengths > 0 && this.codings > 0 ? problems.lengthAndCoding : null;
  }

  /** Sorts what a scanner found. @param text the whole head. */
  fill(text: string, scanner: FieldScanner): void {
    this.#clear();
    const { offsets, count } = scanner;
    const fields: string[] = [];
    for (let offset = 0; offset < count * offsetsPerField; offset += offsetsPerField) {
      const kind = offsets[offset + 4] ?? endToEnd;
      const value = text.slice(offsets[offset + 2], offsets[offset + 3]);
      if (kind === endToEnd) fields.push(text.slice(offsets[offset], offsets[offset + 1]), value);
      else this.#note(kind, value);
    }
    this.connection = readConnection(this.#connection);
    const { nominated } = this.connection;
    this.fields = nominated === null ? fields : withoutNames(fields, nominated);
  }

  #clear(): void {
    this.host = null;
    this.hosts = 0;
    this.coding = null;
    this.codings = 0;
    this.expect = null;
    this.expects = 0;
    this.upgrade = null;
    this.upgrades = 0;
    this.accepts = null;
    this.length = -1;
    this.#lengths = 0;
    this.#connection = null;
  }

  #note(kind: number, value: string): void {
    switch (kind) {
      case hostField:
        this.host = value;
        this.hosts += 1;
        return;
      case lengthField:
        this.length = lengthOf(value);
        this.#lengths += 1;
        return;
      case codingField:
        this.coding = value;
        this.codings += 1;
        return;
      case connectionField:
        this.#connection = joined(this.#connection, value);
        return;
      case upgradeField:
        this.upgrade = value;
        this.upgrades += 1;
        return;
      case acceptsField:
        this.accepts = joined(this.accepts, value);
        return;
      case expectField:
        this.expect = value;
        this.expects += 1;
        return;
      default:
    }
  }
}

function lengthOf(value: string): number {
  return value.length <= lengthDigitsMax && isAll(value, isDigit) ? Number(value) : -2;
}

function joined(before: string | null, value: string): string {
  return before === null ? value : `${before},${value}`;
}

function withoutNames(fields: readonly string[], names: ReadonlySet<string>): Fields {
  const kept: string[] = [];
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (!names.has(name.toLowerCase())) kept.push(name, fields[index + 1] ?? '');
  }
  return kept;
}
