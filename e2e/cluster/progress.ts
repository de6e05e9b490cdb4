// Says what is being done and for how long, on standard error, so that a wait of minutes never looks like a hang and
// standard output stays free for results.
const started = performance.now();

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function line(text: string): void {
  process.stderr.write(`[${seconds(started).padStart(8)}] ${text}\n`);
}

/** One line of information. */
export function say(text: string): void {
  line(text);
}

/** Runs `work` under a title: a line at its start, one each 20 s with what it last reported, one at its end. */
export async function step<T>(title: string, work: (report: (detail: string) => void) => Promise<T>): Promise<T> {
  const begun = performance.now();
  let detail = '';
  line(`${title} ...`);
  const timer = setInterval(() => line(`${title}: ${seconds(begun)}${detail === '' ? '' : `, ${detail}`}`), 20_000);
  try {
    const result = await work((text) => {
      detail = text;
    });
    line(`${title}: done in ${seconds(begun)}`);
    return result;
  } catch (error) {
    line(`${title}: failed after ${seconds(begun)}`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}
