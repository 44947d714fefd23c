//! What it means when someone speaks while the bot does: the caller who interrupts, the caller who nods, a cough, or
//! the bot's own voice out of a loudspeaker. Pure.
use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};
use voce_core::MediaTime;

/// `[interruption]`: when speech stops the bot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterruptionConfig {
    /// Whether the caller can interrupt by voice at all. A button always can.
    pub by_voice: bool,
    /// Speech of this length makes the bot fall silent until it is clear whether it is an interruption, milliseconds.
    pub hold_ms: u32,
    /// Loudness of the bot while that is not clear, 0 to 1. 0: it is silent, and goes on from the word where it was;
    /// more: it goes on speaking, more quietly.
    pub hold_gain: f32,
    /// Speech shorter than this holds no words: a cough, a click. Milliseconds.
    pub shortest_words_ms: u32,
    /// Speech of this length is judged without waiting for its end, milliseconds.
    pub judge_within_ms: u32,
    /// Speech of this length is an interruption even if the recogniser has not answered, milliseconds.
    pub surely_ms: u32,
    /// Words, backchannels not counted, that make an interruption if they last for `sentence_ms`.
    pub words: usize,
    /// Shorter speech is an interruption only if it holds one of `commands`, milliseconds: recognisers hear all kinds
    /// of words in a hum.
    pub sentence_ms: u32,
    /// Words that interrupt however short the speech is.
    pub commands: Vec<String>,
    /// What callers say to show that they listen; it does not interrupt, unless the bot has just asked something.
    pub backchannels: Vec<String>,
}

impl Default for InterruptionConfig {
    fn default() -> Self {
        let backchannels = [
            "uh huh",
            "mm hmm",
            "mhm",
            "hmm",
            "mm",
            "yeah",
            "yep",
            "yes",
            "okay",
            "ok",
            "right",
            "sure",
            "i see",
            "got it",
            "ah",
            "oh",
            "aha",
            "great",
            "cool",
            "alright",
            "all right",
            "good",
            "nice",
            "wow",
            "really",
            "exactly",
            "of course",
            "interesting",
        ];
        let commands = [
            "stop", "wait", "no", "hey", "hold", "sorry", "excuse", "pause", "listen", "hello", "enough",
            "cancel", "never", "repeat", "next", "but", "actually", "what", "who", "when", "where", "why",
            "how",
        ];
        Self {
            by_voice: true,
            hold_ms: 32,
            hold_gain: 0.0,
            shortest_words_ms: 180,
            judge_within_ms: 800,
            surely_ms: 2_000,
            words: 2,
            sentence_ms: 700,
            commands: commands.map(str::to_owned).to_vec(),
            backchannels: backchannels.map(str::to_owned).to_vec(),
        }
    }
}

/// What speech into the bot's speech was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The caller wants the floor.
    Interruption,
    /// The caller listens.
    Backchannel,
    /// The bot hears itself.
    Echo,
    /// No words.
    Noise,
}

impl Meaning {
    /// The word used in traces and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interruption => "interruption",
            Self::Backchannel => "backchannel",
            Self::Echo => "echo",
            Self::Noise => "noise",
        }
    }
}

/// What the caller may be hearing of the bot: its latest words, with the time at which each ended.
#[derive(Default)]
pub struct Voice {
    words: VecDeque<(MediaTime, String)>,
    line: String,
    /// Words of the line that were heard in full.
    heard: usize,
}

/// Words that are remembered: more than fit into the longest overlap.
const WORDS: usize = 64;
/// A loudspeaker's sound is back within this time.
const DELAY: Duration = Duration::from_millis(600);
/// Words of the line at hand that may be sounding although they were not reported yet.
const AHEAD: usize = 2;
/// The same where echoes were heard before: then it is better to miss a caller who repeats the bot's words than to let
/// the bot interrupt itself.
const LONG_DELAY: Duration = Duration::from_secs(3);
const FAR_AHEAD: usize = 5;
const SUSPECTED_OWN: f32 = 0.4;
/// The share of heard words that must be the bot's own for an echo. Recognisers mishear what a loudspeaker distorts.
const OWN: f32 = 0.6;

impl Voice {
    /// A line begins to sound.
    pub fn line(&mut self, text: &str) {
        self.line.clear();
        self.line.push_str(text);
        self.heard = 0;
    }

    /// A word has sounded.
    pub fn word(&mut self, now: MediaTime, text: &str) {
        self.heard += 1;
        self.words.push_back((now, text.to_owned()));
        if self.words.len() > WORDS {
            self.words.pop_front();
        }
    }

