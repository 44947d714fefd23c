//! The forms that models write the object in, right and wrong.
use super::{characters, code, link, whole};
use crate::sentences::Aside;

/// Answer, lines, asides.
type Case = (&'static str, &'static [&'static str], Vec<Aside>);

fn check(cases: Vec<Case>) {
    for (answer, lines, asides) in cases {
        let outcome = characters(answer);
        assert_eq!(outcome.lines, lines, "{answer}");
        assert_eq!(outcome.asides, asides, "{answer}");
        assert!(outcome.is_json, "{answer}");
    }
}

#[test]
fn keys_come_in_any_order_and_unknown_ones_are_skipped() {
    check(vec![
        (r#"{"spoke_response":"Yes."}"#, &["Yes."], vec![]),
        (
            r#"{"links":["https://x.org"],"spoke_response":"Yes."}"#,
            &["Yes."],
            vec![link("", "https://x.org")],
        ),
        (
            r#"{"thought": {"a": ["}"]}, "mood": "{\"", "n": 5, "spoke_response": "Yes.", "end": [1]}"#,
            &["Yes."],
            vec![],
        ),
        (
            r#"{ "code_blocks" : [ "x" ] , "spoke_response" : "**Yes**, see [here](https://x.org)." }"#,
            &["Yes, see here."],
            vec![code("", "x"), link("here", "https://x.org")],
        ),
    ]);
}

#[test]
fn fences_and_words_around_the_object_are_taken_away() {
    check(vec![
        ("```json\n{\"spoke_response\": \"Yes.\"}\n```", &["Yes."], vec![]),
        ("```\n{\"spoke_response\": \"Yes.\"}\n```\nAnd more.", &["Yes.", "And more."], vec![]),
        ("Here you are: {\"spoke_response\": \"Yes.\"}", &["Here you are:", "Yes."], vec![]),
        ("Sure.\n\n```json\n{\n  \"spoke_response\": \"Yes.\"\n}\n```\n", &["Sure.", "Yes."], vec![]),
        ("{\"spoke_response\": \"One.\"}\n{\"spoke_response\": \"Two.\"}", &["One.", "Two."], vec![]),
        ("\n  {\"spoke_response\": \"Yes.\"}", &["Yes."], vec![]),
    ]);
}

#[test]
fn values_of_another_type_are_read_as_they_were_meant() {
    check(vec![
        (r#"{"spoke_response": ["One.", "Two."]}"#, &["One.", "Two."], vec![]),
        (r#"{"spoke_response": 42, "links": null}"#, &["42"], vec![]),
        (r#"{"spoke_response": null, "code_blocks": "x = 1"}"#, &[], vec![code("", "x = 1")]),
        (
            r#"{"code_blocks": [{"language": "rust", "code": "fn a() {}"}, 5, [], {"lang": "c"}], "spoke_response": "Yes."}"#,
            &["Yes."],
            vec![code("rust", "fn a() {}")],
        ),
        (
            r#"{"code_blocks": ["```python\nx = 1\n```"], "links": {"title": "Shop", "url": "https://x.org"}, "spoke_response": ""}"#,
            &[],
            vec![code("python", "x = 1\n"), link("Shop", "https://x.org")],
        ),
        (
            r#"{"links": ["[Shop](https://x.org)", "Manual: https://y.org", {"href": "z.org"}, {"a": 1}, true]}"#,
            &[],
            vec![link("Shop", "https://x.org"), link("Manual", "https://y.org"), link("", "z.org")],
        ),
    ]);
}

#[test]
fn what_models_forget_is_forgiven() {
    check(vec![
        ("{\"spoke_response\": \"Two\nLines.\", }", &["Two", "Lines."], vec![]),
        (
            r#"{"spoke_response": "He said "hello" to me.", "links": []}"#,
            &["He said \"hello\" to me."],
            vec![],
        ),
        (
            r#"{"spoke_response": "Yes." "links": ["https://x.org"]}"#,
            &["Yes."],
            vec![link("", "https://x.org")],
        ),
        (r#"{"spoke_response": "Yes", he said."}"#, &["Yes\", he said."], vec![]),
        (r#"{"code_blocks": ["a" "b"], "spoke_response": "Yes."}"#, &["Yes."], vec![code("", "a\" \"b")]),
        (r#"{"spoke_response": "A pattern \d+ here."}"#, &["A pattern \\d+ here."], vec![]),
        (r#"{"spoke_response": "It\'s."}"#, &["It's."], vec![]),
    ]);
}

#[test]
fn another_object_is_plain_text_and_code_stays_code() {
    let other = whole(r#"{"name": "pump", "price": 5}"#);
    assert!(!other.is_json && !other.lines.is_empty());
    let shown = whole("```json\n{\"name\": \"pump\"}\n```\nThat is all.");
    assert_eq!(
        (shown.lines, shown.asides),
        (vec!["That is all.".into()], vec![code("json", "{\"name\": \"pump\"}\n")])
    );
    let example = whole("Write this:\n```json\n{\"links\": []}\n```");
    assert_eq!(
        (example.lines, example.asides),
        (vec!["Write this:".into()], vec![code("json", "{\"links\": []}\n")])
    );
}
