import { Alert, type Category, Dialog, type Menu, MenuPicture, Problem, type SignedIn, useText } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { changeMenu, fetchCategories } from "./api";
import { EditMenu, NewMenu } from "./MenuForm";

export function MenusPage({ call }: { call: SignedIn["call"] }) {
  const { t } = useText();
  const [categories, setCategories] = useState<Category[]>();
  const [problem, setProblem] = useState<unknown>();
  const [editing, setEditing] = useState<Menu>();
  const [saved, setSaved] = useState<string>();

  const refresh = useCallback(() => call(fetchCategories).then(setCategories, setProblem), [call]);

  useEffect(() => void refresh(), [refresh]);

  const toggle = async (menu: Menu) => {
    setProblem(undefined);
    try {
      await call((token) => changeMenu(token, menu.id, { is_available: !menu.is_available }));
    } catch (error) {
      setProblem(error);
    }
    await refresh();
  };

  const edit = (menu: Menu) => {
    setSaved(undefined);
    setEditing(menu);
  };

  return (
    <>
      <div className="page-title">
        <h1>{t("page_menus")}</h1>
      </div>
      <Problem of={problem} />
      <Alert kind="success">{saved !== undefined && t("menu_saved", { name: saved })}</Alert>
      {categories && (
        <div className="split">
          <div className="menu-sections">
            {categories.length === 0 && <p className="card empty">{t("menu_empty")}</p>}
            {categories.map((category) => (
              <section key={category.id} aria-labelledby={`category-${category.id}`}>
                <h2 id={`category-${category.id}`}>{category.name}</h2>
                <ul className="menu-grid">
                  {category.menus.map((menu) => (
                    <MenuTile key={menu.id} menu={menu} onToggle={() => toggle(menu)} onEdit={() => edit(menu)} />
                  ))}
                </ul>
              </section>
            ))}
          </div>
          <NewMenu call={call} categories={categories} onSaved={refresh} />
        </div>
      )}
      {categories && editing && (
        <Dialog label={t("edit_named", { name: editing.name })} onClose={() => setEditing(undefined)}>
          <EditMenu
            call={call}
            categories={categories}
            menu={editing}
            onSaved={refresh}
            onDone={(changed) => {
              if (changed) setSaved(editing.name);
              setEditing(undefined);
            }}
          />
        </Dialog>
      )}
    </>
  );
}

interface MenuTileProps {
  menu: Menu;
  onToggle: () => void;
  onEdit: () => void;
}

function MenuTile({ menu, onToggle, onEdit }: MenuTileProps) {
  const { t, won } = useText();
  return (
    <li className={menu.is_available ? "card menu-tile" : "card menu-tile sold-out"} aria-label={menu.name}>
      <MenuPicture url={menu.image_url} name={menu.name} />
      <h3>{menu.name}</h3>
      <strong>{won(menu.price)}</strong>
      <p className="menu-tile-foot">
        <button
          type="button"
          className="button small"
          aria-pressed={!menu.is_available}
          aria-label={t("is_sold_out", { name: menu.name })}
          onClick={onToggle}
        >
          {menu.is_available ? t("on_sale") : t("sold_out")}
        </button>
        <button
          type="button"
          className="button small quiet"
          aria-label={t("edit_named", { name: menu.name })}
          onClick={onEdit}
        >
          {t("edit")}
        </button>
      </p>
    </li>
  );
}
