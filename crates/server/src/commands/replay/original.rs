//! A call as MLflow has it: the traces of its turns, in order.
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use voce_mlflow::{Client, Order, Search, Trace};

use super::turn;

/// Turns of one call that are held again, at most.
const MOST_TURNS: usize = 500;

/// A turn of the caller's.
pub struct Original {
    pub trace: Trace,
    /// What the caller said, if the trace holds it and it had words.
    pub question: Option<String>,
    /// Whether the caller held the button.
    pub by_button: bool,
    /// How long after the first sound of the answer before it the caller began to speak into it; none if they waited.
    pub into_answer: Option<Duration>,
}

/// The turns of the caller's that trace `id` belongs to: the whole call, or that turn `alone`.
pub async fn find(client: &Client, id: &str, alone: bool) -> Result<Vec<Original>> {
    let trace = client.trace(id).await?.with_context(|| {
        format!(
            "trace {id} is not in MLflow at {}; expected the id of a turn, as `voce talk`, `voce report` and the page show it (a turn that has just ended takes some seconds to get there)",
            client.url()
        )
    })?;
    ensure!(
        trace.root().is_some_and(|root| root.name == "turn"),
        "trace {id} is no turn of voce, or its turn has not ended yet; expected a trace whose root is \"turn\""
    );
    let mut traces = match trace.info.session() {
        Some(session) if !alone => call(client, &trace, session).await?,
        _ => vec![trace],
    };
    traces.retain(|trace| trace.root().is_some());
    traces.sort_by_key(|trace| trace.root().map(|root| root.start_ns));
    let turns = originals(traces);
    ensure!(!turns.is_empty(), "nobody spoke in the turns of trace {id}: the assistant began them all");
    Ok(turns)
}

/// All turns of the call that a trace belongs to.
async fn call(client: &Client, trace: &Trace, session: &str) -> Result<Vec<Trace>> {
    if session.contains(['\'', '"', '`', '\\']) {
        bail!("MLflow cannot search for the session {session:?}; replay the turn alone with --turn");
    }
    let filter = format!("trace.name = 'voice-turn' AND metadata.`mlflow.trace.session` = '{session}'");
    let search = Search {
        experiment_id: &trace.info.experiment_id,
        filter: &filter,
        order: Order::Oldest,
        limit: MOST_TURNS,
    };
    let found = client.search(&search).await?;
    let ids: Vec<&str> = found.iter().map(|trace| trace.id.as_str()).collect();
    Ok(client.traces(&ids).await?)
}

/// Those in which the caller spoke. What the bot says by itself is up to the present configuration.
fn originals(traces: Vec<Trace>) -> Vec<Original> {
    let mut turns: Vec<Original> = vec![];
    let mut before: Option<Answer> = None;
    for trace in traces {
        let Some(root) = trace.root() else { continue };
        let into_answer = before
            .filter(|answer| answer.was_cut && (answer.began_ns..=answer.ended_ns).contains(&root.start_ns))
            .map(|answer| Duration::from_nanos(root.start_ns - answer.began_ns));
        let opened_by = root.word("voce.turn.opened_by").unwrap_or_default();
        let (by_bot, by_button) = (matches!(opened_by, "greeting" | "idle"), opened_by == "push_to_talk");
        before = trace.named("playout").next().map(|playout| Answer {
            began_ns: playout.start_ns,
            ended_ns: root.end_ns,
            // When the bot speaks by itself now, nobody knows.
            was_cut: !by_bot && root.flag("turn.was_interrupted").unwrap_or_default(),
        });
        if !by_bot {
            let question = turn::question(root).filter(|question| !question.trim().is_empty());
            turns.push(Original { question, by_button, into_answer, trace });
        }
    }
    turns
}

/// The answer of a turn, as far as the next turn may have begun in it.
#[derive(Clone, Copy)]
struct Answer {
    /// Its first sample.
    began_ns: u64,
    /// Its last sample, or when it fell silent.
    ended_ns: u64,
    /// Somebody interrupted it: by voice if the next turn begins in it, otherwise by the button.
    was_cut: bool,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Map, Value, json};
    use voce_mlflow::{Span, Status, TraceInfo};

    use super::*;

    /// A turn of these seconds whose answer begins at `answer`.
    fn trace(turn: (u64, u64), answer: Option<u64>, attributes: Value) -> Trace {
        let span = |name: &str, (start, end): (u64, u64), parent: Option<&str>, attributes: Value| Span {
            name: name.into(),
            id: name.into(),
            parent: parent.map(str::to_owned),
            status: Status::Ok,
            message: String::new(),
            start_ns: start * 1_000_000_000,
            end_ns: end * 1_000_000_000,
            attributes: attributes
                .as_object()
                .cloned()
                .unwrap_or_default()
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            events: vec![],
        };
        let mut spans = vec![span("turn", turn, None, attributes)];
        spans.extend(answer.map(|start| span("playout", (start, turn.1), Some("turn"), json!({}))));
        let info = TraceInfo {
            id: "tr-1".into(),
            experiment_id: "1".into(),
            state: "OK".into(),
            started_ms: 0,
            seconds: None,
            request_preview: String::new(),
            response_preview: String::new(),
            tags: Map::new(),
            metadata: Map::new(),
            assessments: vec![],
        };
        Trace { info, spans }
    }

    fn said(question: &str, interrupted: bool) -> Value {
        json!({
            "voce.turn.opened_by": "speech", "turn.was_interrupted": interrupted,
            "mlflow.spanInputs": { "messages": [{ "role": "user", "content": question }] },
        })
    }

    #[test]
    fn an_interruption_is_known_by_its_moment() {
        let turns = originals(vec![
            trace(
                (0, 4),
                Some(2),
                json!({ "voce.turn.opened_by": "greeting", "turn.was_interrupted": true }),
            ),
            trace((3, 10), Some(6), said("one", true)),
            trace((9, 20), Some(12), said("two", true)),
            // Stopped by the button, then silence.
            trace((25, 30), Some(27), said("[3 characters, hash 0123456789abcdef]", true)),
            trace((29, 30), None, said(" ", true)),
            trace((30, 31), None, json!({ "voce.turn.opened_by": "push_to_talk" })),
        ]);
        let into: Vec<Option<u64>> =
            turns.iter().map(|turn| turn.into_answer.map(|offset| offset.as_secs())).collect();
        assert_eq!(into, [None, Some(3), None, Some(2), None]);
        let questions: Vec<Option<&str>> = turns.iter().map(|turn| turn.question.as_deref()).collect();
        assert_eq!(questions, [Some("one"), Some("two"), None, None, None]);
        assert_eq!(turns.iter().filter(|turn| turn.by_button).count(), 1);
    }
}
