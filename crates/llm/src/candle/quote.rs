//! Answers in the passages' own sentences. A model of 135 million parameters joins facts that do not belong together;
//! made to choose among sentences that stand in the passages, it can be off the point but not untrue.
use super::tokens::Tokens;
use crate::answer::sentences;

/// What makes a sentence more or less likely than the model thinks.
#[derive(Clone, Copy)]
pub struct Penalties {
    /// For every passage before its own: search put the best first.
    pub passage: f32,
    /// For every sentence before it in its passage: the first one tends to say what the passage is about.
    pub sentence: f32,
    /// Given to a sentence that names all the words of the question; to one that names some, its share.
    pub words: f32,
}

/// What is known of a sentence before the model is asked.
#[derive(Clone, Copy)]
pub struct Rating {
    /// Whether it holds the kind of thing that is asked for.
    pub fits: bool,
    /// The share of the question's words that it names, 0 to 1.
    pub named: f32,
}

/// A choice under way.
pub struct Quote {
    sentences: Vec<Sentence>,
    /// Sentences that begin as what was written does, with the tokens that they would go on with.
    open: Vec<usize>,
    /// Tokens written of the sentence under way.
    at: usize,
    finished: usize,
    max_sentences: usize,
}

struct Sentence {
    passage: usize,
    place: usize,
    named: f32,
    opening: Vec<u32>,
    following: Vec<u32>,
}

impl Quote {
    /// A choice among the sentences of `passages`; `None` if they hold none. It begins with one that fits, if any does.
    pub fn of<'a>(
        passages: impl Iterator<Item = &'a str>,
        tokens: &Tokens,
        max_sentences: usize,
        rate: impl Fn(&str) -> Rating,
    ) -> Result<Option<Self>, String> {
        let (mut all, mut fitting) = (Vec::new(), Vec::new());
        for (passage, text) in passages.enumerate() {
            for (place, sentence) in sentences(text).into_iter().enumerate() {
                let opening = tokens.ids(&sentence)?;
                let following = tokens.ids(&format!(" {sentence}"))?;
                let Rating { fits, named } = rate(&sentence);
                if fits {
                    fitting.push(all.len());
                }
                all.push(Sentence { passage, place, named, opening, following });
            }
        }
        let open: Vec<usize> = if fitting.is_empty() { (0..all.len()).collect() } else { fitting };
        let max_sentences = if max_sentences == 0 { usize::MAX } else { max_sentences };
        Ok((!open.is_empty()).then_some(Self { sentences: all, open, at: 0, finished: 0, max_sentences }))
    }

    /// The next token, given the model's opinion of all tokens; `None` at the end. `end` is its opinion of ending.
    pub fn next(&mut self, logits: &[f32], end: f32, penalties: Penalties) -> Option<u32> {
        if let Some(&complete) = self.open.iter().find(|&&index| self.ids(index).len() == self.at) {
            self.finished += 1;
            self.open = vec![self.successor(complete).filter(|_| self.finished < self.max_sentences)?];
            self.at = 0;
            let next = self.ids(self.open[0])[0];
            if logits[next as usize] <= end {
                return None;
            }
        }
        let wanted = |index: usize| {
            let sentence = &self.sentences[index];
            let token = self.ids(index)[self.at];
            let penalty =
                penalties.passage * sentence.passage as f32 + penalties.sentence * sentence.place as f32;
            (token, logits[token as usize] - penalty + penalties.words * sentence.named)
        };
        let best = self.open.iter().map(|&index| wanted(index)).max_by(|a, b| a.1.total_cmp(&b.1));
        let (token, _) = best?;
        let open = self.open.iter().copied().filter(|&index| self.ids(index)[self.at] == token).collect();
        self.open = open;
        self.at += 1;
        Some(token)
    }

    /// The rest of the sentence, once only one is left: there is nothing to ask the model.
    pub fn rest(&mut self) -> Option<Vec<u32>> {
        let [only] = self.open[..] else { return None };
        let rest = self.ids(only)[self.at..].to_vec();
        self.at += rest.len();
        (!rest.is_empty()).then_some(rest)
    }

    /// Whether nothing can follow, so that the last token need not be read.
    pub fn is_done(&self) -> bool {
        let complete = self.open.iter().find(|&&index| self.ids(index).len() == self.at);
        complete
            .is_some_and(|&index| self.finished + 1 >= self.max_sentences || self.successor(index).is_none())
    }

    fn ids(&self, index: usize) -> &[u32] {
        let sentence = &self.sentences[index];
        if self.finished == 0 { &sentence.opening } else { &sentence.following }
    }

    fn successor(&self, index: usize) -> Option<usize> {
        let next = index + 1;
        (self.sentences.get(next)?.passage == self.sentences[index].passage).then_some(next)
    }
}
