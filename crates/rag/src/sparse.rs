//! Texts as bags of words, for search by words (BM25).
//!
//! A chunk's side holds what BM25 makes of its own words: how often, saturated and by its length. How rare a word is in the
//! collection is known to the store alone, which weights by it (`Modifier::Idf`). A word is a number, its hash, so that
//! nobody keeps a vocabulary.
use std::{collections::BTreeMap, ops::Range};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use whatlang::Lang;

mod stop_words;

/// How soon another mention of a word counts no more; the usual value.
const SATURATION: f32 = 1.2;
/// How much a long chunk's words count less; the usual value.
const LENGTH_WEIGHT: f32 = 0.75;
/// Words of a usual chunk without its stop words. A constant, as weights must not depend on what is ingested later.
const USUAL_LENGTH: f32 = 40.0;
/// A longer run of letters is no word that anyone asks for (a key, an encoded picture).
const LONGEST_WORD: usize = 64;

/// A sparse vector: what is not listed is 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sparse {
    /// Dimensions, each once, ascending.
    pub indices: Vec<u32>,
    /// Their values.
    pub values: Vec<f32>,
}

impl Sparse {
    /// Whether there is no word in it.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// How many dimensions both have.
    pub fn shared(&self, other: &Self) -> usize {
        self.indices.iter().filter(|index| other.has(**index)).count()
    }

    /// Whether both have a name of this question.
    pub fn shares_name(&self, other: &Self) -> bool {
        let mut weighed = self.indices.iter().zip(&self.values);
        weighed.any(|(index, value)| *value >= NAME && other.has(*index))
    }

    fn has(&self, index: u32) -> bool {
        self.indices.binary_search(&index).is_ok()
    }

    fn of(counted: BTreeMap<u32, f32>) -> Self {
        let (indices, values) = counted.into_iter().unzip();
        Self { indices, values }
    }
}

/// A name that is written in parts, such as "WP-200", counts for so many words of a question: who says it means just that.
const NAME: f32 = 2.0;

/// The words of a chunk, weighted as BM25 weights those of a document. Words of a language other than English stand there
/// as written too: a question is often too short to tell its language.
pub fn of_document(text: &str) -> Sparse {
    let language = language_of(text);
    let mut counted = BTreeMap::<u32, f32>::new();
    let mut length = 0.0;
    for Word { word, .. } in words(text).into_iter().filter(|word| !stop_words::has(language, &word.word)) {
        length += 1.0;
        for form in forms(&word, &[language]) {
            *counted.entry(form).or_default() += 1.0;
        }
    }
    let norm = SATURATION * (1.0 - LENGTH_WEIGHT + LENGTH_WEIGHT * length / USUAL_LENGTH);
    counted.values_mut().for_each(|count| *count = *count * (SATURATION + 1.0) / (*count + norm));
    Sparse::of(counted)
}

/// The words of a question, in the forms of English and of its own language if that can be told. Each counts one, and a
/// name in parts more.
pub fn of_question(text: &str) -> Sparse {
    let language = language_of(text);
    let mut weighted = BTreeMap::<u32, f32>::new();
    for Word { word, is_name } in
        words(text).into_iter().filter(|word| !stop_words::has(language, &word.word))
    {
        for form in forms(&word, &[Lang::Eng, language]) {
            let weight = weighted.entry(form).or_default();
            *weight = weight.max(if is_name { NAME } else { 1.0 });
        }
    }
    Sparse::of(weighted)
}

/// English unless it is surely another.
fn language_of(text: &str) -> Lang {
    let told = whatlang::detect(text).filter(|info| info.is_reliable() && algorithm(info.lang()).is_some());
    told.map_or(Lang::Eng, |info| info.lang())
}

