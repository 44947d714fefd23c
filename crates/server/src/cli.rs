//! The command line. `--help` of every command ends with examples.
mod access;
mod disk;
mod health;
mod judge;
mod knowledge;
mod tools;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use access::KeyArgs;
pub use disk::{BackupArgs, Kind, RestoreArgs};
pub use health::HealthArgs;
pub use judge::{CalibrateArgs, JudgeArgs, JudgeCommand};
pub use knowledge::{IngestArgs, KnowledgeCommand, MemoryCommand, PushArgs};
pub use tools::ToolsCommand;

/// A voice assistant in one binary: speech in, grounded speech out, every turn a trace.
#[derive(Parser)]
#[command(name = "voce", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  voce models pull --profile embedded     fetch the models of the default set-up
  voce ingest config/knowledge            read documents into the knowledge base
  voce serve                              open http://127.0.0.1:8080 and talk
  voce talk question.wav --out answer.wav the same without a browser
  voce doctor                             what is there, what is missing, how to get it";

/// Where settings come from; the later of file, environment and --set wins.
#[derive(Args, Clone)]
pub struct ConfigArgs {
    /// Configuration file (TOML). Default: `voce.toml` in the working directory, if there is one.
    #[arg(long, global = true, env = "VOCE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one key, e.g. `--set stt.engine=parakeet`. As a variable: `VOCE_STT__ENGINE=parakeet`.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Every `--set` of the command line, before and after the command. clap keeps only one side of a global option.
    pub fn with_all_of(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
        self.set.clear();
        while let Some(argument) = arguments.next() {
            if argument == "--set" {
                self.set.extend(arguments.next());
            } else if let Some(assignment) = argument.strip_prefix("--set=") {
                self.set.push(assignment.to_owned());
            }
        }
        self
    }
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the page and take calls.
    Serve(ServeArgs),
    /// Hold a call with WAV files in place of a microphone.
    Talk(TalkArgs),
    /// Write down what WAV files say.
    Transcribe(TranscribeArgs),
    /// Speak a text into a WAV file.
    Say(SayArgs),
    /// Fetch, list or check the model files.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Read documents into the knowledge base: Markdown, text, HTML, PDF, DOCX, CSV, and pages of the web.
    Ingest(IngestArgs),
    /// Read a PDF from standard input: what `voce ingest` starts for each of them.
    #[command(hide = true, name = voce_rag::READ_PDF)]
    ReadPdf,
    /// See, search and tidy up the knowledge base, or move it to a Qdrant server.
    #[command(subcommand)]
    Knowledge(KnowledgeCommand),
    /// Show what the language model may call, or call it by hand.
    #[command(subcommand)]
    Tools(ToolsCommand),
    /// See or forget what is remembered of callers between their calls.
    #[command(subcommand)]
    Memory(MemoryCommand),
    /// Ask a running server whether it is ready, or alive; 0 if it is.
    Health(HealthArgs),
    /// Write what stands on this machine's disk into one file: embedded knowledge, traces that wait, remembered callers.
    Backup(BackupArgs),
    /// Put a backup back.
    Restore(RestoreArgs),
    /// Say what is installed, where each model would run, what is missing and how to get it.
    #[command(after_help = "Examples:
  voce doctor
  voce doctor --set stt.engine=parakeet")]
    Doctor,
    /// Say from MLflow's traces how the turns of the last hours went: percentiles, tokens, scores, slowest turns.
    Report(ReportArgs),
    /// Score the turns that stand in MLflow, or see how the judge fares.
    Judge(JudgeArgs),
    /// Call the assistant with simulated callers and check what it does.
    Simulate(SimulateArgs),
    /// Hold a recorded call again under the present configuration and compare.
    Replay(ReplayArgs),
    /// Make an API key: who has one may use a server that asks for it.
    Key(KeyArgs),
    /// Print the effective configuration, every key explained.
    #[command(after_help = "Examples:
  voce config
  VOCE_STT__ENGINE=parakeet voce config --set llm.engine=openai > voce.toml")]
    Config,
    /// Time one engine; used by `scripts/bench`.
    #[command(hide = true)]
    Bench(BenchArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce serve
  voce serve --listen 0.0.0.0:8080 --set access.keys_file=/etc/voce/keys
  voce serve --set llm.engine=openai --set llm.base_url=http://127.0.0.1:11434/v1")]
pub struct ServeArgs {
    /// Address of the page and its API; overrides `server.listen`.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce talk question.wav --out answer.wav
  voce talk first.wav second.wav --out answers.wav --json")]
pub struct TalkArgs {
    /// The caller's speech, one file a turn, any rate.
    #[arg(required = true, value_name = "QUESTION.wav")]
    pub questions: Vec<PathBuf>,
    /// Where the bot's speech goes.
    #[arg(long, value_name = "ANSWER.wav")]
    pub out: PathBuf,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Who calls: stands on the traces, and says which variant answers where there are some.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce transcribe question.wav
  voce transcribe *.wav --json --set stt.engine=parakeet --set stt.model=/path/to/parakeet")]
pub struct TranscribeArgs {
    /// Speech, any rate.
    #[arg(required = true, value_name = "FILE.wav")]
    pub files: Vec<PathBuf>,
    /// Print text, token ids and times as JSON, one object a file in a list.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce say 'It costs $12.50.' --out price.wav
  voce say 'Hello there.' --out hello.wav --json --set tts.voice=bf_emma")]
pub struct SayArgs {
    /// What to say.
    pub text: String,
    /// Where the speech goes.
    #[arg(long, value_name = "FILE.wav")]
    pub out: PathBuf,
    /// Print phonemes, words and their times as JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
#[command(after_help = "Examples:
  voce models pull --profile embedded
  voce models pull parakeet-tdt-0.6b-v2
  voce models list
  voce models verify")]
pub enum ModelsCommand {
    /// Fetch models that are missing or broken.
    Pull {
        /// Models by name; none: those of the profile.
        names: Vec<String>,
        /// The set to fetch: `embedded` (all on this machine's CPU) or `gpu`.
        #[arg(long, default_value = "embedded")]
        profile: String,
    },
    /// Show what the manifest knows and what is there.
    List,
    /// Check every file that is there against its checksum.
    Verify {
        /// Models by name; none: all that are there.
        names: Vec<String>,
    },
}

#[derive(Args)]
pub struct BenchArgs {
    /// `silero`, `smart-turn`, `stt`, `embed`, `retrieval`, `llm`, `tts`, `telemetry`, `turn`, `turn-material`, `turn-models`
    /// or `turns` (simulated turns, sent as real ones are).
    pub what: String,
    /// Timed runs after one that is not.
    #[arg(long, default_value_t = 5)]
    pub repeat: usize,
    /// Threads of the engine.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// A WAV file or a text, as the engine needs it; for `turn` what to measure of it:
    /// `clips`, `overlaps`, `voce`, and `details`.
    pub input: Option<String>,
    /// Where `turn-material` writes its sounds, and `retrieval` the rankings that it fuses (a file).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Seed of the turn-taking material and of simulated turns.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Single turns in the turn-taking material.
    #[arg(long, default_value_t = 150)]
    pub clips: usize,
    /// `turns`: how many.
    #[arg(long, default_value_t = 50)]
    pub count: usize,
    /// `turns`: the variant they belong to.
    #[arg(long, default_value = "default")]
    pub variant: String,
    /// `turns`: how many times as long the language model and the voice take as usual.
    #[arg(long, default_value_t = 1.0)]
    pub slower: f64,
    /// `turns`: how many make up a call. Turns of one call have a pace of their own.
    #[arg(long, default_value_t = 40)]
    pub turns_of_call: usize,
    /// `turns`: a score that a judge would give them, and its usual value from 1 to 5, e.g. `tone=4.2`. Several are
    /// possible. Written into the first MLflow of `telemetry.sinks`.
    #[arg(long, value_name = "NAME=MEAN")]
    pub score: Vec<String>,
    /// `turns`: the time over which they are spread, up to now, minutes.
    #[arg(long, default_value_t = 60.0)]
    pub minutes: f64,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce report
  voce report --since 7d --by variant
  voce report --since 24h --html report.html
  voce report --json | jq .all.voice_to_voice")]
pub struct ReportArgs {
    /// How far back to look: a number with s, m, h or d.
    #[arg(long, default_value = "24h", value_name = "TIME")]
    pub since: String,
    /// Set groups of turns beside each other.
    #[arg(long, value_enum)]
    pub by: Option<GroupBy>,
    /// Write a page with plots into this file; it needs nothing else, no network either.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print JSON in place of the table.
    #[arg(long)]
    pub json: bool,
    /// The most turns that are read; the newest count.
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    pub limit: usize,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce simulate config/scenarios/*.yaml
  voce simulate config/scenarios/interrupter.yaml --calls 10 --junit results.xml
  voce simulate config/scenarios/happy-path.yaml --url http://127.0.0.1:8080
  voce simulate persona.yaml --caller-llm engine=openai --caller-llm model=gpt-4.1-mini")]
pub struct SimulateArgs {
    /// What the callers do and what is expected.
    #[arg(required = true, value_name = "SCENARIO.yaml")]
    pub scenarios: Vec<PathBuf>,
    /// Calls of each scenario, in place of what it says.
    #[arg(long, value_name = "N")]
    pub calls: Option<u32>,
    /// Calls at the same time. More than the machine bears make answers late.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub parallel: usize,
    /// What voices, wordings and noise are drawn from: the same seed gives the same callers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the results for a build server, as JUnit XML.
    #[arg(long, value_name = "FILE.xml")]
    pub junit: Option<PathBuf>,
    /// Print all that happened as JSON in place of the table.
    #[arg(long)]
    pub json: bool,
    /// The experiment in MLflow that the traces go to, apart from those of real calls.
    #[arg(long, default_value = "voce-simulations", value_name = "NAME")]
    pub experiment: String,
    /// Call this server, by WebRTC, in place of an assistant in this process. Its traces go where it sends them; where it
    /// greets, `assistant.greeting` has to say so here too.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// One key of `[llm]` for the model that plays personas, where it is not the assistant's own.
    #[arg(long, value_name = "KEY=VALUE")]
    pub caller_llm: Vec<String>,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce replay tr-0af7651916cd43dd8448eb211c80319c
  voce replay 0af7651916cd43dd8448eb211c80319c --turn --set assistant.system_prompt='Answer in one sentence.'
  voce replay tr-0af7651916cd43dd8448eb211c80319c --url http://127.0.0.1:8080 --json
  voce replay caller.wav --out answer.wav")]
pub struct ReplayArgs {
    /// The id of a turn's trace in MLflow (`tr-` and 32 hexadecimal digits, or these alone): the whole call of that turn
    /// is held again. Or a WAV file of a caller.
    #[arg(value_name = "TRACE_OR_RECORDING")]
    pub what: String,
    /// Only that turn, not its whole call.
    #[arg(long)]
    pub turn: bool,
    /// Call this server, by WebRTC, in place of an assistant in this process. Its traces go where it sends them.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The MLflow experiment of the new traces.
    #[arg(long, value_name = "NAME", default_value = "voce-replays")]
    pub experiment: String,
    /// Speaks what the caller said where a trace has words but no recording.
    #[arg(long, value_name = "VOICE", default_value = "am_michael")]
    pub voice: String,
    /// Where the bot's speech goes.
    #[arg(long, value_name = "ANSWER.wav")]
    pub out: Option<PathBuf>,
    /// Print the comparison as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What turns can be grouped by.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupBy {
    /// The variant under test.
    Variant,
    /// The language model.
    Model,
    /// The voice that speaks.
    Voice,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_on_both_sides_of_the_command_count() {
        let line = "voce --set a.b=1 talk --set=c.d=2 --out x.wav --set e.f=3 -- --set g.h=4";
        let arguments = line.split(' ').map(str::to_owned);
        let args = ConfigArgs { config: None, set: vec![] }.with_all_of(arguments);
        assert_eq!(args.set, ["a.b=1", "c.d=2", "e.f=3"]);
    }
}
