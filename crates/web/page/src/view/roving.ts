// Many things, one tab stop: arrow keys walk between the items of a box, up and down between its lines.

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];

export function roving(box: HTMLElement, line: string, item: string) {
  const itemsOf = (parent: ParentNode) => [...parent.querySelectorAll<HTMLElement>(item)];
  box.addEventListener("focusin", ({ target }) => {
    const focused = (target as HTMLElement).closest<HTMLElement>(item);
    if (!focused) return;
    for (const each of itemsOf(box)) each.tabIndex = each === focused ? 0 : -1;
  });
  box.addEventListener("keydown", (event) => {
    const focused = (event.target as HTMLElement).closest<HTMLElement>(item);
    const at = focused?.closest(line);
    if (!focused || !at || !KEYS.includes(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const here = itemsOf(at);
    const place = here.indexOf(focused);
    const lines = [...box.querySelectorAll(line)].filter((each) => itemsOf(each).length > 0);
    const beside = (step: number) => nearest(itemsOf(lines[lines.indexOf(at) + step] ?? at), focused);
    const next = {
      ArrowLeft: here[place - 1], ArrowRight: here[place + 1], Home: here[0], End: here.at(-1),
      ArrowUp: beside(-1), ArrowDown: beside(1),
    }[event.key];
    next?.focus();
  });
}

function nearest(items: HTMLElement[], to: HTMLElement): HTMLElement | undefined {
  const left = (each: HTMLElement) => each.getBoundingClientRect().left;
  const distance = (each: HTMLElement) => Math.abs(left(each) - left(to));
  return items.reduce<HTMLElement | undefined>((best, each) => (best && distance(best) <= distance(each) ? best : each), undefined);
}
