const wonFormat = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const timeFormat = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** 12000 becomes "₩12,000". */
export function won(amount: number): string {
  return `₩${wonFormat.format(amount)}`;
}

/** The hour and minute of an ISO 8601 time, in the viewer's time zone: "18:05". */
export function clock(iso: string): string {
  return timeFormat.format(new Date(iso));
}

/** 1 becomes "1 item", 2 becomes "2 items". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
