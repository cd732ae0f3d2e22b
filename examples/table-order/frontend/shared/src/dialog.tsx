import { type ReactNode, useLayoutEffect, useRef, useState } from "react";
import { useText } from "./language";

/** What a dialog begins with: what the Tab key reaches. */
const FIRST = "input, select, textarea, button:not([tabindex='-1'])";

interface DialogProps {
  label: string;
  role?: "dialog" | "alertdialog";
  className?: string;
  onClose: () => void;
  children: ReactNode;
}

/** A modal dialog for as long as it is rendered: Escape closes it, and focus goes back to where it was. */
export function Dialog({ label, role, className = "card dialog", onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const pressedOutside = useRef(false);

  useLayoutEffect(() => {
    const dialog = element.current!;
    dialog.showModal();
    // The browser's own choice would be a tab that is not selected, too.
    dialog.querySelector<HTMLElement>(FIRST)?.focus();
    // Before it leaves the page: only a dialog that is closed gives the focus back.
    return () => dialog.close();
  }, []);

  return (
    <dialog
      ref={element}
      className={className}
      role={role}
      aria-label={label}
      onClose={onClose}
      onMouseDown={(event) => {
        pressedOutside.current = event.target === element.current;
      }}
      // Pressed and released outside: text that is marked with the mouse may end there.
      onClick={(event) => event.target === element.current && pressedOutside.current && onClose()}
    >
      <div className="dialog-body">{children}</div>
    </dialog>
  );
}

interface Question {
  text: string;
  /** What the button says that does it. */
  action: string;
  onConfirm: () => void;
}

/** Asks before something that cannot be undone easily; the dialog is to be rendered by the caller. */
export function useConfirm(): [ask: (question: Question) => void, dialog: ReactNode] {
  const { t } = useText();
  const [question, ask] = useState<Question>();
  const close = () => ask(undefined);
  const dialog = question && (
    <Dialog role="alertdialog" label={question.text} onClose={close}>
      <p>{question.text}</p>
      <div className="dialog-foot">
        <button type="button" className="button" onClick={close}>
          {t("close")}
        </button>
        <button
          type="button"
          className="button primary"
          onClick={() => {
            close();
            question.onConfirm();
          }}
        >
          {question.action}
        </button>
      </div>
    </Dialog>
  );
  return [ask, dialog];
}
