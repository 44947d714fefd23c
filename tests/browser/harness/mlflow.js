// What tests ask an MLflow server: which spans a trace has, and what they say.

/** The trace of a turn, once it is complete: its spans with their attributes and events, in the order of their start. */
export async function completeTrace(url, id, seconds = 60) {
  const address = `${url.replace(/\/$/, "")}/api/3.0/mlflow/traces/get?trace_id=tr-${id}`;
  let seen = "nothing";
  for (let wait = 0; wait < seconds * 2; wait++) {
    const response = await fetch(address);
    seen = response.status;
    if (response.ok) {
      const { trace } = await response.json();
      seen = trace.trace_info.state;
      if (seen !== "IN_PROGRESS") return trace.spans.map(span).sort((a, b) => a.start - b.start);
    }
    await new Promise((next) => setTimeout(next, 500));
  }
  throw new Error(`${address}: ${seen} after ${seconds} s`);
}

function span({ name, parent_span_id, start_time_unix_nano, end_time_unix_nano, attributes, events }) {
  return {
    name, root: !parent_span_id, start: Number(start_time_unix_nano) / 1e6, end: Number(end_time_unix_nano) / 1e6,
    attributes: fields(attributes), events: (events ?? []).map((event) => ({ name: event.name, ...fields(event.attributes) })),
  };
}

// MLflow hands out text that is JSON as lists and objects; the tests need plain values only.
function fields(pairs = []) {
  return Object.fromEntries(pairs.map(({ key, value }) => {
    const [[kind, plain]] = Object.entries(value);
    return [key, kind === "int_value" ? Number(plain) : plain];
  }));
}
