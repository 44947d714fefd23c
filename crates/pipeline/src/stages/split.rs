//! The model's text to lines that can be spoken.
use tokio::time::Instant;
use tracing::Span;
use voce_core::Line;

use crate::{AssistantConfig, Inlet, Outlet, Stage, StageError, Turn, sentences::SentenceParser, spans};

/// Cuts running text into lines, each handed on as soon as its end is sure.
pub struct Split {
    parser: SentenceParser,
    turn: Turn,
}

impl Split {
    /// For the answer of `turn`.
    pub fn new(config: &AssistantConfig, turn: Turn) -> Self {
        Self { parser: SentenceParser::new(config.first_line_min_words, config.first_line_max_words), turn }
    }
}

impl Stage for Split {
    type In = String;
    type Out = Line;
    const NAME: &'static str = "parse";
    /// One line waits while one is spoken; what more the model wrote waits in front of this stage.
    const BUFFER: usize = 1;

    fn span(&self, parent: &Span) -> Span {
        spans::parse(parent)
    }

    async fn run(mut self, mut input: Inlet<String>, mut output: Outlet<Line>) -> Result<(), StageError> {
        let mut books = Books { began: Instant::now(), lines: 0, text: String::new() };
        while let Some(piece) = input.next().await {
            for line in self.parser.push(&piece) {
                self.hand_on(line, &mut books, &mut output).await?;
            }
        }
        for line in self.parser.finish() {
            self.hand_on(line, &mut books, &mut output).await?;
        }
        let span = Span::current();
        span.record("sentences", books.lines);
        span.record("text", &books.text);
        Ok(())
    }
}

/// What the span will say.
struct Books {
    began: Instant,
    lines: u64,
    text: String,
}

impl Split {
    async fn hand_on(
        &self,
        line: Line,
        books: &mut Books,
        output: &mut Outlet<Line>,
    ) -> Result<(), StageError> {
        if books.lines == 0 {
            let seconds = books.began.elapsed().as_secs_f64();
            self.turn.note(|report| report.first_line_seconds = Some(seconds));
        }
        books.lines += 1;
        if !books.text.is_empty() {
            books.text.push('\n');
        }
        books.text.push_str(&line.text);
        self.turn.quiet().line_waits();
        output.send(line).await
    }
}
