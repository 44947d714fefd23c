//! A hundred calls leave nothing behind.
use std::{fs, time::Duration};

use tokio::{runtime::Handle, time::sleep};
use voce_testkit::caller::Caller;
use voce_transport::Config;

use crate::server::{ALONE, Server};

#[derive(Debug)]
struct Held {
    files: usize,
    tasks: usize,
    resident_mib: f64,
    routes: (usize, usize, usize),
}

fn held(server: &Server) -> Held {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: f64 = kib.trim().trim_end_matches(" kB").parse().unwrap();
    Held {
        files: fs::read_dir("/proc/self/fd").unwrap().count(),
        tasks: Handle::current().metrics().num_alive_tasks(),
        resident_mib: kib / 1024.0,
        routes: server.transport.routes(),
    }
}

async fn settled(server: &Server) -> Held {
    // Connections of the HTTP client and the last goodbyes.
    sleep(Duration::from_millis(700)).await;
    held(server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_return_files_tasks_and_memory() {
    let _alone = ALONE.lock().await;
    let server = Server::start(Config::default()).await;
    let call = async || {
        let caller = Caller::connect(&server.url).await.unwrap();
        sleep(Duration::from_millis(60)).await;
        caller.hang_up().await;
    };
    // What is allocated once: certificates' tables, the allocator's arenas.
    for _ in 0..20 {
        call().await;
    }
    let before = settled(&server).await;
    for _ in 0..100 {
        call().await;
    }
    let after = settled(&server).await;
    println!("before {before:?}\nafter  {after:?}");
    assert!(after.files <= before.files, "files: {before:?} {after:?}");
    assert!(after.tasks <= before.tasks, "tasks: {before:?} {after:?}");
    assert_eq!(after.routes, (0, 0, 0));
    assert!(after.resident_mib < before.resident_mib + 8.0, "memory: {before:?} {after:?}");
    assert_eq!(server.transport.calls().len(), 0);
    assert_eq!(server.ended.lock().len(), 120, "every call came to the pipeline and ended");
}
