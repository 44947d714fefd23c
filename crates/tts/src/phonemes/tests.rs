//! What the voice is given for hard texts, and what holds for any text.
use super::*;
use crate::text::{is_letter, normalise};

fn said(text: &str) -> String {
    Phonemiser::shared(Accent::American).phonemes(&normalise(text, Accent::American))
}

#[test]
fn hard_texts_become_these_phonemes() {
    let cases: &[(&str, &str)] = &[
        (
            "What is the warranty period for the water pump?",
            "wˌʌt ɪz ðə wˈɔɹənti pˈɪɹiəd fɔɹ ðə wˈɔTəɹ pˈʌmp?",
        ),
        (
            "I read it yesterday; Dr. Smith's e-mail is bob@acme.com.",
            "ˌI ɹˈɛd ɪt jˈɛstəɹdˌA; dˈɑktəɹ smˈɪθs ˈimˌAl ɪz bˈɑb æt ˈækmi dˈɑt kˈɑm.",
        ),
        (
            "The ACME X-200 pump runs at 230V/50Hz, 3.5 bar, on 2024-05-01 at 10:30 AM.",
            "ði ˈækmi ˈɛks tˈu hˈʌndɹəd pˈʌmp ɹˈʌnz æt tˈu hˈʌndɹəd θˈɜɹTi vˈOlts, fˈɪfti hˈɜɹts, θɹˈi pˈYnt fˈIv bˈɑɹ, ˌɔn mˈA fˈɜɹst, twˈɛnti twˈɛntifˌɔɹ æt tˈɛn θˈɜɹTi ˌAˈɛm",
        ),
        (
            "Kubernetes and qdrant are OOV words; Xylotronix too.",
            "kˌubəɹnˈɛtiz ænd kwˈɑdɹənt ɑɹ ˌOˌOvˈi wˈɜɹdz; zˌIlɑtɹˈOnɪks tˈu.",
        ),
        ("They record a record every week.", "ðˌA ɹəkˈɔɹd ɐ ɹˈɛkəɹd ˈɛvəɹi wˈik."),
        ("Call 1-800-555-0199 now!", "kˈɔl wˈʌn, ˈAt zˈɪɹO zˈɪɹO, fˈIv fˈIv fˈIv, zˈɪɹO wˈʌn nˈIn nˈIn nˈW!"),
        (
            "It's 72°F outside, i.e. 22°C.",
            "ˌɪts sˈɛvəntitˌu dəɡɹˈiz fˈɛɹənhˌIt ˌWtsˈId, ðˈæt ɪz twˈɛntitˌu dəɡɹˈiz sˈɛlsiəs.",
        ),
        ("Visit https://example.com/help.", "vˈɪzət ɪɡzˈæmpəl dˈɑt kˈɑm slˈæʃ hˈɛlp."),
        ("USB, HTTP and NASA", "jˌuˌɛsbˈi, ˌAʧtˌitˌipˈi ænd nˈæsə"),
        ("The LED is on.", "ði ˌɛlˌidˈi ɪz ˌɔn."),
        ("the apple, the pear", "ði ˈæpᵊl, ðə pˈɛɹ"),
        ("I live near a live wire.", "ˌI lˈɪv nˌɪɹ ɐ lˈIv wˈIəɹ."),
        ("She used to use it.", "ʃˌi jˈust tə jˈuz ɪt."),
        ("$3.2 million", "θɹˈi pˈYnt tˈu mˈɪljᵊn dˈɑləɹz"),
        ("iPhone and GitHub", "ˈIfˌOn ænd ɡˌɪthˈʌb"),
        ("PDFs and CPUs", "pˌidˌiˈɛfs ænd sˌipˌijˈuz"),
        ("don't, won't, it's", "dˈOnt, wˈOnt, ɪts"),
        ("the pumps' seals", "ðə pˈʌmps sˈiᵊlz"),
        ("C++ & C#", "sˈi plˈʌs plˈʌs ænd sˈi ʃˈɑɹp"),
        ("99.9%", "nˈIndinˌIn pˈYnt nˈIn pəɹsˈɛnt"),
        ("May 1st, 2024", "mˈA fˈɜɹst, twˈɛnti twˈɛntifˌɔɹ"),
        ("a 2-year warranty", "ɐ tˈu jˈɪɹ wˈɔɹənti"),
        ("Well—actually no…", "wˈɛl, ˈækʧəwəli nˈO…"),
        ("\"Quoted\" (aside)", "“kwˈOTᵻd” (əsˈId)"),
        ("WARNING: do NOT open", "wˈɔɹnɪŋ: dˈu nˈɑt ˈOpᵊn"),
        ("vLLM on PostgreSQL", "vˌiˌɛlˌɛlˈɛm ˌɔn pˈOstɡɹɛs kjˌuˈɛl"),
        ("bzzt", "bˌizˌizˌitˈi"),
        ("re-tighten the drainplug", "ɹˌitˈItn ðə dɹˈAnplˌʌɡ"),
        ("Zorblax Inc. and Mr. Fnord", "zˈɔɹblˌæks ɪnkˈɔɹpəɹˌATᵻd ænd mˈɪstəɹ fnˈɔɹd"),
        ("Привет, 東京!", "pɹˈɪvɪət, fˈɔɹən wˈɜɹd!"),
        ("½ cup at 7 p.m.", "wˈʌn hˈæf kˈʌp æt sˈɛvən pˌiˈɛm"),
        ("No. 5 vs. No. 6", "nˈʌmbəɹ fˈIv vˈɜɹsəs nˈʌmbəɹ sˈɪks"),
        ("Press A, then B.", "pɹˈɛs ˈA, ðˈɛn bˈi"),
        ("🎉", ""),
        ("...", ""),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(text, phonemes)| said(text) != *phonemes)
        .map(|(text, _)| format!("        ({text:?}, {:?}),", said(text)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Texts of every kind, put together from pieces by a seeded generator.
fn texts() -> Vec<String> {
    const PIECES: &[&str] = &[
        "the",
        "pump",
        "Kubernetes",
        "x",
        "A",
        "USB",
        "Zqxj",
        "naïve",
        "東京",
        "Привет",
        "λ",
        "🎉",
        "—",
        "...",
        "$",
        "$5",
        "12.50",
        "-3",
        "1/2",
        "½",
        "10:30",
        "7 p.m.",
        "2024-05-01",
        "http://a.b/c?d=e#f",
        "bob@x.org",
        "+49 30 123456",
        "1-800-555-0199",
        "v1.2.3",
        "230V/50Hz",
        "°C",
        "22°C",
        "%",
        "99%",
        "#1",
        "&",
        "@",
        "=",
        "<b>",
        "**bold**",
        "[a](b)",
        "[x](/y/)",
        "`code`",
        "don't",
        "'tis",
        "dogs'",
        "e.g.",
        "Dr.",
        "St.",
        "No. 5",
        "camelCase",
        "snake_case",
        "ALLCAPS",
        "O'Brien's",
        "re-re-re",
        "--",
        "(",
        ")",
        "\"",
        "“q”",
        "?!",
        "1,234,567",
        "٣",
        "x²",
        "ﬁ",
        "½½",
        "\u{301}",
        "\u{200b}",
        "ˈx",
        "❓",
        "question mark",
        "1e9",
        "0x1F",
        "00:00",
        "24/7",
        "3x4",
        "~5",
        "±2",
        "≤3",
        "I",
        "a",
        "to",
        "read",
        "live",
        "'",
        "’",
        "''",
        "$$$",
        "1-1-1-1-1-1",
        "~~~~~~",
        "a.b.c",
        "U.S.",
        "x.y",
        "¿qué?",
        "Ünïcödé",
        "ß",
        "_",
        "5''",
        "C++",
        "C#",
        ".NET",
        "R2-D2",
        "H2O",
        "1st",
        "22nd",
        "90s",
        "1990s",
        "Vol. 3",
        "the 4th",
        "III",
        "&amp;",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut texts: Vec<String> = PIECES.iter().map(|piece| (*piece).to_owned()).collect();
    for _ in 0..400 {
        let words: Vec<&str> = (0..1 + random(9)).map(|_| PIECES[random(PIECES.len())]).collect();
        texts.push(words.join([" ", " ", " ", "", "-", "/"][random(6)]));
    }
    for _ in 0..300 {
        let any = |c: u32| char::from_u32(c).unwrap_or('x');
        let ranges = [0x250, 0x2100, 0x3100, 0x1_f700];
        let (length, range) = (random(30), ranges[random(4)]);
        texts.push((0..length).map(|_| any(random(range) as u32)).collect());
    }
    texts.push("~".repeat(20_000));
    texts.push("1-".repeat(5_000));
    texts
}

#[test]
fn no_text_panics_and_no_word_is_lost_or_called_a_question_mark() {
    for text in texts() {
        let phrases = normalise(&text, Accent::American);
        let sounds = Phonemiser::shared(Accent::American).sounds(&phrases);
        assert!(sounds.iter().all(|sound| SYMBOLS.contains(sound.symbol)), "{text:?}");
        for (index, phrase) in phrases.iter().enumerate() {
            let written = phrase.written.concat();
            let sayable = written.chars().any(is_letter);
            let heard = sounds.iter().any(|sound| {
                sound.phrase == Some(index) && !PAUSES.contains(sound.symbol) && sound.symbol != ' '
            });
            assert!(heard || !sayable, "{written:?} of {text:?} is lost: {phrases:?}");
        }
        let asked = text.contains("question") || text.contains('?');
        let phonemes: String = sounds.iter().map(|sound| sound.symbol).collect();
        assert!(asked || !phonemes.contains("kwˈɛsʧən"), "{text:?}: {phonemes}");
    }
}

#[test]
fn the_vocabulary_of_the_weights_is_the_one_we_write_for() {
    assert_eq!(SYMBOLS.chars().count(), 114);
}
