import { type Category, useText } from "@table-order/shared";
import { useEffect, useId, useRef, useState } from "react";

/** What the API accepts; the browser's file chooser offers these first. */
const PICTURE_TYPES = "image/jpeg,image/png";
export const NEW_CATEGORY = "new";

interface CategoryChoiceProps {
  categories: Category[];
  value: string;
  onChange: (value: string) => void;
}

export function CategoryChoice({ categories, value, onChange }: CategoryChoiceProps) {
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
  /** Whether there is a picture that the chosen one takes the place of. */
  replaces: boolean;
  onChange: (picture: File | undefined) => void;
}

export function PictureChoice({ picture, replaces, onChange }: PictureChoiceProps) {
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
        {t("picture")}
        <span className="muted"> ({t("optional")})</span>
      </label>
      <input
        id={id}
        ref={input}
        className="visually-hidden"
        type="file"
        accept={PICTURE_TYPES}
        aria-describedby={`${id}-hint`}
        onChange={(event) => onChange(event.target.files?.[0])}
      />
      <div className="file-choice" aria-hidden="true">
        <label htmlFor={id} className="button small">
          {t(replaces ? "replace_picture" : "choose_picture")}
        </label>
        {picture?.name}
      </div>
      <small id={`${id}-hint`} className="muted">
        {t("picture_hint")}
      </small>
      {preview && <img className="picture" src={preview} alt={t("picture_preview")} />}
    </div>
  );
}
