//! What stands on other machines: is it there?
use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use voce_llm::Engine;
use voce_rag::StoreKind;

use super::Check;
use crate::{config::Config, variants};

/// Longer than this nobody waits who asks whether a server is ready.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer holds.
const FRESH: Duration = Duration::from_secs(5);

/// One thing that is asked.
pub struct Probe {
    name: String,
    what: What,
    last: Mutex<Option<(Instant, Check)>>,
}

enum What {
    /// A collection on a Qdrant server.
    Qdrant(Box<voce_rag::Config>),
    /// A folder that this process holds open.
    Folder,
    /// A server of a language model.
    Model(String),
}

impl Probe {
    /// Those of a configuration and its variants, each once.
    pub fn all(config: &Config) -> Vec<Self> {
        // What is wrong with variants was said when they were loaded.
        let variants = variants::of(config).unwrap_or_default();
        let mut probes: Vec<Self> = vec![];
        let mut seen: Vec<String> = vec![];
        for variant in &variants {
            for (name, key, what) in wanted(&variant.config) {
                if seen.contains(&key) {
                    continue;
                }
                let again = probes.iter().any(|probe| probe.name == name);
                let name = if again { format!("{name} of {}", variant.name) } else { name.to_owned() };
                probes.push(Self { name, what, last: Mutex::default() });
                seen.push(key);
            }
        }
        probes
    }

    /// Asks, unless it was asked just now.
    pub async fn check(&self) -> Check {
        // Whoever asks meanwhile waits for the same answer.
        let mut last = self.last.lock().await;
        if let Some((at, check)) = &*last
            && at.elapsed() < FRESH
        {
            return check.clone();
        }
        let found = match timeout(PATIENCE, self.what.ask()).await {
            Ok(found) => found,
            Err(_) => Err(format!("{} does not answer within {} s", self.what.place(), PATIENCE.as_secs())),
        };
        let check = match found {
            Ok(detail) => Check::new(&self.name, true, detail),
            Err(detail) => Check::new(&self.name, false, detail),
        };
        *last = Some((Instant::now(), check.clone()));
        check
    }
}

/// What a configuration stands on: name, what tells it from others, how it is asked.
fn wanted(config: &Config) -> Vec<(&'static str, String, What)> {
    let mut wanted = vec![];
    match config.knowledge.store {
        StoreKind::None => {}
        StoreKind::Embedded => wanted.push(("knowledge", "folder".to_owned(), What::Folder)),
        StoreKind::Qdrant => {
            let key = format!("{} {}", config.knowledge.url, config.knowledge.collection);
            wanted.push(("knowledge", key, What::Qdrant(Box::new(config.knowledge.clone()))));
        }
    }
    if config.llm.engine == Engine::Openai {
        let base_url = config.llm.base_url.trim_end_matches('/').to_owned();
        wanted.push(("language model", base_url.clone(), What::Model(base_url)));
    }
    wanted
}

impl What {
    fn place(&self) -> String {
        match self {
            Self::Qdrant(config) => format!("the Qdrant server at {}", config.url),
            Self::Folder => "the folder".to_owned(),
            Self::Model(base_url) => format!("the language model's server at {base_url}"),
        }
    }

    async fn ask(&self) -> Result<String, String> {
        match self {
            Self::Folder => Ok("open".to_owned()),
            Self::Qdrant(config) => match voce_rag::open_collection(config).await {
                Ok(Some(_)) => Ok(format!("{} answers", config.url)),
                Ok(None) => Ok(format!("{} answers; nothing was ingested yet", config.url)),
                Err(error) => Err(error.to_string()),
            },
            Self::Model(base_url) => {
                model_answers(base_url).await.map_err(|reason| format!("{}: {reason}", self.place()))?;
                Ok(format!("{base_url} answers"))
            }
        }
    }
}

/// Whether the server is there and takes our key.
async fn model_answers(base_url: &str) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
    let mut request = client.get(format!("{base_url}/models"));
    if let Some(key) = std::env::var("OPENAI_API_KEY").ok().filter(|key| !key.is_empty()) {
        request = request.bearer_auth(key);
    }
    match request.send().await {
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
            Err(format!("it answers {}; check OPENAI_API_KEY", answer.status().as_u16()))
        }
        Ok(answer) if answer.status().is_server_error() => Err(format!("it answers {}", answer.status())),
        // A server without a list of models may well answer questions.
        Ok(_) => Ok(()),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        Err(error) if error.is_connect() => Err("it cannot be reached; check llm.base_url".into()),
        Err(error) => Err(error.to_string()),
    }
}
