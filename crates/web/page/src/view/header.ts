// The bar at the top: connection, assistant, theme, help.
import type { Store } from "../state";
import { byId, element, setText } from "./element";

export function header(store: Store) {
  const help = byId<HTMLDialogElement>("help");
  byId("help-open").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => event.target === help && help.close());
  store.view(({ state }) => {
    const [word, kind] = connection(store);
    const trip = state.roundTripMs === undefined ? "" : ` · ${Math.max(1, Math.round(state.roundTripMs))} ms`;
    setText(byId("connection"), word + trip);
    document.body.dataset.link = kind;
    const status = state.status;
    setText(byId("assistant"), status?.assistant ?? "");
    byId("assistant").hidden = !status?.assistant;
    const mlflow = byId<HTMLAnchorElement>("mlflow");
    mlflow.hidden = !/^https?:\/\//.test(status?.mlflow_url ?? "");
    if (status?.mlflow_url && !mlflow.hidden) mlflow.href = status.mlflow_url;
    if (status) for (const table of [byId("models"), byId("models-beside")]) models(store, table);
  });
}

function connection({ state }: Store): [string, string] {
  if (state.interrupted) return ["reconnecting…", "waiting"];
  if (state.phase === "connecting") return ["connecting…", "waiting"];
  if (state.phase !== "idle") return ["connected", "on"];
  return state.reachable ? ["ready", "ready"] : ["server away", "off"];
}

function models({ state }: Store, table: HTMLElement) {
  const shown = JSON.stringify(state.status);
  if (table.dataset.shown === shown) return;
  table.dataset.shown = shown;
  table.replaceChildren(...(state.status?.models ?? []).map((model) => element("tr", {},
    element("th", { scope: "row" }, model.role),
    element("td", {}, model.name),
    element("td", {}, `${model.provider} on ${model.device}`),
  )));
  setText(byId("version"), `${state.status?.name ?? "voce"} ${state.status?.version ?? ""}`);
}
