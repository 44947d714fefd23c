// Dark and light: the system's choice until the caller makes one.

const KEY = "voce.theme";

/** Reads a value that may not be there, or not be allowed. */
export function remembered(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

export function remember(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows may refuse; then the choice lasts as long as the page.
  }
}

export function theme(button: HTMLButtonElement) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let chosen = remembered(KEY);
  const show = () => {
    const name = chosen || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = name;
    button.setAttribute("aria-label", name === "dark" ? "Switch to light" : "Switch to dark");
    button.title = button.getAttribute("aria-label")!;
  };
  button.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    remember(KEY, chosen);
    show();
  });
  dark.addEventListener("change", show);
  show();
}
