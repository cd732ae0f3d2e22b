import {
  Alert,
  type Category,
  Field,
  type Menu,
  MenuPicture,
  Problem,
  type SignedIn,
  useAction,
  useText,
} from "@table-order/shared";
import { type FormEvent, type ReactNode, useState } from "react";
import { changeMenu, createCategory, createMenu, replacePicture } from "./api";
import { CategoryChoice, NEW_CATEGORY, PictureChoice } from "./choices";

const BLANK = { name: "", price: "", description: "" };

interface MenuFormProps {
  call: SignedIn["call"];
  categories: Category[];
  /** Called after a category was added, or a menu added or changed; resolves when the page knows of it. */
  onSaved: () => Promise<void>;
}

export function NewMenu({ call, categories, onSaved }: MenuFormProps) {
  const { t } = useText();
  const [added, setAdded] = useState<string>();
  const fields = useMenuFields(call, categories, onSaved);

  const add = async () => {
    setAdded(undefined);
    const form = new FormData();
    for (const [key, value] of Object.entries(fields.text)) form.set(key, value);
    form.set("category_id", String(await fields.categoryId()));
    if (fields.picture) form.set("image", fields.picture);
    const menu = await call((token) => createMenu(token, form));
    await onSaved();
    setAdded(menu.name);
    fields.reset();
  };

  return (
    <MenuFields fields={fields} categories={categories} title={t("add_menu")} className="card form" onSubmit={add}>
      <Alert kind="success">{added && t("menu_added", { name: added })}</Alert>
      <button type="submit" className="button primary" aria-disabled={fields.busy}>
        {fields.busy ? t("adding") : t("add_menu")}
      </button>
    </MenuFields>
  );
}

/** The same form for a menu that exists; what stands in it is what the menu becomes. */
export function EditMenu({ call, categories, onSaved, menu, onDone }: MenuFormProps & { menu: Menu; onDone: (saved: boolean) => void }) {
  const { t } = useText();
  const fields = useMenuFields(call, categories, onSaved, menu);

  const save = async () => {
    const { name, price, description } = fields.text;
    const change = { name, price: Number(price), description, category_id: await fields.categoryId() };
    await call((token) => changeMenu(token, menu.id, change));
    const { picture } = fields;
    if (picture) await call((token) => replacePicture(token, menu.id, picture));
    await onSaved();
    onDone(true);
  };

  return (
    <MenuFields
      fields={fields}
      categories={categories}
      title={t("edit_menu")}
      className="form"
      present={menu}
      onSubmit={save}
    >
      <div className="dialog-foot">
        <button type="button" className="button" onClick={() => onDone(false)}>
          {t("close")}
        </button>
        <button type="submit" className="button primary" aria-disabled={fields.busy}>
          {fields.busy ? t("saving") : t("save")}
        </button>
      </div>
    </MenuFields>
  );
}

/** What is entered, and the sending of it. */
function useMenuFields(call: SignedIn["call"], categories: Category[], onSaved: () => Promise<void>, menu?: Menu) {
  const [text, setText] = useState(menu ? textOf(menu) : BLANK);
  const [category, setCategory] = useState(String(menu?.category_id ?? categories[0]?.id ?? NEW_CATEGORY));
  const [newCategory, setNewCategory] = useState("");
  const [picture, setPicture] = useState<File>();
  const action = useAction();

  /** The chosen category's id, after creating it where it is a new one. */
  const categoryId = async (): Promise<number> => {
    if (category !== NEW_CATEGORY) return Number(category);
    const created = await call((token) => createCategory(token, newCategory, categories.length));
    await onSaved();
    setCategory(String(created.id));
    setNewCategory("");
    return created.id;
  };
  const reset = () => {
    setText(BLANK);
    setPicture(undefined);
  };
  return {
    ...action,
    text,
    setText,
    category,
    setCategory,
    newCategory,
    setNewCategory,
    picture,
    setPicture,
    categoryId,
    reset,
  };
}

function textOf({ name, price, description }: Menu): typeof BLANK {
  return { name, price: String(price), description };
}

interface MenuFieldsProps {
  fields: ReturnType<typeof useMenuFields>;
  categories: Category[];
  title: string;
  className: string;
  /** The menu as it is, whose picture is shown until another is chosen. */
  present?: Menu;
  onSubmit: () => Promise<void>;
  children: ReactNode;
}

function MenuFields({ fields, categories, title, className, present, onSubmit, children }: MenuFieldsProps) {
  const { t } = useText();
  const { text, setText } = fields;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void fields.run(onSubmit);
  };

  return (
    <form className={className} aria-label={title} onSubmit={submit}>
      <h2>{title}</h2>
      <Field
        label={t("name")}
        value={text.name}
        onChange={(name) => setText({ ...text, name })}
        maxLength={100}
        required
      />
      <CategoryChoice categories={categories} value={fields.category} onChange={fields.setCategory} />
      {fields.category === NEW_CATEGORY && (
        <Field
          label={t("new_category_name")}
          value={fields.newCategory}
          onChange={fields.setNewCategory}
          maxLength={50}
          required
        />
      )}
      <Field
        label={t("price")}
        type="number"
        value={text.price}
        onChange={(price) => setText({ ...text, price })}
        min={0}
        max={10_000_000}
        required
      />
      <Field
        label={t("description")}
        value={text.description}
        onChange={(description) => setText({ ...text, description })}
        maxLength={500}
        multiline
      />
      <PictureChoice picture={fields.picture} replaces={Boolean(present?.image_url)} onChange={fields.setPicture} />
      {present?.image_url && !fields.picture && <MenuPicture url={present.image_url} name={present.name} />}
      <Problem of={fields.problem} />
      {children}
    </form>
  );
}
