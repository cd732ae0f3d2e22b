import { type Category, type Menu, MenuPicture, Problem, type SignedIn, useText } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { changeAvailability, fetchCategories } from "./api";
import { NewMenu } from "./NewMenu";

export function MenusPage({ call }: { call: SignedIn["call"] }) {
  const { t } = useText();
  const [categories, setCategories] = useState<Category[]>();
  const [problem, setProblem] = useState<unknown>();

  const refresh = useCallback(
    () => call(fetchCategories).then(setCategories, setProblem),
    [call],
  );

  useEffect(() => void refresh(), [refresh]);

  const toggle = async (menu: Menu) => {
    setProblem(undefined);
    try {
      await call((token) => changeAvailability(token, menu.id, !menu.is_available));
    } catch (error) {
      setProblem(error);
    }
    await refresh();
  };

  return (
    <>
      <div className="page-title">
        <h1>{t("page_menus")}</h1>
      </div>
      <Problem of={problem} />
      {categories && (
        <div className="split">
          <div className="menu-sections">
            {categories.length === 0 && <p className="card empty">{t("menu_empty")}</p>}
            {categories.map((category) => (
              <section key={category.id} aria-labelledby={`category-${category.id}`}>
                <h2 id={`category-${category.id}`}>{category.name}</h2>
                <ul className="menu-grid">
                  {category.menus.map((menu) => (
                    <MenuTile key={menu.id} menu={menu} onToggle={() => toggle(menu)} />
                  ))}
                </ul>
              </section>
            ))}
          </div>
          <NewMenu call={call} categories={categories} onAdded={refresh} />
        </div>
      )}
    </>
  );
}

function MenuTile({ menu, onToggle }: { menu: Menu; onToggle: () => void }) {
  const { t, won } = useText();
  return (
    <li className={menu.is_available ? "card menu-tile" : "card menu-tile sold-out"} aria-label={menu.name}>
      <MenuPicture url={menu.image_url} name={menu.name} />
      <h3>{menu.name}</h3>
      <p className="menu-tile-foot">
        <strong>{won(menu.price)}</strong>
        <button
          type="button"
          className="button small"
          aria-pressed={!menu.is_available}
          aria-label={t("is_sold_out", { name: menu.name })}
          onClick={onToggle}
        >
          {t(menu.is_available ? "on_sale" : "sold_out")}
        </button>
      </p>
    </li>
  );
}
