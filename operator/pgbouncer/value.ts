/**
 * What a value of a setting looks like: checked more strictly than PgBouncer does, which reads `010` as 8, `-1` as
 * it stands and `ten` in a pool size as 0; and compared with what PgBouncer prints, which is not what was written.
 */
import type { Setting } from './settings.ts';
import { hasControlCharacter } from './text.ts';

export interface ValueFault {
  readonly problem: string;
  readonly remedy: string;
}

/** @returns what is wrong with the value, in words that do not repeat it */
export function checkValue(setting: Setting, value: string): ValueFault | undefined {
  if (hasControlCharacter(value)) {
    return { problem: 'holds a line break or another control character', remedy: 'write it on one line, without' };
  }
  if (value !== value.trim()) {
    return { problem: 'begins or ends with a space, which PgBouncer cuts off', remedy: 'remove the space' };
  }
  if (value === '' && (setting.type !== 'string' || setting.section !== 'pgbouncer')) {
    return { problem: 'is empty', remedy: `write ${describe(setting)}, or leave the key out` };
  }
  switch (setting.type) {
    case 'string':
      return undefined;
    case 'boolean':
      return value === '0' || value === '1'
        ? undefined
        : { problem: 'is not a switch', remedy: 'write 1 (on) or 0 (off)' };
    case 'enum':
      return setting.enum?.includes(value.toLowerCase())
        ? undefined
        : { problem: 'is not one of its values', remedy: `write ${describe(setting)}` };
    case 'integer':
      return /^(0|[1-9]\d*)$/.test(value) ? checkRange(setting, Number(value)) : wrongNumber(setting);
    case 'octal':
      return /^0[0-7]{3}$/.test(value) ? undefined : { problem: 'is not an octal number', remedy: 'write it as 0700' };
    case 'seconds':
      return /^(0|[1-9]\d*)(\.\d+)?$/.test(value) ? checkRange(setting, Number(value)) : wrongNumber(setting);
  }
}

/** Whether what SHOW CONFIG prints (NULL when unset) is what a file says. */
export function isSameValue(setting: Setting, shown: string | null, stated: string | null): boolean {
  const [found = '', expected = ''] = [shown?.trim(), stated?.trim()];
  if (found === expected) return true;
  switch (setting.type) {
    case 'string':
      return false;
    case 'enum':
      return found.toLowerCase() === expected.toLowerCase();
    case 'octal':
      // Printed in decimal; its default as it stands in the file.
      return octal(found) === octal(expected);
    case 'seconds':
      // Printed with six significant digits: 1000041 as 1.00004e+06.
      return (
        found !== '' && expected !== '' && Math.abs(Number(found) - Number(expected)) <= Number(expected) * 5.000001e-6
      );
    case 'boolean':
    case 'integer':
      return found !== '' && expected !== '' && Number(found) === Number(expected);
  }
}

const octal = (text: string): number => Number.parseInt(text, text.startsWith('0') ? 8 : 10);

const wrongNumber = (setting: Setting): ValueFault => {
  const whole = setting.type === 'integer';
  const seconds = setting.unit === 'seconds';
  return {
    problem: whole ? 'is not a whole number' : 'is not a number of seconds',
    remedy: `write ${describe(setting)}${seconds ? ', for example 90 for a minute and a half' : ''}`,
  };
};

function checkRange(setting: Setting, number: number): ValueFault | undefined {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = setting;
  if (number >= min && number <= max) return undefined;
  return { problem: number < min ? 'is too small' : 'is too large', remedy: `write ${describe(setting)}` };
}

function describe(setting: Setting): string {
  switch (setting.type) {
    case 'boolean':
      return '1 or 0';
    case 'enum':
      return `one of ${(setting.enum ?? []).join(', ')}`;
    case 'octal':
      return 'an octal number';
    case 'integer':
    case 'seconds': {
      const unit = setting.unit === undefined ? '' : ` (${setting.unit})`;
      return `a ${setting.type === 'integer' ? 'whole ' : ''}number from ${setting.min} to ${setting.max}${unit}`;
    }
    case 'string':
      return 'a text';
  }
}
