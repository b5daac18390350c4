/**
 * A user name with its password, which must not show: plans are handed out (`routes.list()`, `match()`) and get printed.
 */
import type { BasicCredential } from '../routing/http-plan.ts';

export class Credential implements BasicCredential {
  readonly username: string;
  readonly password: string;

  constructor({ username, password }: BasicCredential) {
    this.username = username;
    this.password = password;
  }

  toJSON(): object {
    return { username: this.username };
  }

  /** What `console.log` shows. */
  [Symbol.for('nodejs.util.inspect.custom')](): object {
    return this.toJSON();
  }
}
