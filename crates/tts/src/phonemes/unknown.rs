//! Words that the lexicon does not hold: known names, letters, prefixes and endings around known words,
//! compounds of known words, and at last the spelling rules. Never nothing, for a word of letters.
use misaki_rs::{Language, Lexicon};

use super::{names::name, rules::sounds};

/// Endings, and what they add in American English.
const ENDINGS: &[(&str, &str)] = &[
    ("ization", "əzˌAʃən"),
    ("izers", "ˌIzəɹz"),
    ("izer", "ˌIzəɹ"),
    ("ized", "ˌIzd"),
    ("ize", "ˌIz"),
    ("ness", "nəs"),
    ("less", "ləs"),
    ("ments", "mənts"),
    ("ment", "mənt"),
    ("ship", "ʃˌɪp"),
    ("able", "əbᵊl"),
    ("like", "lˌIk"),
    ("wise", "wˌIz"),
    ("ful", "fᵊl"),
    ("ish", "ɪʃ"),
    ("ism", "ˌɪzəm"),
    ("ists", "ɪsts"),
    ("ist", "ɪst"),
    ("ers", "əɹz"),
    ("er", "əɹ"),
    ("est", "əst"),
    ("ly", "li"),
    ("'s", "z"),
    ("y", "i"),
];

/// Beginnings that make no word alone.
const BEGINNINGS: &[(&str, &str)] = &[
    ("electro", "əlˈɛktɹO"),
    ("thermo", "θˈɜɹmO"),
    ("hydro", "hˈIdɹO"),
    ("micro", "mˈIkɹO"),
    ("multi", "mˈʌlti"),
    ("hyper", "hˈIpəɹ"),
    ("inter", "ˈɪntəɹ"),
    ("super", "sˈupəɹ"),
    ("cyber", "sˈIbəɹ"),
    ("under", "ˈʌndəɹ"),
    ("photo", "fˈOTO"),
    ("auto", "ˈɔTO"),
    ("anti", "ˈæntˌI"),
    ("mega", "mˈɛɡə"),
    ("giga", "ɡˈɪɡə"),
    ("nano", "nˈænO"),
    ("tele", "tˈɛlə"),
    ("kilo", "kˈɪlO"),
    ("semi", "sˈɛmi"),
    ("over", "ˈOvəɹ"),
    ("pre", "pɹi"),
    ("non", "nˈɑn"),
    ("sub", "sˈʌb"),
    ("mis", "mɪs"),
    ("geo", "ʤˈiO"),
    ("bio", "bˈIO"),
    ("eco", "ˈikO"),
    ("un", "ˌʌn"),
    ("re", "ɹi"),
    ("de", "di"),
    ("co", "kO"),
];

/// Longer words are said letter by letter in groups no more: rules read them. Fewer letters in capitals are
/// an abbreviation.
const LONGEST_ABBREVIATION: usize = 5;

/// The phonemes of a word in the letters A to Z, apostrophes and hyphens.
pub fn pronounce(word: &str, lexicon: &Lexicon) -> String {
    let parts: Vec<String> = word
        .split(|c: char| !c.is_ascii_alphabetic() && c != '\'')
        .map(|part| part.trim_matches('\''))
        .filter(|part| !part.is_empty())
        .map(|part| whole(part, lexicon))
        .collect();
    // Every part keeps its stress mark, but only the first keeps the main one.
    let mut parts = parts.into_iter();
    let mut out = parts.next().unwrap_or_default();
    for part in parts {
        out.push_str(&if part.contains(' ') || out.contains(' ') {
            format!(" {part}")
        } else {
            second(&part)
        });
    }
    out
}

fn whole(word: &str, lexicon: &Lexicon) -> String {
    let capitals = word.chars().all(|c| c.is_ascii_uppercase());
    let small = word.to_ascii_lowercase();
    if let Some(said) = name(&small) {
        return local(said, lexicon);
    }
    if let Some(said) = known(word, lexicon).filter(|_| !capitals || word.len() > 1) {
        return said;
    }
    let vowel = small.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if word.len() == 1 || !vowel || capitals && word.len() <= LONGEST_ABBREVIATION {
        return letters(&small, lexicon);
    }
    inflected(&small, lexicon)
        .or_else(|| compound(&small, lexicon))
        .unwrap_or_else(|| local(&sounds(&small.replace('\'', "")), lexicon))
}

/// The lexicon's own word.
fn known(word: &str, lexicon: &Lexicon) -> Option<String> {
    // The lexicon answers capitals it does not know by letters, which is decided elsewhere.
    let said = lexicon.get_word(word, "NN", None, None).map(|(said, _)| said);
    said.filter(|said| !said.is_empty() && !said.contains('❓'))
}

