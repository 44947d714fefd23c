//! Documents go in, are found, and go out again, by the command line alone.
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::harness::{Place, said};

const MODELS: &[&str] = &["all-minilm-l6-v2"];

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a document");
}

/// A PDF of one page with one line.
fn pdf(line: &str) -> Vec<u8> {
    pdf_of(format!("BT /F1 12 Tf 72 720 Td ({line}) Tj ET").as_bytes(), "")
}

/// A PDF whose one page draws `content`; `filter` says how it is packed.
fn pdf_of(content: &[u8], filter: &str) -> Vec<u8> {
    let stream = format!("<< /Length {} {filter} >>\nstream\n", content.len());
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_vec(),
        [stream.as_bytes(), content, b"\nendstream"].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let (mut file, mut places) = (b"%PDF-1.4\n".to_vec(), String::new());
    for (number, object) in (1..).zip(&objects) {
        places += &format!("{:010} 00000 n \n", file.len());
        file.extend([format!("{number} 0 obj\n").as_bytes(), object, b"\nendobj\n"].concat());
    }
    let table = file.len();
    let end = format!(
        "xref\n0 6\n0000000000 65535 f \n{places}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"
    );
    file.extend(end.as_bytes());
    file
}

/// A PDF of some hundred kilobytes whose page says "grey" some sixteen million times: gigabytes once it is read.
fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let part = b"0 g\n".repeat(1 << 18);
    for _ in 0..64 {
        packed.write_all(&part).expect("memory");
    }
    pdf_of(&packed.finish().expect("memory"), "/Filter /FlateDecode")
}

/// Names and chunks of the sources that are known.
fn listed(place: &Place) -> Vec<(String, u64)> {
    let output = place.voce(&["knowledge", "list", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let sources: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a list in JSON");
    let named = sources.iter().map(|source| {
        let name = source["source"].as_str().expect("a name").to_owned();
        (name, source["chunks"].as_u64().expect("a count"))
    });
    named.collect()
}

fn names(place: &Place) -> Vec<String> {
    listed(place).into_iter().map(|(name, _)| name).collect()
}

fn contains(output: &Output, parts: &[&str]) {
    let said = said(output);
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}

#[test]
fn a_mixed_folder_is_read_searched_listed_and_tidied_up() {
    if voce_testkit::models(MODELS).is_none() {
        return;
    }
    let place = Place::new();
    let folder = place.dir.path();
    write(folder, "docs/care.md", "# Filter\nRinse the filter every four weeks.\n");
    write(folder, "docs/hours.html", "<nav>Menu</nav><h1>Hours</h1><p>The shop opens at eight.</p>");
    write(folder, "docs/prices.csv", "model;price\nWP-200;129 dollars\nWP-300;179 dollars\n");
    write(folder, "docs/deep/tank.pdf", pdf("The reservoir of the pump holds ninety litres of water."));
    write(folder, "docs/broken.pdf", &pdf("This file was cut short.")[..150]);
    write(folder, "docs/bomb.pdf", bomb());
    write(folder, "docs/picture.md", b"\x89PNG\r\n\x1a\n\0\0");
    let output = place.voce(&["ingest", "docs", "--tag", "language=en"]);
    assert_eq!(output.status.code(), Some(1), "some were left out: {}", said(&output));
    contains(
        &output,
        &[
            "docs/broken.pdf: left out: it is no PDF that can be read",
            // By its memory, or on a busy machine by its time.
            "docs/bomb.pdf: left out: ",
            "docs/picture.md: left out: it is not a text file",
            "4 files new, 0 changed, 0 as before, 3 left out; 4 chunks in",
        ],
    );
    assert_eq!(names(&place), ["docs/care.md", "docs/deep/tank.pdf", "docs/hours.html", "docs/prices.csv"]);

    let output = place.voce(&["knowledge", "search", "How much water does the reservoir hold?", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).expect("passages in JSON");
    assert_eq!(found[0]["source"], "docs/deep/tank.pdf", "{}", said(&output));
    assert!(found[0]["text"].as_str().is_some_and(|text| text.contains("ninety litres")), "{found}");
    contains(&place.voce(&["knowledge", "search", "Who won the football world cup?"]), &["nothing relevant"]);

    let output = place.voce(&["knowledge", "remove", "docs/hours.html", "tank.pdf"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    contains(&output, &["docs/hours.html: 1 chunks removed", "is it docs/deep/tank.pdf?"]);
    std::fs::remove_file(folder.join("docs/care.md")).expect("it is there");
    for broken in ["docs/bomb.pdf", "docs/broken.pdf", "docs/picture.md"] {
        std::fs::remove_file(folder.join(broken)).expect("it is there");
    }
    let output = place.voce(&["ingest", "./docs/", "--tag", "language=en", "--prune"]);
    assert!(output.status.success(), "{}", said(&output));
    contains(
        &output,
        &["docs/care.md: removed", "1 files new, 0 changed, 2 as before, 1 removed, 0 left out"],
    );
    assert_eq!(names(&place), ["docs/deep/tank.pdf", "docs/hours.html", "docs/prices.csv"]);
}

#[test]
fn what_was_reported_as_done_outlasts_a_kill_and_the_next_run_completes() {
    if voce_testkit::models(MODELS).is_none() {
        return;
    }
    let place = Place::new();
    // More than is written at once, so that some are reported while others wait.
    const FILES: usize = 60;
    for file in 0..FILES {
        let sections = (0..10).map(|part| format!("# Part {part}\nPump {file} has valve {part}.\n"));
        write(place.dir.path(), &format!("docs/{file:02}.md"), sections.collect::<String>());
    }
    let mut child = place
        .command(&["ingest", "docs"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("voce runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let first = lines.next().expect("a file is done").expect("text");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let rest = lines.map_while(Result::ok);
    let reported: Vec<String> = [first]
        .into_iter()
        .chain(rest)
        .filter_map(|line| {
            let (_, name) = line.strip_suffix(": 10 chunks")?.split_once("] ")?;
            Some(name.to_owned())
        })
        .collect();
    assert!(!reported.is_empty() && reported.len() < FILES, "{} files were done", reported.len());
    let there = listed(&place);
    for name in &reported {
        assert!(there.contains(&(name.clone(), 10)), "{name} was done; there are {there:?}");
    }
    let output = place.voce(&["ingest", "docs"]);
    assert!(output.status.success(), "{}", said(&output));
    let all = listed(&place);
    assert_eq!((all.len(), all.iter().map(|(_, chunks)| chunks).sum()), (FILES, 10 * FILES as u64));
}
