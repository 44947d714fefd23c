//! One call of a scenario, drawn from a seed: who speaks, in which words, over which noise.
use std::time::Duration;

use voce_core::MICROPHONE_RATE_HZ;

use crate::{
    Dice, Scenario,
    expect::TurnExpect,
    noise,
    scenario::{Noise, NoiseKind, ScriptedTurn, When},
    utterances::{Sound, SpeechError, Utterances, noise_level},
};

/// Length of the noise that is repeated throughout a call, seconds.
const NOISE_SECONDS: usize = 10;
/// How loud a quiet room is: never digital silence. An amplitude.
const ROOM: f32 = 0.000_5;
/// What people in the background say.
const BABBLE: [&str; 3] = [
    "So I told him that we would never get there before the evening, and that was it.",
    "The bus is late again today, have you heard anything about the other line?",
    "They moved the meeting to Thursday because nobody had time to read the papers.",
];

/// One call, ready to be held.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which call of the scenario, from 1.
    pub call: u32,
    /// Name of the call in traces: scenario, number, and what makes it unique.
    pub id: String,
    /// Who speaks.
    pub voice: String,
    /// What is said, in order. Of a persona only the opening, if there is one.
    pub lines: Vec<Utterance>,
    /// What sounds behind it, again and again.
    pub background: Sound,
    /// How long the caller waits for an answer.
    pub patience: Duration,
    /// Whether the assistant speaks first.
    pub listens_first: bool,
}

/// One thing that the caller says.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// Its words.
    pub text: String,
    /// Its sound.
    pub sound: Sound,
    /// Quiet before it.
    pub wait: Duration,
    /// When it is said into the answer to the utterance before. `None`: once that is over.
    pub into: Option<When>,
    /// A nod into the answer.
    pub nod: Option<Nod>,
    /// What is expected of the answer.
    pub expect: TurnExpect,
}

/// Words that show that the caller listens.
#[derive(Clone, Debug)]
pub struct Nod {
    /// The words.
    pub text: String,
    /// Their sound.
    pub sound: Sound,
    /// When they are said into the answer.
    pub when: When,
}

impl Plan {
    /// Draws call number `call` (from 1). The same seed gives the same call.
    ///
    /// # Errors
    /// A voice that is not there, or cannot say it.
    pub async fn draw(
        scenario: &Scenario,
        call: u32,
        seed: u64,
        utterances: &Utterances,
        listens_first: bool,
    ) -> Result<Self, SpeechError> {
        let seed = seed ^ hash(&scenario.name);
        let first = Dice::new(seed).below(scenario.voices.len());
        let voice = scenario.voices[(first + call as usize - 1) % scenario.voices.len()].clone();
        let mut dice = Dice::of(seed, call.into());
        let mut drawing = Drawing { scenario, utterances, voice: &voice, dice: &mut dice };
        let mut lines = vec![];
        for turn in &scenario.turns {
            drawing.turn(&turn.value, &mut lines).await?;
        }
        if let Some(persona) = scenario.persona.as_ref().filter(|persona| !persona.opening.is_empty()) {
            let (text, sound) = drawing.say(&persona.opening, None).await?;
            lines.push(Utterance::simple(text, sound));
        }
        let background = drawing.background().await?;
        Ok(Self {
            call,
            id: format!("{}-{call}-{}", slug(&scenario.name), uuid::Uuid::new_v4().simple()),
            voice: voice.clone(),
            lines,
            background,
            patience: Duration::from_secs_f64(scenario.patience_seconds),
            listens_first,
        })
    }
}

impl Utterance {
    /// Said once the last answer is over, with nothing expected.
    pub fn simple(text: String, sound: Sound) -> Self {
        let wait = Duration::from_millis(300);
        Self { text, sound, wait, into: None, nod: None, expect: TurnExpect::default() }
    }
}

/// A call that is being drawn.
struct Drawing<'a> {
    scenario: &'a Scenario,
    utterances: &'a Utterances,
    voice: &'a str,
    dice: &'a mut Dice,
}

impl Drawing<'_> {
    /// What is said, and what is said into its answer to stop it.
    async fn turn(&mut self, turn: &ScriptedTurn, lines: &mut Vec<Utterance>) -> Result<(), SpeechError> {
        let (text, sound) = self.say(&turn.say, turn.pause).await?;
        let nod = match &turn.backchannel {
            Some(backchannel) => {
                let (text, sound) = self.say(&backchannel.say, None).await?;
                Some(Nod { text, sound, when: backchannel.when() })
            }
            None => None,
        };
        let wait = Duration::from_secs_f64(turn.wait);
        lines.push(Utterance { text, sound, wait, into: None, nod, expect: turn.expect.clone() });
        if let Some(interruption) = &turn.interrupt {
            let (text, sound) = self.say(&interruption.say, None).await?;
            let (into, expect) = (Some(interruption.when()), interruption.expect.clone());
            lines.push(Utterance { into, expect, ..Utterance::simple(text, sound) });
        }
        Ok(())
    }

    /// One of the wordings.
    async fn say(
        &mut self,
        wordings: &[String],
        pause: Option<crate::scenario::Pause>,
    ) -> Result<(String, Sound), SpeechError> {
        let text = &wordings[self.dice.below(wordings.len())];
        let sound = self.utterances.say(self.voice, self.scenario.speed as f32, text, pause).await?;
        Ok((text.clone(), sound))
    }

    async fn background(&mut self) -> Result<Sound, SpeechError> {
        let length = NOISE_SECONDS * MICROPHONE_RATE_HZ as usize;
        let Some(Noise { kind, snr_db }) = self.scenario.noise else {
            return Ok(noise::at_level(noise::white(length, self.dice), ROOM).into());
        };
        let sound = match kind {
            NoiseKind::White => noise::white(length, self.dice),
            NoiseKind::Pink => noise::pink(length, self.dice),
            NoiseKind::Babble => {
                let mut talkers = vec![];
                for (text, voice) in BABBLE.iter().zip(self.scenario.voices.iter().cycle()) {
                    talkers.push(self.utterances.say(voice, 1.0, text, None).await?);
                }
                let talkers: Vec<&[f32]> = talkers.iter().map(|talker| &**talker).collect();
                noise::babble(length, &talkers, self.dice)
            }
        };
        Ok(noise::at_level(sound, noise_level(snr_db)).into())
    }
}

/// A number for a name, the same on every machine (FNV-1a).
fn hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The name with letters, digits and dashes only.
fn slug(name: &str) -> String {
    let dashed: String = name
        .chars()
        .map(|sign| if sign.is_alphanumeric() { sign.to_ascii_lowercase() } else { '-' })
        .collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").chars().take(80).collect()
}
