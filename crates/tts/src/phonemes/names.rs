//! Names that neither the lexicon nor spelling rules get right, in Kokoro's phonemes. American; the British
//! form is derived.

const NAMES: &[(&str, &str)] = &[
    ("ansible", "ˈænsəbᵊl"),
    ("anthropic", "ænθɹˈɑpɪk"),
    ("backend", "bˈækˌɛnd"),
    ("chatgpt", "ʧˈæt ʤˌipˌitˈi"),
    ("debian", "dˈɛbiən"),
    ("etcetera", "ɛtsˈɛtəɹə"),
    ("grafana", "ɡɹəfˈɑnə"),
    ("graphql", "ɡɹˈæf kjˌuˈɛl"),
    ("ios", "ˌIˌOˈɛs"),
    ("json", "ʤˈAsən"),
    ("kilohm", "kˈɪlOm"),
    ("kokoro", "kOkˈɔɹO"),
    ("kubectl", "kjˈub kəntɹˈOl"),
    ("kubernetes", "kˌubəɹnˈɛtiz"),
    ("llama", "lˈɑmə"),
    ("mlflow", "ˌɛmˈɛl flˌO"),
    ("mysql", "mˌI sˈikwəl"),
    ("nginx", "ˈɛnʤɪn ˈɛks"),
    ("numpy", "nˈʌmpˌI"),
    ("nvidia", "ɛnvˈɪdiə"),
    ("oauth", "ˈOˌɔθ"),
    ("ollama", "Olˈɑmə"),
    ("onnx", "ˈɑnɪks"),
    ("openai", "ˈOpən ˌAˈI"),
    ("postgres", "pˈOstɡɹɛs"),
    ("postgresql", "pˈOstɡɹɛs kjˌuˈɛl"),
    ("pytorch", "pˈItˌɔɹʧ"),
    ("qdrant", "kwˈɑdɹənt"),
    ("redis", "ɹˈɛdɪs"),
    ("rezoomay", "ɹˈɛzəmˌA"),
    ("sqlite", "ˌɛskjˌuˈɛl lˌIt"),
    ("tokio", "tˈOkiˌO"),
    ("vllm", "vˌi ˌɛlˌɛlˈɛm"),
    ("voce", "vˈOʧA"),
    ("webrtc", "wˈɛb ˌɑɹtˌisˈi"),
    ("wifi", "wˈIfˌI"),
    ("yaml", "jˈæmᵊl"),
];

/// How `word`, in small letters, is said, if it is one of these.
pub fn name(word: &str) -> Option<&'static str> {
    NAMES.iter().find(|(name, _)| *name == word).map(|(_, said)| *said)
}
