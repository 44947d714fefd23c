// Who calls: what the address says (`?user=ann`), else a random name that this browser keeps. The server keeps a caller
// with the same variant of the assistant by it.
import { remember, remembered } from "./theme";

const KEY = "voce.user";
const LONGEST = 128;

export function user(address: string = location.search): string {
  const said = clean(new URLSearchParams(address).get("user") ?? "");
  if (said !== "") return said;
  const known = clean(remembered(KEY));
  if (known !== "") return known;
  const made = random();
  remember(KEY, made);
  return made;
}

/** As the server takes it: bounded, printable, without blanks around it. */
export function clean(name: string): string {
  return [...name.replace(/\p{Cc}/gu, "").trim()].slice(0, LONGEST).join("").trim();
}

// `crypto.randomUUID` is there on secure pages only.
function random(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
