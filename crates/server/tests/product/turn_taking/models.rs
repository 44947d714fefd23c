//! The real models, loaded once for all scenarios.
use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, OnceLock},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use voce_core::{EndOfTurn, LanguageModel, Line, ModelCard, Output, Speech, SpeechToText, TextToSpeech};
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_pipeline::{Engines, VoiceActivityFactory};
use voce_testkit::fakes::Attentive;

const NEEDED: &[&str] =
    &["onnxruntime-cpu", "silero-vad", "smart-turn-v3.2", "moonshine-base-en", "kokoro-82m-int8"];

/// What hears and what speaks.
struct Models {
    voice_activity: VoiceActivityFactory,
    end_of_turn: Arc<dyn EndOfTurn>,
    stt: Arc<dyn SpeechToText>,
    recogniser: voce_stt::Recognizer,
    tts: Arc<dyn TextToSpeech>,
}

static MODELS: OnceLock<Option<Models>> = OnceLock::new();

/// The engines of a call that `llm` answers. None where the models are missing. Blocking.
pub fn engines(llm: Arc<dyn LanguageModel>) -> Option<Engines> {
    let models = MODELS.get_or_init(load).as_ref()?;
    Some(Engines {
        voice_activity: models.voice_activity.clone(),
        end_of_turn: models.end_of_turn.clone(),
        stt: models.stt.clone(),
        knowledge: None,
        llm,
        tts: models.tts.clone(),
        tools: None,
        memory: None,
    })
}

/// Has the voice say `text` once, so that it comes without delay in a call, as on a machine that does nothing else.
pub async fn rehearse(text: &str) {
    let llm = Attentive::new([]);
    let Some(engines) = tokio::task::spawn_blocking(move || engines(llm)).await.unwrap() else { return };
    let line = Line { index: 0, text: text.into(), begins_sentence: true, ends_sentence: true };
    engines.tts.speak(line).try_for_each(|_| ready(Ok(()))).await.unwrap();
}

/// The words in the bot's `sound`, in lower case. Blocking.
pub fn words_in(sound: &[f32]) -> String {
    let models = MODELS.get().and_then(Option::as_ref).expect("a call was made before");
    models.recogniser.transcribe_at(sound, models.tts.rate_hz()).unwrap().text.to_lowercase()
}

fn load() -> Option<Models> {
    let dir = voce_testkit::models(NEEDED)?;
    let store = Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap();
    let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
    let turn = voce_turn::Config::default();
    let stt = voce_stt::Config { engine: Some(voce_stt::Engine::Moonshine), ..Default::default() };
    let recogniser = voce_stt::load(&stt, &store, &runtime).unwrap();
    Some(Models {
        voice_activity: voce_turn::build_vad_factory(&turn, &store, &runtime).unwrap(),
        end_of_turn: voce_turn::build_end_of_turn(&turn, &store, &runtime).unwrap(),
        stt: Arc::new(recogniser.clone()),
        recogniser,
        tts: Repeating::new(voce_tts::build(&voce_tts::Config::default(), &store, &runtime).unwrap()),
    })
}

/// The sound of each line, by its text, whether it begins and whether it ends a sentence.
type Said = HashMap<(String, bool, bool), Vec<Speech>>;

/// A voice that synthesises each line once and plays it from memory when it comes again, so that scenarios with the
/// same answer cost the voice of one.
struct Repeating {
    voice: Arc<dyn TextToSpeech>,
    said: Arc<Mutex<Said>>,
}

impl Repeating {
    fn new(voice: Arc<dyn TextToSpeech>) -> Arc<Self> {
        Arc::new(Self { voice, said: Arc::default() })
    }
}

impl TextToSpeech for Repeating {
    fn model(&self) -> &ModelCard {
        self.voice.model()
    }

    fn rate_hz(&self) -> u32 {
        self.voice.rate_hz()
    }

    fn speak(&self, line: Line) -> Output<Speech> {
        let key = (line.text.clone(), line.begins_sentence, line.ends_sentence);
        if let Some(parts) = self.said.lock().unwrap().get(&key) {
            return stream::iter(parts.clone().into_iter().map(Ok)).boxed();
        }
        let (said, parts) = (self.said.clone(), Arc::new(Mutex::new(vec![])));
        let heard = parts.clone();
        let keep = stream::once(async move {
            said.lock().unwrap().insert(key, std::mem::take(&mut *parts.lock().unwrap()));
        });
        self.voice
            .speak(line)
            .inspect_ok(move |part| heard.lock().unwrap().push(part.clone()))
            .chain(keep.filter_map(|()| ready(None)))
            .boxed()
    }
}
