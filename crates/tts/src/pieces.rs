//! A line cut to what the model can take at once, with the punctuation that fits its place in the sentence.
//! Pure.
use crate::{
    phonemes::Sound,
    text::{PAUSES, Phrase},
};

/// Symbols that the model takes at once, its marks at both ends left out.
const LONGEST: usize = 508;

/// What one inference says.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The words, numbered from 0 for `sounds`.
    pub phrases: Vec<Phrase>,
    /// The symbols; none when nothing is to be heard.
    pub sounds: Vec<Sound>,
    /// Whether a sentence begins with it.
    pub begins_sentence: bool,
    /// Whether the sentence ends with it.
    pub ends_sentence: bool,
}

/// Cuts at the last pause that fits, else between words, else anywhere.
pub fn pieces(
    phrases: Vec<Phrase>,
    sounds: Vec<Sound>,
    begins_sentence: bool,
    ends_sentence: bool,
) -> Vec<Piece> {
    let mut cuts = Vec::new();
    let mut rest = sounds.as_slice();
    while rest.len() > LONGEST {
        let window = &rest[..LONGEST];
        let pause =
            window.windows(2).rposition(|pair| PAUSES.contains(pair[0].symbol) && pair[1].symbol == ' ');
        let space = window.iter().rposition(|sound| sound.symbol == ' ');
        let at = pause.map(|at| at + 1).filter(|at| *at > LONGEST / 2).or(space).unwrap_or(LONGEST).max(1);
        let (piece, more) = rest.split_at(at);
        cuts.push(piece.to_vec());
        let skip = usize::from(more.first().is_some_and(|sound| sound.symbol == ' '));
        rest = &more[skip..];
    }
    cuts.push(rest.to_vec());
    let last = cuts.len() - 1;
    let mut phrases = phrases.into_iter();
    let mut taken = 0;
    let mut out = Vec::with_capacity(cuts.len());
    for (index, mut sounds) in cuts.into_iter().enumerate() {
        let until = match index {
            index if index == last => usize::MAX,
            _ => sounds.iter().filter_map(|sound| sound.phrase).max().map_or(taken, |phrase| phrase + 1),
        };
        let own: Vec<Phrase> = phrases.by_ref().take(until.saturating_sub(taken)).collect();
        for sound in &mut sounds {
            sound.phrase = sound.phrase.and_then(|phrase| phrase.checked_sub(taken));
        }
        taken += own.len();
        let ends = ends_sentence && index == last;
        close(&mut sounds, ends);
        out.push(Piece {
            phrases: own,
            sounds,
            begins_sentence: begins_sentence && index == 0,
            ends_sentence: ends,
        });
    }
    out
}

/// The end that the voice hears: a sentence that ends without a mark gets a full stop, one that goes on a
/// comma, so that the voice neither falls nor hangs in the air.
fn close(sounds: &mut Vec<Sound>, ends_sentence: bool) {
    let quotes = |sound: &Sound| "\"“”()".contains(sound.symbol);
    if !sounds.iter().any(|sound| !PAUSES.contains(sound.symbol) && sound.symbol != ' ') {
        sounds.clear();
        return;
    }
    let at = sounds.iter().rposition(|sound| !quotes(sound)).map_or(0, |at| at + 1);
    let phrase = sounds.last().and_then(|sound| sound.phrase);
    let marks = |symbol: char| ";:,.!?…—".contains(symbol);
    let last = at.checked_sub(1).map(|at| sounds[at].symbol);
    match (last, ends_sentence) {
        (Some(mark), true) if ".!?…".contains(mark) => {}
        (Some(mark), true) if marks(mark) => sounds[at - 1].symbol = '.',
        (_, true) => sounds.insert(at, Sound { symbol: '.', phrase }),
        (Some(mark), false) if ",;:—".contains(mark) => {}
        (Some(mark), false) if marks(mark) => sounds[at - 1].symbol = ',',
        (_, false) => sounds.insert(at, Sound { symbol: ',', phrase }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Vec<Phrase>, Vec<Sound>) {
        let words: Vec<&str> = text.split(' ').collect();
        let phrases = words
            .iter()
            .map(|word| Phrase { written: vec![(*word).into()], spoken: (*word).into() })
            .collect();
        let mut sounds = Vec::new();
        for (index, word) in words.iter().enumerate() {
            if index > 0 {
                sounds.push(Sound { symbol: ' ', phrase: None });
            }
            sounds.extend(word.chars().map(|symbol| Sound { symbol, phrase: Some(index) }));
        }
        (phrases, sounds)
    }

    fn text(sounds: &[Sound]) -> String {
        sounds.iter().map(|sound| sound.symbol).collect()
    }

    #[test]
    fn the_end_fits_the_place_in_the_sentence() {
        let cases = [
            ("go", true, "go."),
            ("go", false, "go,"),
            ("go.", false, "go,"),
            ("go?", true, "go?"),
            ("go,", true, "go."),
            ("go:", false, "go:"),
            ("(go)", true, "(go.)"),
            ("...", true, ""),
        ];
        for (written, ends, expected) in cases {
            let (phrases, sounds) = said(written);
            assert_eq!(text(&pieces(phrases, sounds, true, ends)[0].sounds), expected, "{written}");
        }
    }

    #[test]
    fn a_long_line_is_cut_between_words_and_loses_none() {
        let long = vec!["words"; 300].join(" ");
        let (phrases, sounds) = said(&long);
        let cut = pieces(phrases, sounds, true, true);
        assert!(cut.len() > 2 && cut.iter().all(|piece| piece.sounds.len() <= LONGEST + 1));
        assert_eq!(cut.iter().map(|piece| piece.phrases.len()).sum::<usize>(), 300);
        assert!(cut[0].begins_sentence && !cut[1].begins_sentence && !cut[0].ends_sentence);
        assert!(cut.last().unwrap().ends_sentence);
        for piece in &cut {
            assert!(piece.sounds.iter().filter_map(|sound| sound.phrase).all(|at| at < piece.phrases.len()));
        }
        let (phrases, sounds) = said(&"x".repeat(2000));
        assert!(pieces(phrases, sounds, true, true).iter().all(|piece| piece.sounds.len() <= LONGEST + 1));
    }
}
