//! What every voice keeps.
use futures_util::StreamExt;
use voce_core::{Line, Speech, TextToSpeech};

/// Speaks to `engine` and checks what comes back. Needs a Tokio runtime. Panics where a promise is broken.
pub async fn text_to_speech(engine: &dyn TextToSpeech) {
    assert!(engine.rate_hz() >= 8_000, "a rate of {} Hz", engine.rate_hz());
    assert!(!engine.model().name.is_empty() && !engine.model().device.is_empty());

    let text = "The pump costs $12.50, and it's \u{1f389} covered for 2 years.";
    let whole = speech(engine, line(text, true, true)).await;
    let seconds = whole.samples.len() as f64 / f64::from(engine.rate_hz());
    assert!((2.0..15.0).contains(&seconds), "{seconds} s for {text:?}");
    assert!(whole.samples.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
    let loudest = whole.samples.iter().fold(0.0_f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest > 0.05, "a peak of {loudest} is next to silence");
    in_order(&whole, text, seconds);

    // A line whose sentence goes on leaves no pause for the next to wait behind.
    let open = speech(engine, line("The pump costs", true, false)).await;
    let rest = quiet_tail_seconds(&open);
    assert!(rest < 0.15, "{rest} s of silence within a sentence");
    let closed = speech(engine, line("twelve dollars.", false, true)).await;
    let rest = quiet_tail_seconds(&closed);
    assert!((0.1..0.6).contains(&rest), "{rest} s of silence after a sentence");

    // Nothing to say is no error, and no word is lost.
    for nothing in ["", "\u{1f389}", "..."] {
        let silent = speech(engine, line(nothing, true, true)).await;
        assert!(silent.samples.len() < engine.rate_hz() as usize, "{nothing:?}");
        assert_eq!(silent.words.len(), nothing.split_whitespace().count());
    }

    // Dropping the stream before or while it works harms nothing that follows.
    drop(engine.speak(line("Never heard.", true, true)));
    let mut dropped = engine.speak(line("Hardly heard at all.", true, true));
    let _ = tokio::time::timeout(std::time::Duration::from_millis(5), dropped.next()).await;
    drop(dropped);
    let again = speech(engine, line("Still here.", true, true)).await;
    assert!(!again.samples.is_empty());

    // Two at once both come to their end.
    let (left, right) =
        tokio::join!(speech(engine, line("Left.", true, true)), speech(engine, line("Right.", true, true)));
    assert!(!left.samples.is_empty() && !right.samples.is_empty());
}

fn line(text: &str, begins_sentence: bool, ends_sentence: bool) -> Line {
    Line { index: 0, text: text.into(), begins_sentence, ends_sentence }
}

/// Everything that `line` sounds like, joined.
async fn speech(engine: &dyn TextToSpeech, line: Line) -> Speech {
    let mut whole = Speech { rate_hz: engine.rate_hz(), ..Speech::default() };
    let mut pieces = engine.speak(line);
    while let Some(piece) = pieces.next().await {
        let mut piece = piece.expect("the voice speaks");
        assert_eq!(piece.rate_hz, engine.rate_hz());
        let offset = whole.samples.len() as f64 / f64::from(engine.rate_hz());
        for word in &mut piece.words {
            word.start_seconds += offset;
            word.end_seconds += offset;
        }
        whole.words.append(&mut piece.words);
        whole.samples.append(&mut piece.samples);
    }
    whole
}

fn in_order(speech: &Speech, text: &str, seconds: f64) {
    let said: Vec<&str> = speech.words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(said, text.split_whitespace().collect::<Vec<_>>());
    let mut at = 0.0;
    for word in &speech.words {
        assert!(word.start_seconds >= at - 1e-6, "{word:?} begins before {at}");
        assert!(word.end_seconds >= word.start_seconds, "{word:?} ends before it begins");
        at = word.start_seconds;
    }
    let end = speech.words.last().expect("there are words").end_seconds;
    assert!(end <= seconds + 1e-6, "the last word ends at {end} of {seconds} s");
}

fn quiet_tail_seconds(speech: &Speech) -> f64 {
    let quiet = speech.samples.iter().rev().take_while(|sample| sample.abs() < 0.01).count();
    quiet as f64 / f64::from(speech.rate_hz)
}
