import { Dialog } from "@table-order/shared";
import { type KeyboardEvent, type ReactNode, useSyncExternalStore } from "react";

/** From here on the panel stays beside the menu; app.css has the same width. */
const wide = window.matchMedia("(min-width: 62rem)");

function useWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      wide.addEventListener("change", listener);
      return () => wide.removeEventListener("change", listener);
    },
    () => wide.matches,
  );
}

interface PanelProps {
  label: string;
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** Beside the menu where there is room; else a dialog that comes up from the bottom. */
export function Panel({ label, open, onClose, children }: PanelProps) {
  if (useWide()) {
    return (
      <aside className="panel" aria-label={label}>
        {children}
      </aside>
    );
  }
  if (!open) return null;
  return (
    <Dialog label={label} className="panel sheet" onClose={onClose}>
      {children}
    </Dialog>
  );
}

interface TabsProps<View extends string> {
  label: string;
  tabs: Record<View, string>;
  current: View;
  onSelect: (view: View) => void;
}

/** Tabs of the element with the id "panel": one stop for the Tab key, the arrow keys go from one to the other. */
export function Tabs<View extends string>({ label, tabs, current, onSelect }: TabsProps<View>) {
  const views = Object.keys(tabs) as View[];

  const move = (event: KeyboardEvent) => {
    const position = views.indexOf(current);
    const target = { ArrowRight: position + 1, ArrowLeft: position - 1, Home: 0, End: -1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    const next = views.at(target % views.length)!;
    onSelect(next);
    document.getElementById(`tab-${next}`)?.focus();
  };

  return (
    <div className="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {views.map((view) => (
        <button
          key={view}
          type="button"
          role="tab"
          id={`tab-${view}`}
          aria-controls="panel"
          aria-selected={view === current}
          tabIndex={view === current ? 0 : -1}
          onClick={() => onSelect(view)}
        >
          {tabs[view]}
        </button>
      ))}
    </div>
  );
}
