//! English spelling to sound for words that no lexicon holds: letter rules, then stress, then weak vowels.
//! Not as good as a lexicon, but every letter is answered for. American phonemes in Kokoro's alphabet.

/// Letters and their sounds where no rule with a condition applies first; longest first at the same place.
const SPELLINGS: &[(&str, &str)] = &[
    ("tious", "ʃəs"),
    ("cious", "ʃəs"),
    ("ough", "O"),
    ("augh", "ɔ"),
    ("eigh", "A"),
    ("tion", "ʃən"),
    ("sion", "ʒən"),
    ("ture", "ʧəɹ"),
    ("igh", "I"),
    ("tch", "ʧ"),
    ("dge", "ʤ"),
    ("sch", "ʃ"),
    ("eau", "O"),
    ("oor", "ɔɹ"),
    ("our", "ɔɹ"),
    ("ear", "ɪɹ"),
    ("eer", "ɪɹ"),
    ("air", "ɛɹ"),
    ("are", "ɛɹ"),
    ("ere", "ɪɹ"),
    ("ire", "Iəɹ"),
    ("ore", "ɔɹ"),
    ("ure", "jʊɹ"),
    ("qu", "kw"),
    ("ch", "ʧ"),
    ("ck", "k"),
    ("ph", "f"),
    ("sh", "ʃ"),
    ("th", "θ"),
    ("wh", "w"),
    ("ng", "ŋ"),
    ("zh", "ʒ"),
    ("kh", "k"),
    ("gh", "ɡ"),
    ("rh", "ɹ"),
    ("ts", "ts"),
    ("ai", "A"),
    ("ay", "A"),
    ("au", "ɔ"),
    ("aw", "ɔ"),
    ("ea", "i"),
    ("ee", "i"),
    ("ei", "A"),
    ("ey", "i"),
    ("eu", "ju"),
    ("ew", "ju"),
    ("ie", "i"),
    ("oa", "O"),
    ("oe", "O"),
    ("oi", "Y"),
    ("oo", "u"),
    ("ou", "W"),
    ("ow", "O"),
    ("oy", "Y"),
    ("ue", "u"),
    ("ui", "u"),
    ("ar", "ɑɹ"),
    ("er", "ɜɹ"),
    ("ir", "ɜɹ"),
    ("or", "ɔɹ"),
    ("ur", "ɜɹ"),
    ("yr", "ɪɹ"),
    ("bb", "b"),
    ("cc", "k"),
    ("dd", "d"),
    ("ff", "f"),
    ("gg", "ɡ"),
    ("jj", "ʤ"),
    ("kk", "k"),
    ("ll", "l"),
    ("mm", "m"),
    ("nn", "n"),
    ("pp", "p"),
    ("qq", "k"),
    ("rr", "ɹ"),
    ("ss", "s"),
    ("tt", "t"),
    ("vv", "v"),
    ("zz", "z"),
    ("a", "æ"),
    ("b", "b"),
    ("c", "k"),
    ("d", "d"),
    ("e", "ɛ"),
    ("f", "f"),
    ("g", "ɡ"),
    ("h", "h"),
    ("i", "ɪ"),
    ("j", "ʤ"),
    ("k", "k"),
    ("l", "l"),
    ("m", "m"),
    ("n", "n"),
    ("o", "ɑ"),
    ("p", "p"),
    ("q", "k"),
    ("r", "ɹ"),
    ("s", "s"),
    ("t", "t"),
    ("u", "ʌ"),
    ("v", "v"),
    ("w", "w"),
    ("x", "ks"),
    ("y", "ɪ"),
    ("z", "z"),
];

const VOWELS: &str = "AIOWYaiuæɑɔəɛɜɪʊʌᵻ";

/// Endings that pull the stress to the syllable before them.
const STRESS_BEFORE: &[&str] =
    &["tion", "sion", "ic", "ics", "ical", "ity", "ian", "ia", "ious", "logy", "graphy", "meter", "ual"];

/// The phonemes of `word`, which is in the letters a to z and has a vowel. With its stress mark.
pub fn sounds(word: &str) -> String {
    let letters = word.as_bytes();
    let mut sounds: Vec<&'static str> = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let (length, sound) = conditional(word, at).unwrap_or_else(|| plain(&word[at..]));
        if !sound.is_empty() {
            sounds.push(sound);
        }
        at += length;
    }
    weaken(&stress(word, &sounds))
}

