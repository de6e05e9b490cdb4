/**
 * A warning is a specification that can be run, and that does something its author probably does not want. Nothing is
 * refused for it: `validate` prints it and exits with 0, and conditions may carry it.
 */
import { type Fault, formatFault } from './fault.ts';

export interface Warning extends Fault {
  readonly severity: 'warning';
  /** One CamelCase word for the kind of it, as conditions have: `SessionPoolTooSmall`. */
  readonly reason: string;
}

export const warning = (reason: string, fault: Fault): Warning => ({ severity: 'warning', reason, ...fault });

/** One line: `warning: spec.path: problem (the value); remedy`. */
export const formatWarning = (found: Warning): string => `warning: ${formatFault(found)}`;
