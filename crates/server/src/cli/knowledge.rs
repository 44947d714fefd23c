//! What `voce ingest`, `voce knowledge` and `voce memory` take.
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args)]
#[command(after_help = "Examples:
  voce ingest manual.pdf faq.md prices.csv
  voce ingest docs/ --prune                            what is there no more is forgotten
  voce ingest https://example.org/faq --tag language=en
  voce ingest docs/ --prune --dry-run                  only say what would be done")]
pub struct IngestArgs {
    /// Markdown, text, HTML, PDF, DOCX or CSV files, folders of them, and http or https addresses. As written they are the
    /// names of the sources, so the same should be named the same way each time.
    #[arg(required = true, value_name = "PATH|URL")]
    pub names: Vec<PathBuf>,
    /// A tag of all that is read now, for filters (`knowledge.tags`). Several are possible.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = tag)]
    pub tags: Vec<(String, String)>,
    /// Remove what was read from the named folders earlier and is there no more.
    #[arg(long)]
    pub prune: bool,
    /// Only say what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Read addresses of this machine and of private networks too.
    #[arg(long)]
    pub allow_private: bool,
}

fn tag(argument: &str) -> Result<(String, String), String> {
    let (key, value) = argument.split_once('=').ok_or("expected KEY=VALUE, e.g. language=en")?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || value.is_empty() {
        return Err("expected KEY=VALUE, e.g. language=en".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[derive(Subcommand)]
#[command(after_help = "Examples:
  voce knowledge list
  voce knowledge search 'How long is the warranty?'
  voce knowledge remove docs/old.md
  voce knowledge push --url http://qdrant.example.org:6334")]
pub enum KnowledgeCommand {
    /// Show the sources that are known, with their chunks and tags.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what a question finds, as an answer would stand on it.
    Search {
        /// The question.
        question: String,
        /// Passages at most.
        #[arg(short = 'n', long, default_value_t = 5, value_name = "N")]
        count: usize,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Forget sources.
    Remove {
        /// Their names, as `voce knowledge list` shows them.
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<String>,
    },
    /// Copy the embedded knowledge base to a Qdrant server; what is there already is left alone. The key comes from
    /// QDRANT_API_KEY.
    Push(PushArgs),
}

#[derive(Args)]
pub struct PushArgs {
    /// Address of the server's gRPC port; `knowledge.url` if not given.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Name of the collection there; `knowledge.collection` if not given.
    #[arg(long, value_name = "NAME")]
    pub collection: Option<String>,
}

#[derive(Subcommand)]
#[command(after_help = "Examples:
  voce memory list
  voce memory forget ann")]
pub enum MemoryCommand {
    /// Who is remembered, since when, and what of them.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete all that is remembered of these callers.
    Forget {
        /// Callers, as their clients name them.
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_have_a_key_and_a_value() {
        assert_eq!(tag("language = en=GB"), Ok(("language".into(), "en=GB".into())));
        assert!(tag("language").is_err() && tag("=en").is_err() && tag("language=").is_err());
    }
}