/// Letter by letter, the last with the main stress.
pub fn letters(word: &str, lexicon: &Lexicon) -> String {
    let names: Vec<String> = word
        .chars()
        .filter(char::is_ascii_alphabetic)
        .filter_map(|letter| lexicon.lookup(&letter.to_ascii_uppercase().to_string(), "NN", None, None))
        .map(|(said, _)| said)
        .collect();
    let last = names.len().saturating_sub(1);
    names.iter().enumerate().map(|(at, said)| if at == last { said.clone() } else { second(said) }).collect()
}

/// The main stress made a side stress.
fn second(said: &str) -> String {
    said.replace('ˈ', "ˌ")
}

fn inflected(word: &str, lexicon: &Lexicon) -> Option<String> {
    let ended = ENDINGS.iter().find_map(|(ending, sound)| {
        let stem = word.strip_suffix(ending).filter(|stem| stem.len() >= 3)?;
        // "hopped" has doubled its letter, "cable" has lost its e.
        let doubled = stem.len() > 3 && stem.as_bytes()[stem.len() - 1] == stem.as_bytes()[stem.len() - 2];
        let said = name(stem)
            .map(str::to_owned)
            .or_else(|| known(stem, lexicon))
            .or_else(|| {
                known(&format!("{stem}e"), lexicon)
                    .filter(|_| !ending.starts_with(['n', 'l', 'f', 's', 'w', 'm']))
            })
            .or_else(|| doubled.then(|| known(&stem[..stem.len() - 1], lexicon)).flatten())?;
        Some(said + &local(sound, lexicon))
    });
    ended.or_else(|| {
        BEGINNINGS.iter().find_map(|(beginning, sound)| {
            let rest = word.strip_prefix(beginning).filter(|rest| rest.len() >= 3)?;
            let rest = known(rest, lexicon)?;
            // A beginning with a stress takes the main one; one without leaves it.
            let rest = if sound.contains('ˈ') { second(&rest) } else { rest };
            Some(local(sound, lexicon) + &rest)
        })
    })
}

/// Two known words in one: the split with the longest shorter half.
fn compound(word: &str, lexicon: &Lexicon) -> Option<String> {
    const SHORTEST: usize = 3;
    if word.len() < 2 * SHORTEST || !word.is_ascii() {
        return None;
    }
    let mut splits: Vec<usize> = (SHORTEST..=word.len() - SHORTEST).collect();
    splits.sort_by_key(|at| std::cmp::Reverse((*at).min(word.len() - *at)));
    splits.into_iter().find_map(|at| {
        let (left, right) = word.split_at(at);
        if !lexicon.in_gold(left) || !(lexicon.in_gold(right) || right.ends_with('s')) {
            return None;
        }
        Some(known(left, lexicon)? + &second(&known(right, lexicon)?))
    })
}

/// American phonemes in the accent of the lexicon. British English has no r but before a vowel, longer vowels
/// and other diphthongs.
fn local(said: &str, lexicon: &Lexicon) -> String {
    if lexicon.lang == Language::EnglishUS {
        return said.to_owned();
    }
    const VOWELS: &str = "AIOWYaiuæɑɔəɛɜɪʊʌᵻQɒˈˌ";
    let symbols: Vec<char> = said.chars().collect();
    let mut out = String::new();
    for (at, &symbol) in symbols.iter().enumerate() {
        let next = symbols.get(at + 1);
        let silent = symbol == 'ɹ' && !next.is_some_and(|next| VOWELS.contains(*next));
        let coloured = next == Some(&'ɹ');
        match symbol {
            'ɹ' if silent => {}
            'T' => out.push('t'),
            'O' => out.push('Q'),
            'i' if next.is_none() => out.push('i'),
            'i' | 'u' | 'ɜ' => out.extend([symbol, 'ː']),
            'ɔ' => out.extend(['ɔ', 'ː']),
            'ɑ' if coloured => out.extend(['ɑ', 'ː']),
            'ɑ' => out.push('ɒ'),
            'æ' => out.push('a'),
            'ᵻ' => out.push('ɪ'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_said_from_what_is_known() {
        let lexicon = Lexicon::new(Language::EnglishUS);
        let cases = [
            ("Kubernetes", "kˌubəɹnˈɛtiz"),
            ("qdrant", "kwˈɑdɹənt"),
            ("Xylotronix", "zˌIlɑtɹˈOnɪks"),
            ("USB", "jˌuˌɛsbˈi"),
            ("backend", "bˈækˌɛnd"),
            ("pumpless", "pˈʌmpləs"),
            ("bzzt", "bˌizˌizˌitˈi"),
            ("kilohm", "kˈɪlOm"),
        ];
        for (word, expected) in cases {
            assert_eq!(pronounce(word, &lexicon), expected, "{word}");
        }
    }

    #[test]
    fn a_british_voice_gets_british_sounds() {
        let lexicon = Lexicon::new(Language::EnglishGB);
        assert_eq!(pronounce("Zorbar", &lexicon), "zˈɔːbɑː");
        assert_eq!(pronounce("qdrant", &lexicon), "kwˈɒdɹənt");
    }
}
