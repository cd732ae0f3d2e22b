import { useCallback, useRef, useState } from "react";

/** Something that is sent to the API: while it is, whether it went wrong, and how to begin. */
export interface Action {
  busy: boolean;
  problem: unknown;
  /** Resolves when it is done, to whether it worked. */
  run: (action: () => Promise<unknown>) => Promise<boolean>;
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const running = useRef(false);
  const run = useCallback(async (action: () => Promise<unknown>) => {
    // A button that was disabled meanwhile would lose the focus; so it is not, and a second press does nothing.
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setProblem(undefined);
    try {
      await action();
      return true;
    } catch (error) {
      setProblem(error);
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, problem, run };
}