    /// Whether the bot is asking something, so that "yes" is an answer.
    fn asks(&self) -> bool {
        self.line.trim_end().ends_with('?')
    }

    /// The rest of the line, from the word at hand on.
    fn sounding(&self) -> impl Iterator<Item = &str> {
        self.line.split_whitespace().skip(self.heard)
    }

    /// The words that a loudspeaker may have brought back since `began`; of a longer time, and more of those to come, if
    /// it is `suspected`.
    fn since(&self, began: MediaTime, suspected: bool) -> Vec<String> {
        let (delay, ahead) = if suspected { (LONG_DELAY, FAR_AHEAD) } else { (DELAY, AHEAD) };
        let from = began.0.saturating_sub(delay);
        let sounded = self.words.iter().filter(|(at, _)| at.0 >= from).map(|(_, word)| word.as_str());
        words(&sounded.chain(self.sounding().take(ahead)).collect::<Vec<_>>().join(" "))
    }
}

/// What `text`, heard from `began` on for `length` while `voice` spoke, means. `suspected`: the caller's loudspeaker was
/// heard before.
pub fn meaning(
    text: &str,
    began: MediaTime,
    length: Duration,
    voice: &Voice,
    suspected: bool,
    rules: &InterruptionConfig,
) -> Meaning {
    let heard = words(text);
    if heard.is_empty() {
        return Meaning::Noise;
    }
    let own = voice.since(began, suspected);
    let is_own = |word: &String| own.iter().any(|own| alike(word, own));
    let echoed = heard.iter().filter(|word| is_own(word)).count();
    // The bot falls silent within a word, so its echo may break off there: "the worm" for "the warran".
    let cut = heard.len() > 1
        && echoed == heard.len() - 1
        && heard.last().is_some_and(|last| !is_own(last))
        && voice.sounding().next().is_some_and(|own| begins_alike(&heard[heard.len() - 1], own));
    let share = if suspected { SUSPECTED_OWN } else { OWN };
    if cut || echoed as f32 >= share * heard.len() as f32 {
        return Meaning::Echo;
    }
    let commanded = heard.iter().any(|word| rules.commands.iter().any(|command| command == word));
    let is_sentence = length >= Duration::from_millis(rules.sentence_ms.into());
    let others = heard.len() - nods(&heard, &rules.backchannels);
    if voice.asks() || commanded || (is_sentence && others >= rules.words.max(1)) {
        return Meaning::Interruption;
    }
    Meaning::Backchannel
}

/// How many of the words belong to backchannels.
fn nods(heard: &[String], backchannels: &[String]) -> usize {
    let phrases: Vec<Vec<String>> = backchannels.iter().map(|phrase| words(phrase)).collect();
    let (mut at, mut count) = (0, 0);
    while at < heard.len() {
        let longest = phrases
            .iter()
            .filter(|phrase| !phrase.is_empty() && heard[at..].starts_with(phrase))
            .map(Vec::len)
            .max()
            .or_else(|| hummed(&heard[at]).then_some(1));
        count += longest.unwrap_or(0);
        at += longest.unwrap_or(1);
    }
    count
}

/// Recognisers write hums in many ways: "mhm", "uhm", "ahuh", "hmmm".
fn hummed(word: &str) -> bool {
    word.len() <= 6
        && word != "you"
        && word.contains(['m', 'h', 'u'])
        && word.chars().all(|letter| "mhuao".contains(letter))
}

