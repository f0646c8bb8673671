// Waits between attempts: they double, so that a daemun that comes back is not run over by everybody at once (4).

export const FIRST_WAIT = 250;
const LONGEST_WAIT = 30_000;

export const pause = (time) => new Promise((resolve) => setTimeout(resolve, time).unref());
/** Between half of a wait and all of it. */
export const scattered = (wait) => wait * (0.5 + Math.random() / 2);
export const next = (wait) => Math.min(wait * 2, LONGEST_WAIT);
