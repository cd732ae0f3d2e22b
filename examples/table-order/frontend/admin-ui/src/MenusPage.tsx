import { Alert, type Category, type Menu, MenuPicture, type SignedIn, messageOf, won } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { changeAvailability, fetchCategories } from "./api";
import { NewMenu } from "./NewMenu";

export function MenusPage({ call }: { call: SignedIn["call"] }) {
  const [categories, setCategories] = useState<Category[]>();
  const [problem, setProblem] = useState<string>();

  const refresh = useCallback(
    () => call(fetchCategories).then(setCategories, (error) => setProblem(messageOf(error))),
    [call],
  );

  useEffect(() => void refresh(), [refresh]);

  const toggle = async (menu: Menu) => {
    setProblem(undefined);
    try {
      await call((token) => changeAvailability(token, menu.id, !menu.is_available));
    } catch (error) {
      setProblem(messageOf(error));
    }
    await refresh();
  };

  return (
    <>
      <div className="page-title">
        <h1>
          Menus <span lang="ko">메뉴</span>
        </h1>
      </div>
      {problem && <Alert kind="error">{problem}</Alert>}
      {categories && (
        <div className="split">
          <div className="menu-sections">
            {categories.length === 0 && <p className="card empty">There is nothing on the menu yet.</p>}
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
          aria-label={`${menu.name} is sold out`}
          onClick={onToggle}
        >
          {menu.is_available ? "On sale" : "Sold out"}
        </button>
      </p>
    </li>
  );
}
