//! The judge's settings in force: what `[judge]` leaves empty comes from `[llm]`.
use crate::config::Config;

/// `[judge]` with the address and the model that are really asked; empty where none is.
pub fn effective(config: &Config) -> voce_judge::Config {
    let mut judge = config.judge.clone();
    if config.llm.engine == voce_llm::Engine::Openai {
        if judge.base_url.is_empty() {
            judge.base_url.clone_from(&config.llm.base_url);
        }
        if judge.model.is_empty() {
            judge.model.clone_from(&config.llm.model);
        }
    }
    judge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_that_of_the_language_model_if_it_is_a_server() {
        let mut config = Config::default();
        config.llm.base_url = "http://127.0.0.1:1/v1".into();
        config.llm.model = "small".into();
        assert_eq!(effective(&config).base_url, "");
        config.llm.engine = voce_llm::Engine::Openai;
        assert_eq!(effective(&config).base_url, "http://127.0.0.1:1/v1");
        config.judge.model = "large".into();
        assert_eq!(effective(&config).model, "large");
    }
}
