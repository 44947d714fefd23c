//! Which words make a question lean on what was said.

/// Words that say nothing by themselves.
const OPENERS: [&str; 27] = [
    "and", "but", "or", "also", "ok", "okay", "so", "well", "um", "uh", "er", "erm", "hmm", "then", "now",
    "oh", "right", "great", "alright", "yes", "yeah", "no", "please", "sorry", "thanks", "good", "fine",
];
/// Openers after which a mere phrase is a question.
const JOINING: [&str; 4] = ["and", "or", "but", "also"];
/// With these alone nobody asks anything.
const SMALL: [&str; 24] = [
    "thank", "you", "for", "that", "very", "much", "bye", "goodbye", "hello", "hi", "hey", "there", "it",
    "this", "all", "is", "was", "a", "lot", "your", "help", "the", "perfect", "nice",
];
const AUXILIARIES: [&str; 27] = [
    "is", "are", "was", "were", "am", "be", "do", "does", "did", "can", "could", "will", "would", "shall",
    "should", "may", "might", "must", "have", "has", "had", "isn't", "aren't", "doesn't", "don't", "can't",
    "won't",
];
const ASKING: [&str; 10] =
    ["what", "when", "where", "who", "why", "which", "how", "whose", "what's", "where's"];
const JOINERS: [&str; 8] = ["if", "because", "while", "that", "than", "whether", "unless", "as"];
/// Verbs that questions to a firm are made of, as far as they are no names of goods.
const VERBS: [&str; 82] = [
    "cost", "costs", "take", "takes", "cover", "covers", "weigh", "weighs", "need", "needs", "last", "lasts",
    "work", "works", "make", "makes", "hold", "holds", "ship", "ships", "sell", "sells", "lift", "lifts",
    "reach", "use", "open", "close", "start", "stop", "run", "runs", "go", "goes", "come", "comes", "fit",
    "fits", "pay", "clean", "replace", "store", "return", "get", "buy", "order", "find", "call", "contact",
    "happen", "happens", "mean", "means", "include", "includes", "apply", "expire", "expires", "begin",
    "end", "ends", "help", "look", "know", "tell", "say", "want", "have", "do", "repair", "claim", "install",
    "park", "send", "deliver", "accept", "offer", "charge", "keep", "track", "leak", "leaks",
];
/// What is said of a thing, after its name.
const ADJECTIVES: [&str; 36] = [
    "loud",
    "quiet",
    "heavy",
    "valid",
    "open",
    "closed",
    "big",
    "large",
    "small",
    "expensive",
    "cheap",
    "free",
    "safe",
    "high",
    "long",
    "tall",
    "wide",
    "deep",
    "covered",
    "included",
    "waterproof",
    "available",
    "possible",
    "allowed",
    "new",
    "old",
    "good",
    "fast",
    "slow",
    "broken",
    "blocked",
    "hot",
    "leaking",
    "too",
    "ready",
    "delivered",
];
const PREPOSITIONS: [&str; 22] = [
    "for", "on", "of", "with", "about", "in", "by", "via", "through", "at", "during", "from", "until", "to",
    "into", "without", "after", "before", "under", "over", "between", "near",
];
const DETERMINERS: [&str; 12] =
    ["the", "a", "an", "my", "your", "our", "his", "her", "their", "its", "any", "some"];
const PERSONS: [&str; 7] = ["i", "you", "we", "he", "she", "me", "us"];
/// Words that point to something said before.
const POINTERS: [&str; 12] =
    ["it", "they", "them", "its", "their", "this", "that", "these", "those", "one", "ones", "there"];
/// After "it" these make a sentence of their own: "is it possible to".
const IMPERSONAL: [&str; 12] = [
    "possible",
    "true",
    "ok",
    "okay",
    "allowed",
    "raining",
    "late",
    "necessary",
    "worth",
    "easy",
    "hard",
    "better",
];
/// What may follow "this" or "that" where it stands for something.
const AFTER_POINTER: [&str; 10] = ["too", "as", "for", "in", "then", "with", "again", "happen", "at", "to"];

/// A question cut into words, as said and in small letters.
#[derive(Clone, Debug, Default)]
pub struct Words {
    said: Vec<String>,
    small: Vec<String>,
}

