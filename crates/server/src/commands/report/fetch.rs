//! Reads the turns of a time from MLflow, a page after the other. Only their figures are kept, so that thousands fit.
use std::{collections::HashSet, io::IsTerminal};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use voce_mlflow::{Client, Order, Search};

use super::turn::Turn;

/// Traces with their spans that are in memory at once.
const AT_ONCE: usize = 50;
/// Traces that are found at once.
const PAGE: usize = 500;

pub struct Fetched {
    /// In the order of their beginning.
    pub turns: Vec<Turn>,
    /// There are more than were asked for.
    pub more: bool,
    /// Traces whose root has not arrived.
    pub incomplete: usize,
}

/// The newest turns that began within the time, `limit` at most.
pub async fn turns(
    client: &Client,
    experiment_id: &str,
    from_ms: u64,
    until_ms: u64,
    limit: usize,
) -> Result<Fetched> {
    let filter = format!(
        "trace.name = 'voice-turn' AND trace.timestamp_ms >= {from_ms} AND trace.timestamp_ms < {until_ms}"
    );
    let search = Search { experiment_id, filter: &filter, order: Order::Newest, limit: PAGE };
    let bar = bar();
    let mut fetched = Fetched { turns: vec![], more: false, incomplete: 0 };
    let mut seen = HashSet::new();
    let mut token = None;
    'pages: loop {
        let page = client.search_page(&search, token.as_deref()).await?;
        let mut new: Vec<String> = page.traces.into_iter().map(|trace| trace.id).collect();
        new.retain(|id| seen.insert(id.clone()));
        for ids in new.chunks(AT_ONCE) {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            for trace in client.traces(&ids).await? {
                match Turn::of(&trace) {
                    Some(_) if fetched.turns.len() == limit => {
                        fetched.more = true;
                        break 'pages;
                    }
                    Some(turn) => fetched.turns.push(turn),
                    None => fetched.incomplete += 1,
                }
            }
            bar.set_position(fetched.turns.len() as u64);
        }
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    fetched.turns.sort_by_key(|turn| turn.started_ms);
    Ok(fetched)
}

/// On a terminal only: standard output is the report's.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} turns read").expect("the template is constant");
    ProgressBar::new_spinner().with_style(style)
}
