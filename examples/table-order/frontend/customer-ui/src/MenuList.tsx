import { type Menu, MenuPicture, useText } from "@table-order/shared";
import { useEffect, useRef } from "react";
import type { MenuBoard } from "./api";
import { Stepper } from "./Stepper";

interface MenuListProps {
  board: MenuBoard;
  quantities: Record<number, number>;
  /** Absent where nothing can be ordered: the menu is then for reading. */
  onQuantity?: (menuId: number, quantity: number) => void;
}

/** The menu, one section for each category that has something, and links that jump to them. */
export function MenuList({ board, quantities, onQuantity }: MenuListProps) {
  const { t } = useText();
  const sections = board.categories.filter(({ menus }) => menus.length > 0);

  if (sections.length === 0) return <p className="empty">{t("menu_empty")}</p>;
  return (
    <>
      <nav className="categories" aria-label={t("categories")}>
        {sections.map(({ id, name }) => (
          <a key={id} href={`#category-${id}`}>
            {name}
          </a>
        ))}
      </nav>
      {sections.map(({ id, name, menus }) => (
        <section key={id} id={`category-${id}`} aria-labelledby={`category-${id}-name`} className="category">
          <h2 id={`category-${id}-name`}>{name}</h2>
          <ul className="menus">
            {menus.map((menu) => (
              <MenuCard
                key={menu.id}
                menu={menu}
                quantity={quantities[menu.id] ?? 0}
                onQuantity={onQuantity && ((quantity) => onQuantity(menu.id, quantity))}
              />
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

interface MenuCardProps {
  menu: Menu;
  quantity: number;
  onQuantity?: (quantity: number) => void;
}

function MenuCard({ menu, quantity, onQuantity }: MenuCardProps) {
  const { won } = useText();
  return (
    <li className="card menu" aria-label={menu.name}>
      <MenuPicture url={menu.image_url} name={menu.name} />
      <div className="menu-text">
        <h3>{menu.name}</h3>
        {menu.description && <p className="menu-description">{menu.description}</p>}
        <div className="menu-foot">
          <strong>{won(menu.price)}</strong>
          <MenuAction menu={menu} quantity={quantity} onQuantity={onQuantity} />
        </div>
      </div>
    </li>
  );
}

function MenuAction({ menu, quantity, onQuantity }: MenuCardProps) {
  const { t } = useText();
  const box = useRef<HTMLSpanElement>(null);
  const pressed = useRef(false);
  const ordered = quantity > 0;

  useEffect(() => {
    // The button that was pressed has made room for others: the focus stays where it was.
    if (pressed.current) box.current?.querySelector<HTMLElement>("button:last-of-type")?.focus();
    pressed.current = false;
  }, [ordered]);

  if (!menu.is_available) return <span className="chip">{t("sold_out")}</span>;
  if (!onQuantity) return null;
  const change = (next: number) => {
    pressed.current = ordered !== next > 0;
    onQuantity(next);
  };
  return (
    <span ref={box}>
      {ordered ? (
        <Stepper name={menu.name} quantity={quantity} onChange={change} />
      ) : (
        <button
          type="button"
          className="button small"
          aria-label={t("add_named", { name: menu.name })}
          onClick={() => change(1)}
        >
          {t("add")}
        </button>
      )}
    </span>
  );
}