fn plain(rest: &str) -> (usize, &'static str) {
    let found = SPELLINGS.iter().find(|(letters, _)| rest.starts_with(letters));
    // Whatever is no letter a to z has no sound of its own here.
    found.map_or((1, ""), |(letters, sound)| (letters.len(), *sound))
}

fn is_vowel(letter: Option<&u8>) -> bool {
    letter.is_some_and(|letter| b"aeiouy".contains(letter))
}

/// Rules that look around.
fn conditional(word: &str, at: usize) -> Option<(usize, &'static str)> {
    let letters = word.as_bytes();
    let (before, here, rest) = (at.checked_sub(1).map(|at| letters[at]), letters[at], &word[at..]);
    let next = letters.get(at + 1);
    let last = at + 1 == letters.len();
    let soft = next.is_some_and(|next| b"eiy".contains(next));
    // A vowel before one consonant and a final e is long: "tape", "probe".
    let magic =
        rest.len() == 3 && !is_vowel(next) && rest.ends_with('e') && !b"xwhr".contains(&letters[at + 1])
            || rest.len() == 4
                && !is_vowel(next)
                && rest.ends_with("es")
                && b"bdfgklmnptv".contains(&letters[at + 1]);
    // A vowel before one consonant and another vowel is open: "data", "volo".
    let open = !is_vowel(next) && !last && is_vowel(letters.get(at + 2)) && next != Some(&b'x');
    match here {
        b'k' if at == 0 && next == Some(&b'n') => Some((2, "n")),
        b'w' if at == 0 && next == Some(&b'r') => Some((2, "ɹ")),
        b'p' if at == 0 && matches!(next, Some(b's' | b'n')) => Some((1, "")),
        b'p' if at == 0 && next == Some(&b't') => Some((1, "")),
        b'g' if at == 0 && next == Some(&b'n') => Some((1, "")),
        b'x' if at == 0 => Some((1, "z")),
        b'x' if before == Some(b'e') && is_vowel(next) && at == 1 => Some((1, "ɡz")),
        b'c' if next == Some(&b'h') && matches!(letters.get(at + 2), Some(b'r' | b'l' | b'n')) => {
            Some((2, "k"))
        }
        b's' if next == Some(&b'c') && matches!(letters.get(at + 2), Some(b'e' | b'i' | b'y')) => {
            Some((2, "s"))
        }
        b'c' if next == Some(&b'c') && matches!(letters.get(at + 2), Some(b'e' | b'i')) => Some((2, "ks")),
        b'c' if soft => Some((1, "s")),
        b'g' if soft && at > 0 => Some((1, "ʤ")),
        b'n' if matches!(next, Some(b'k' | b'x')) => Some((1, "ŋ")),
        b's' if last && before.is_some_and(|before| b"aeioubdglmnrvwy".contains(&before)) => Some((1, "z")),
        b's' if before.is_some_and(|before| is_vowel(Some(&before))) && is_vowel(next) => Some((1, "z")),
        b'e' if rest == "es" && before.is_some_and(|before| b"szxh".contains(&before)) => Some((2, "ᵻz")),
        b'e' if rest == "es" && at > 1 => Some((2, if before == Some(b't') { "iz" } else { "z" })),
        b'e' if rest == "ed" && at > 1 => Some((
            2,
            match before {
                Some(b't' | b'd') => "ᵻd",
                Some(b'p' | b'k' | b's' | b'x' | b'f' | b'h') => "t",
                _ => "d",
            },
        )),
        b'l' if rest == "le" && before.is_some_and(|before| !is_vowel(Some(&before))) => Some((2, "ᵊl")),
        b'e' if last && at > 1 => Some((1, "")),
        b'e' if last => Some((1, "i")),
        b'a' if last => Some((1, "ə")),
        b'o' if last => Some((1, "O")),
        b'i' if last => Some((1, "i")),
        b'u' if last => Some((1, "u")),
        b'y' if at == 0 && is_vowel(next) => Some((1, "j")),
        b'y' if last => Some((1, if vowel_before(letters, at) { "i" } else { "I" })),
        b'y' if at == 1 && !is_vowel(letters.first()) => Some((1, "I")),
        b'y' if is_vowel(next) && before.is_some_and(|before| is_vowel(Some(&before))) => Some((1, "j")),
        b'a' if magic || rest.starts_with("ation") => Some((1, "A")),
        b'e' if magic => Some((1, "i")),
        b'i' if magic => Some((1, "I")),
        b'o' if magic => Some((1, "O")),
        b'u' if magic => Some((1, "u")),
        b'i' if is_vowel(next) && at > 0 && !matches!(next, Some(b'e')) => Some((1, "i")),
        // An r between vowels opens no r-coloured vowel: "aro", "iro".
        b'o' if open && next == Some(&b'r') => Some((2, "ɔɹ")),
        b'a' if open && next == Some(&b'r') => Some((2, "ɛɹ")),
        b'e' if open && next == Some(&b'r') => Some((2, "ɛɹ")),
        b'i' if open && next == Some(&b'r') => Some((2, "ɪɹ")),
        b'u' if open && next == Some(&b'r') => Some((2, "ʊɹ")),
        b'o' if open => Some((1, "O")),
        b'u' if open => Some((1, "u")),
        b'a' if open && at < 3 => Some((1, "A")),
        _ => None,
    }
}