/// The dimensions of a word: its stems, and for other languages than English itself.
fn forms(word: &str, languages: &[Lang]) -> Vec<u32> {
    let mut forms: Vec<u32> = Vec::with_capacity(3);
    let mut add = |form: u32| {
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    if languages.iter().any(|language| *language != Lang::Eng) {
        add(hash(word));
    }
    for algorithm in languages.iter().filter_map(|language| algorithm(*language)) {
        add(hash(&folded(&Stemmer::create(algorithm).stem(word))));
    }
    forms
}

/// A word, or the whole of what is written in parts.
struct Word {
    word: String,
    is_name: bool,
}

/// Lower-cased words in their order. What is written in parts ("WP-200", "wp 200", "self-priming") gives the parts and the
/// whole, as speech and writing differ in that. Scripts without spaces give pairs of characters.
fn words(text: &str) -> Vec<Word> {
    let text: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let mut words: Vec<Word> = Vec::new();
    let is_of_word =
        |letter: char| letter.is_alphanumeric() || is_combining_mark(letter) || "-_./'’".contains(letter);
    for run in text.split(|letter: char| !is_of_word(letter)).filter(|run| !run.is_empty()) {
        let before = words.last().map(|word| word.word.clone());
        parts_and_whole(run, &mut words);
        // "WP 200", as a recogniser writes it.
        let is_number = run.chars().all(|letter| letter.is_ascii_digit());
        if let Some(before) = before.filter(|before| is_number && is_short_name(before)) {
            words.push(Word { word: format!("{before}{run}"), is_name: true });
        }
    }
    words.retain(|word| word.word.len() <= LONGEST_WORD);
    words
}

fn is_short_name(word: &str) -> bool {
    word.len() <= 3 && word.chars().all(char::is_alphabetic) && !stop_words::has(Lang::Eng, word)
}

fn parts_and_whole(run: &str, words: &mut Vec<Word>) {
    let run: String = run.trim_end_matches("'s").trim_end_matches("’s").replace(['\'', '’'], "");
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut last = Kind::None;
    for (place, letter) in run.char_indices() {
        let kind = Kind::of(letter);
        let range = place..place + letter.len_utf8();
        match (parts.last_mut(), kind) {
            (_, Kind::None) => {}
            (Some(part), _) if kind == last => part.end = range.end,
            _ => parts.push(range),
        }
        last = kind;
    }
    let mut add = |word: String, is_name: bool| words.push(Word { word, is_name });
    for part in &parts {
        let part = &run[part.clone()];
        if part.starts_with(without_spaces) {
            pairs(part).into_iter().for_each(|pair| add(pair, false));
        } else {
            add(part.to_owned(), false);
        }
    }
    if parts.len() > 1 && !run.contains(without_spaces) {
        add(parts.iter().map(|part| &run[part.clone()]).collect(), true);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    None,
    Digit,
    Letter,
    Ideograph,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            _ if letter.is_numeric() => Self::Digit,
            _ if without_spaces(letter) => Self::Ideograph,
            _ if letter.is_alphabetic() || is_combining_mark(letter) => Self::Letter,
            _ => Self::None,
        }
    }
}

/// Chinese, Japanese and Thai set no spaces between words.
fn without_spaces(letter: char) -> bool {
    matches!(letter, '\u{0e00}'..='\u{0e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}')
}

fn pairs(part: &str) -> Vec<String> {
    let letters: Vec<char> = part.chars().collect();
    if letters.len() < 2 {
        return vec![part.to_owned()];
    }
    letters.windows(2).map(|pair| pair.iter().collect()).collect()
}

/// Without accents: callers' words come from a recogniser, documents' from people.
fn folded(word: &str) -> String {
    word.nfd().filter(|letter| !is_combining_mark(*letter)).collect()
}

/// FNV-1a, by hand so that no update of a crate changes what is stored.
fn hash(word: &str) -> u32 {
    let folded = folded(word);
    let long = folded.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (long ^ (long >> 32)) as u32
}

