/** Preloaded into an operator (`node --import`): its wall clock is CHAOS_SKEW_MS ahead of the machine's. Timers are not. */
const skewMs = Number(process.env['CHAOS_SKEW_MS'] ?? 0);
const machineNow = Date.now;

globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [machineNow() + skewMs] : args, newTarget),
});
Date.now = () => machineNow() + skewMs;