impl Words {
    /// Cuts `text`.
    pub fn of(text: &str) -> Self {
        let is_edge = |letter: char| !letter.is_alphanumeric() && !matches!(letter, '$' | '€' | '%' | '+');
        let said: Vec<String> = text
            .split_whitespace()
            .map(|word| word.trim_matches(is_edge).to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        let small = said.iter().map(|word| word.to_lowercase().replace('’', "'")).collect();
        Self { said, small }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.said.len()
    }

    /// A word in small letters; empty beyond the end.
    pub fn at(&self, index: usize) -> &str {
        self.small.get(index).map_or("", String::as_str)
    }

    /// All of them as said.
    pub fn text(&self) -> String {
        self.said.join(" ")
    }

    /// Those from `start` to before `end`.
    pub fn slice(&self, start: usize, end: usize) -> Self {
        let range = start.min(self.len())..end.clamp(start.min(self.len()), self.len());
        Self { said: self.said[range.clone()].to_vec(), small: self.small[range].to_vec() }
    }

    /// The question with `words` in place of those from `start` to before `end`.
    pub fn with(&self, start: usize, end: usize, words: &str) -> String {
        let parts = [self.slice(0, start).text(), words.to_owned(), self.slice(end, self.len()).text()];
        let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        format!("{}?", super::capital(&parts.join(" ")))
    }

    /// Without the words that say nothing at its beginning.
    pub fn without_openers(&self) -> Self {
        let start = self.small.iter().take_while(|word| OPENERS.contains(&word.as_str())).count();
        self.slice(start, self.len())
    }
}

pub fn is_auxiliary(word: &str) -> bool {
    AUXILIARIES.contains(&word)
}

pub fn is_asking(word: &str) -> bool {
    ASKING.contains(&word)
}

pub fn is_verb(word: &str) -> bool {
    VERBS.contains(&word)
}

pub fn is_preposition(word: &str) -> bool {
    PREPOSITIONS.contains(&word)
}

pub fn is_determiner(word: &str) -> bool {
    DETERMINERS.contains(&word)
}

pub fn is_person(word: &str) -> bool {
    PERSONS.contains(&word)
}

/// Whether `word` may stand in the name of a thing.
pub fn is_name(word: &str) -> bool {
    let ends = is_auxiliary(word)
        || is_asking(word)
        || is_preposition(word)
        || is_determiner(word)
        || is_person(word)
        || ADJECTIVES.contains(&word)
        || JOINERS.contains(&word)
        || POINTERS.contains(&word)
        || OPENERS.contains(&word);
    !word.is_empty() && !ends
}

/// Whether nothing is asked: thanks, a greeting, or only openers.
pub fn is_small(words: &Words) -> bool {
    words.small.iter().all(|word| OPENERS.contains(&word.as_str()) || SMALL.contains(&word.as_str()))
}

/// The phrase that a question is, if it is no more than one: "and for the filter", "what about the hose", "on Sundays".
pub fn fragment(words: &Words, longest: usize) -> Option<Words> {
    let openers = words.small.iter().take_while(|word| OPENERS.contains(&word.as_str())).count();
    let joins = words.small[..openers].iter().any(|word| JOINING.contains(&word.as_str()));
    let rest = words.without_openers();
    let about = matches!((rest.at(0), rest.at(1)), ("what" | "how", "about") | ("what", "of"));
    let phrase = if about { rest.slice(2, rest.len()) } else { rest };
    let is_sentence = phrase.small.iter().any(|word| {
        let joins = JOINERS.contains(&word.as_str());
        is_auxiliary(word) || is_asking(word) || is_person(word) || POINTERS.contains(&word.as_str()) || joins
    });
    let leans = about || joins || is_preposition(phrase.at(0));
    let is_phrase = (1..=longest).contains(&phrase.len()) && !is_sentence && !is_verb(phrase.at(0));
    (leans && is_phrase)
        .then(|| {
            let end = if matches!(phrase.at(phrase.len() - 1), "then" | "too" | "please") { 1 } else { 0 };
            phrase.slice(0, phrase.len() - end)
        })
        .filter(|phrase| phrase.len() > 0)
}

/// Where the first word stands that points to something that the question does not name.
pub fn leans_by_pronoun(words: &Words) -> Option<usize> {
    (0..words.len()).find(|&at| {
        let (before, after) = (at.checked_sub(1).map_or("", |at| words.at(at)), words.at(at + 1));
        let names_one = (0..at).any(|at| is_determiner(words.at(at)) && is_name(words.at(at + 1)));
        match words.at(at) {
            "it" => {
                let of_its_own = IMPERSONAL.contains(&after)
                    || (before == "is" && at >= 2 && words.at(at - 2) == "time")
                    || (after == "is" && IMPERSONAL.contains(&words.at(at + 2)));
                !of_its_own && !names_one
            }
            "they" | "them" | "its" | "their" => !names_one,
            "this" | "that" | "these" | "those" => {
                let stands = after.is_empty()
                    || is_verb(after)
                    || is_auxiliary(after)
                    || ADJECTIVES.contains(&after)
                    || AFTER_POINTER.contains(&after);
                stands && !is_name(before) && !names_one
            }
            "one" | "ones" => {
                let picks = matches!(
                    before,
                    "new"
                        | "another"
                        | "a"
                        | "second"
                        | "this"
                        | "that"
                        | "which"
                        | "the"
                        | "bigger"
                        | "smaller"
                        | "cheaper"
                        | "larger"
                        | "used"
                        | "old"
                );
                picks && !is_name(after)
            }
            "there" => {
                let exists = is_auxiliary(before) || is_auxiliary(after) || before.is_empty();
                !exists && (after.is_empty() || is_preposition(after) || after == "too")
            }
            _ => false,
        }
    })
}

/// `words` with `entity` for the pointer at `at`; none if no name can stand there.
pub fn puts_referent(words: &Words, at: usize, entity: &Words) -> Option<String> {
    let name = match words.at(at) {
        "it" | "they" | "them" | "these" | "those" => entity.text(),
        "its" | "their" => format!("{}'s", entity.text()),
        "there" => format!("at {}", entity.text()),
        "one" | "ones" => {
            let bare =
                if is_determiner(entity.at(0)) { entity.slice(1, entity.len()) } else { entity.clone() };
            bare.text()
        }
        // "How long does that take?" means all that was said.
        _ => return None,
    };
    Some(words.with(at, at + 1, &name))
}

/// The words without "too" or "as well" at their end, if one stands there: it says of one more thing what was said of
/// another.
pub fn trails(words: &Words) -> Option<Words> {
    let last = words.at(words.len().saturating_sub(1));
    let as_well = words.len() >= 3 && words.at(words.len() - 2) == "as" && last == "well";
    let left = words.len() - if as_well { 2 } else { usize::from(last == "too") };
    (left < words.len() && left > 0).then(|| words.slice(0, left))
}
