import { Alert, type Category, Field, Problem, type SignedIn, useText } from "@table-order/shared";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { createCategory, createMenu } from "./api";

/** What the API accepts; the browser's file chooser offers these first. */
const PICTURE_TYPES = "image/jpeg,image/png";
const NEW_CATEGORY = "new";
const BLANK = { name: "", price: "", description: "" };

interface NewMenuProps {
  call: SignedIn["call"];
  categories: Category[];
  /** Called after a category or a menu was added; resolves when the page knows of it. */
  onAdded: () => Promise<void>;
}

export function NewMenu({ call, categories, onAdded }: NewMenuProps) {
  const { t } = useText();
  const [text, setText] = useState(BLANK);
  const [category, setCategory] = useState(String(categories[0]?.id ?? NEW_CATEGORY));
  const [newCategory, setNewCategory] = useState("");
  const [picture, setPicture] = useState<File>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [added, setAdded] = useState<string>();

  /** The chosen category's id, after creating it where it is a new one. */
  const categoryId = async () => {
    if (category !== NEW_CATEGORY) return category;
    const created = await call((token) => createCategory(token, newCategory, categories.length));
    await onAdded();
    setCategory(String(created.id));
    setNewCategory("");
    return String(created.id);
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    setAdded(undefined);
    try {
      const form = new FormData();
      for (const [key, value] of Object.entries(text)) form.set(key, value);
      form.set("category_id", await categoryId());
      if (picture) form.set("image", picture);
      const menu = await call((token) => createMenu(token, form));
      await onAdded();
      setAdded(menu.name);
      setText(BLANK);
      setPicture(undefined);
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };

  return (
    <form className="card form" aria-label={t("add_menu")} onSubmit={submit}>
      <h2>{t("add_menu")}</h2>
      <Field
        label={t("name")}
        value={text.name}
        onChange={(name) => setText({ ...text, name })}
        maxLength={100}
        required
      />
      <CategoryChoice categories={categories} value={category} onChange={setCategory} />
      {category === NEW_CATEGORY && (
        <Field label={t("new_category_name")} value={newCategory} onChange={setNewCategory} maxLength={50} required />
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
      <PictureChoice picture={picture} onChange={setPicture} />
      <Problem of={problem} />
      {added && <Alert kind="success">{t("menu_added", { name: added })}</Alert>}
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? t("adding") : t("add_menu")}
      </button>
    </form>
  );
}

interface CategoryChoiceProps {
  categories: Category[];
  value: string;
  onChange: (value: string) => void;
}

function CategoryChoice({ categories, value, onChange }: CategoryChoiceProps) {
  const { t } = useText();
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{t("category")}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        {categories.map((category) => (
          <option key={category.id} value={category.id}>
            {category.name}
          </option>
        ))}
        <option value={NEW_CATEGORY}>{t("new_category")}</option>
      </select>
    </div>
  );
}

interface PictureChoiceProps {
  picture: File | undefined;
  onChange: (picture: File | undefined) => void;
}

function PictureChoice({ picture, onChange }: PictureChoiceProps) {
  const { t } = useText();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [preview, setPreview] = useState<string>();

  useEffect(() => {
    if (!picture) {
      if (input.current) input.current.value = "";
      return;
    }
    const address = URL.createObjectURL(picture);
    setPreview(address);
    return () => {
      URL.revokeObjectURL(address);
      setPreview(undefined);
    };
  }, [picture]);

  return (
    <div className="field">
      <label htmlFor={id}>
        {t("picture")}<span className="muted"> ({t("optional")})</span>
      </label>
      <input
        id={id}
        ref={input}
        type="file"
        accept={PICTURE_TYPES}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.files?.[0])}
      />
      <small id={`${id}-hint`} className="muted">
        {t("picture_hint")}
      </small>
      {preview && <img className="picture" src={preview} alt={t("picture_preview")} />}
    </div>
  );
}
