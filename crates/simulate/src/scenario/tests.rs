use super::*;

fn read(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::read(Path::new("a.yaml"), text)
}

#[test]
fn the_shipped_scenarios_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let scenarios: Vec<Scenario> = files.map(|file| Scenario::load(&file).unwrap()).collect();
    assert_eq!(scenarios.len(), 3);
    assert!(scenarios.iter().all(|scenario| scenario.turns.len() == 2));
    assert!(scenarios.iter().any(|scenario| scenario.turns[1].value.interrupt.is_some()));
}

#[test]
fn a_short_scenario_takes_the_usual_for_the_rest() {
    let scenario = read("name: short\nturns: [{ say: Hello there. }]").unwrap();
    assert_eq!((scenario.calls, &*scenario.voices, scenario.speed), (1, &["af_heart".to_owned()][..], 1.0));
    assert_eq!(&*scenario.turns[0].value.say, ["Hello there."]);
    assert!(scenario.metrics().is_empty());
    let short = read("name: a\nturns: [{ say: yes }, { say: 8 }, { say: [no, 8, y] }]").unwrap();
    let said: Vec<&[String]> = short.turns.iter().map(|turn| &*turn.value.say).collect();
    assert_eq!(said, [&["yes".to_owned()][..], &["8".into()], &["no".into(), "8".into(), "y".into()]]);
    let asks = "name: a\nturns:\n  - say: x\n    expect: { scores: { tone: 4 } }\nexpect: { scores: { tone: 3, coherence: 2.5 } }";
    assert_eq!(read(asks).unwrap().metrics(), ["coherence", "tone"]);
}

#[test]
fn a_folder_of_knowledge_is_seen_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "name: a\nknowledge: docs\nturns: [{ say: x }]").unwrap();
    assert_eq!(Scenario::load(&file).unwrap().knowledge, Some(folder.path().join("docs")));
    let missing = Scenario::load(&folder.path().join("b.yaml")).unwrap_err().to_string();
    assert!(missing.contains("cannot read") && missing.contains("b.yaml"), "{missing}");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_what_was_expected() {
    for (text, place, words) in [
        ("name: a\nturns:\n  - sya: x\n", "a.yaml:3:5", &["sya", "say"][..]),
        (
            "name: a\nturns:\n  - say: x\n    expect:\n      contain: y\n",
            "a.yaml:5:7",
            &["contain", "contains_any"],
        ),
        ("name: a\nturns:\n  - say: []\n", "a.yaml:3:10", &["at least one text"]),
        ("name: a\nturns:\n  - say: [x, '']\n", "a.yaml:3", &["something in it"]),
        ("name: a\nspeed: 9\nturns: [{ say: x }]\n", "a.yaml:2:8", &["0.5", "2", "9"]),
        ("name: a\ncalls: 1.5\nturns: [{ say: x }]\n", "a.yaml:2:8", &["whole number"]),
        ("name: a\nnoise: { kind: pnk, snr_db: 3 }\nturns: [{ say: x }]\n", "a.yaml:2", &["pnk", "babble"]),
        (
            "name: a\nturns:\n  - say: x\n    expect:\n      matches: ['(x']\n",
            "a.yaml:5",
            &["regular expression", "unclosed"],
        ),
        (
            "name: a\nturns:\n  - say: two words\n    pause: { after_words: 2, seconds: 1 }\n",
            "a.yaml:3:5",
            &["two words", "fewer"],
        ),
        (
            "name: a\nturns:\n  - say: x\n    interrupt: { say: y }\n",
            "a.yaml:3:5",
            &["after_words", "after_seconds"],
        ),
        (
            "name: a\nturns:\n  - say: x\n    backchannel: { say: y, after_words: 1, after_seconds: 1 }\n",
            "a.yaml:3:5",
            &["backchannel", "one of"],
        ),
        ("name: a\n", "a.yaml:1:1", &["turns", "persona"]),
        ("name: a\nturns: [{ say: x }]\npersona: { who: w, goal: g }\n", "a.yaml:1:1", &["both"]),
        ("turns: [{ say: x }]\n", "a.yaml:1:1", &["name"]),
        ("name: a\nturns: [{ say: 1.50 }]\n", "a.yaml:2:11", &["quotation marks"]),
        ("name: a\nturns: [{ say: x }\n", "a.yaml:", &[]),
        (
            "name: a\nturns:\n  - say: x\n    expect: { end_reason: done }\n",
            "a.yaml:4",
            &["done", "completed"],
        ),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}\nexpected at {place} of\n{text}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}\nexpected {words:?} in it");
    }
}
