/** Says in our words what ajv found wrong, so that it reads like every other fault. */
import type { ErrorObject } from 'ajv';
import type { Fault } from './fault.ts';
import { dnsLabel, secretKey, secretName } from './schema/shapes.ts';
import { isObject } from './schema-node.ts';

/** Keys of `parameters` whose values are passwords, or hold one. They are refused, and until then never shown. */
const SECRET = /\.parameters\.(.*password|auth_ldap_options)$/i;

/** @returns nothing for an error that another one of the same value already tells */
export function schemaFault(error: ErrorObject): readonly Fault[] {
  const path = `spec${error.instancePath
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.')
    .replaceAll('~1', '/')
    .replaceAll('~0', '~')}`;
  const shown = !isObject(error.data) && !Array.isArray(error.data) && !SECRET.test(path);
  const at = { path, ...(shown ? { value: error.data } : {}) };
  const limit = String(error.params['limit']);
  switch (error.keyword) {
    case 'anyOf':
      return [{ ...at, problem: 'is neither an integer nor a string', remedy: 'give an integer or a string' }];
    case 'type': {
      // The branches of anyOf report for themselves; the anyOf above says it once.
      if (error.schemaPath.includes('/anyOf/')) return [];
      const type = String(error.params['type']);
      return [{ ...at, problem: `is not of type ${type}`, remedy: `give ${article(type)}` }];
    }
    case 'enum': {
      const allowed: readonly unknown[] = error.params['allowedValues'];
      return [{ ...at, problem: 'is not a known value', remedy: `use one of: ${allowed.join(', ')}` }];
    }
    case 'required':
      return [{ path: `${path}.${String(error.params['missingProperty'])}`, problem: 'is missing', remedy: 'set it' }];
    case 'minimum':
      return [{ ...at, problem: 'is too small', remedy: `give at least ${limit}` }];
    case 'maximum':
      return [{ ...at, problem: 'is too large', remedy: `give at most ${limit}` }];
    case 'minLength':
      return [{ ...at, problem: 'is too short', remedy: `give at least ${characters(limit)}` }];
    case 'maxLength':
      return [{ ...at, problem: `has more than ${characters(limit)}`, remedy: 'shorten it' }];
    case 'minItems':
      return [{ ...at, problem: 'is empty', remedy: `give at least ${limit}` }];
    case 'maxItems':
    case 'maxProperties':
      return [{ ...at, problem: `has more than ${limit} entries`, remedy: 'remove some' }];
    case 'x-kubernetes-list-type':
      return [{ ...at, problem: 'has an entry twice', remedy: 'name each once' }];
    case 'pattern':
      return [{ ...at, problem: 'is not well formed', remedy: patternRemedy(String(error.params['pattern'])) }];
    default:
      return [{ ...at, problem: error.message ?? 'is not valid', remedy: 'see `kubectl explain cpool.spec`' }];
  }
}

function patternRemedy(pattern: string): string {
  if (pattern.includes('\\x00')) return 'remove line breaks and other control characters';
  if (pattern.includes('direct-host'))
    return 'name {user}, {password}, {host}, {port}, {database}, {sslmode}, {direct-host}, {direct-port} or {direct-database}, with :raw, :quoted or :json for other places than a URL, and write {{ and }} for braces';
  if (pattern.includes('h)?(')) return 'write a duration in whole seconds and up: "90s", "30m", "1h30m"';
  if (pattern.includes('%')) return 'give an integer, or a share from "1%" to "100%"';
  if (pattern.startsWith('^1')) return 'write a PgBouncer version: "1.26.1"';
  if (pattern.includes('A-Fa-f0-9')) return 'write one name or address, without a port; several go into `hosts`';
  if (pattern.startsWith('^[!-~]')) return 'write it without spaces';
  if (pattern.startsWith('^[!-+'))
    return 'write one name, of ASCII letters, digits and signs, without spaces and commas';
  if (pattern === dnsLabel) return 'use a-z, 0-9 and -, with a letter or digit at both ends';
  if (pattern === secretName.pattern) return 'use a-z, 0-9, - and ., with a letter or digit at both ends of each part';
  if (pattern === secretKey.pattern) return 'use letters, digits and -._';
  return `it must match ${pattern}`;
}

const article = (type: string): string => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`);
const characters = (limit: string): string => `${limit} ${limit === '1' ? 'character' : 'characters'}`;
