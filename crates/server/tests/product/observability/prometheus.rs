//! A Prometheus that lives as long as the test.
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::sleep;

/// Where a program of Prometheus is: in the folder that `VOCE_PROMETHEUS` names, or where programs are. `None`, and
/// said so, where it is not; a failure where the tests must be complete.
pub fn program(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("VOCE_PROMETHEUS").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named.into_iter().chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        let remedy =
            format!("{name} is not there; scripts/test fetches it, or name its folder in VOCE_PROMETHEUS");
        assert!(std::env::var_os("VOCE_REQUIRE_MODELS").is_none(), "{remedy}");
        println!("SKIPPED: {remedy}");
    }
    found
}

/// Fetches `/metrics` of one server every second.
pub struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    /// With the rules of `rules`, made quick, in `folder`.
    pub async fn start(folder: &Path, rules: &Path, server: &str) -> Option<Self> {
        let program = program("prometheus")?;
        for file in ["alerts.yaml", "recording.yaml"] {
            fs::write(folder.join(file), quick(&fs::read_to_string(rules.join(file)).unwrap())).unwrap();
        }
        let target = server.trim_start_matches("http://");
        let config = fs::read_to_string(rules.join("prometheus.yaml")).unwrap();
        let config = config.replace("15s", "1s").replace("127.0.0.1:8080", target);
        fs::write(folder.join("prometheus.yaml"), config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs::File::create(folder.join("prometheus.log")).unwrap();
        let child = Command::new(program)
            .arg(format!("--config.file={}", folder.join("prometheus.yaml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("prometheus starts");
        let prometheus = Self { child, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..100 {
            if reqwest::get(format!("{}/-/ready", prometheus.url))
                .await
                .is_ok_and(|ready| ready.status().is_success())
            {
                return Some(prometheus);
            }
            sleep(Duration::from_millis(200)).await;
        }
        panic!("prometheus did not start: {}", fs::read_to_string(folder.join("prometheus.log")).unwrap());
    }

    /// The state of an alert: `firing`, `pending`, or `None`.
    pub async fn alert(&self, name: &str) -> Option<String> {
        let alerts = self.ask("/api/v1/alerts", &[]).await;
        let of = alerts["alerts"].as_array()?.iter().find(|alert| alert["labels"]["alertname"] == name)?;
        of["state"].as_str().map(str::to_owned)
    }

    /// Whether an expression gave a number at any time of the last `seconds`.
    pub async fn has_numbers(&self, expression: &str, seconds: u64) -> bool {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let (start, end) = ((now - seconds).to_string(), now.to_string());
        let range = [("query", expression), ("start", &start), ("end", &end), ("step", "2")];
        let answer = self.ask("/api/v1/query_range", &range).await;
        let series = answer["result"].as_array().unwrap_or_else(|| panic!("{expression}: {answer}"));
        let values = series.iter().flat_map(|series| series["values"].as_array().into_iter().flatten());
        values
            .filter_map(|value| value[1].as_str())
            .any(|value| value.parse::<f64>().is_ok_and(f64::is_finite))
    }

    async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.url), parameters).unwrap();
        let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer}");
        answer["data"].clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The same rules for an impatient test: what is looked back to and waited for is shorter, the limits are the same.
fn quick(rules: &str) -> String {
    let rules = rules
        .replace("[5m]", "[1m]")
        .replace("[10m]", "[2m]")
        .replace("[15m]", "[2m]")
        .replace("interval: 30s", "interval: 1s");
    let line = |line: &str| match line.trim_start().strip_prefix("for: ") {
        Some(_) => format!("{}for: 2s\n", &line[..line.len() - line.trim_start().len()]),
        None => format!("{line}\n"),
    };
    rules.lines().map(line).collect()
}
