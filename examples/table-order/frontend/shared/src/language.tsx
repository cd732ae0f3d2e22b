import { useEffect, useSyncExternalStore } from "react";
import en from "./texts/en.json";
import ko from "./texts/ko.json";

export type Language = "ko" | "en";
export type TextKey = keyof typeof ko;
type Text = string | { one: string; other: string };
type Values = Record<string, string | number>;

/** What a page says in one language. */
export interface Texts {
  language: Language;
  /** The text with its `{values}` filled in; `count` chooses between one and several. */
  t: (key: TextKey, values?: Values) => string;
  /** An amount of won, such as "₩12,000". */
  won: (amount: number) => string;
  /** The hour and minute of an ISO 8601 time, in the viewer's time zone, such as "18:05". */
  clock: (iso: string) => string;
}

const STORAGE_KEY = "table-order-language";
const WORDS: Record<Language, Record<TextKey, Text>> = { ko, en };
const LOCALES: Record<Language, string> = { ko: "ko-KR", en: "en-GB" };
const TEXTS: Record<Language, Texts> = { ko: textsOf("ko"), en: textsOf("en") };

function textsOf(language: Language): Texts {
  const t: Texts["t"] = (key, values = {}) => fill(WORDS[language][key], values);
  const numbers = new Intl.NumberFormat(LOCALES[language], { maximumFractionDigits: 0 });
  const times = new Intl.DateTimeFormat(LOCALES[language], { hour: "numeric", minute: "2-digit" });
  return {
    language,
    t,
    won: (amount) => t("won", { amount: numbers.format(amount) }),
    clock: (iso) => times.format(new Date(iso)),
  };
}

function fill(text: Text, values: Values): string {
  const chosen = typeof text === "string" ? text : values.count === 1 ? text.one : text.other;
  return chosen.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]));
}

/** Korean, unless English was chosen in this browser. */
function current(): Language {
  return localStorage.getItem(STORAGE_KEY) === "en" ? "en" : "ko";
}

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  // Another tab has chosen.
  window.addEventListener("storage", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("storage", listener);
  };
}

function choose(language: Language) {
  localStorage.setItem(STORAGE_KEY, language);
  for (const listener of listeners) listener();
}

/** The texts of the language that was chosen; the component is drawn again when another one is. */
export function useText(): Texts {
  return TEXTS[useSyncExternalStore(subscribe, current)];
}

/** Names the page in the browser's tab, and says which language it speaks. */
export function useTitle(title: string) {
  const { language } = useText();
  useEffect(() => {
    document.title = title;
    document.documentElement.lang = language;
  }, [title, language]);
}

/** Changes to the other language, which is named in itself. */
export function LanguageSwitch() {
  const { language } = useText();
  const other = language === "ko" ? "en" : "ko";
  return (
    <button type="button" className="button quiet small" lang={other} onClick={() => choose(other)}>
      {TEXTS[other].t("language")}
    </button>
  );
}
