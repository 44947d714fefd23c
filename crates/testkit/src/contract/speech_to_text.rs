//! What every [`SpeechToText`] keeps.
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use voce_core::{AudioFrame, EngineError, MICROPHONE_RATE_HZ, MediaTime, SpeechToText, Text, Transcript};

/// Checks a recogniser on `speech` (16 kHz), in which it finds some text.
pub async fn speech_to_text(engine: Arc<dyn SpeechToText>, speech: &[f32]) {
    assert!(!engine.model().name.is_empty() && !engine.model().device.is_empty());
    let heard = transcript(&engine, speech, 320).await.unwrap();
    assert!(!heard.text.is_empty() && heard.text.trim() == heard.text, "{heard:?}");
    assert!((heard.audio_seconds - speech.len() as f64 / 16_000.0).abs() < 1e-6);
    let times: Vec<f64> = heard.tokens.iter().filter_map(|token| token.start_seconds).collect();
    assert!(times.is_sorted() && times.iter().all(|time| (0.0..=heard.audio_seconds).contains(time)));
    assert_eq!(transcript(&engine, speech, 777).await.unwrap(), heard, "other frames give another text");

    for sound in [&[][..], &[0.1], &[0.0; 100]] {
        assert_eq!(transcript(&engine, sound, 320).await.unwrap().text, "", "{} samples", sound.len());
    }
    if let Ok(heard) = transcript(&engine, &[f32::NAN; 16_000], 320).await {
        assert_eq!(heard.text, "");
    }
    let frame = AudioFrame { at: MediaTime::default(), rate_hz: 8_000, samples: vec![0.1; 160] };
    let answer = engine.transcribe(stream::iter([frame]).boxed()).next().await;
    assert!(matches!(answer, Some(Err(_))), "another rate is accepted");

    // A transcription that is dropped half-way leaves the engine ready.
    let mut dropped = engine.transcribe(framed(speech, 320).boxed());
    for _ in 0..20 {
        drop(dropped.next().now_or_never());
        tokio::task::yield_now().await;
    }
    drop(dropped);
    assert_eq!(transcript(&engine, speech, 320).await.unwrap(), heard, "a dropped call leaves traces");
}

/// The final text, which must be the last item.
async fn transcript(
    engine: &Arc<dyn SpeechToText>,
    sound: &[f32],
    length: usize,
) -> Result<Transcript, EngineError> {
    let items: Vec<_> = engine.transcribe(framed(sound, length).boxed()).collect().await;
    let finals = items.iter().filter(|item| matches!(item, Ok(Text::Final(_)))).count();
    match items.into_iter().last() {
        // How long it waited is another matter each time.
        Some(Ok(Text::Final(heard))) if finals == 1 => Ok(Transcript { waited_seconds: 0.0, ..heard }),
        Some(Err(error)) => Err(error),
        other => panic!("the last item is {other:?} and {finals} are final"),
    }
}

fn framed(sound: &[f32], length: usize) -> impl futures_util::Stream<Item = AudioFrame> + Send + 'static {
    let frames: Vec<AudioFrame> = sound
        .chunks(length)
        .enumerate()
        .map(|(index, samples)| AudioFrame {
            at: MediaTime::of_samples((index * length) as u64, MICROPHONE_RATE_HZ),
            rate_hz: MICROPHONE_RATE_HZ,
            samples: samples.to_vec(),
        })
        .collect();
    stream::iter(frames)
}
