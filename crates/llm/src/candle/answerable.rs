//! Can a passage hold the answer at all? A model of 135 million parameters takes whatever it is shown, and search finds the
//! garden hose's warranty for a question on its price. Two looks, both at words: does the passage name what is asked about,
//! and does it hold the kind of thing that is asked for. English; a question in which nothing is recognised passes.
use rust_stemmers::{Algorithm, Stemmer};

use super::quote::Rating;

/// Words that name nothing.
const EMPTY: &str = "a about all also am an and any are as at be been but by can could did do does doing for from get give go \
    got had has have having he hello her here hi him how i if in into is it its just know let like long make \
    many may me might more much must my myself need no not of often on one only or other our out please \
    possible shall she should so some such tell than thanks that the their them then there these they this \
    those to too up us use very want was we well were what when where whether which who why will with would \
    yes you your yourself new exactly actually take takes happens something anything way time ok okay say \
    find covered again wait stop hold moment sorry excuse oh ah um uh er hm hmm";
/// Below this share of its words a passage is about something else.
const LEAST_NAMED: f32 = 0.5;
/// A passage that names only some of the words has to be this near, both together.
const NEAR: f32 = 0.8;
/// So near a passage is about the matter, whatever words it uses.
const SURE: f32 = 0.65;
/// What all words named are worth beside the similarity.
const NAMED_WORTH: f32 = 0.35;

/// What a question asks for, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Price,
    Weight,
    Colour,
    Length,
    Number,
}

/// A question, looked at once.
pub struct Wanted {
    kind: Option<Kind>,
    words: Vec<String>,
    stemmer: Stemmer,
}

impl Wanted {
    /// What `question` wants.
    pub fn of(question: &str) -> Self {
        let stemmer = Stemmer::create(Algorithm::English);
        let plain = words(question);
        let (kind, of_kind) = kind(&plain);
        let mut named: Vec<String> = plain
            .iter()
            .filter(|word| {
                !EMPTY.split(' ').any(|empty| empty == word.as_str()) && !of_kind.contains(&word.as_str())
            })
            .map(|word| stemmer.stem(word).into_owned())
            .collect();
        named.sort();
        named.dedup();
        Self { kind, words: named, stemmer }
    }

    /// Whether an answer may stand in `text` under `heading`, which is similar to the question by `score`.
    pub fn may_stand_in(&self, heading: &str, text: &str, score: f32) -> bool {
        let named = self.share_named(&format!("{heading} {text}"));
        // Who found it did not say how near it is.
        let is_scored = score > 0.0;
        let is_near = named >= LEAST_NAMED && (!is_scored || score + NAMED_WORTH * named >= NEAR);
        let is_about = named >= 1.0 || score >= SURE || is_near;
        is_about && self.holds_kind(text)
    }

    /// What speaks for `sentence` as the beginning of an answer.
    pub fn rate(&self, sentence: &str) -> Rating {
        Rating { fits: self.holds_kind(sentence), named: self.share_named(sentence) }
    }

    /// Whether `text` holds the kind of thing that is asked for.
    fn holds_kind(&self, text: &str) -> bool {
        let Some(kind) = self.kind else { return true };
        let words = words(text);
        let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let has_digit = text.contains(|letter: char| letter.is_ascii_digit());
        match kind {
            Kind::Price => has(MONEY) || text.contains(['$', '€', '£', '¥']),
            Kind::Weight => has(WEIGHTS),
            Kind::Colour => has(COLOURS),
            Kind::Length => has(LENGTHS) || has(DURATIONS) || has_digit,
            Kind::Number => has_digit || has(NUMBERS),
        }
    }

    /// The share of the question's words that stand in `text`, 0 to 1.
    fn share_named(&self, text: &str) -> f32 {
        if self.words.is_empty() {
            return 1.0;
        }
        let there: Vec<String> =
            words(text).iter().map(|word| self.stemmer.stem(word).into_owned()).collect();
        let named = self.words.iter().filter(|word| there.iter().any(|one| is_same(one, word))).count();
        named as f32 / self.words.len() as f32
    }
}