fn algorithm(language: Lang) -> Option<Algorithm> {
    Some(match language {
        Lang::Ara => Algorithm::Arabic,
        Lang::Dan => Algorithm::Danish,
        Lang::Deu => Algorithm::German,
        Lang::Ell => Algorithm::Greek,
        Lang::Eng => Algorithm::English,
        Lang::Fin => Algorithm::Finnish,
        Lang::Fra => Algorithm::French,
        Lang::Hun => Algorithm::Hungarian,
        Lang::Ita => Algorithm::Italian,
        Lang::Nld => Algorithm::Dutch,
        Lang::Nob => Algorithm::Norwegian,
        Lang::Por => Algorithm::Portuguese,
        Lang::Ron => Algorithm::Romanian,
        Lang::Rus => Algorithm::Russian,
        Lang::Spa => Algorithm::Spanish,
        Lang::Swe => Algorithm::Swedish,
        Lang::Tam => Algorithm::Tamil,
        Lang::Tur => Algorithm::Turkish,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(question: &str, document: &str) -> (usize, usize) {
        let question = of_question(question);
        (question.shared(&of_document(document)), question.indices.len())
    }

    #[test]
    fn words_meet_in_all_their_forms_and_stop_words_do_not_count() {
        let table = [
            ("What are the warranties?", "The warranty lasts two years.", (1, 1)),
            ("Is it leaking?", "When the pump leaks, tighten it.", (1, 1)),
            ("What is the WP-200?", "Type: WP-200, 800 watts.", (3, 3)),
            ("wp200", "Type: WP-200, 800 watts.", (3, 3)),
            ("the WP 200", "Type: WP-200, 800 watts.", (3, 3)),
            ("the pump's filter", "A filter. A pump.", (2, 2)),
            ("cafe", "Das Café öffnet um acht Uhr, und die Küche schließt um zehn Uhr am Abend.", (1, 1)),
            ("ÉCOLE", "école", (1, 1)),
            (
                "Öffnungszeiten",
                "Unsere Öffnungszeiten sind am Montag und am Dienstag von acht bis zwölf Uhr.",
                (1, 1),
            ),
            ("営業時間は", "営業時間は九時からです", (4, 4)),
            ("What is that?", "What is that?", (0, 0)),
        ];
        for (question, document, expected) in table {
            let (shared, all) = share(question, document);
            assert!(shared >= expected.0, "{question}: {shared} of {all}, expected {expected:?}");
            assert!(all < expected.1 + 3, "{question}: {all}");
        }
    }

    #[test]
    fn weights_are_those_of_bm25() {
        // One mention in a chunk of the usual length weighs one; a second one less than double.
        let filler = (0..39).map(|number| {
            format!(" filler{}", char::from(b'a' + (number % 26) as u8).to_string().repeat(1 + number / 26))
        });
        let once = of_document(&format!("pump{}", filler.clone().collect::<String>()));
        let pump = of_question("pump").indices[0];
        let weight = |sparse: &Sparse| sparse.values[sparse.indices.binary_search(&pump).unwrap()];
        assert!((weight(&once) - 1.0).abs() < 1e-5, "{}", weight(&once));
        let twice = of_document(&format!("pump pump{}", filler.skip(1).collect::<String>()));
        assert!((weight(&twice) - 2.0 * 2.2 / 3.2).abs() < 1e-5, "{}", weight(&twice));
    }

    #[test]
    fn a_name_in_parts_is_known_as_one() {
        for (question, document, expected) in [
            ("What is the WP-200?", "Type wp200.", true),
            ("What is the WP 200?", "Type WP-200.", true),
            ("What does SQLITE_BUSY mean?", "SQLITE_BUSY is a code.", true),
            ("What is the WP-300?", "Type WP-200.", false),
            ("What is a pump?", "A pump.", false),
            ("Is it open at 8?", "At 8.", false),
        ] {
            assert_eq!(of_question(question).shares_name(&of_document(document)), expected, "{question}");
        }
    }

    #[test]
    fn any_text_gives_an_ordered_vector() {
        for text in ["", " - ", "...", "a-b_c/d.e", "’s 's", "🙂 ok", "\u{301}", &"x".repeat(10_000)] {
            for sparse in [of_document(text), of_question(text)] {
                assert!(sparse.indices.is_sorted() && sparse.indices.len() == sparse.values.len(), "{text}");
            }
        }
    }
}
