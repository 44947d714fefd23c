//! The model's text to lines that can be spoken, and to what is shown beside them.
use tokio::time::Instant;
use tracing::Span;
use voce_core::{Event, Line, Part};

use crate::{
    AssistantConfig, Inlet, Outlet, Stage, StageError, Turn, answer::AnswerParser, sentences::Item,
    shown::Shown, spans,
};

/// Cuts running text into lines, each handed on as soon as its end is sure. What the observers see as the answer's text
/// leaves here, clean, and not where the model wrote it.
pub struct Split {
    parser: AnswerParser,
    allowed_links: Vec<String>,
    turn: Turn,
}

impl Split {
    /// For the answer of `turn`.
    pub fn new(config: &AssistantConfig, turn: Turn) -> Self {
        let parser = AnswerParser::new(config.first_line_min_words, config.first_line_max_words);
        Self { parser, allowed_links: config.allowed_links.clone(), turn }
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
        // The stage begins with the first words of the answer: by then it is known what was found for it.
        let shown = Shown::new(self.turn.passages(), &self.allowed_links);
        let mut books = Books { began: Instant::now(), lines: 0, text: String::new(), shown };
        while let Some(piece) = input.next().await {
            let items = self.parser.push(&piece);
            self.tell_text();
            self.hand_on(items, &mut books, &mut output).await?;
        }
        let items = self.parser.finish();
        self.tell_text();
        self.turn.publish(Event::GenerationEnded { turn: self.turn.id() });
        self.hand_on(items, &mut books, &mut output).await?;
        let cited = books.shown.finish();
        self.show(cited);
        books.record(self.parser.is_json());
        Ok(())
    }
}

/// What the span will say, and what was shown.
struct Books {
    began: Instant,
    lines: u64,
    text: String,
    shown: Shown,
}

impl Books {
    fn record(&self, is_json: bool) {
        let span = Span::current();
        span.record("sentences", self.lines);
        span.record("text", &self.text);
        span.record("form", if is_json { "json" } else { "text" });
        let counts = self.shown.counts();
        span.record("code_blocks", counts.code_blocks);
        span.record("links", counts.links);
        span.record("links_refused", counts.links_refused);
        span.record("tables", counts.tables);
        span.record("citations", counts.citations);
    }
}

impl Split {
    /// Tells the observers what the model wrote, as far as it is spoken.
    fn tell_text(&mut self) {
        let text = self.parser.take_text();
        if !text.is_empty() {
            self.turn.publish(Event::Generated { turn: self.turn.id(), text });
        }
    }

    fn show(&self, parts: Vec<Part>) {
        for part in parts {
            self.turn.publish(Event::Shown { turn: self.turn.id(), part });
        }
    }

    async fn hand_on(
        &self,
        items: Vec<Item>,
        books: &mut Books,
        output: &mut Outlet<Line>,
    ) -> Result<(), StageError> {
        for item in items {
            match item {
                Item::Aside(aside) => self.show(books.shown.aside(aside)),
                Item::Line(line) => self.line(line, books, output).await?,
            }
        }
        Ok(())
    }

    async fn line(&self, line: Line, books: &mut Books, output: &mut Outlet<Line>) -> Result<(), StageError> {
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
        books.shown.line(&line.text, line.ends_sentence);
        output.send(line).await
    }
}
