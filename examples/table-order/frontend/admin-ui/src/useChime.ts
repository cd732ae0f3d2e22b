import { useCallback, useEffect, useRef, useState } from "react";

const STORAGE_KEY = "table-order-sound";
/** Hertz; one after the other. */
const NOTES = [880, 1318.5];
const NOTE_SECONDS = 0.18;
const FADE_SECONDS = 0.6;
/** A browser that lets the page sound at once has begun by then. */
const START_MS = 500;

export interface Chime {
  on: boolean;
  /** Turned on, but the browser plays nothing before somebody has touched the page. */
  blocked: boolean;
  toggle: () => void;
  ring: () => void;
}

/** A sound for new orders, made by the browser; off until it is turned on, which this browser then remembers. */
export function useChime(): Chime {
  const [on, setOn] = useState(() => localStorage.getItem(STORAGE_KEY) === "on");
  const [blocked, setBlocked] = useState(false);
  const audio = useRef<AudioContext>(undefined);
  // Whoever turns it on hears how it sounds.
  const greets = useRef(false);

  useEffect(() => {
    if (!on) return;
    const context = new AudioContext();
    audio.current = context;
    const look = () => {
      const running = context.state === "running";
      setBlocked(!running);
      if (running && greets.current) play(context);
      if (running) greets.current = false;
    };
    const resume = () => void context.resume();
    const timer = window.setTimeout(look, START_MS);
    context.addEventListener("statechange", look);
    document.addEventListener("pointerdown", resume);
    document.addEventListener("keydown", resume);
    return () => {
      window.clearTimeout(timer);
      context.removeEventListener("statechange", look);
      document.removeEventListener("pointerdown", resume);
      document.removeEventListener("keydown", resume);
      audio.current = undefined;
      setBlocked(false);
      void context.close();
    };
  }, [on]);

  const ring = useCallback(() => {
    if (audio.current?.state === "running") play(audio.current);
  }, []);

  const toggle = useCallback(() => {
    localStorage.setItem(STORAGE_KEY, on ? "off" : "on");
    greets.current = !on;
    setOn(!on);
  }, [on]);

  return { on, blocked, toggle, ring };
}

function play(context: AudioContext) {
  NOTES.forEach((frequency, index) => {
    const start = context.currentTime + index * NOTE_SECONDS;
    const volume = context.createGain();
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.4, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + FADE_SECONDS);
    const tone = context.createOscillator();
    tone.frequency.value = frequency;
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + FADE_SECONDS);
  });
}
