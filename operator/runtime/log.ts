/** How the runtime reports what it has handled itself: one line, with data beside it. Never called with secrets. */
export type Log = (message: string, details: Readonly<Record<string, unknown>>) => void;

/** What an unknown thrown thing says of itself. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