const MONEY: &[&str] = &[
    "dollar", "dollars", "euro", "euros", "pound", "pounds", "cent", "cents", "franc", "francs", "usd",
    "eur", "gbp", "free", "charge", "cost", "costs", "price", "fee",
];
const WEIGHTS: &[&str] = &[
    "kilogram",
    "kilograms",
    "kilo",
    "kilos",
    "kg",
    "gram",
    "grams",
    "g",
    "pound",
    "pounds",
    "lb",
    "lbs",
    "ounce",
    "ounces",
    "ton",
    "tons",
    "tonne",
    "tonnes",
    "weigh",
    "weighs",
    "heavy",
    "light",
];
const COLOURS: &[&str] = &[
    "red",
    "green",
    "blue",
    "yellow",
    "black",
    "white",
    "grey",
    "gray",
    "brown",
    "orange",
    "purple",
    "pink",
    "silver",
    "golden",
    "colour",
    "color",
    "colours",
    "colors",
    "transparent",
];
const LENGTHS: &[&str] = &[
    "metre",
    "metres",
    "meter",
    "meters",
    "centimetre",
    "centimetres",
    "centimeter",
    "centimeters",
    "millimetre",
    "millimetres",
    "millimeter",
    "millimeters",
    "kilometre",
    "kilometres",
    "inch",
    "inches",
    "foot",
    "feet",
    "yard",
    "yards",
    "mile",
    "miles",
    "m",
    "cm",
    "mm",
    "km",
];
const DURATIONS: &[&str] = &[
    "second",
    "seconds",
    "minute",
    "minutes",
    "hour",
    "hours",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "same",
    "immediately",
    "until",
    "forever",
    "unlimited",
    "lifetime",
];
const NUMBERS: &[&str] = &[
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "half",
    "quarter",
    "dozen",
    "once",
    "twice",
    "every",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "annually",
    "all",
    "no",
    "any",
    "both",
    "several",
    "none",
    "unlimited",
    "always",
    "never",
    "first",
    "before",
    "after",
    "same",
    "free",
];

/// What is asked for, and the words that say so.
fn kind(words: &[String]) -> (Option<Kind>, &'static [&'static str]) {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let follows = |first: &str, second: &[&str]| {
        words.windows(2).any(|pair| pair[0] == first && second.contains(&pair[1].as_str()))
    };
    if has(&["weigh", "weighs", "weight"]) || follows("how", &["heavy"]) {
        return (Some(Kind::Weight), &["weigh", "weighs", "weight", "heavy"]);
    }
    if has(&["colour", "color", "colours", "colors"]) {
        return (Some(Kind::Colour), &["colour", "color", "colours", "colors"]);
    }
    if has(&["cost", "costs", "price", "prices", "expensive", "cheap"])
        || follows("much", &["is", "are", "for"])
    {
        return (Some(Kind::Price), &["cost", "costs", "price", "prices", "expensive", "cheap"]);
    }
    if follows("how", &["tall", "wide", "deep", "thick", "high", "far"]) {
        return (Some(Kind::Length), &["tall", "wide", "deep", "thick", "high", "far"]);
    }
    if follows(
        "how",
        &[
            "much", "many", "often", "fast", "old", "large", "big", "hot", "quick", "quickly", "soon",
            "loud", "long",
        ],
    ) {
        return (
            Some(Kind::Number),
            &["fast", "old", "large", "big", "hot", "quick", "quickly", "soon", "loud"],
        );
    }
    (None, &[])
}

fn words(text: &str) -> Vec<String> {
    // "E-mail" and "email" are one word.
    let joined = text.replace(['-', '‑'], "");
    let split = joined.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '\'' | '’')));
    let bare = split.map(|word| word.trim_matches(['\'', '’']));
    bare.filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().replace("'s", "").replace("’s", ""))
        .collect()
}

/// Whether two stems are of one word: also "leak" in "leakage", and parts of compounds.
fn is_same(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    short == long || (short.len() >= 4 && long.starts_with(short))
}
