/** Numbers and strangers' texts as people read them. Pure functions. */

import type { TranslationBundle } from '@jupyterlab/translation';

/** Controls, surrogates, line separators and marks that reorder what is read (as `printable` of the command line). */
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/gu;

/** `text` in which nothing can hide or reorder what is read: a person decides by it what to trust. */
export function printable(text: string): string {
  return text.replace(
    HIDDEN,
    mark => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`
  );
}

/** Bytes with a unit: "412 MB". Powers of 1000, as the command line counts. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = Math.max(0, count);
  let unit = 0;
  // 999.5 would be shown as "1000".
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text =
    unit === 0 || value >= 99.5 ? value.toFixed(0) : value.toFixed(1);
  return `${text.replace(/\.0$/, '')} ${units[unit]}`;
}

/** Seconds as a clock shows them: "0:07", "1:02:03". */
export function elapsed(seconds: number): string {
  const all = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  return hours
    ? `${hours}:${two(minutes)}:${two(all % 60)}`
    : `${minutes}:${two(all % 60)}`;
}

/** How long ago a moment (seconds since the epoch) was: "3 hours ago"; "never" where there is none. */
export function ago(at: number, now: number, trans: TranslationBundle): string {
  if (!at) {
    return trans.__('never');
  }
  const minutes = Math.floor(Math.max(0, now - at) / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days >= 60) {
    return trans._n('%1 month ago', '%1 months ago', Math.floor(days / 30));
  }
  if (days) {
    return trans._n('%1 day ago', '%1 days ago', days);
  }
  if (hours) {
    return trans._n('%1 hour ago', '%1 hours ago', hours);
  }
  return minutes
    ? trans._n('%1 minute ago', '%1 minutes ago', minutes)
    : trans.__('just now');
}

/** How far something is, from 0 to 100; null where that is not known. */
export function percent(
  done?: number | null,
  total?: number | null
): number | null {
  if (done === undefined || done === null || !total) {
    return null;
  }
  return Math.max(0, Math.min(100, Math.floor((100 * done) / total)));
}

/** The requirements that a person typed: words apart by spaces, or one requirement that has spaces of its own. */
export function requirements(typed: string): string[] {
  const text = typed.trim();
  const words = text.split(/\s+/);
  const apart =
    !/[;@([]/.test(text) &&
    words.every(word => /^[A-Za-z0-9]/.test(word) && !/[<>=!~,]$/.test(word)) &&
    !words.slice(1).some(word => /^[0-9]/.test(word));
  return text === '' ? [] : apart ? words : [text];
}
