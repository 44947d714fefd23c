//! Letters of other alphabets in ours, symbols as words, and the removal of what has no sound.
use unicode_normalization::UnicodeNormalization;

/// What a voice says for a word in a script that it cannot read: hearing that something stood there is better
/// than a gap.
const FOREIGN: &str = " foreign word ";

const CYRILLIC: &[(char, &str)] = &[
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "ye"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "sh"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "yu"),
    ('я', "ya"),
    ('і', "i"),
    ('є', "ye"),
    ('ґ', "g"),
];

/// Letter, its name where it stands alone, its sound within a word.
const GREEK: &[(char, &str, &str)] = &[
    ('α', "alpha", "a"),
    ('β', "beta", "v"),
    ('γ', "gamma", "g"),
    ('δ', "delta", "d"),
    ('ε', "epsilon", "e"),
    ('ζ', "zeta", "z"),
    ('η', "eta", "i"),
    ('θ', "theta", "th"),
    ('ι', "iota", "i"),
    ('κ', "kappa", "k"),
    ('λ', "lambda", "l"),
    ('μ', "mu", "m"),
    ('ν', "nu", "n"),
    ('ξ', "xi", "x"),
    ('ο', "omicron", "o"),
    ('π', "pi", "p"),
    ('ρ', "rho", "r"),
    ('σ', "sigma", "s"),
    ('ς', "sigma", "s"),
    ('τ', "tau", "t"),
    ('υ', "upsilon", "y"),
    ('φ', "phi", "f"),
    ('χ', "chi", "ch"),
    ('ψ', "psi", "ps"),
    ('ω', "omega", "o"),
];

const LATIN: &[(char, &str)] = &[
    ('ß', "ss"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ø', "o"),
    ('ł', "l"),
    ('đ', "d"),
    ('ð', "th"),
    ('þ', "th"),
    ('ı', "i"),
    ('ħ', "h"),
    ('ŋ', "ng"),
];

/// Symbols that people say.
const SYMBOLS: &[(char, &str)] = &[
    ('&', "and"),
    ('@', "at"),
    ('#', "number"),
    ('+', "plus"),
    ('=', "equals"),
    ('/', "slash"),
    ('°', "degrees"),
    ('%', "percent"),
    ('‰', "per mille"),
    ('$', "dollars"),
    ('€', "euros"),
    ('£', "pounds"),
    ('¥', "yen"),
    ('¢', "cents"),
    ('<', "less than"),
    ('>', "greater than"),
    ('≤', "at most"),
    ('≥', "at least"),
    ('≠', "is not"),
    ('≈', "about"),
    ('±', "plus or minus"),
    ('×', "times"),
    ('÷', "divided by"),
    ('−', "minus"),
    ('→', "to"),
    ('√', "square root of"),
    ('∞', "infinity"),
    ('§', "section"),
    ('©', "copyright"),
    ('®', ""),
    ('™', ""),
    ('Ω', "ohms"),
    ('µ', "micro"),
];

/// The word for a symbol; empty for one that is seen and not said.
pub fn symbol(c: char) -> Option<&'static str> {
    SYMBOLS.iter().find(|(symbol, _)| *symbol == c).map(|(_, word)| *word)
}

/// `word` in the letters A to Z. Accents fall away, Cyrillic and Greek are transliterated; anything else is
/// called by [`FOREIGN`]. Characters that are no letter pass.
pub fn latin(word: &str) -> String {
    if word.is_ascii() {
        return word.to_owned();
    }
    let alone = word.chars().filter(|c| c.is_alphabetic()).count() == 1;
    let mut out = String::with_capacity(word.len());
    let mut foreign = false;
    for c in word.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c)) {
        let lower = c.to_lowercase().next().unwrap_or(c);
        let known =
            CYRILLIC.iter().chain(LATIN).find(|(letter, _)| *letter == lower).map(|(_, sound)| *sound);
        let greek = GREEK.iter().find(|(letter, ..)| *letter == lower);
        let greek = greek.map(|(_, name, sound)| if alone { *name } else { *sound });
        match (c, known.or(greek)) {
            (c, _) if c.is_ascii() => out.push(c),
            ('’' | '‘' | 'ʼ', _) => out.push('\''),
            ('‐' | '‑', _) => out.push('-'),
            (_, Some(sound)) if c.is_uppercase() => out.extend(capitalised(sound)),
            (_, Some(sound)) => out.push_str(sound),
            (c, None) if is_letter(c) => {
                if !foreign {
                    out.push_str(FOREIGN);
                }
                foreign = true;
            }
            (c, None) => out.push(c),
        }
    }
    out
}

/// Letters and digits of any script, but not the modifiers and stress marks of phoneticians, nor accents.
pub(crate) fn is_letter(c: char) -> bool {
    let mark = unicode_normalization::char::is_combining_mark(c) || ('\u{1ab0}'..='\u{1aff}').contains(&c);
    c.is_alphanumeric() && !mark && !('\u{2b0}'..='\u{2ff}').contains(&c)
}

fn capitalised(sound: &str) -> impl Iterator<Item = char> {
    let mut chars = sound.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_alphabets_become_letters_that_the_lexicon_knows() {
        let cases = [
            ("café", "cafe"),
            ("Straße", "Strasse"),
            ("Привет", "Privyet"),
            ("α", "alpha"),
            ("λόγος", "logos"),
            ("don’t", "don't"),
            ("東京", " foreign word "),
            ("ﬁne", "fine"),
        ];
        for (written, spoken) in cases {
            assert_eq!(latin(written), spoken, "{written}");
        }
        assert_eq!(symbol('&'), Some("and"));
        assert_eq!(symbol('*'), None);
    }
}
