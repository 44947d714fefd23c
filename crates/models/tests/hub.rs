//! Pulls from a server in the hub's form, found through `HF_ENDPOINT`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod place;

use std::fs;

use place::{Place, Wish};
use voce_models::{Selection, Silent, State};

fn hub_manifest(file: &str, stated: bool) -> String {
    let sum = place::sha256(place::ONE);
    let stated =
        if stated { format!("size = {}\nsha256 = \"{sum}\"\n", place::ONE.len()) } else { String::new() };
    format!(
        "version = 1\n[profiles]\n[[model]]\nname = \"model\"\nlicence = \"MIT\"\npurpose = \"test\"\n\
         [[model.file]]\npath = \"file.bin\"\n{stated}\
         sources = [{{ hub = \"org/name\", revision = \"main\", path = \"{file}\" }}]\n"
    )
}

#[tokio::test]
async fn a_large_file_comes_by_redirect_and_lies_in_the_hub_cache_for_others() {
    let place = Place::start().await;
    let store = place.store(&hub_manifest("large.bin", false));
    place.pull(&store, "model").await.unwrap();
    assert_eq!(fs::read(store.file("model", "file.bin").unwrap()).unwrap(), place::ONE);
    let cache = place.places().hub.cache.join("models--org--name");
    assert_eq!(fs::read_to_string(cache.join("refs/main")).unwrap(), place::COMMIT);
    let snapshot = cache.join("snapshots").join(place::COMMIT).join("large.bin");
    let blob = cache.join("blobs").join(place::sha256(place::ONE));
    assert_eq!(fs::canonicalize(&snapshot).unwrap(), fs::canonicalize(&blob).unwrap());
    assert!(fs::symlink_metadata(&snapshot).unwrap().is_symlink());
    let found = store.verify(&Selection::Models(vec!["model".into()]), &Silent).unwrap();
    assert_eq!(found[0].state, State::Right);
}

#[tokio::test]
async fn a_file_with_another_size_than_pulled_is_refused_although_the_manifest_states_none() {
    let place = Place::start().await;
    let store = place.store(&hub_manifest("large.bin", false));
    place.pull(&store, "model").await.unwrap();
    let path = place.dir().join("model/file.bin");
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"short").unwrap();
    let error = store.file("model", "file.bin").unwrap_err().to_string();
    assert!(error.contains("damaged") && error.contains("voce models pull model"), "{error}");
}

#[tokio::test]
async fn a_small_file_comes_without_redirect() {
    let place = Place::start().await;
    let store = place.store(&hub_manifest("folder/small.json", false));
    place.pull(&store, "model").await.unwrap();
    assert_eq!(fs::read(store.file("model", "file.bin").unwrap()).unwrap(), place::TWO);
    let snapshots = place.places().hub.cache.join("models--org--name/snapshots");
    assert_eq!(fs::read(snapshots.join(place::COMMIT).join("folder/small.json")).unwrap(), place::TWO);
}

#[tokio::test]
async fn a_lost_connection_to_the_hub_goes_on_from_there() {
    let place = Place::start().await;
    place.wish(Wish::LoseFirstConnection);
    place.pull(&place.store(&hub_manifest("large.bin", true)), "model").await.unwrap();
    assert_eq!(place.ranges().len(), 1);
}

#[tokio::test]
async fn a_file_that_is_in_the_cache_already_is_taken_without_the_network() {
    let place = Place::start().await;
    let blobs = place.places().hub.cache.join("models--org--name/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(place::sha256(place::ONE)), place::ONE).unwrap();
    place.pull(&place.store(&hub_manifest("large.bin", true)), "model").await.unwrap();
    assert_eq!(place.asked(), 0);
}

#[tokio::test]
async fn a_damaged_blob_in_the_cache_is_fetched_again() {
    let place = Place::start().await;
    let blobs = place.places().hub.cache.join("models--org--name/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let mut bytes = place::ONE.to_vec();
    bytes[0] ^= 1;
    fs::write(blobs.join(place::sha256(place::ONE)), bytes).unwrap();
    let store = place.store(&hub_manifest("large.bin", false));
    place.pull(&store, "model").await.unwrap();
    assert_eq!(fs::read(store.file("model", "file.bin").unwrap()).unwrap(), place::ONE);
}

#[tokio::test]
async fn bytes_that_are_not_those_of_the_etag_are_refused() {
    let place = Place::start().await;
    place.wish(Wish::OtherBytes);
    let store = place.store(&hub_manifest("large.bin", false));
    let error = place.pull(&store, "model").await.unwrap_err().to_string();
    assert!(error.contains("ETag says") && error.contains("org/name@main"), "{error}");
    assert!(store.file("model", "file.bin").is_err());
}

#[tokio::test]
async fn a_gated_repository_asks_for_the_token_and_takes_it() {
    let place = Place::start().await;
    place.wish(Wish::Gated);
    let store = place.store(&hub_manifest("large.bin", false));
    let error = place.pull(&store, "model").await.unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("HF_TOKEN is not set"), "{error}");
    let mut places = place.places();
    places.hub.token = Some("secret".into());
    store.pull_from(&Selection::Models(vec!["model".into()]), &places, &Silent).await.unwrap();
}

#[tokio::test]
async fn a_file_that_the_repository_lacks_is_named() {
    let place = Place::start().await;
    let error =
        place.pull(&place.store(&hub_manifest("no.bin", false)), "model").await.unwrap_err().to_string();
    assert!(error.contains("no.bin answered 404") && error.contains("model/file.bin"), "{error}");
}

#[tokio::test]
async fn offline_only_the_cache_is_asked() {
    let place = Place::start().await;
    let store = place.store(&hub_manifest("large.bin", false));
    let mut places = place.places();
    places.hub.offline = true;
    let selection = Selection::Models(vec!["model".into()]);
    let error = store.pull_from(&selection, &places, &Silent).await.unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE") && place.asked() == 0, "{error}");
    place.pull(&store, "model").await.unwrap();
    fs::remove_dir_all(place.dir().join("model")).unwrap();
    let asked = place.asked();
    store.pull_from(&selection, &places, &Silent).await.unwrap();
    assert_eq!(place.asked(), asked);
    store.file("model", "file.bin").unwrap();
}
