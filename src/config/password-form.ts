/**
 * The forms a password may have in a configuration: a hash that is understood, or plain text.
 *
 * Decides nothing of its own: what a hash may look like and cost is said by `io/authentication/password-format.ts`, which
 * reads it again when it is checked. Must never do: compare a password, or repeat a character of one.
 */
import { ProxyError } from '../errors.ts';
import { parsePassword } from '../io/authentication/password-format.ts';

/** The form, or what is wrong as a sentence. */
export type PasswordForm =
  | { readonly form: 'scrypt' | 'bcrypt' | 'plain' }
  | { readonly form: 'wrong'; readonly message: string };

export function passwordForm(text: string): PasswordForm {
  if (text === '') return { form: 'wrong', message: 'an empty password lets everybody in' };
  try {
    return { form: parsePassword(text).form };
  } catch (error) {
    if (error instanceof ProxyError) return { form: 'wrong', message: error.message };
    throw error;
  }
}
