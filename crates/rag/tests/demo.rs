//! The demo knowledge base answers typical questions, first passage right, and stays silent on others.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::path::Path;

use voce_models::Store;
use voce_rag::{Config, build, ingest};

const RELATED: &[(&str, &str)] = &[
    ("What is the warranty period for the water pump?", "Warranty > Water pump"),
    ("How long is the warranty on garden hoses?", "Warranty > Garden hose"),
    ("Does the warranty cover frost damage?", "Warranty > What the warranty covers"),
    ("I lost my receipt, what can I do?", "Warranty > Lost receipt"),
    ("How do I clean the filter?", "Care and cleaning > Cleaning the filter"),
    ("How often should I replace the filter?", "Care and cleaning > Replacing the filter"),
    ("When are you open?", "The shop > Opening hours"),
    ("Are you open on Sundays?", "The shop > Opening hours"),
    ("What is your phone number?", "The shop > Phone number"),
    ("Where is the shop?", "The shop > Address and parking"),
    ("How much does delivery cost?", "Shipping and delivery > Delivery price"),
    ("How long does a delivery take?", "Shipping and delivery > Delivery time"),
    ("Do you ship to Canada?", "Shipping and delivery > Other countries"),
    ("Can I return a product?", "Returns and payment > Returns"),
    ("When do I get my money back?", "Returns and payment > Refunds"),
    ("Can I pay by card?", "Returns and payment > Ways to pay"),
    ("How much does the water pump cost?", "Water pump > Price"),
    ("How heavy is the pump?", "Water pump > Weight"),
    (
        "The pump does not start, what should I do?",
        "Troubleshooting the water pump > The pump does not start",
    ),
    (
        "Why is no water coming out of the pump?",
        "Troubleshooting the water pump > The pump runs but no water comes",
    ),
    ("My pump is leaking.", "Troubleshooting the water pump > The pump leaks"),
    ("How do I store the pump in winter?", "Care and cleaning > Winter storage"),
    ("How high can the pump lift water?", "Water pump > How high it pumps"),
    ("How can I call you?", "The shop > Phone number"),
    ("Can I drink the water from the pump?", "Water pump > Drinking water"),
    ("How fast is express delivery?", "Shipping and delivery > Express delivery"),
    // What words cost: "Water pump > Noise" answers better and is nearer in meaning, but this one has both words.
    ("Is the pump loud?", "Troubleshooting the water pump > The pump is loud"),
    ("Is there parking?", "The shop > Address and parking"),
];

const UNRELATED: &[&str] = &[
    "How do I cook pasta?",
    "Who won the football world cup?",
    "What is the capital of France?",
    "Tell me a joke.",
    "What is the weather like tomorrow?",
    "How tall is Mount Everest?",
    "Who wrote Romeo and Juliet?",
    "What is seven times eight?",
    "Can you recommend a good movie?",
    "How do I learn to play the guitar?",
    "What is quantum physics?",
    "Do you like music?",
    "How do I fix my car?",
    "What time is it?",
    "Who is the president?",
    "How old is the universe?",
    "Can you book me a flight?",
    "What should I eat for dinner?",
];

#[tokio::test]
async fn the_right_passage_comes_first_and_unrelated_questions_find_nothing() {
    let Some(dir) = voce_testkit::models(&["all-minilm-l6-v2"]) else { return };
    let models = Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = Config { path: Some(folder.path().to_owned()), ..Config::default() };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/knowledge");
    let summary = ingest(&config, &models, &[demo], |_| {}).await.unwrap();
    assert_eq!(summary.failed, []);
    let knowledge = build(&config, &models).unwrap().unwrap();

    let mut wrong = Vec::new();
    for (question, heading) in RELATED {
        let found = knowledge.search((*question).into(), 3).await.unwrap();
        let best = found.first().map(|passage| (passage.heading.as_str(), passage.score));
        if best.is_none_or(|(found, _)| found != *heading) {
            wrong.push(format!("{question} expected {heading}, found {best:?}"));
        }
    }
    for question in UNRELATED {
        if let Some(passage) = knowledge.search((*question).into(), 3).await.unwrap().first() {
            wrong.push(format!("{question} expected nothing, found {} {}", passage.heading, passage.score));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_main_question_finds_the_fact_that_callers_will_hear() {
    let Some(dir) = voce_testkit::models(&["all-minilm-l6-v2"]) else { return };
    let models = Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = Config { path: Some(folder.path().to_owned()), ..Config::default() };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/knowledge");
    ingest(&config, &models, &[demo], |_| {}).await.unwrap();
    let knowledge = build(&config, &models).unwrap().unwrap();
    let question = "What is the warranty period for the water pump?";
    let found = knowledge.search(question.into(), 3).await.unwrap();
    assert!(found[0].text.contains("two years") && found[0].source.ends_with("warranty.md"), "{found:?}");
}
