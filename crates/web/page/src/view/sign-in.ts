// The sign-in, in place of the welcome, where the server wants to know who asks.
import { signIn, signOut } from "../access";
import { needsSignIn } from "../protocol";
import type { Store } from "../state";
import { byId, setText } from "./element";

/** `signedIn` is called when a key was taken. Returns what puts the cursor into the field, if it is there. */
export function signInForm(store: Store, signedIn: () => Promise<void>): () => boolean {
  const form = byId<HTMLFormElement>("sign-in");
  const field = byId<HTMLInputElement>("access-key");
  const button = byId<HTMLButtonElement>("sign-in-button");
  const problem = byId("sign-in-problem");
  let asking = false;

  const show = (words: string) => {
    setText(problem, words);
    field.setAttribute("aria-invalid", String(words !== ""));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = field.value.trim();
    if (asking) return;
    if (key === "") return show("Enter the access key you were given.");
    asking = true;
    button.setAttribute("aria-disabled", "true");
    setText(button, "Signing in…");
    show("");
    void signIn(key).then(async (words) => {
      if (words === "") {
        field.value = "";
        await signedIn();
        byId("talk").focus();
      } else {
        show(words);
        field.select();
      }
    }).finally(() => {
      asking = false;
      button.removeAttribute("aria-disabled");
      setText(button, "Sign in");
    });
  });
  field.addEventListener("input", () => show(""));
  byId("sign-out").addEventListener("click", signOut);

  store.view(({ state }) => {
    const needed = needsSignIn(state.status) && state.phase === "idle";
    const appeared = needed && form.hidden;
    form.hidden = !needed;
    document.body.dataset.signIn = needed ? "needed" : "";
    byId("sign-out").hidden = !state.status?.sign_in?.required || !state.status.sign_in.done || state.phase !== "idle";
    if (state.signInProblem !== undefined && needed) {
      show(state.signInProblem);
      state.signInProblem = undefined;
    }
    // Nobody is pulled away from what they do elsewhere on the page.
    if (appeared && (document.activeElement === null || document.activeElement === document.body)) field.focus();
  });
  return () => {
    if (form.hidden) return false;
    field.focus();
    return true;
  };
}