/// Lower-case words without punctuation; hyphens part words.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| letter.is_whitespace() || letter == '-')
        .map(|word| word.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Whether two words are the same to a recogniser: equal, or equal but for a third of their letters.
fn alike(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let longer = one.len().max(other.len());
    longer >= 5 && distance(&one, &other) * 3 <= longer
}

/// Whether `heard` may be what a recogniser makes of the first sounds of `own`. The first letter is all that stays.
fn begins_alike(heard: &str, own: &str) -> bool {
    heard.chars().next() == own.to_lowercase().chars().find(|letter| letter.is_alphanumeric())
}

/// Levenshtein's.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, second) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != second);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_millis(900);
    const SHORT: Duration = Duration::from_millis(450);

    fn at(ms: u64) -> MediaTime {
        MediaTime(Duration::from_millis(ms))
    }

    fn saying(line: &str, heard: usize, until_ms: u64) -> Voice {
        let mut voice = Voice::default();
        voice.line(line);
        for (index, word) in line.split_whitespace().take(heard).enumerate() {
            voice.word(at(until_ms - 300 * (heard - 1 - index) as u64), word);
        }
        voice
    }

    fn told(text: &str) -> Meaning {
        let voice = saying("The warranty period for the water pump is two years.", 5, 5_000);
        meaning(text, at(5_000), LONG, &voice, false, &InterruptionConfig::default())
    }

    #[test]
    fn nods_are_not_interruptions() {
        for text in [
            "Uh-huh.",
            "Mm-hmm.",
            "Yeah.",
            "Okay.",
            "Yeah, okay.",
            "I see.",
            "Oh, I see, right.",
            "Uhm.",
            "Mhmm",
            "Got it.",
        ] {
            assert_eq!(told(text), Meaning::Backchannel, "{text}");
        }
    }

    #[test]
    fn words_are() {
        for text in ["Wait.", "Stop!", "No.", "Yeah, but how much is it?", "Okay, stop.", "The blue one."] {
            assert_eq!(told(text), Meaning::Interruption, "{text}");
        }
    }

    #[test]
    fn sound_without_words_is_noise() {
        assert_eq!(told(""), Meaning::Noise);
        assert_eq!(told(" ... "), Meaning::Noise);
    }

    #[test]
    fn the_bots_own_words_are_an_echo_even_if_misheard() {
        for text in ["for the water", "Water pump.", "the waiter pump is", "for the"] {
            assert_eq!(told(text), Meaning::Echo, "{text}");
        }
    }

    #[test]
    fn an_echo_may_break_off_within_a_word_but_one_word_alone_is_the_callers() {
        let voice = saying("The warranty ends when you store the pump.", 1, 5_000);
        let told = |text| meaning(text, at(5_000), LONG, &voice, false, &InterruptionConfig::default());
        assert_eq!(told("The worm."), Meaning::Echo);
        assert_eq!(told("The filter?"), Meaning::Interruption);
        assert_eq!(told("Wait."), Meaning::Interruption);
        let voice = saying("The warranty ends when you store the pump.", 5, 5_000);
        let told = |text| meaning(text, at(5_000), LONG, &voice, false, &InterruptionConfig::default());
        assert_eq!(told("Stop!"), Meaning::Interruption);
    }

    #[test]
    fn where_echoes_were_heard_less_is_enough() {
        let voice = saying("Please unplug the machine first, then wait.", 5, 5_000);
        let told = |suspected| {
            meaning("Team first.", at(5_000), LONG, &voice, suspected, &InterruptionConfig::default())
        };
        assert_eq!((told(true), told(false)), (Meaning::Echo, Meaning::Interruption));
    }

    #[test]
    fn what_was_said_long_ago_is_repeated_by_the_caller() {
        let voice = saying("The warranty period for the water pump is two years.", 10, 5_000);
        let rules = InterruptionConfig::default();
        assert_eq!(
            meaning("The warranty period?", at(9_000), LONG, &voice, false, &rules),
            Meaning::Interruption
        );
    }

    #[test]
    fn yes_to_a_question_is_an_answer() {
        let voice = saying("Shall I order the water pump for you?", 6, 5_000);
        assert_eq!(
            meaning("Yes.", at(5_000), SHORT, &voice, false, &InterruptionConfig::default()),
            Meaning::Interruption
        );
    }

    #[test]
    fn more_words_can_be_demanded() {
        let rules = InterruptionConfig { words: 3, ..InterruptionConfig::default() };
        let voice = saying("The warranty period is two years.", 2, 5_000);
        let told = |text| meaning(text, at(5_000), LONG, &voice, false, &rules);
        assert_eq!(told("The receipt please"), Meaning::Interruption);
        assert_eq!(told("The receipt"), Meaning::Backchannel);
    }

    #[test]
    fn what_a_recogniser_hears_in_a_hum_is_no_interruption_but_a_short_command_is() {
        let voice = saying("The warranty period is two years.", 2, 5_000);
        let told = |text| meaning(text, at(5_000), SHORT, &voice, false, &InterruptionConfig::default());
        for text in ["It's hard.", "Mem,", "Memory.", "Yash", "You hurt me."] {
            assert_eq!(told(text), Meaning::Backchannel, "{text}");
        }
        for text in ["Wait.", "Stop!", "No.", "Hey.", "Okay, stop.", "How?"] {
            assert_eq!(told(text), Meaning::Interruption, "{text}");
        }
    }
}
