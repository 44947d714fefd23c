//! What every [`EndOfTurn`] keeps.
use voce_core::EndOfTurn;

/// Checks an end-of-turn model on a `finished` sentence and one that was cut off (`unfinished`), at 16 kHz.
pub fn end_of_turn(model: &dyn EndOfTurn, finished: &[f32], unfinished: &[f32]) {
    assert!(!model.model().name.is_empty() && !model.model().device.is_empty());
    let (whole, cut) = (model.probability(finished).unwrap(), model.probability(unfinished).unwrap());
    assert!(whole > 0.5 && cut < 0.5, "finished {whole}, unfinished {cut}");
    assert_eq!(model.probability(finished).unwrap(), whole, "the same sound gets another answer");
    let long: Vec<f32> = finished.iter().copied().cycle().take(16_000 * 30).collect();
    for sound in [&[][..], &[0.1], &[0.0; 16_000], &long] {
        assert!((0.0..=1.0).contains(&model.probability(sound).unwrap()));
    }
    if let Ok(probability) = model.probability(&[f32::NAN; 16_000]) {
        assert!((0.0..=1.0).contains(&probability));
    }
}
