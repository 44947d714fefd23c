//! What every [`VoiceActivity`] keeps.
use voce_core::{AudioFrame, MICROPHONE_RATE_HZ, MediaTime, VoiceActivity};

/// Checks a voice detector. `new_call` makes a fresh one; `speech` is clear speech at 16 kHz.
pub fn voice_activity(new_call: impl Fn() -> Box<dyn VoiceActivity>, speech: &[f32]) {
    let alone = probabilities(&mut new_call(), speech, 320);
    assert!(alone.iter().all(|probability| (0.0..=1.0).contains(probability)));
    assert!(alone.iter().any(|probability| *probability > 0.8), "it hears no speech");
    let silence = probabilities(&mut new_call(), &[0.0; 32_000], 320);
    assert!(silence.iter().all(|probability| *probability < 0.3), "it hears speech in silence");

    let (mut one, mut other) = (new_call(), new_call());
    let mut beside = Vec::new();
    for (place, frame) in speech.chunks(320).enumerate() {
        beside.push(one.speech_probability(&framed(frame, MICROPHONE_RATE_HZ)).unwrap());
        let noise = vec![((place * 37) % 11) as f32 / 50.0; 320];
        other.speech_probability(&framed(&noise, MICROPHONE_RATE_HZ)).unwrap();
    }
    assert_eq!(beside, alone, "another call changes what this one hears");

    let odd = probabilities(&mut new_call(), speech, 177);
    assert!(odd.iter().any(|probability| *probability > 0.8), "frames of another length are not heard");
    assert!(new_call().speech_probability(&framed(&[0.0; 480], 48_000)).is_err(), "another rate is accepted");
    let mut broken = new_call();
    drop(broken.speech_probability(&framed(&[f32::NAN; 640], MICROPHONE_RATE_HZ)));
    let after = probabilities(&mut broken, speech, 320);
    assert!(after.iter().any(|probability| *probability > 0.8), "one broken frame makes it deaf");
}

fn probabilities(detector: &mut Box<dyn VoiceActivity>, sound: &[f32], length: usize) -> Vec<f32> {
    let frames = sound.chunks(length).map(|frame| framed(frame, MICROPHONE_RATE_HZ));
    frames.map(|frame| detector.speech_probability(&frame).unwrap()).collect()
}

fn framed(samples: &[f32], rate_hz: u32) -> AudioFrame {
    AudioFrame { at: MediaTime::default(), rate_hz, samples: samples.to_vec() }
}
