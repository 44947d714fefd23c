//! Words to Kokoro's phonemes: misaki's lexicon and part-of-speech tags for what they know, rules for the
//! rest. No word is dropped and nothing is said that the voice has no symbol for.
mod names;
mod rules;
mod unknown;

use std::sync::LazyLock;

use misaki_rs::{G2P, Language, MToken};

use crate::text::{Accent, PAUSES, Phrase};

/// All symbols that Kokoro 1.0 knows, in the order of its `vocab.json`.
pub const SYMBOLS: &str = concat!(
    ";:,.!?—…\"()“” \u{303}ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌ",
    "ɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ"
);

/// One symbol of what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// One of [`SYMBOLS`].
    pub symbol: char,
    /// Which phrase it belongs to; none for the space between two.
    pub phrase: Option<usize>,
}

/// The loaded lexicon and tagger of one accent: about 100 MB and 0.2 s, so once a process.
pub struct Phonemiser {
    g2p: G2P,
}

impl Phonemiser {
    /// The process's own one for `accent`, loaded at the first call.
    pub fn shared(accent: Accent) -> &'static Self {
        static AMERICAN: LazyLock<Phonemiser> = LazyLock::new(|| Phonemiser::new(Accent::American));
        static BRITISH: LazyLock<Phonemiser> = LazyLock::new(|| Phonemiser::new(Accent::British));
        match accent {
            Accent::American => &AMERICAN,
            Accent::British => &BRITISH,
        }
    }

    fn new(accent: Accent) -> Self {
        let language = match accent {
            Accent::American => Language::EnglishUS,
            Accent::British => Language::EnglishGB,
        };
        Self { g2p: G2P::new(language) }
    }

    /// The sounds of `phrases`, in order, with a space between phrases.
    pub fn sounds(&self, phrases: &[Phrase]) -> Vec<Sound> {
        let mut text = String::new();
        let mut starts = Vec::new();
        for (index, phrase) in phrases.iter().enumerate().filter(|(_, phrase)| !phrase.spoken.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            starts.push((text.len(), index));
            text.push_str(&phrase.spoken);
        }
        let tokens = self.g2p.g2p(&text).ok().map(|(_, tokens)| tokens);
        let placed = tokens.as_deref().and_then(|tokens| places(tokens, &text));
        match (tokens, placed) {
            (Some(tokens), Some(placed)) => self.joined(&tokens, &placed, &starts),
            // The tagger took the text apart in a way that we cannot follow: phrase by phrase then.
            _ => self.apart(phrases),
        }
    }

    /// The phonemes of one line as text, for people.
    pub fn phonemes(&self, phrases: &[Phrase]) -> String {
        self.sounds(phrases).iter().map(|sound| sound.symbol).collect()
    }

    fn joined(&self, tokens: &[MToken], placed: &[usize], starts: &[(usize, usize)]) -> Vec<Sound> {
        let mut sounds = Vec::new();
        for (token, &place) in tokens.iter().zip(placed) {
            let phrase = starts.iter().rev().find(|(start, _)| *start <= place).map(|(_, index)| *index);
            push(&mut sounds, &self.said(token), phrase);
            if !token.whitespace.is_empty() {
                push(&mut sounds, " ", None);
            }
        }
        tidy(sounds)
    }

    fn apart(&self, phrases: &[Phrase]) -> Vec<Sound> {
        let mut sounds = Vec::new();
        for (index, phrase) in phrases.iter().enumerate() {
            for word in phrase.spoken.split_whitespace() {
                let core = word.trim_matches(|c| PAUSES.contains(c));
                let said = unknown::pronounce(core, &self.g2p.lexicon);
                let after: String = word.chars().rev().take_while(|c| PAUSES.contains(*c)).collect();
                push(&mut sounds, &said, Some(index));
                push(&mut sounds, &after, Some(index));
                push(&mut sounds, " ", None);
            }
        }
        tidy(sounds)
    }

    /// What a token says: the lexicon's phonemes, or ours where it has none.
    fn said(&self, token: &MToken) -> String {
        let given = token.phonemes.as_deref().unwrap_or("❓");
        let has_letters = token.text.chars().any(char::is_alphanumeric);
        let missing = given.contains('❓') || given.trim().is_empty();
        match (missing, has_letters) {
            (false, _) => given.to_owned(),
            (true, true) => unknown::pronounce(&token.text, &self.g2p.lexicon),
            (true, false) => token.text.chars().filter(|c| PAUSES.contains(*c)).collect(),
        }
    }
}

/// Where each token begins in `text`; none if the tokens are not the text.
fn places(tokens: &[MToken], text: &str) -> Option<Vec<usize>> {
    let mut at = 0;
    let mut places = Vec::with_capacity(tokens.len());
    for token in tokens {
        at += text[at..].len() - text[at..].trim_start().len();
        if !text[at..].starts_with(&token.text) {
            return None;
        }
        places.push(at);
        at += token.text.len();
    }
    text[at..].trim().is_empty().then_some(places)
}

fn push(sounds: &mut Vec<Sound>, said: &str, phrase: Option<usize>) {
    for c in said.chars() {
        let symbol = match c {
            'g' => 'ɡ',
            '–' => '—',
            '‘' | '’' | '\'' => continue,
            c if c.is_whitespace() => ' ',
            c if SYMBOLS.contains(c) => c,
            // A foreign phonetic sign: better left out than a symbol that the voice was not trained on.
            _ => continue,
        };
        sounds.push(Sound { symbol, phrase: phrase.filter(|_| symbol != ' ') });
    }
}

/// No space at the ends, none twice, none before a pause.
fn tidy(sounds: Vec<Sound>) -> Vec<Sound> {
    let mut out: Vec<Sound> = Vec::with_capacity(sounds.len());
    for sound in sounds {
        let after_space = out.last().is_none_or(|last| last.symbol == ' ');
        if sound.symbol == ' ' && after_space {
            continue;
        }
        if after_space && ";:,.!?…".contains(sound.symbol) {
            out.pop();
            if out.is_empty() {
                continue;
            }
        }
        out.push(sound);
    }
    while out.last().is_some_and(|last| last.symbol == ' ') {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests;