fn vowel_before(letters: &[u8], at: usize) -> bool {
    letters[..at].iter().any(|letter| is_vowel(Some(letter)))
}

fn has_vowel(sound: &str) -> bool {
    sound.chars().any(|c| VOWELS.contains(c) || c == 'ᵊ')
}

/// Puts one main stress: before the pulling endings, else on the first syllable of two, else on the last but
/// one where that is heavy (long vowel or two consonants behind), else on the last but two.
fn stress(word: &str, sounds: &[&'static str]) -> Vec<String> {
    let syllables: Vec<usize> =
        sounds.iter().enumerate().filter(|(_, sound)| has_vowel(sound)).map(|(at, _)| at).collect();
    let count = syllables.len();
    let strong = |at: usize| sounds[at].chars().any(|c| VOWELS.contains(c) && !"əᵻ".contains(c));
    let pulled = STRESS_BEFORE.iter().find(|ending| word.ends_with(**ending));
    let chosen = match (count, pulled) {
        (0, _) => return sounds.iter().map(|sound| (*sound).to_owned()).collect(),
        (1, _) => 0,
        (_, Some(ending)) => {
            let after = ending.bytes().collect::<Vec<_>>();
            let own = after
                .iter()
                .enumerate()
                .filter(|(at, letter)| is_vowel(Some(letter)) && (*at == 0 || !is_vowel(after.get(at - 1))))
                .count();
            count.saturating_sub(own + 1)
        }
        (2, _) => usize::from(!strong(syllables[0])),
        (_, None) => {
            let penult = syllables[count - 2];
            let long = sounds[penult].chars().any(|c| "AIOWYiuɑɔɜ".contains(c));
            let closed = syllables[count - 1] - penult > 2;
            if (long || closed) && strong(penult) { count - 2 } else { count - 3 }
        }
    };
    let marked = syllables[chosen];
    let secondary = chosen >= 2 && strong(syllables[chosen - 2]);
    let mark = |at: usize, sound: &str| -> String {
        if at == marked {
            before_vowel(sound, 'ˈ')
        } else if secondary && at == syllables[chosen - 2] {
            before_vowel(sound, 'ˌ')
        } else {
            sound.to_owned()
        }
    };
    sounds.iter().enumerate().map(|(at, sound)| mark(at, sound)).collect()
}

fn before_vowel(sound: &str, mark: char) -> String {
    let at = sound.find(|c| VOWELS.contains(c)).unwrap_or(0);
    format!("{}{mark}{}", &sound[..at], &sound[at..])
}

/// Short vowels without stress are weak: "ə".
fn weaken(sounds: &[String]) -> String {
    let first = sounds.iter().position(|sound| has_vowel(sound));
    let mut out = String::new();
    for (at, sound) in sounds.iter().enumerate() {
        match sound.as_str() {
            "æ" | "ʌ" if Some(at) != first || at == 0 => out.push('ə'),
            "ɛ" if Some(at) != first => out.push('ə'),
            "ɜɹ" => out.push_str("əɹ"),
            _ => out.push_str(sound),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_words_sound_as_they_are_spelled() {
        let cases = [
            ("xylotronix", "zˌIlɑtɹˈOnɪks"),
            ("blick", "blˈɪk"),
            ("zorba", "zˈɔɹbə"),
            ("tape", "tˈAp"),
            ("knick", "nˈɪk"),
            ("flentation", "flɛntˈAʃən"),
        ];
        for (word, expected) in cases {
            assert_eq!(sounds(word), expected, "{word}");
        }
    }
}
