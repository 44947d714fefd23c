// The one way in which the views make elements. Text is always set as text, never as markup.

type Child = Node | string | false | undefined;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, string | boolean | undefined> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child): child is Node | string => child !== false && child !== undefined));
  return made;
}

/** The element that index.html promises. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found as T;
}

/** Sets text only when it differs, so that live regions do not repeat themselves. */
export function setText(target: HTMLElement, text: string) {
  if (target.textContent !== text) target.textContent = text;
}
